"""Session expiry: idle and absolute limits, the reason shown, and forms submitted too late are kept."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from audit.models import Event
from authentication import actions, sessions
from authentication.models import AuthenticationMethod, AuthenticatorApp, UserSession
from permissions.checks import Right
from tests.authentication.mfa.test_passkeys import make, show
from tests.authentication.test_sessions import FIREFOX, is_signed_in, sign_in_from
from tests.helpers import mfa as factors
from tests.helpers import software_passkeys as passkeys
from tests.helpers.entra import OID, TID, make_azure_user, make_tenant, visit
from tests.helpers.entra import entra as entra
from tests.helpers.import_files import INVITED
from tests.helpers.mfa import code_now, give_app
from tests.helpers.users import PASSWORD, actor
from tests.imports.test_user_jobs import send
from tests.oauth.test_sso_tickets import by_sso, open_with, ticket_for
from tests.users.test_user_detail import edited, give

pytestmark = pytest.mark.django_db
Clock = Any
TWO_HOURS, TWELVE_HOURS, SECOND = timedelta(hours=2), timedelta(hours=12), timedelta(seconds=1)


@pytest.fixture
def clock() -> Iterator[Clock]:
    with time_machine.travel(timezone.now().replace(microsecond=0), tick=False) as traveller:
        yield traveller


def words(client: Client, path: str = "/profiel/") -> str:
    """Return the notice on the login page to which `path` redirects."""
    response = client.get(path, follow=True)
    assert response.redirect_chain[-1][0].startswith("/inloggen/?next=")
    return " ".join(str(message) for message in response.context["messages"])


def next_of(response: Any) -> str:
    address = urlsplit(response["Location"])
    assert address.path == "/inloggen/"
    return parse_qs(address.query)["next"][0]


def use(client: Client, clock: Clock, hours: float, step: float = 1.5) -> None:
    """Use a session for this many hours."""
    for _turn in range(round(hours / step)):
        clock.shift(timedelta(hours=step))
        assert is_signed_in(client)


def kinds(bob: User) -> dict[str, Callable[[], Client]]:
    def forced() -> Client:
        client = Client()
        client.force_login(bob)
        return client

    return {"written down": lambda: sign_in_from("bob"), "never written down": forced}


@pytest.mark.parametrize("kind", ["written down", "never written down"])
def test_session_ends_after_two_hours_without_use(bob: User, clock: Clock, kind: str) -> None:
    client = kinds(bob)[kind]()
    clock.shift(TWO_HOURS - SECOND)
    assert is_signed_in(client)
    client = kinds(bob)[kind]()
    clock.shift(TWO_HOURS)
    assert not is_signed_in(client)


def test_a_request_keeps_it_open(bob: User, clock: Clock) -> None:
    client = sign_in_from("bob")
    use(client, clock, 6)
    clock.shift(TWO_HOURS)
    assert not is_signed_in(client)


def test_session_ends_at_most_a_minute_early_and_never_late(bob: User, clock: Clock) -> None:
    client = sign_in_from("bob")
    clock.shift(timedelta(seconds=59))
    assert is_signed_in(client)
    clock.shift(TWO_HOURS - timedelta(minutes=1))
    assert is_signed_in(client)
    clock.shift(TWO_HOURS)
    assert not is_signed_in(client)


@pytest.mark.parametrize("kind", ["written down", "never written down"])
def test_session_ends_after_twelve_hours_whatever_happens(
    bob: User, clock: Clock, settings: Settings, kind: str
) -> None:
    settings.LOKET_SESSION_IDLE_MINUTES = 1440
    client = kinds(bob)[kind]()
    use(client, clock, 10.5)
    client.post("/bevestigen/", {"current_password": PASSWORD})  # under a new key, re-authenticated just now
    clock.shift(timedelta(hours=1.5) - SECOND)
    assert is_signed_in(client)
    clock.shift(SECOND)
    assert not is_signed_in(client)


def test_a_new_password_does_not_prolong_it(bob: User, clock: Clock) -> None:
    client = sign_in_from("bob")
    use(client, clock, 10.5)
    client.post("/bevestigen/", {"current_password": PASSWORD})
    data = {"current_password": PASSWORD, "password": "Korenbloem-97x", "password_again": "Korenbloem-97x"}
    assert client.post("/profiel/wachtwoord/", data).status_code == 302
    clock.shift(timedelta(hours=1.5))
    assert not is_signed_in(client)


def test_that_of_a_portal_ends_an_hour_after_its_start(bob: User, clock: Clock) -> None:
    secret = give_app(bob)
    client = by_sso(bob)
    clock.shift(timedelta(minutes=40))
    assert client.post("/inloggen/code/", {"code": code_now(secret)}).status_code == 302
    client.post("/taal/", {"language": "en"})
    assert is_signed_in(client)
    assert open_with(client, ticket_for(bob)).status_code == 302
    clock.shift(timedelta(minutes=20) - SECOND)
    assert is_signed_in(client)
    assert UserSession.objects.get().method == AuthenticationMethod.SSO
    clock.shift(SECOND)
    assert "from a portal" in words(client)


def test_support_has_the_same_limits(dora: User, clock: Clock) -> None:
    client = factors.signed_in(dora, give_app(dora))
    assert client.get("/admin/").status_code == 200
    clock.shift(TWO_HOURS)
    assert client.get("/admin/")["Location"].startswith("/inloggen/")


def test_the_operator_decides(bob: User, clock: Clock, settings: Settings) -> None:
    settings.LOKET_SESSION_IDLE_MINUTES, settings.LOKET_SSO_SESSION_MINUTES = 30, 10
    client, portal = sign_in_from("bob"), by_sso(bob)
    clock.shift(timedelta(minutes=10))
    assert (is_signed_in(portal), is_signed_in(client)) == (False, True)
    clock.shift(timedelta(minutes=30))
    assert "30 minuten" in words(client)
    settings.LOKET_SESSION_LIFETIME_MINUTES = 60
    client = sign_in_from("bob")
    use(client, clock, 0.5, step=0.25)
    clock.shift(timedelta(minutes=30))
    assert "1 uur" in words(client)


def test_the_list_shows_none_that_has_ended(bob: User, clock: Clock) -> None:
    sign_in_from("bob"), by_sso(bob)
    assert sessions.list_active_sessions(bob).count() == 2
    clock.shift(timedelta(hours=1))
    assert [row.method for row in sessions.list_active_sessions(bob)] == ["password"]
    clock.shift(timedelta(hours=1))
    assert not sessions.list_active_sessions(bob).exists()
    client = sign_in_from("bob")
    use(client, clock, 10.5)
    clock.shift(timedelta(hours=1.5))
    assert not sessions.list_active_sessions(bob).exists()
    assert Session.objects.exists(), "its user can still be known"


def test_rows_go_in_the_end(bob: User, clock: Clock) -> None:
    client = sign_in_from("bob")
    assert client.cookies["sessionid"]["max-age"] == 24 * 3600
    clock.shift(timedelta(hours=24, seconds=1))
    actions.delete_expired_data()
    assert not Session.objects.exists()


def test_a_page_that_loads_itself_keeps_nothing_open(alice: User, clock: Clock) -> None:
    client = sign_in_from("alice")
    url = reverse("imports:plan", args=[send(client, INVITED).pk])
    assert client.post(url).status_code == 302
    clock.shift(timedelta(minutes=20))
    page = client.get(url)
    assert page["Refresh"] == "1"
    assert 'data-seconds="6000 ' in page.text
    clock.shift(timedelta(minutes=100))
    assert not is_signed_in(client)


def test_session_says_why(bob: User, clock: Clock) -> None:
    client = sign_in_from("bob")
    clock.shift(TWO_HOURS)
    assert "2 uur" in words(client)
    assert "2 uur" in words(client, "/profiel/sessies/")  # another tab
    client = sign_in_from("bob")
    use(client, clock, 10.5)
    clock.shift(timedelta(hours=1.5))
    assert "12 uur" in words(client)
    assert next_of(client.get("/profiel/sessies/?a=1")) == "/profiel/sessies/?a=1"
    assert words(Client()) == ""


def test_session_says_that_something_else_ended_it(bob: User, alice: User) -> None:
    client, other = sign_in_from("bob"), sign_in_from("bob")
    sessions.end_session(bob, UserSession.objects.order_by("pk")[0].pk, by=actor(bob))
    assert "ander apparaat" in words(client)
    sessions.end_all_sessions(bob, by=actor(bob))
    assert "ander apparaat" in words(other)
    blocked = sign_in_from("bob")
    User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now())
    assert "ander apparaat" in words(blocked)
    response = blocked.post("/profiel/sessies/overige-beeindigen/", headers={"Referer": "http://testserver/profiel/"})
    assert next_of(response).startswith("/bevestigen/verder/?next=%2Fprofiel%2Fsessies%2Foverige-beeindigen%2F&form=")
    assert blocked.session["pending_forms"], "kept for bob, if bob may ever sign in again"


@pytest.fixture
def late_submission(alice: User, bob: User, clock: Clock) -> tuple[Client, Any]:
    """Alice's browser, with a form submitted two hours after the last request, and the response."""
    client = sign_in_from("alice")
    clock.shift(TWO_HOURS)
    return client, client.post(
        f"/gebruikers/{bob.pk}/bewerken/", edited(bob, last_name="Nieuwenaam", password="x-9Geheim")
    )


