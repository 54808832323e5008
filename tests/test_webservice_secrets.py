"""Discovery, logging out for a program, and that nothing secret is to be read in any table, log or session."""

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import resolve
from django.utils import timezone

import webservice.cleaning
from accounts.models import User
from tests.kinds import make_service
from tests.people import PASSWORD
from tests.test_invitations_secrets import dump
from tests.test_webservice_authorize import asked
from tests.test_webservice_code import BACK, SECRET, make_program
from tests.test_webservice_credentials import basic
from tests.test_webservice_sso import ticket_for
from webservice import identity
from webservice.models import AccessToken, Application, Grant, IDToken, RefreshToken, SigningKey, Ticket

pytestmark = pytest.mark.django_db
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
AFTER = "https://portaal.example/uit"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def program(alice: User) -> Application:
    return make_program(alice)


def exchange(program: Application, **data: str) -> Any:
    return Client().post("/oauth/token/", data, headers=basic(str(program.client_id), SECRET))


def tokens(client: Client, program: Application, **change: str) -> dict[str, Any]:
    """Go the whole road; return the code and the tokens."""
    question = asked(program, nonce="n-1", code_challenge=CHALLENGE, **change)
    agreed = client.post(f"/oauth/authorize/?{urlencode(question)}")
    code = parse_qs(urlsplit(agreed["Location"]).query)["code"][0]
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    response = exchange(program, **data)
    assert response.status_code == 200, response.text
    assert int(response["RateLimit-Limit"]) > int(response["RateLimit-Remaining"]) > 0
    return {"code": code, **response.json()}


def test_nothing_secret_is_kept_or_logged(
    bobs: Client, bob: User, alice: User, program: Application, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level("DEBUG")
    service = make_service(alice.provider, username="portaal")
    agreed = bobs.post(f"/oauth/authorize/?{urlencode(asked(program))}")
    waiting = parse_qs(urlsplit(agreed["Location"]).query)["code"][0]
    assert Grant.objects.count() == 1
    found = tokens(bobs, program)
    again = exchange(program, grant_type="refresh_token", refresh_token=found["refresh_token"]).json()
    exchange(program, grant_type="refresh_token", refresh_token=found["refresh_token"])
    given = Client().post("/oauth/token/", {"grant_type": "client_credentials"}, headers=basic("portaal", PASSWORD))
    path = ticket_for(service)
    Client().get(path)
    secrets = {waiting, found["code"], SECRET, PASSWORD, VERIFIER, path.split("/")[2], given.json()["access_token"]}
    for answer in (found, again):
        secrets |= {answer["access_token"], answer["refresh_token"], answer["id_token"].split(".")[2]}
    secrets.add(SigningKey.objects.get().jwk.export_to_pem(private_key=True, password=None).decode().split("\n")[2])
    out = capfd.readouterr()
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("django.db"))
    places = dump() + logged + out.out + out.err + json.dumps(dict(bobs.session))
    assert not [secret for secret in secrets if secret in places]
    assert SECRET not in str(Application.objects.values())


def test_tokens_are_found_by_an_index(db: None) -> None:

    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT 1 FROM webservice_accesstoken WHERE token_checksum = 'x'")
        assert "Index" in str(cursor.fetchall())
        cursor.execute("EXPLAIN SELECT 1 FROM webservice_refreshtoken WHERE token_checksum = 'x'")
        assert "Index" in str(cursor.fetchall())


def test_discovery_names_addresses_that_are_there(client: Client) -> None:
    page = client.get("/.well-known/openid-configuration")
    told = page.json()
    assert told == client.get("/.well-known/oauth-authorization-server").json()
    assert told["issuer"] == settings.LOKET_URL
    assert (told["response_types_supported"], told["code_challenge_methods_supported"]) == (["code"], ["S256"])
    assert told["grant_types_supported"] == ["authorization_code", "refresh_token", "client_credentials"]
    for name, value in told.items():
        if name.endswith(("_endpoint", "jwks_uri")):
            assert resolve(value.removeprefix(settings.LOKET_URL)).namespace == "webservice"
    assert page["Access-Control-Allow-Origin"] == "*"


def test_the_keys_are_public_halves_and_looking_makes_none(client: Client) -> None:
    assert client.get("/oauth/jwks.json").json() == {"keys": []}
    call_command("rotate_oidc_key", verbosity=0)
    keys = client.get("/oauth/jwks.json").json()["keys"]
    assert len(keys) == 2
    assert all(set(key) == {"kty", "n", "e", "kid", "use", "alg"} for key in keys)


def test_a_forged_or_foreign_id_token_is_nobodys(bobs: Client, program: Application) -> None:
    real = tokens(bobs, program)["id_token"]
    head, body, sign = real.split(".")
    assert identity.read_id_token(real) is not None
    none = "eyJhbGciOiJub25lIn0"
    for text in (
        "",
        "x",
        "a.b.c",
        f"{head}.{body}.",
        f"{head}.{body[:-2]}xx.{sign}",
        f"{none}.{body}.",
        "\x00",
        real + "x",
    ):
        assert identity.read_id_token(text) is None


def test_a_program_has_somebody_logged_out(bobs: Client, bob: User, program: Application) -> None:
    found = tokens(bobs, program)
    query = {
        "id_token_hint": found["id_token"],
        "post_logout_redirect_uri": "https://portaal.example/uit",
        "state": "s-2",
    }
    url = f"/oauth/logout/?{urlencode(query)}"
    page = bobs.get(url)
    assert "Portaal" in page.text
    assert "form-action 'self' https://portaal.example" in page["Content-Security-Policy"]
    assert "_auth_user_id" in bobs.session
    assert bobs.post(url)["Location"] == "https://portaal.example/uit?state=s-2"
    assert "_auth_user_id" not in bobs.session
    assert not AccessToken.objects.exists()
    assert exchange(program, grant_type="refresh_token", refresh_token=found["refresh_token"]).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"post_logout_redirect_uri": "https://evil.example/"}, {"post_logout_redirect_uri": BACK},
        {"id_token_hint": "x"},
        {"post_logout_redirect_uri": "https://portaal.example/uit?x=1"}, {"client_id": "iemand"}, {"client_id": "\x00"},
    ],
)  # fmt: skip
def test_it_sends_nobody_elsewhere_after_logging_out(
    bobs: Client, program: Application, change: dict[str, str]
) -> None:
    query = {"client_id": str(program.client_id), "post_logout_redirect_uri": AFTER}
    url = f"/oauth/logout/?{urlencode(query | change)}"
    assert Client().get(url)["Location"] == "/inloggen/"
    assert bobs.post(url)["Location"] == "/inloggen/"


def test_what_has_ended_is_forgotten(bobs: Client, bob: User, program: Application) -> None:
    tokens(bobs, program)
    ticket_for(bob)
    webservice.cleaning.clean()
    assert (AccessToken.objects.count(), RefreshToken.objects.count(), Ticket.objects.count()) == (1, 1, 1)
    long_ago = timezone.now() - timedelta(days=40)
    for model in (AccessToken, IDToken):
        model.objects.update(expires=long_ago)
    Ticket.objects.update(expires_at=long_ago)
    webservice.cleaning.clean()
    for model in (AccessToken, RefreshToken, IDToken, Ticket):
        assert not model.objects.exists(), model


def test_the_subject_is_opaque_and_stays(bob: User, alice: User) -> None:
    assert identity.subject(bob) == identity.subject(User.objects.get(pk=bob.pk)) != identity.subject(alice)
    assert str(bob.pk) not in identity.subject(bob)
