"""The login page: website users only, and refusals without a reason."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import users.actions
from accounts import passwords
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.actors import build_operator
from audit.models import Event, Verb
from authentication import trusted_devices
from authentication.session_store import SessionStore
from tests.helpers import audit_events
from tests.helpers.mfa import code_now, give_app
from tests.helpers.users import PASSWORD, make_user

pytestmark = pytest.mark.django_db
URL = "/inloggen/"
WRONG = "Verkeerd-12345"


def sign_in(client: Client, username: str = "alice", password: str = PASSWORD, **extra: Any) -> Any:
    return client.post(URL, {"username": username, "password": password, **extra})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def code(response: Any) -> str:
    (error,) = response.context["form"].errors.as_data()["__all__"]
    return error.code


@pytest.mark.parametrize("username", [" alice", "alice ", "\talice\u00a0", " " * 60 + "alice"])
def test_space_around_the_username_is_forgiven_and_in_a_password_is_not(alice: User, username: str) -> None:
    refused, client = Client(), Client()
    assert code(sign_in(refused, username, f" {PASSWORD}")) == "refused"
    assert code(sign_in(refused, username, f"{PASSWORD} ")) == "refused"
    assert sign_in(client, username).status_code == 302
    assert is_signed_in(client)
    client.post("/uitloggen/")
    assert len([name for name in client.cookies if name.startswith("device-")]) == 1


def test_an_endless_username_is_refused_at_once(client: Client, alice: User) -> None:
    begin = process_time()
    assert code(sign_in(client, "\ufdfa" * 100_000)) == "refused"  # each is 18 characters in normal form
    assert process_time() - begin < 5, "no time is spent on a key, before any limit counts"


def test_space_around_the_username_gives_no_more_attempts(alice: User) -> None:
    answers = [sign_in(Client(), " " * number + "alice", WRONG).status_code for number in range(12)]
    assert answers[-1] == 429


@pytest.fixture
def others(office: Provider, alice: User) -> dict[str, str]:
    """One username for each way in which login is refused."""
    make_user(office, username="service", login_method=LoginMethod.SSO_WEBSERVICE)
    tenant = ExternalTenant.objects.create(provider=office, name="t", tenant_id=uuid4())
    make_user(
        office, username="azure", login_method=LoginMethod.AZURE_AD, external_tenant=tenant,
        external_user_id=uuid4(), password="!",
    )  # fmt: skip
    make_user(office, username="blocked", blocked_at=timezone.now())
    make_user(office, username="ended", access_until=timezone.localdate() - timedelta(days=1))
    return {
        "service": "other_kind", "azure": "other_kind", "blocked": "blocked", "ended": "ended", "nobody": "unknown",
    }  # fmt: skip


def test_login_shows_the_form_and_changes_nothing(client: Client, db: None) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(URL)
        client.head(URL)
    assert response.status_code == 200
    assert len(queries) == 0
    assert 'autocomplete="username"' in response.text
    assert 'autocomplete="current-password"' in response.text
    assert "no-store" in response["Cache-Control"]


def test_login_signs_in(client: Client, alice: User) -> None:
    client.cookies["sessionid"] = "a" * 32  # chosen by an attacker
    response = sign_in(client)
    assert (response.status_code, response["Location"]) == (302, reverse("home"))
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert client.cookies["sessionid"].value != "a" * 32
    alice.refresh_from_db()
    assert alice.last_login is not None
    event = Event.objects.get(verb=Verb.SIGNED_IN)
    assert (event.actor_id, event.provider_id, event.address) == (alice.pk, alice.provider_id, "127.0.0.1")


def test_login_compares_usernames_by_their_key_and_passwords_as_typed(client: Client, alice: User) -> None:
    sign_in(client, "ali ce")
    assert not is_signed_in(client)
    sign_in(client, "ALICE", PASSWORD + " ")
    assert not is_signed_in(client)
    sign_in(client, " ALICE")
    assert is_signed_in(client)


def test_login_lets_a_person_in_who_still_misses_the_second_factor(client: Client, office: Provider) -> None:
    make_user(office, username="twofactor", two_factor_required=True)
    sign_in(client, "twofactor")
    assert is_signed_in(client)


def test_login_renews_the_session_key_of_the_anonymous_visitor(client: Client, alice: User) -> None:
    session = client.session
    session["x"] = 1
    session.save()
    client.cookies["sessionid"] = str(session.session_key)
    sign_in(client)
    assert client.cookies["sessionid"].value != session.session_key
    assert not SessionStore().exists(session.session_key)


def test_login_redirects_signed_in_users_home(alice_client: Client, bob: User) -> None:
    assert alice_client.get(URL)["Location"] == "/"
    sign_in(alice_client, "bob")
    assert alice_client.session["_auth_user_id"] != str(bob.pk)


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/profiel/", "/profiel/"),
        ("/gebruikers/?q=a", "/gebruikers/?q=a"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("home", "/"),
        ("\x00", "/"),
        ("/" + "a" * 5000, "/"),
        ("//evil.example/" + "a" * 3000, "/"),
        ("https://evil.example/" + "a" * 3000, "/"),
        ("//" + "a" * 3000 + ".example/", "/"),
        ("", "/"),
    ],
)
def test_login_goes_only_to_pages_of_ours(client: Client, alice: User, wanted: str, target: str) -> None:
    assert sign_in(client, next=wanted)["Location"] == target


def test_login_keeps_the_wanted_page_while_showing_the_form(client: Client, alice: User) -> None:
    assert client.get(URL, {"next": "/profiel/"}).context["next"] == "/profiel/"
    assert sign_in(client, password=WRONG, next="/profiel/").context["next"] == "/profiel/"


def test_login_refuses_everybody_in_the_same_words(client: Client, others: dict[str, str]) -> None:
    texts = set()
    for username in [*others, "alice"]:
        response = sign_in(client, username, WRONG if username == "alice" else PASSWORD)
        assert (response.status_code, code(response)) == (200, "refused")
        assert not is_signed_in(client)
        texts.add(str(response.context["form"].errors))
    assert len(texts) == 1
    events = Event.objects.filter(verb=Verb.SIGN_IN_REFUSED)
    assert {event.target_name for event in events if event.provider_id is None} == {""}
    reasons = {event.reason: event.actor_id for event in events}
    assert set(reasons) == {*others.values(), "wrong_password"}
    assert set(reasons.values()) == {None}  # the guesser is unknown


def test_login_does_the_same_work_for_everybody_refused(others: dict[str, str]) -> None:
    seen = []
    for username in [*others, "alice", "x" * 60, "nul\x00"]:
        client = Client()
        with (
            CaptureQueriesContext(connection) as queries,
            patch("accounts.passwords.check_password", wraps=passwords.check_password) as verified,
        ):
            sign_in(client, username, WRONG if username == "alice" else PASSWORD)
        shape = [re.split(r"VALUES|WHERE|\"s\d", query["sql"])[0] for query in queries]
        seen.append((verified.call_count, shape))
    assert all(one == seen[0] for one in seen)
    assert seen[0][0] == 1


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("alice\x00", PASSWORD),
        ("alice", PASSWORD + "\x00"),
        ("alice", "\x00"),
        ("alice", "x" * 256),
        ("alice", "x" * 200_000),
        ("x" * 200_000, PASSWORD),
        ("😀" * 20, "🔑" * 20),
        ("\u202ealicia", PASSWORD),
        ("<script>alert(1)</script>", PASSWORD),
    ],
)
def test_login_refuses_impossible_input_as_a_wrong_password(
    client: Client, alice: User, username: str, password: str
) -> None:
    response = sign_in(client, username, password)
    assert (response.status_code, code(response)) == (200, "refused")
    assert "<script>alert" not in response.text
    assert password not in response.text


def test_login_refuses_empty_and_huge_bodies(client: Client, alice: User) -> None:
    with patch("accounts.passwords.check_password") as verified:
        response = client.post(URL, {"username": "", "next": "/"})
        assert set(response.context["form"].errors) == {"username", "password"}
        assert sign_in(client, "x" * 1_000_000).status_code == 400
    assert not verified.called


def test_a_second_tab_continues_once_the_first_is_signed_in(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    first, second = (re.findall(r'csrfmiddlewaretoken" value="(\w+)"', client.get(URL).text)[0] for _tab in range(2))
    assert sign_in(client, csrfmiddlewaretoken=first).status_code == 302
    late = sign_in(client, csrfmiddlewaretoken=second, next="/gebruikers/")
    assert (late.status_code, late.headers["Location"]) == (302, "/gebruikers/")
    elsewhere = sign_in(client, csrfmiddlewaretoken=second, next="https://elders.example/")
    assert elsewhere.headers["Location"] == "/"
    assert client.post("/profiel/", {"csrfmiddlewaretoken": second}).status_code == 403


def test_login_wants_the_csrf_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client).status_code == 403
    assert not is_signed_in(client)


def test_login_does_not_take_other_methods(client: Client, db: None) -> None:
    assert client.put(URL).status_code == 405


def lock(guess: Callable[[], Any]) -> int:
    for number in range(100):
        if guess().status_code == 429:
            return number
    raise AssertionError("never locked")


def test_login_locks_an_account_for_a_minute_only(client: Client, alice: User) -> None:
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        assert lock(lambda: sign_in(client, password=WRONG)) == 10
        with patch("accounts.passwords.check_password") as verified:
            response = sign_in(client, "ALICE")
            assert (response.status_code, code(response)) == (429, "throttled")
        assert not verified.called
        clock.shift(60)
        sign_in(client)
        assert is_signed_in(client)


def test_login_locks_unknown_accounts_as_well(client: Client, alice: User) -> None:
    assert lock(lambda: sign_in(client, "nobody")) == lock(lambda: sign_in(client, password=WRONG)) == 10


@pytest.mark.slow
def test_login_locks_a_network_that_guesses_at_many_accounts(client: Client, alice: User) -> None:
    names = iter(range(1000))
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False):
        assert lock(lambda: sign_in(client, f"name{next(names)}")) == 50
        assert sign_in(client).status_code == 429
        elsewhere = Client(REMOTE_ADDR="192.0.2.1")
        sign_in(elsewhere)
        assert is_signed_in(elsewhere)


@pytest.mark.slow
def test_strangers_do_not_lock_out_a_browser_that_was_in_before(alice: User) -> None:
    known, stranger = Client(), Client()
    sign_in(known)
    known.post(reverse("authentication:logout"))
    lock(lambda: sign_in(stranger, password=WRONG))
    names = iter(range(1000))
    lock(lambda: sign_in(stranger, f"name{next(names)}"))
    sign_in(known)
    assert is_signed_in(known)


def test_a_browser_that_was_in_before_has_its_own_lock(alice: User) -> None:
    known = Client()
    sign_in(known)
    known.post(reverse("authentication:logout"))
    assert lock(lambda: sign_in(known, password=WRONG)) == 10
    other = Client()
    sign_in(other)
    assert is_signed_in(other)


def test_the_device_cookie_counts_for_one_account_and_only_if_signed(alice: User, bob: User) -> None:
    bob_client, stranger = Client(), Client()
    sign_in(bob_client, "bob")
    bob_client.post(reverse("authentication:logout"))
    (name,) = [name for name in bob_client.cookies if name.startswith("device-")]
    cookie = bob_client.cookies[name]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["max-age"] == 180 * 24 * 3600
    lock(lambda: sign_in(stranger, password=WRONG))
    assert sign_in(bob_client).status_code == 429  # a cookie of bob does not help with alice
    alice_client = Client()
    alice_client.cookies[name] = cookie.value
    lock(lambda: sign_in(stranger, "bob", WRONG))
    forger = Client()
    forger.cookies[name] = cookie.value[:-3] + "abc"
    assert sign_in(forger, "bob").status_code == 429


@pytest.mark.slow
def test_a_success_gives_the_tries_back(client: Client, alice: User) -> None:
    for _ in range(3):
        for _ in range(9):
            sign_in(client, password=WRONG)
        sign_in(client)
        assert is_signed_in(client)
        client.post(reverse("authentication:logout"))


def test_blocking_ends_the_session(alice_client: Client, alice: User, office: Provider, bob: User) -> None:
    client = Client()
    sign_in(client, "bob")
    users.actions.block_user(bob, by=build_operator("test"))
    assert client.get("/profiel/wachtwoord/")["Location"].startswith(URL)
    assert code(sign_in(client, "bob")) == "refused"


def test_no_password_is_kept(client: Client, alice: User) -> None:
    sign_in(client, password=WRONG)
    sign_in(client)
    kept = audit_events.read_history_text() + str([row.get_decoded() for row in Session.objects.all()])
    assert WRONG not in kept
    assert PASSWORD not in kept


LONG = "/gebruikers/?" + urlencode({"q": "é" * 300, "sort": "x" * 1500})


def arrive(client: Client, response: Any) -> str:
    """Follow the redirect to the address that the session keeps; return where it leads."""
    assert len(response["Location"]) < 100
    return str(client.get(response["Location"])["Location"])


def test_login_leads_to_a_long_address_as_well(client: Client, alice: User) -> None:
    page = client.get(URL, {"next": LONG})
    for link in ("/inloggen/microsoft/", "/wachtwoord-vergeten/"):
        assert all(len(found) < 200 for found in re.findall(rf'href="({link}[^"]*)"', page.text))
    assert arrive(client, sign_in(client, password=PASSWORD, next=page.context["next"])) == LONG
    assert arrive(client, client.get(URL, {"next": LONG})) == LONG, "signed in already"
    assert client.get("/inloggen/verder/onbekend/")["Location"] == "/"
    assert Client().get(client.get(URL, {"next": LONG})["Location"])["Location"] == "/", "in this browser only"


def test_the_second_step_leads_to_a_long_address_as_well(client: Client, alice: User) -> None:
    secret = give_app(alice)
    page = client.get(sign_in(client, next=LONG)["Location"])
    assert (
        arrive(client, client.post("/inloggen/code/", {"code": code_now(secret), "next": page.context["next"]})) == LONG
    )


@pytest.mark.slow
def test_long_addresses_do_not_fill_the_table_of_sessions(db: None) -> None:
    for _visit in range(70):
        Client().get(URL, {"next": LONG})
    assert sum("long_urls" in session.get_decoded() for session in Session.objects.all()) == 60


def test_a_browser_keeps_the_long_addresses_of_five_tabs(client: Client, db: None) -> None:
    for number in range(7):
        client.get(URL, {"next": LONG + str(number)})
    assert [url[-1] for url in client.session["long_urls"].values()] == ["2", "3", "4", "5", "6"]


def test_a_refusal_says_when_to_try_again_to_programs_as_well(client: Client, alice: User) -> None:
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False):
        lock(lambda: sign_in(client, password=WRONG))
        assert sign_in(client)["Retry-After"] == "60"


@pytest.mark.slow
def test_a_shared_computer_forgets_the_accounts_used_longest_ago(office: Provider) -> None:
    """The cookies of all accounts together fit into a request."""
    client = Client()
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        for number in range(30):
            make_user(office, username=f"user{number}")
            clock.shift(60)
            sign_in(client, f"user{number}")
            client.post(reverse("authentication:logout"))
        kept = {name: cookie for name, cookie in client.cookies.items() if name.startswith("device-") and cookie.value}
        assert sum(len(name) + len(cookie.value) for name, cookie in kept.items()) <= 1500
        names = [
            f"user{number}"
            for number in range(30)
            if any(trusted_devices._build_cookie_name(f"user{number}") == name for name in kept)
        ]
        assert names == [f"user{number}" for number in range(30 - len(kept), 30)]
        assert len(names) >= 10
