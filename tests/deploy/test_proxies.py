"""The Caddyfile, by Caddy itself; the configuration of nginx has tests/loket/test_nginx.py."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from loket.rsgi import BODY_GRACE_SECONDS, MIN_BODY_BYTES_PER_SECOND
from tests.helpers.demo_process import ROOT

CADDYFILE = ROOT / "deploy" / "caddy" / "Caddyfile"


@pytest.mark.caddy
def test_caddy_accepts_the_file(tmp_path: Path) -> None:
    done = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", CADDYFILE],
        env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    formatted = subprocess.run(["caddy", "fmt", CADDYFILE], capture_output=True, text=True, check=False)
    assert formatted.stdout == CADDYFILE.read_text()


@pytest.mark.caddy
def test_caddy_waits_for_a_body_as_long_as_the_web_server() -> None:
    done = subprocess.run(["caddy", "adapt", "--config", CADDYFILE], capture_output=True, check=True)
    servers = json.loads(done.stdout)["apps"]["http"]["servers"].values()
    seconds = BODY_GRACE_SECONDS + settings.LOKET_IMPORT_MAX_SIZE / MIN_BODY_BYTES_PER_SECOND
    assert [server["read_timeout"] / 1e9 >= seconds for server in servers] == [True, True]
