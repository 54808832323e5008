"""The guides of OpenID Connect: complete, with commands that work, and the settings with which clients are tested."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from oauthlib.oauth2.rfc6749 import errors

from accounts.models import Provider
from oauth import authorization_requests, oidc
from oauth.models import Application
from tests.oauth.test_authorization_code import BACK, SECRET, Partner, query
from tests.oauth.test_authorization_code import partner as partner
from tests.oauth.test_authorization_code import program as program

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "reference" / "openid-connect.md").read_text()
SETTINGS = (ROOT / "docs" / "reference" / "openid-clients.md").read_text()
CLIENTS = ROOT / "tests" / "oauth" / "clients"
SOURCE = "\n".join(path.read_text() for path in (ROOT / "oauth").rglob("*.py"))
LOGOUT_SOURCE = (ROOT / "oauth" / "views" / "logout.py").read_text()


def read_section(heading: str) -> str:
    return GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def list_rows(heading: str) -> set[str]:
    """Return the names in the first column of the tables below a heading."""
    rows = re.findall(r"^\| (`.*?) \|", read_section(heading), re.M)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_the_settings_of_clients_are_those_of_the_tests() -> None:
    blocks = re.findall(r"^```\w+ (\S+)\n(.*?)^```$", SETTINGS, re.M | re.S)
    assert {file for file, _text in blocks} == {path.name for path in CLIENTS.glob("*.*")}
    for file, text in blocks:
        assert "".join(text.split()) in "".join((CLIENTS / file).read_text().split()), file


def test_the_table_names_each_client_once() -> None:
    named = re.findall(r"^\| \[(.+?)\]", SETTINGS, re.M)
    assert len(named) == 10
    assert named == re.findall(r"^## (.+)$", SETTINGS, re.M)


def list_read_parameters(source: str) -> set[str]:
    pairs = re.findall(r'parameters\.get\w*\("(\w+)"|"(\w+)" in \w*\.?parameters', source)
    return {name for pair in pairs for name in pair if name}


def test_the_guide_names_every_parameter() -> None:
    section = read_section("The authorization request")
    read = list_read_parameters(SOURCE.replace(LOGOUT_SOURCE, ""))
    read |= set(authorization_requests._LIBRARY_PARAMETERS) | {"request", "request_uri"}
    assert {name for name in read if f"`{name}`" not in section} == set()


def test_the_guide_names_every_parameter_of_logout() -> None:
    read = list_read_parameters(LOGOUT_SOURCE)
    assert read >= {"id_token_hint", "post_logout_redirect_uri", "state"}
    section = read_section("Sessions and logout").partition("\n### The user logs out at your program\n")[2]
    section = section.partition("\n### ")[0]
    assert {name for name in read if f"`{name}`" not in section} == set()


def test_the_guide_names_every_claim() -> None:
    assert {name for name in oidc.CLAIM_NAMES if f"`{name}`" not in read_section("Claims")} == set()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_guide_names_every_claim_of_an_id_token(partner: Partner) -> None:
    claims = oidc.read_id_token(partner.fetch(partner.allow())["id_token"])
    assert claims is not None
    assert {name for name in claims if f"`{name}`" not in read_section("Claims")} == set()


def test_the_guide_says_what_every_error_means() -> None:
    found = set(re.findall(r'error="(\w+)"|_error_response\(\d+, "(\w+)"', SOURCE))
    codes = {code for pair in found for code in pair if code}
    for name in re.findall(r"\b[A-Z]\w+", SOURCE):
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, errors.OAuth2Error) and kind.error:
            codes.add(kind.error)
    assert len(codes) >= 10
    assert codes - list_rows("Errors") == set()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.django_db(transaction=True)
def test_its_commands_work_as_printed(partner: Partner, program: Application) -> None:
    (commands,) = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.M | re.S)
    environment = {
        "PATH": os.environ["PATH"], "LOKET": partner.url, "CLIENT_ID": str(program.client_id), "CLIENT_SECRET": SECRET,
        "CODE": query(partner.allow())["code"], "VERIFIER": partner.verifier, "BACK": BACK,
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-euo", "pipefail"], input=commands, env=environment, capture_output=True, check=False, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["preferred_username"] == "bob"


def test_every_installation_serves_the_guides(client: Client) -> None:
    for name, text in (("guide", GUIDE), ("client_settings", SETTINGS)):
        page = client.get(reverse(f"oauth:{name}"))
        assert page.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert page.text == text
        assert f"`{reverse(f'oauth:{name}')}`" in GUIDE


@pytest.mark.django_db
def test_the_page_of_an_integration_links_to_the_guides(alice_client: Client, office: Provider) -> None:
    portal = Application.objects.create(name="Portaal", provider=office, scopes=["sso"])
    shown = alice_client.get(reverse("oauth:application_detail", args=[portal.pk])).text
    for name in ("oauth:guide", "oauth:client_settings", "v2:guide", "v2:reference"):
        assert f'href="{reverse(name)}"' in shown