def resumed(client: Client, target: str) -> dict[str, str]:
    """Return the form fields offered for resubmission at `target`."""
    response = client.get(target)
    assert response.status_code == 200, (response.status_code, target)
    return dict(response.context["pairs"])


def sign_in(client: Client, username: str, target: str) -> Any:
    return client.post("/inloggen/", {"username": username, "password": PASSWORD, "next": target})


def test_what_was_typed_is_offered_again(late_submission: tuple[Client, Any], bob: User) -> None:
    client, response = late_submission
    target = next_of(response)
    assert "bewaard" in client.get(response["Location"]).text
    bob.refresh_from_db()
    assert bob.last_name == "Bakker"
    assert sign_in(client, "alice", target)["Location"] == target
    pairs = resumed(client, target)
    assert (pairs["last_name"], "password" in pairs) == ("Nieuwenaam", False)
    assert client.post(f"/gebruikers/{bob.pk}/bewerken/", pairs).status_code == 302
    bob.refresh_from_db()
    assert bob.last_name == "Nieuwenaam"


def test_session_lies_encrypted_and_holds_no_secret(late_submission: tuple[Client, Any]) -> None:
    client, _response = late_submission
    stored = str([row.get_decoded() for row in Session.objects.all()])
    assert "Nieuwenaam" not in stored
    assert "Geheim" not in stored
    assert "_auth_user_id" not in client.session


