"""Client credentials: username and password of an SSO/Webservice user; all others are refused alike."""

import base64
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import quote_plus

import pytest
import requests
import time_machine
from authlib.integrations.requests_client import OAuth2Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

import users.login_methods
from accounts import passwords
from accounts.models import LoginMethod, Provider, User
from audit.actors import build_operator
from audit.models import Event, UserEncryptionKey, Verb
from oauth.models import AccessToken, Application, RefreshToken
from oauth.scopes import API_SCOPES
from tests.helpers.access_tokens import bearing
from tests.helpers.login_methods import GOOD, make_azure, make_service
from tests.helpers.users import PASSWORD, hash_of, make_user

pytestmark = pytest.mark.django_db
URL = "/oauth/token/"
WRONG = "Verkeerd-12345"
GRANT = {"grant_type": "client_credentials"}


def basic(name: str, secret: str, coded: Callable[[str], str] = quote_plus) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{coded(name)}:{coded(secret)}".encode()).decode()}


def ask(username: str = "dienst 1", password: str = PASSWORD, *, client: Client | None = None, **more: str) -> Any:
    return (client or Client()).post(URL, {**GRANT, **more}, headers=basic(username, password))


@pytest.fixture
def service(office: Provider, alice: User) -> User:
    return make_service(office)


@pytest.fixture
def others(office: Provider, service: User, bob: User) -> dict[str, str]:
    """One username for each way in which sign-in is refused."""
    make_azure(office, username="azure")
    make_service(office, username="blocked", blocked_at=timezone.now())
    make_service(office, username="ended", access_until=timezone.localdate() - timedelta(days=1))
    return {"bob": "other_kind", "azure": "other_kind", "blocked": "blocked", "ended": "ended", "nobody": "unknown"}


def test_token_has_every_api_scope(service: User) -> None:
    response = ask()
    assert response.status_code == 200
    told = response.json()
    assert (told["token_type"], told["expires_in"], told["scope"].split()) == ("Bearer", 3600, list(API_SCOPES))
    assert "refresh_token" not in told
    assert "no-store" in response["Cache-Control"]
    row = AccessToken.objects.get()
    assert (row.user, row.token, row.application.client_id) == (service, "", "webservice")
    event = Event.objects.get(verb=Verb.SIGNED_IN)
    assert (event.actor_id, event.origin, event.provider_id) == (service.pk, "api", service.provider_id)
    service.refresh_from_db()
    assert service.last_login is not None


def test_credentials_in_the_body_are_accepted(service: User) -> None:
    said = {"client_id": "dienst 1", "client_secret": PASSWORD}
    assert Client().post(URL, GRANT | said).status_code == 200


def test_space_around_the_username_is_forgiven_and_in_the_password_is_not(service: User) -> None:
    said = {"client_id": " dienst 1 ", "client_secret": PASSWORD}
    assert Client().post(URL, GRANT | said).status_code == 200
    assert ask(" dienst 1\n").status_code == 200
    assert ask("dienst 1", f"{PASSWORD} ").status_code == 401


def test_token_is_limited_to_the_requested_scopes(service: User) -> None:
    assert ask(scope="users:read").json()["scope"] == "users:read"
    for scope in ("openid", "alles", "users:read alles"):
        assert ask(scope=scope).json()["error"] == "invalid_scope"
    assert ask(scope="sso users:read sso").json()["scope"] == "users:read sso"


def test_a_wrong_scope_is_no_guess_at_a_password(service: User) -> None:
    assert {ask(scope="alles").status_code for _number in range(12)} == {400}
    assert ask().status_code == 200


@pytest.mark.parametrize("username", ["a:b", "é+% &=/?#", "müller@x.nl", "🙂🙂🙂", " spatie ", "%2F%"])
@pytest.mark.parametrize("password", ["Zonnebloem-42", "a:B:1+%2F &=", "Ünïcode-🔑-1", "+++Aa1 "])
def test_every_character_works(office: Provider, username: str, password: str) -> None:
    make_service(office, username=username, password=hash_of(password))
    assert ask(username, password).status_code == 200
    said = {"client_id": username, "client_secret": password}
    assert Client().post(URL, GRANT | said).status_code == 200


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("dienst", "100%Zeker!a"), ("dienst", "a+B@1-zonnebloem"), ("j+w@x.example", "Zonnebloem-42"),
        ("dienst 1", "Zonne+bloem-42"), ("dienst", "Zonne%bloem+%4"), ("müller+1", "Zonnebloem-42"),
        ("dienst", "Zonne%42bloem-1"), ("dienst", "Zonne+bloem%4a-1"), ("dienst", "Zonne%E9+bloem-1"),
        ("a%31+b", "Bloem-42!"),
    ],
)  # fmt: skip
def test_what_can_only_be_unencoded_is_read_as_it_is(office: Provider, username: str, password: str) -> None:
    make_service(office, username=username, password=hash_of(password))
    said = {name: basic(username, password, coded) for name, coded in (("raw", str), ("encoded", quote_plus))}
    for name, headers in said.items():
        assert Client().post(URL, GRANT, headers=headers).status_code == 200, name


