"""The stand-in for Microsoft: clearly labeled, in the demo only, and as strict as the real one."""

import hashlib
import stat
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import time_machine
from django.test import Client

from accounts.models import User
from authentication.microsoft import oidc
from core import local_keys
from demo import fake_entra
from demo.fake_entra import FakeEntra
from tests.helpers.entra import OID, TID, Forger, build_callback_url, start_sign_in, visit
from tests.helpers.entra import dora as dora
from tests.helpers.entra import entra as entra
from tests.helpers.entra import tenant as tenant

pytestmark = pytest.mark.django_db
URL = "/demo/microsoft/"
VERIFIER = "v" * 43


def test_fake_entra_exists_in_the_demo_only(client: Client, settings: Any) -> None:
    assert client.get(URL).status_code == 404
    settings.LOKET_DEMO = True
    assert client.get(URL).status_code == 400
    assert client.get(URL, headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
    assert client.get(URL, REMOTE_ADDR="192.0.2.1").status_code == 404


@pytest.mark.parametrize(
    ("choice", "comes_in"), [("user", True), ("new_user", False), ("unknown", False), ("cancel", False)]
)
def test_sign_in_page_offers_all_users_an_unknown_user_and_cancel(
    client: Client, entra: Forger, dora: User, choice: str, comes_in: bool
) -> None:
    response = client.get(URL, start_sign_in(client))
    assert response.status_code == 200
    (group,) = response.context["groups"]
    ((user, address),) = group["users"]
    assert user == dora
    links = {name: response.context[name] for name in ("unknown", "cancel")} | {**group, "user": address}
    client.get(links[choice].removeprefix("http://localhost:8000"))
    assert ("_auth_user_id" in client.session) == comes_in


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "x"},
        {"redirect_uri": "https://evil.example/"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"nonce": ""},
        {"state": ""},
    ],
)
def test_invalid_authorization_requests_are_refused(client: Client, entra: Forger, changed: dict[str, str]) -> None:
    response = client.get(URL, {**start_sign_in(client), **changed})
    assert response.status_code == 400
    assert "code=" not in response.text


def redeemable(entra: FakeEntra, client: Client) -> dict[str, str]:
    """Return a form that exchanges an authorization code of the stand-in for tokens."""
    asked = start_sign_in(client)
    asked["code_challenge"] = jwt.utils.base64url_encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()
    return {
        "client_id": fake_entra.CLIENT_ID,
        "client_secret": fake_entra.get_client_secret(),
        "code": dict(parse_qsl(urlsplit(build_callback_url(entra, asked)).query))["code"],
        "redirect_uri": asked["redirect_uri"],
        "code_verifier": VERIFIER,
    }


def test_tokens_are_those_of_entra(client: Client, entra: Forger) -> None:
    answered = entra.post("", data=redeemable(entra, client))
    assert answered.status_code == 200
    claims = jwt.decode(
        answered.content["id_token"], entra.key.public_key(), algorithms=["RS256"], audience=fake_entra.CLIENT_ID
    )
    assert (claims["tid"], claims["oid"], claims["ver"]) == (str(TID), str(OID), "2.0")
    assert claims["iss"] == f"https://login.demo.invalid/{TID}/v2.0"
    assert jwt.get_unverified_header(answered.content["id_token"])["kid"] == entra.kid
    assert entra.get("https://login.demo.invalid/x").status_code == 404


@pytest.mark.parametrize(
    ("changed", "status", "error", "code"),
    [
        ({"client_secret": "old"}, 401, "invalid_client", 7000215),
        ({"client_id": "x"}, 401, "invalid_client", 7000215),
        ({"code": "x"}, 400, "invalid_grant", 9002313),
        ({"code": "é"}, 400, "invalid_grant", 9002313),
        ({"redirect_uri": "https://evil.example/"}, 400, "invalid_grant", 500112),
        ({"code_verifier": "w" * 43}, 400, "invalid_grant", 501481),
        ({"code_verifier": ""}, 400, "invalid_grant", 501481),
    ],
)
def test_refusals_are_those_of_entra(
    client: Client, entra: Forger, changed: dict[str, str], status: int, error: str, code: int
) -> None:
    answered = entra.post("", data={**redeemable(entra, client), **changed})
    assert (answered.status_code, answered.content["error"]) == (status, error)
    assert answered.content["error_codes"] == [code]
    assert "id_token" not in answered.content


def test_code_works_once(client: Client, entra: Forger) -> None:
    form = redeemable(entra, client)
    assert entra.post("", data=form).status_code == 200
    assert entra.post("", data=form).content["error_codes"] == [54005]


def test_a_code_lives_five_minutes(client: Client, entra: Forger) -> None:
    with time_machine.travel("2026-03-01T12:00Z", tick=False) as clock:
        address = build_callback_url(entra, start_sign_in(client))
        clock.shift(301)
        response = client.get(address)
    assert client.get(response["Location"]).status_code == 400


def test_its_key_is_made_once_and_is_its_own(tmp_path: Path) -> None:
    made = local_keys.load_fake_entra_key(tmp_path)
    assert local_keys.load_fake_entra_key(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "standin.pem").stat().st_mode) == 0o600


def test_the_demo_signs_in_with_it(client: Client, dora: User, settings: Any, tmp_path: Path) -> None:
    settings.LOKET_DEMO, settings.LOKET_DATA_DIR = True, tmp_path
    assert oidc.is_configured()
    assert fake_entra.get_fake_entra() is fake_entra.get_fake_entra()
    visit(client, fake_entra.get_fake_entra())
    assert client.session["_auth_user_id"] == str(dora.pk)
