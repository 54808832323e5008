"""The web service guide: its commands are run as printed, against a live server."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from pytest_django.live_server_helper import LiveServer

from accounts.models import Provider, User
from api.api import api
from api.operations import OPERATION_AUTHS
from oauth.models import SsoTicket
from oauth.scopes import API_SCOPES, Scope
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers.login_methods import make_service
from tests.helpers.users import PASSWORD, change_user

GUIDE = (Path(__file__).parents[2] / "docs" / "reference" / "web-service.md").read_text()
RIGHTS = (Right.VIEW_USERS, Right.VIEW_TEAMS, Right.VIEW_AUDIT, Right.MANAGE_USERS)


def blocks(language: str) -> str:
    """Return the guide's code in a language, concatenated."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.M | re.S))


@pytest.fixture
def environment(live_server: LiveServer, alice: User, office: Provider, settings: Any) -> dict[str, str]:
    """The variables that the guide asks to fill in."""
    settings.LOKET_URL = live_server.url
    service = make_service(office, username="koppeling", initials="K.", last_name="Dienst")
    IndividualRight.objects.bulk_create(IndividualRight(provider=office, user=service, right=right) for right in RIGHTS)
    return {"PATH": os.environ["PATH"], "LOKET": live_server.url, "NAME": "koppeling", "PASSWORD": PASSWORD}


def run(command: list[str], text: str, environment: dict[str, str]) -> str:
    done = subprocess.run(command, input=text, env=environment, capture_output=True, check=False, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.django_db(transaction=True)
def test_its_commands_work_as_printed(environment: dict[str, str]) -> None:
    shown = run(["bash", "-euo", "pipefail"], blocks("sh"), environment)
    made = User.objects.get(last_name="Boer")
    assert (made.first_name, made.blocked_at, made.two_factor_required) == ("Pieter", None, True)
    assert User.objects.get(last_name="Uren").is_webservice_user
    assert shown.count('"messages":[]') >= 6
    assert f'"url":"{site.LOKET_URL}/sso/' in shown
    assert shown.count('"deviations":[') == 19
    assert not SsoTicket.objects.exists()
    assert "K. Dienst" in shown.rpartition("<html")[2], "the last thing shown is the home page of who came in"


@pytest.mark.django_db(transaction=True)
def test_its_python_works_as_printed(environment: dict[str, str], bob: User) -> None:
    change_user(bob, last_name="Boerema")
    assert run([sys.executable, "-I", "-"], blocks("python"), environment) == "bob Heeft toegang\n"


def test_guide_names_every_status_and_scope() -> None:
    table = GUIDE.partition("\n| scope | for |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.+?) \| (.+) \|$", table, re.M)
    named = [name for names, _meaning in rows for name in re.findall(r"`([^`]+)`", names)]
    assert sorted(named) == sorted(Scope.values)
    used = {auth.scope for auth in OPERATION_AUTHS.values()}
    assert used <= set(API_SCOPES)
    known = {
        status
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
        for status in operation.response_models
    }
    assert {int(status) for status in re.findall(r"^\| (4\d\d) \|", GUIDE, re.M)} == {
        one for one in known if one >= 400
    }