def test_other_users_are_not_shown_it(late_submission: tuple[Client, Any], bob: User, charlie: User) -> None:
    client, response = late_submission
    target = next_of(response)
    for username in ("bob", "charlie"):
        sign_in(client, username, target)
        assert client.get(target)["Location"] == "/"
        assert not client.session.get("pending_forms")
        client.post("/uitloggen/")
    sign_in(client, "alice", target)
    assert client.get(target)["Location"] == "/", "it went when another user came in"


def test_a_second_step_carries_it(alice: User, bob: User, clock: Clock) -> None:
    secret = give_app(alice)
    client = factors.signed_in(alice, secret)
    clock.shift(TWO_HOURS)
    target = next_of(client.post(f"/gebruikers/{bob.pk}/bewerken/", edited(bob, last_name="Nieuwenaam")))
    response = sign_in(client, "alice", target)
    assert client.post(response["Location"], {"code": code_now(secret), "next": target})["Location"] == target
    assert resumed(client, target)["last_name"] == "Nieuwenaam"


def test_a_second_step_of_another_user_does_not(late_submission: tuple[Client, Any], bob: User) -> None:
    secret = give_app(bob)
    client, response = late_submission
    sign_in(client, "bob", next_of(response))
    assert not client.session.get("pending_forms")
    assert client.post("/inloggen/code/", {"code": code_now(secret)}).status_code == 302
    assert client.get(next_of(response))["Location"] == "/"


def test_a_passkey_carries_it(alice: User, bob: User, clock: Clock) -> None:
    client, key = sign_in_from("alice"), passkeys.SoftKey()
    assert make(client, key).status_code == 200
    clock.shift(TWO_HOURS)
    target = next_of(client.post(f"/gebruikers/{bob.pk}/bewerken/", edited(bob, last_name="Nieuwenaam")))
    assert show(client, key, f"?next={target}").json()["redirect_url"].startswith("/bevestigen/verder/")
    assert resumed(client, target)["last_name"] == "Nieuwenaam"


