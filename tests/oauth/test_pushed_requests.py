"""Pushed authorization requests (RFC 9126)."""

from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

import oauth.jobs
from accounts.models import Provider, User
from audit.models import Event, Verb
from oauth import pushed_requests
from oauth.client_assertions import ASSERTION_TYPE
from oauth.models import Application
from oauth.pushed_requests import PushedRequest
from tests.helpers.consent import allow
from tests.helpers.login_methods import confirmed, make_service
from tests.helpers.users import PASSWORD, signed_in
from tests.oauth.test_applications import GOOD, LIST
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_client_assertions import EC_KEY, sign, to_jwk
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_public_clients import make_public
from tests.oauth.test_secrets import CHALLENGE, VERIFIER, exchange

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(alice: User) -> Application:
    return make_application(alice)


def push(program: Application, *, headers: Any = None, **change: Any) -> Any:
    data = asked(program, code_challenge=CHALLENGE, **change)
    return Client().post("/oauth/par/", data, headers=headers or basic(str(program.client_id), SECRET))


def refer(program: Application, **change: Any) -> dict[str, str]:
    """Push a request, and return the parameters that refer to it."""
    answer = push(program, **change)
    assert answer.status_code == 201, answer.text
    return {"client_id": str(program.client_id), "request_uri": answer.json()["request_uri"]}