def test_what_can_be_encoded_is_read_as_encoded(office: Provider) -> None:
    make_service(office, username="dienst", password=hash_of("Zonne bloem-42"))
    assert Client().post(URL, GRANT, headers=basic("dienst", "Zonne+bloem-42", str)).status_code == 200
    assert Client().post(URL, GRANT, headers=basic("dienst", "Zonne%20bloem-42", str)).status_code == 200
    everything = "".join(f"%{byte:02x}" for byte in b"Zonne bloem-42")
    assert Client().post(URL, GRANT, headers=basic("dienst", everything, str)).status_code == 200


def test_a_foreign_client_gets_one(
    live_server: LiveServer, transactional_db: None, office: Provider, settings: Any
) -> None:
    make_service(office, username="portaal +1", password=hash_of("Zonne%bloem:42"))
    with OAuth2Session("portaal-1", "x") as session:
        session.trust_env = False
        session.token_endpoint_auth_method = "client_secret_post"
        session.client_id, session.client_secret = "portaal +1", "Zonne%bloem:42"
        token = session.fetch_token(f"{live_server.url}/oauth/token/", grant_type="client_credentials")
        assert token["access_token"]
        said = {"client_id": "portaal +1", "client_secret": "Zonne%bloem:42", "token": token["access_token"]}
        looked = requests.post(f"{live_server.url}/oauth/introspect/", said, timeout=10).json()
        assert (looked["active"], looked["username"]) == (True, "portaal +1")
        assert requests.post(f"{live_server.url}/oauth/revoke/", said, timeout=10).status_code == 200
        assert requests.post(f"{live_server.url}/oauth/introspect/", said, timeout=10).json() == {"active": False}


def test_every_refusal_looks_the_same(others: dict[str, str]) -> None:
    answers = set()
    for username in [*others, "dienst 1"]:
        response = ask(username, WRONG if username == "dienst 1" else PASSWORD)
        answers.add((response.status_code, response.text, response["WWW-Authenticate"], response["Cache-Control"]))
    assert len(answers) == 1
    status, text, challenge, _cache = answers.pop()
    assert (status, challenge) == (401, 'Basic realm="Loket", charset="UTF-8"')
    assert '"invalid_client"' in text
    refused = Event.objects.filter(verb=Verb.SIGN_IN_REFUSED)
    assert {event.origin for event in refused} == {"api"}
    assert {event.reason for event in refused} == {*others.values(), "wrong_password"}
    assert not AccessToken.objects.exists()


def test_every_refusal_runs_the_same_statements_and_one_verification(others: dict[str, str]) -> None:
    seen = []
    for username in [*others, "dienst 1", "x" * 60, "nul\x00"]:
        with (
            CaptureQueriesContext(connection) as queries,
            patch("accounts.passwords.check_password", wraps=passwords.check_password) as verified,
        ):
            ask(username, WRONG if username == "dienst 1" else PASSWORD)
        shape = [re.split(r"VALUES|WHERE|\"s\d", query["sql"])[0] for query in queries]
        seen.append((verified.call_count, shape))
    assert all(one == seen[0] for one in seen)
    assert seen[0][0] == 1


def test_repeated_parameter_and_query_string_are_refused(service: User) -> None:
    answers = [
        Client().post(f"{URL}?scope=sso", GRANT, headers=basic("dienst 1", PASSWORD)),
        Client().post(URL, GRANT | {"scope": ["sso", "users:read"]}, headers=basic("dienst 1", PASSWORD)),
        Client().post(URL, GRANT | {"client_id": ["dienst 1", "x"], "client_secret": PASSWORD}),
    ]
    assert [(one.status_code, one.json()["error"]) for one in answers] == [(400, "invalid_request")] * 3
    assert not AccessToken.objects.exists()


def test_without_its_program_there_is_no_token(service: User) -> None:
    assert ask().status_code == 200
    Application.objects.get_built_in()
    Application.objects.update(switched_off_at=timezone.now())
    refused = ask()
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert AccessToken.objects.count() == Event.objects.filter(verb=Verb.SIGNED_IN).count() == 1


def test_a_token_costs_one_verification_and_a_call_none(service: User) -> None:
    with patch("accounts.passwords.check_password", wraps=passwords.check_password) as verified:
        token = ask().json()["access_token"]
        assert verified.call_count == 1
        for _call in range(3):
            Client().get("/oauth/userinfo/", headers=bearing(token))
        assert verified.call_count == 1


