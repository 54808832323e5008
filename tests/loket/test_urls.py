"""URL configurations that are imported on demand."""

import os
import subprocess
import sys

import pytest

from tests.helpers.demo_process import ROOT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "path"), [("demo:fake_entra", "/demo/microsoft/"), ("v2:openapi_document", "/v2/openapi.json")]
)
def test_the_first_question_in_a_process_may_be_for_an_address_of_it(name: str, path: str) -> None:
    code = f"import django; django.setup(); from django.urls import reverse; print(reverse({name!r}))"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "loket.settings", "LOKET_DEMO": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == path, done.stderr[-500:]