def test_a_pushed_request_ends_in_tokens(bob_client: Client, program: Application) -> None:
    answer = push(program, login_hint="bob", nonce="n-1")
    found = answer.json()
    assert (answer.status_code, found["expires_in"], answer["Cache-Control"]) == (201, 90, "no-store")
    assert found["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert "RateLimit" in answer
    query = {"client_id": str(program.client_id), "request_uri": found["request_uri"]}
    opened = bob_client.get(URL, query)
    assert opened.status_code == 302
    page = bob_client.get(opened["Location"])
    assert "Portaal" in page.text
    for hidden in ("login_hint", "nonce", BACK, CHALLENGE):
        assert hidden not in opened["Location"]
        assert hidden not in page.text
    agreed = told(allow(bob_client, opened["Location"]))
    assert agreed["state"] == "s-1"
    data = {"grant_type": "authorization_code", "code": agreed["code"], "redirect_uri": BACK}
    assert exchange(program, **data, code_verifier=VERIFIER).status_code == 200


def test_the_reference_works_once(bob: User, bob_client: Client, program: Application) -> None:
    query = refer(program)
    opened = bob_client.get(URL, query)["Location"]
    again = signed_in(bob).get(URL, query)
    assert again.status_code == 400
    assert "al gebruikt" in again.text
    assert "Location" not in again
    assert bob_client.get(opened).status_code == 200  # the same browser may reload
    assert bob_client.get(opened).status_code == 200
    assert bob_client.post(f"{URL}weigeren/?{urlencode(query)}").status_code == 400


def test_head_does_not_use_it_up(bob_client: Client, program: Application) -> None:
    query = refer(program)
    assert bob_client.head(URL, query).status_code == 200
    assert bob_client.get(URL, query).status_code == 302


def test_it_expires(bob_client: Client, program: Application) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        query, late = refer(program), refer(program)
        clock.shift(89)
        opened = bob_client.get(URL, query)["Location"]
        clock.shift(2)
        assert bob_client.get(URL, late).status_code == 400
        assert bob_client.get(opened).status_code == 200
        clock.shift(timedelta(minutes=31))
        assert bob_client.get(opened).status_code == 400
        oauth.jobs.delete_expired_requests()
        assert not PushedRequest.objects.exists()


def test_only_known_parameters_are_kept(bob_client: Client, program: Application) -> None:
    with patch("oauth.pushed_requests._encrypt", wraps=pushed_requests._encrypt) as encrypting:
        refused = push(program, state="😀" * 1_400)  # 16,800 characters, form-encoded
        assert (refused.status_code, refused.json()["error"]) == (413, "invalid_request")
        assert push(program, resource=["https://x.example/" + "a" * 90] * 200).status_code == 413
        answer = push(program, x="😀" * 16_000, client_secret=SECRET, interaction="x", resource=settings.LOKET_URL)
        assert answer.status_code == 201
    kept = encrypting.call_args.args[0]
    assert kept.keys() == asked(program, code_challenge=CHALLENGE).keys() | {"resource"}
    assert len(PushedRequest.objects.get().encrypted_parameters) < 1_000


@pytest.mark.slow
def test_anyone_can_push_few_requests_for_a_public_client(office: Provider, program: Application) -> None:
    public, other = make_public(office, BACK), make_public(office, BACK, name="B")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        answers = [Client().post("/oauth/par/", asked(public)) for _time in range(31)]
        assert [answer.status_code for answer in answers] == [201] * 30 + [429]
        assert answers[0]["RateLimit-Policy"] == '"push client";q=30;w=60'
        assert int(answers[30]["Retry-After"]) <= 2
        assert PushedRequest.objects.count() == 30
        assert Client().post("/oauth/par/", asked(public), REMOTE_ADDR="203.0.113.9").status_code == 201
        assert Client().post("/oauth/par/", asked(other)).status_code == 201
        assert {push(program).status_code for _time in range(31)} == {201}
        clock.shift(2)
        assert Client().post("/oauth/par/", asked(public)).status_code == 201
        clock.shift(89)
        oauth.jobs.delete_expired_requests()
        assert PushedRequest.objects.count() == 1
        clock.shift(2)
        oauth.jobs.delete_expired_requests()
        assert not PushedRequest.objects.exists()
    job = next(job for job in oauth.jobs.JOBS if job.function == oauth.jobs.delete_expired_requests)
    assert job.every == 60


def test_it_belongs_to_its_client(bob_client: Client, office: Provider, program: Application) -> None:
    other = make_public(office, BACK)
    query = refer(program)
    for client_id in (str(other.client_id), "", "x", "\x00"):
        assert bob_client.get(URL, query | {"client_id": client_id}).status_code == 400
    assert bob_client.get(URL, {"request_uri": query["request_uri"]}).status_code == 400
    assert bob_client.get(URL, query).status_code == 302
    assert push(program, headers=basic(str(other.client_id), "")).json()["error"] == "invalid_request"


def test_other_parameters_beside_it_count_for_nothing(bob_client: Client, program: Application) -> None:
    extra = {"redirect_uri": "https://evil.example/", "scope": "users:write", "state": "evil", "prompt": "none"}
    opened = bob_client.get(URL, refer(program) | extra)["Location"]
    assert "evil" not in opened
    agreed = told(allow(bob_client, f"{opened}&{urlencode(extra)}"))
    assert agreed["state"] == "s-1"


def test_a_user_signs_in_first(bob: User, program: Application) -> None:
    browser = Client()
    opened = browser.get(URL, refer(program, login_hint="bob"))["Location"]
    login = browser.get(opened)["Location"]
    assert login.startswith("/inloggen/?next=")
    back = browser.post(login, {"username": "bob", "password": PASSWORD})["Location"]
    assert "request_uri" in back
    assert "Portaal" in browser.get(back).text


@pytest.mark.parametrize("prompt", ["login", "select_account"])
def test_a_user_proves_or_chooses_again(bob: User, program: Application, prompt: str) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        browser = confirmed(bob)
        clock.shift(5)
        step = browser.get(browser.get(URL, refer(program, prompt=prompt))["Location"])["Location"]
        fields = {"account": str(bob.pk)}
        if prompt == "login":
            fields = {"current_password": PASSWORD, "next": parse_qs(urlsplit(step).query)["next"][0]}
        back = browser.post(step, fields)["Location"]
        assert browser.get(back).status_code == 200
        assert told(allow(browser, back))["code"]


def test_silent_requests_are_answered(bob: User, program: Application) -> None:
    client = signed_in(bob)
    assert told(client.get(client.get(URL, refer(program, prompt="none"))["Location"]))["error"] == "consent_required"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "alles"}, "invalid_scope"), ({"code_challenge": None}, "invalid_request"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"resource": "https://x.example"}, "invalid_target"), ({"client_id": "x"}, "invalid_request"),
        ({"state": "\x00"}, "invalid_request"), ({"prompt": "none login"}, "invalid_request"),
        ({"dpop_jkt": "x"}, "invalid_request"), ({"state": ["a", "b"]}, "invalid_request"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_at_once(program: Application, change: dict[str, Any], error: str) -> None:
    data = {name: value for name, value in (asked(program) | change).items() if value is not None}
    answer = Client().post("/oauth/par/", data, headers=basic(str(program.client_id), SECRET))
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert not PushedRequest.objects.exists()


def test_the_client_authenticates(office: Provider, program: Application) -> None:
    make_service(office)
    for headers in (basic(str(program.client_id), "wrong"), {"Authorization": "Basic x"}):
        assert push(program, headers=headers).json()["error"] == "invalid_client"
    assert push(program, headers=basic("dienst 1", PASSWORD)).json()["error"] == "unauthorized_client"
    assert Client().get("/oauth/par/").status_code == 405
    assert push(program, state="x" * 20_000).status_code == 413


def test_public_clients_and_clients_with_a_key_push_too(bob_client: Client, office: Provider) -> None:
    public = make_public(office, BACK)
    answer = Client().post("/oauth/par/", asked(public))
    assert answer.status_code == 201
    signer = make_public(office, BACK, name="S", authentication="private_key_jwt", public_keys=[to_jwk(EC_KEY)])
    signer.refresh_from_db()
    for audience in (settings.LOKET_URL, f"{settings.LOKET_URL}/oauth/token/", f"{settings.LOKET_URL}/oauth/par/"):
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": sign(signer, kid="", aud=audience)}
        answer = Client().post("/oauth/par/", asked(signer) | proof)
        assert answer.status_code == 201, audience
    query = {"client_id": str(signer.client_id), "request_uri": answer.json()["request_uri"]}
    assert bob_client.get(bob_client.get(URL, query)["Location"]).status_code == 200


def test_nothing_of_it_is_readable_in_the_database(bob_client: Client, program: Application) -> None:
    query = refer(program, login_hint="geheime-hint", client_secret=SECRET)
    token = query["request_uri"].rpartition(":")[2]
    opened = bob_client.get(URL, query)["Location"]
    fresh = parse_qs(urlsplit(opened).query)["request_uri"][0].rpartition(":")[2]
    assert fresh != token
    with connection.cursor() as cursor:
        cursor.execute("SELECT row::text FROM oauth_pushedrequest row")
        text = str(cursor.fetchall())
    for secret in (token, fresh, "geheime-hint", SECRET, CHALLENGE):
        assert secret not in text
        assert secret.encode().hex() not in text


def test_a_client_can_be_bound_to_pushing(bob_client: Client, alice_client: Client, program: Application) -> None:
    assert bob_client.get(URL, asked(program)).status_code == 200
    form = alice_client.get(f"{LIST}{program.pk}/").context["form"]
    values = {name: form[name].value() or "" for name in form.fields} | {"pushed_requests_required": "on"}
    alice_client.post(f"{LIST}{program.pk}/", values)
    change = Event.objects.filter(verb=Verb.CLIENT_CHANGED).latest("at").changes
    assert change == {"pushed_requests_required": [False, True]}
    assert told(bob_client.get(URL, asked(program)))["error"] == "invalid_request"
    assert told(bob_client.post(f"{URL}?{urlencode(asked(program))}"))["error"] == "invalid_request"
    opened = bob_client.get(URL, refer(program))["Location"]
    assert told(allow(bob_client, opened))["code"]
    alice_client.post(f"{LIST}nieuw/", GOOD | {"name": "Ander"})
    assert not Application.objects.get(name="Ander").pushed_requests_required
    call_command("add_partner", "P", BACK, "--pushed-requests-required", stdout=StringIO())
    assert Application.objects.get(name="P").pushed_requests_required


def test_discovery_names_the_endpoint(client: Client) -> None:
    found = client.get("/.well-known/openid-configuration").json()
    assert found["pushed_authorization_request_endpoint"].endswith("/oauth/par/")
    assert found["require_pushed_authorization_requests"] is False