def test_microsoft_carries_it(alice: User, bob: User, clock: Clock, entra: Any) -> None:
    erin = make_azure_user(bob.provider, make_tenant(bob.provider, TID), OID, username="erin@devries.example")
    give(erin, Right.MANAGE_PROVIDER)
    client = Client()
    assert visit(client, entra).status_code == 302
    clock.shift(TWO_HOURS)
    target = next_of(client.post(f"/gebruikers/{bob.pk}/bewerken/", edited(bob, last_name="Nieuwenaam")))
    start = f"/inloggen/microsoft/?next={target}"
    assert visit(client, entra, start=start)["Location"].startswith("/bevestigen/verder/")
    assert resumed(client, target)["last_name"] == "Nieuwenaam"


def test_a_form_in_another_tab_is_kept_as_well(bob: User, alice: User, clock: Clock) -> None:
    client = sign_in_from("alice")
    clock.shift(TWO_HOURS)
    assert not is_signed_in(client)  # the first tab gets the new key
    assert client.post("/uitloggen/wachten/").status_code == 401  # and the second tab asks
    target = next_of(client.post(f"/gebruikers/{bob.pk}/bewerken/", edited(bob, last_name="Nieuwenaam")))
    sign_in(client, "alice", target)
    assert resumed(client, target)["last_name"] == "Nieuwenaam"


def test_a_file_is_not_kept_and_the_page_says_so(alice: User, clock: Clock) -> None:
    client = sign_in_from("alice")
    clock.shift(TWO_HOURS)
    file = SimpleUploadedFile("x.csv", b"a;b")
    response = client.post(
        "/gebruikers/importeren/", {"file": file}, headers={"Referer": "http://testserver/gebruikers/"}
    )
    assert next_of(response) == "/gebruikers/"
    assert "niet worden bewaard" in client.get(response["Location"]).text
    assert not client.session.get("pending_forms")


def test_an_ended_session_opens_nothing(alice: User, bob: User, clock: Clock) -> None:
    client, before = sign_in_from("alice"), Event.objects.count()
    clock.shift(TWO_HOURS)
    key = client.cookies["sessionid"].value
    for path in ("/", "/profiel/", "/gebruikers/", "/admin/", f"/gebruikers/{bob.pk}/"):
        thief = Client(headers={"Cookie": f"sessionid={key}"})
        assert thief.get(path).status_code == 302
        assert thief.post(path).status_code in (302, 405)
    assert Event.objects.count() == before


def test_staying_counts_as_use_and_moves_no_end(bob: User, clock: Clock) -> None:
    client = sign_in_from("bob")
    clock.shift(timedelta(minutes=119))
    assert client.get("/uitloggen/wachten/").status_code == 405
    assert client.post("/uitloggen/wachten/").json() == {"left": [7200, 12 * 3600 - 119 * 60]}
    clock.shift(timedelta(minutes=119))
    assert is_signed_in(client)
    assert Client().post("/uitloggen/wachten/").status_code == 401
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post("/uitloggen/wachten/").status_code == 403


def test_every_page_knows_how_long(alice_client: Client, alice: User, dora: User, clock: Clock) -> None:
    client = sign_in_from("alice", FIREFOX)
    clock.shift(timedelta(hours=1))
    assert 'data-seconds="7200 39600"' in client.get("/").text
    clock.shift(timedelta(seconds=30))
    assert 'data-seconds="7170 39570"' in client.get("/profiel/").text
    assert "session-warning" in factors.signed_in(dora, give_app(dora)).get("/admin/").text
    assert "session-warning" not in Client().get("/inloggen/").text
    assert AuthenticatorApp.objects.count() == 1


@pytest.mark.parametrize("path", ["/uitloggen/", "/oauth/logout/"])
def test_logging_out_clears_the_browser_under_tls(bob: User, path: str, settings: Settings) -> None:
    assert not sign_in_from("bob").post(path).has_header("Clear-Site-Data")
    client = Client()
    client.force_login(bob)
    assert client.post(path, secure=True)["Clear-Site-Data"] == '"cache", "storage"'
    assert not client.get("/profiel/", secure=True).has_header("Clear-Site-Data")