def test_token_takes_six_statements_and_stores_the_event_in_its_transaction(service: User) -> None:
    ask()
    with CaptureQueriesContext(connection) as queries:
        assert ask().status_code == 200
    tables = [re.findall(r'(?:INTO|FROM|UPDATE|SAVEPOINT) "?(\w+_\w+)', query["sql"]) for query in queries]
    savepoint = tables.pop()
    assert [sorted(set(names)) for names in tables] == [
        ["core_throttle"],
        ["accounts_user", "audit_userencryptionkey"],
        ["core_throttle"],
        ["oauth_application"],
        savepoint,
        ["oauth_accesstoken"],
        ["audit_event"],
    ]


def test_its_event_is_encrypted_with_the_key_of_the_user(service: User) -> None:
    ask()
    event, key = Event.objects.get(verb=Verb.SIGNED_IN), UserEncryptionKey.objects.get(user_id=service.pk)
    assert event.key_ids() == {str(key.pk)}
    assert event.actor_name == service.full_name


@pytest.mark.django_db(transaction=True)
def test_token_waits_for_the_disk(service: User) -> None:
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as queries:
        assert ask().status_code == 200
        assert not any("synchronous_commit" in query["sql"] for query in queries)
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


def test_wrong_passwords_are_throttled(service: User) -> None:
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        assert [ask(password=WRONG).status_code for _try in range(10)] == [401] * 10
        with patch("accounts.passwords.check_password") as verified:
            response = ask()
        assert not verified.called
        assert (response.status_code, response["Retry-After"]) == (429, "60")
        assert "no-store" in response["Cache-Control"]
        assert response.json()["error"] == "temporarily_unavailable"
        clock.shift(60)
        assert ask().status_code == 200


def test_the_login_page_and_this_grant_share_their_attempts(service: User) -> None:
    for _try in range(10):
        Client().post("/inloggen/", {"username": "dienst 1", "password": WRONG})
    assert ask().status_code == 429


@pytest.mark.slow
def test_a_network_that_guesses_is_locked_and_one_that_knows_is_not(service: User) -> None:
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False):
        assert {ask().status_code for _try in range(60)} == {200}
        assert [ask(f"naam{number}", WRONG).status_code for number in range(51)] == [401] * 50 + [429]


def test_a_new_password_ends_what_runs(service: User, alice: User) -> None:
    token = ask(scope="sso").json()["access_token"]
    users.login_methods.set_password(service, password=GOOD, by=build_operator("test"))
    assert Client().get("/oauth/userinfo/", headers=bearing(token)).status_code == 401
    assert ask().status_code == 401
    assert ask(password=GOOD).status_code == 200


def test_the_built_in_program_has_no_secret_of_its_own(service: User) -> None:
    ask()
    for secret in ("", "webservice"):
        assert ask("webservice", secret).status_code == 401
        data = {"grant_type": "refresh_token", "refresh_token": "x"}
        assert Client().post(URL, data, headers=basic("webservice", secret)).status_code == 401
    response = Client().get("/oauth/authorize/", {"client_id": "webservice", "response_type": "code"})
    assert response.status_code == 400


def test_no_other_grant_is_for_a_service(service: User, office: Provider) -> None:
    for grant in ("refresh_token", "authorization_code"):
        data = {"grant_type": grant, "refresh_token": "x", "code": "x", "redirect_uri": "https://x.example/"}
        assert Client().post(URL, data, headers=basic("dienst 1", PASSWORD)).json()["error"] == "invalid_client"
    assert not RefreshToken.objects.exists()
    make_user(office, username="mens")
    assert ask("mens").status_code == 401


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic ", "Basic x", "Basic é", "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(), "Bearer x",
     "Basic " + "A" * 9_000, "Basic " + base64.b64encode(b"zonder dubbele punt").decode(), "Digest x"],
)  # fmt: skip
def test_broken_authorization_header_is_refused(service: User, header: str) -> None:
    response = Client().post(URL, GRANT, headers={"Authorization": header} if header else {})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_only_form_posts_are_accepted(service: User) -> None:
    assert Client().get(URL).status_code == 405
    response = Client().post(URL, GRANT, content_type="application/json", headers=basic("dienst 1", PASSWORD))
    assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")
    in_address = Client().post(f"{URL}?client_id=dienst+1&client_secret={PASSWORD}", GRANT)
    assert in_address.status_code in (400, 401)
    assert not AccessToken.objects.exists()


def test_a_session_in_the_browser_means_nothing(service: User, alice_client: Client) -> None:
    assert alice_client.post(URL, GRANT).status_code == 401
    assert ask(client=alice_client).status_code == 200
    assert AccessToken.objects.get().user == service


@pytest.mark.django_db(transaction=True)
def test_many_at_once_all_get_their_own(office: Provider, alice: User) -> None:
    for number in range(8):
        make_service(office, username=f"dienst {number}")

    def one(number: int) -> int:
        try:
            return ask(f"dienst {number}").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(one, range(8))) == [200] * 8
    assert AccessToken.objects.values("user").distinct().count() == 8
    assert User.objects.filter(login_method=LoginMethod.SSO_WEBSERVICE).count() == 8
