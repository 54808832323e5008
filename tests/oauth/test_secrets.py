"""Discovery, logout by an application, and no secret readable in any table, log or session."""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import time_machine
from django.conf import settings
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.test import Client
from django.urls import resolve
from django.utils import timezone

import oauth.jobs
from accounts.models import User
from oauth import oidc
from oauth.models import AccessToken, Application, AuthorizationCode, IDToken, RefreshToken, SigningKey, SsoTicket
from oauth.signing_keys import ALGORITHMS
from tests.helpers.consent import allow, read_target
from tests.helpers.login_methods import confirmed, make_service
from tests.helpers.users import PASSWORD, signed_in
from tests.invitations.test_secrets import dump
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.oauth.test_authorize import asked
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_sso_tickets import ticket_for

pytestmark = pytest.mark.django_db
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
AFTER = "https://portaal.example/uit"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def program(alice: User) -> Application:
    return make_application(alice)


def exchange(program: Application, **data: str) -> Any:
    return Client().post("/oauth/token/", data, headers=basic(str(program.client_id), SECRET))


def tokens(client: Client, program: Application, **change: str) -> dict[str, Any]:
    """Complete the authorization; return the code and the tokens."""
    question = asked(program, nonce="n-1", code_challenge=CHALLENGE, **change)
    agreed = allow(client, f"/oauth/authorize/?{urlencode(question)}")
    code = parse_qs(urlsplit(read_target(agreed)).query)["code"][0]
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    response = exchange(program, **data)
    assert response.status_code == 200, response.text
    assert response["RateLimit-Policy"] == '"token client";q=200;w=20'
    assert response["RateLimit"].startswith('"token client";r=1')
    return {"code": code, **response.json()}


def test_nothing_secret_is_kept_or_logged(
    bob_client: Client, bob: User, alice: User, program: Application, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level("DEBUG")
    service = make_service(alice.provider, username="portaal")
    agreed = allow(bob_client, f"/oauth/authorize/?{urlencode(asked(program))}")
    waiting = parse_qs(urlsplit(read_target(agreed)).query)["code"][0]
    assert AuthorizationCode.objects.count() == 1
    found = tokens(bob_client, program)
    again = exchange(program, grant_type="refresh_token", refresh_token=found["refresh_token"]).json()
    exchange(program, grant_type="refresh_token", refresh_token=found["refresh_token"])
    given = Client().post("/oauth/token/", {"grant_type": "client_credentials"}, headers=basic("portaal", PASSWORD))
    path = ticket_for(service)
    Client().get(path)
    secrets = {waiting, found["code"], SECRET, PASSWORD, VERIFIER, path.split("/")[2], given.json()["access_token"]}
    for answer in (found, again):
        secrets |= {answer["access_token"], answer["refresh_token"], answer["id_token"].split(".")[2]}
    secrets.add(
        SigningKey.objects.get_current().jwk.export_to_pem(private_key=True, password=None).decode().split("\n")[2]
    )
    out = capfd.readouterr()
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("django.db"))
    places = dump() + logged + out.out + out.err + json.dumps(dict(bob_client.session))
    assert not [secret for secret in secrets if secret in places]
    assert SECRET not in str(Application.objects.values())


def test_tokens_are_found_by_an_index(db: None) -> None:

    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT 1 FROM oauth_accesstoken WHERE token_checksum = 'x'")
        assert "Index" in str(cursor.fetchall())
        cursor.execute("EXPLAIN SELECT 1 FROM oauth_refreshtoken WHERE token_checksum = 'x'")
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
            assert resolve(value.removeprefix(settings.LOKET_URL)).namespace == "oauth"
    assert page["Access-Control-Allow-Origin"] == "*"


def test_a_new_installation_publishes_its_keys_before_it_signs(client: Client) -> None:
    SigningKey.objects.all().delete()
    assert client.get("/oauth/jwks.json").json() == {"keys": []}
    assert not SigningKey.objects.exists(), "looking makes none"
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    first = client.get("/oauth/jwks.json").json()
    assert {key["alg"] for key in first["keys"]} == {"RS256", "ES256"}
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    oauth.jobs.create_missing_keys()
    assert client.get("/oauth/jwks.json").json() == first
    public = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}}
    assert all(set(key) == {"kty", "kid", "use", "alg"} | public[key["kty"]] for key in first["keys"])


@pytest.mark.django_db(transaction=True)
def test_workers_that_create_the_first_keys_at_once_create_the_same_ones() -> None:
    SigningKey.objects.all().delete()

    def create(_number: int) -> None:
        try:
            oauth.jobs.create_missing_keys()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(create, range(8)))
    assert SigningKey.objects.count() == len(ALGORITHMS)


def test_the_keys_are_cached_for_less_long_than_a_new_one_waits(client: Client) -> None:
    client.get("/oauth/jwks.json")
    call_command("rotate_oidc_key", verbosity=0)
    page = client.get("/oauth/jwks.json")
    assert len(page.json()["keys"]) == 4
    max_age = int(page["Cache-Control"].rpartition("=")[2])
    waits = SigningKey.objects.order_by("-signs_from")[0].signs_from - timezone.now()
    assert 0 < max_age < waits.total_seconds() / 2


@pytest.mark.slow
def test_an_id_token_is_recognized_long_after_its_key_was_retired(
    bob: User, bob_client: Client, program: Application
) -> None:
    real = tokens(bob_client, program)["id_token"]
    with time_machine.travel(timezone.now() + timedelta(days=400)) as clock:
        call_command("rotate_oidc_key", verbosity=0)
        clock.shift(timedelta(hours=3))
        call_command("rotate_oidc_key", verbosity=0)
        claims = oidc.read_id_token(real)
        assert claims is not None
        assert claims["aud"] == program.client_id
        kid = jwt.get_unverified_header(real)["kid"]
        assert kid not in {key["kid"] for key in Client().get("/oauth/jwks.json").json()["keys"]}
        assert not SigningKey.objects.get(kid=kid).jwk.has_private
        url = f"/oauth/logout/?{urlencode({'id_token_hint': real, 'post_logout_redirect_uri': AFTER})}"
        assert "portaal.example" in Client().get(url).text
        browser = signed_in(bob)
        page = browser.get(url)
        assert "data-submit-at-once" in page.text
        assert browser.session["_auth_user_id"] == str(bob.pk), "opening the page ends nothing"
        assert read_target(browser.post(page.context["confirm_url"])) == AFTER
        assert "_auth_user_id" not in browser.session


def test_an_integration_may_choose_es256(bob_client: Client, program: Application) -> None:
    SigningKey.objects.create_missing()  # a test that commits leaves none
    Application.objects.update(algorithm="ES256")
    program.refresh_from_db()
    keys = jwt.PyJWKSet.from_dict(Client().get("/oauth/jwks.json").json())
    signed = tokens(bob_client, program)["id_token"]
    claims = jwt.decode(
        signed, keys[jwt.get_unverified_header(signed)["kid"]], ["ES256"], audience=str(program.client_id)
    )
    assert claims["nonce"] == "n-1"
    assert oidc.read_id_token(signed) == claims


def test_an_application_may_post_its_logout(bob_client: Client, alice: User, program: Application) -> None:
    """RP-Initiated Logout 1.0 section 2: GET and POST. The page confirms itself only with the user's own ID token."""
    hint = tokens(bob_client, program)["id_token"]
    data = {"id_token_hint": hint, "post_logout_redirect_uri": AFTER, "state": "s-2"}
    page = bob_client.post("/oauth/logout/", data)
    assert (page.status_code, "data-submit-at-once" in page.text) == (200, True)
    assert "_auth_user_id" in bob_client.session, "nothing happens without the page"
    assert read_target(bob_client.post(page.context["confirm_url"])) == f"{AFTER}?state=s-2"
    stranger = Client().post("/oauth/logout/", data)
    assert (stranger.status_code, stranger["Location"]) == (303, f"/oauth/logout/?{urlencode(data)}")
    other = confirmed(alice).post("/oauth/logout/", data)
    assert (other.status_code, "data-submit-at-once" in other.text) == (200, False), "another user is asked"
    asks = confirmed(alice).post("/oauth/logout/", {"client_id": str(program.client_id)})
    assert (asks.status_code, "data-submit-at-once" in asks.text) == (200, False)
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(alice)
    assert checked.post(f"/oauth/logout/?{urlencode(data)}").status_code == 403


def test_a_forged_or_foreign_id_token_is_ignored(bob_client: Client, program: Application) -> None:
    real = tokens(bob_client, program)["id_token"]
    head, body, sign = real.split(".")
    assert oidc.read_id_token(real) is not None
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
        assert oidc.read_id_token(text) is None


def test_an_integration_logs_a_user_out(bob_client: Client, bob: User, program: Application) -> None:
    found = tokens(bob_client, program)
    query = {
        "id_token_hint": found["id_token"],
        "post_logout_redirect_uri": "https://portaal.example/uit",
        "state": "s-2",
    }
    url = f"/oauth/logout/?{urlencode(query)}"
    page = bob_client.get(url)
    assert "Portaal" in page.text
    assert "form-action 'self' https://portaal.example" in page["Content-Security-Policy"]
    assert "_auth_user_id" in bob_client.session
    assert read_target(bob_client.post(url)) == "https://portaal.example/uit?state=s-2"
    assert "_auth_user_id" not in bob_client.session
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
def test_logging_out_does_not_redirect_to_unregistered_addresses(
    bob_client: Client, program: Application, change: dict[str, str]
) -> None:
    query = {"client_id": str(program.client_id), "post_logout_redirect_uri": AFTER}
    url = f"/oauth/logout/?{urlencode(query | change)}"
    assert Client().get(url)["Location"] == "/inloggen/"
    assert bob_client.post(url)["Location"] == "/inloggen/"


def test_what_has_ended_is_forgotten(bob_client: Client, bob: User, program: Application) -> None:
    tokens(bob_client, program)
    ticket_for(bob)
    oauth.jobs.delete_expired()
    assert (AccessToken.objects.count(), RefreshToken.objects.count(), SsoTicket.objects.count()) == (1, 1, 1)
    long_ago = timezone.now() - timedelta(days=40)
    for model in (AccessToken, IDToken):
        model.objects.update(expires=long_ago)
    SsoTicket.objects.update(expires_at=long_ago)
    oauth.jobs.delete_expired()
    for ended in (AccessToken, RefreshToken, IDToken, SsoTicket):
        assert not ended.objects.exists(), ended


def test_a_lost_answer_is_not_given_to_a_request_for_fewer_scopes(bob_client: Client, program: Application) -> None:
    found = tokens(bob_client, program, scope="openid profile")
    request = {"grant_type": "refresh_token", "refresh_token": found["refresh_token"]}
    first = exchange(program, **request).json()
    narrowed = exchange(program, **request, scope="openid")
    assert (narrowed.status_code, narrowed.json()["error"]) == (400, "invalid_grant")
    assert exchange(program, **request, scope="profile openid").json() == first


def test_the_subject_is_opaque_and_stays(bob: User, alice: User) -> None:
    assert oidc.compute_subject(bob) == oidc.compute_subject(User.objects.get(pk=bob.pk)) != oidc.compute_subject(alice)
    assert str(bob.pk) not in oidc.compute_subject(bob)
