"""The lists of a user's own sessions and of a colleague's."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.models import Event
from authentication import actions, sessions, user_agents
from authentication.mfa.actions import generate_recovery_codes
from authentication.models import UserSession
from authentication.session_store import SessionStore, hash_session_key
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers.mfa import give_app, make_half_signed_in_client, signed_in
from tests.helpers.users import PASSWORD, actor

pytestmark = pytest.mark.django_db
URL = "/profiel/sessies/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def sign_in_from(username: str, agent: str = FIREFOX) -> Client:
    """Return a browser in which a user entered the password."""
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR="192.0.2.7")
    assert client.post("/inloggen/", {"username": username, "password": PASSWORD}).status_code == 302
    return client


def of(user: User) -> str:
    return f"/gebruikers/{user.pk}/sessies/"


def is_signed_in(client: Client) -> bool:
    return client.get("/profiel/").status_code == 200


def test_session_list_says_since_when_from_where_and_how(bob: User) -> None:
    client, other = sign_in_from("bob"), sign_in_from("bob", "curl")
    row = UserSession.objects.get(session_id=hash_session_key(client.cookies["sessionid"].value))
    assert (row.method, row.address, row.browser, row.system) == ("password", "192.0.2.7", "Firefox", "Linux")
    response = client.get(URL)
    assert (response.status_code, response.context["current"]) == (200, row.pk)
    assert {shown.pk for shown in response.context["rows"]} == set(UserSession.objects.values_list("pk", flat=True))
    assert client.cookies["sessionid"].value not in response.text
    assert hash_session_key(other.cookies["sessionid"].value) not in response.text


def test_the_factor_of_a_session_is_recorded(bob: User) -> None:
    signed_in(bob, give_app(bob))
    code = generate_recovery_codes(bob, by=actor(bob))[0]
    make_half_signed_in_client(bob).post("/inloggen/herstelcode/", {"code": code})
    assert list(UserSession.objects.order_by("pk").values_list("method", flat=True)) == ["app", "recovery_code"]


def test_a_stranger_is_sent_to_the_login_page(client: Client, bob: User) -> None:
    for answer in (client.get(URL), client.post(f"{URL}overige-beeindigen/"), client.get(of(bob))):
        assert answer["Location"].startswith("/inloggen/")


def test_ending_one_kills_it_at_its_next_request(bob: User) -> None:
    client, other = sign_in_from("bob"), sign_in_from("bob")
    row = UserSession.objects.get(session_id=hash_session_key(other.cookies["sessionid"].value))
    for _press in range(2):
        assert client.post(f"{URL}{row.pk}/beeindigen/")["Location"] == URL
    assert (is_signed_in(client), is_signed_in(other)) == (True, False)
    assert not Session.objects.filter(pk=row.session_id).exists()
    event = Event.objects.get(verb="session_ended")
    assert (event.actor_id, event.target_id, event.changes["session"][1]) == (bob.pk, bob.pk, None)


def test_ending_the_present_one_is_logging_out(bob: User) -> None:
    client = sign_in_from("bob")
    assert client.post(f"{URL}{UserSession.objects.get().pk}/beeindigen/")["Location"] == "/uitloggen/"
    client.post("/uitloggen/")
    assert not UserSession.objects.exists()


def test_ending_all_others_keeps_this_one(bob: User) -> None:
    client, other, unknown = sign_in_from("bob"), sign_in_from("bob"), Client()
    unknown.force_login(bob)
    mine = UserSession.objects.order_by("pk")[0]
    assert client.post(f"{URL}overige-beeindigen/")["Location"] == URL
    assert (is_signed_in(client), is_signed_in(other), is_signed_in(unknown)) == (True, False, False)
    response = client.get(URL)
    assert [row.pk for row in response.context["rows"]] == [mine.pk] == [response.context["current"]]
    assert Event.objects.filter(verb="sessions_ended").count() == 1


def test_users_cannot_end_sessions_of_others(bob: User, alice: User, charlie: User) -> None:
    sign_in_from("alice"), sign_in_from("charlie")
    client = sign_in_from("bob")
    for row in UserSession.objects.exclude(user=bob):
        client.post(f"{URL}{row.pk}/beeindigen/")
        assert client.post(f"{of(row.user)}{row.pk}/beeindigen/").status_code == 403
        with pytest.raises(PermissionDenied):
            sessions.end_session(row.user, row.pk, by=actor(bob))
        with pytest.raises(PermissionDenied):
            sessions.end_all_sessions(row.user, by=actor(bob))
    assert UserSession.objects.count() == 3
    assert client.post(f"{URL}{uuid4()}/beeindigen/").status_code == 302
    assert not Event.objects.filter(verb__startswith="session").exists()


def test_get_changes_nothing(bob: User, alice_client: Client) -> None:
    client = sign_in_from("bob")
    row = UserSession.objects.get()
    for path in (f"{row.pk}/beeindigen/", "overige-beeindigen/"):
        assert client.get(URL + path).status_code == 405
    for path in (f"{row.pk}/beeindigen/", "beeindigen/"):
        assert alice_client.get(of(bob) + path).status_code == 405
    assert is_signed_in(client)


def test_session_list_wants_the_token_of_the_form(bob: User) -> None:
    client = sign_in_from("bob")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(f"{URL}overige-beeindigen/").status_code == 403


def test_an_administrator_sees_and_ends_those_of_a_colleague(bob: User, alice_client: Client, alice: User) -> None:
    first, second = sign_in_from("bob"), sign_in_from("bob")
    row = UserSession.objects.get(session_id=hash_session_key(first.cookies["sessionid"].value))
    assert {shown.user_id for shown in alice_client.get(of(bob)).context["rows"]} == {bob.pk}
    assert alice_client.post(f"{of(bob)}{row.pk}/beeindigen/")["Location"] == of(bob)
    assert (is_signed_in(first), is_signed_in(second)) == (False, True)
    assert alice_client.post(f"{of(bob)}beeindigen/")["Location"] == of(bob)
    assert not is_signed_in(second)
    assert list(alice_client.get(of(bob)).context["rows"]) == []
    assert set(Event.objects.filter(actor_id=alice.pk).values_list("verb", flat=True)) >= {
        "session_ended", "sessions_ended",
    }  # fmt: skip
    assert alice_client.get(f"/gebruikers/{bob.pk}/").text.count(of(bob)) == 2  # tab and menu


def test_ones_own_are_on_ones_own_page(alice_client: Client, alice: User) -> None:
    assert alice_client.get(of(alice))["Location"] == URL
    assert alice_client.post(f"{of(alice)}beeindigen/").status_code == 403


def test_the_session_must_be_of_the_person_in_the_address(bob: User, alice: User, alice_client: Client) -> None:
    sign_in_from("alice")
    row = UserSession.objects.get()
    assert alice_client.post(f"{of(bob)}{row.pk}/beeindigen/").status_code == 302
    assert UserSession.objects.filter(pk=row.pk).exists()


def test_another_office_does_not_exist(bob: User, charlie_client: Client) -> None:
    client = sign_in_from("bob")
    row = UserSession.objects.get()
    assert charlie_client.get(of(bob)).status_code == 404
    assert charlie_client.post(f"{of(bob)}beeindigen/").status_code == 404
    assert charlie_client.post(f"{of(bob)}{row.pk}/beeindigen/").status_code == 404
    assert is_signed_in(client)


def test_sessions_of_users_with_more_rights_are_not_shown(bob: User, alice: User, bob_client: Client) -> None:
    victim = sign_in_from("alice")
    row = UserSession.objects.get()
    assert bob_client.get(of(alice)).status_code == 403
    rights = [Right.VIEW_USERS, Right.MANAGE_USERS]
    IndividualRight.objects.bulk_create(IndividualRight(provider=bob.provider, user=bob, right=one) for one in rights)
    assert bob_client.get(of(alice)).status_code == 403
    assert bob_client.post(f"{of(alice)}beeindigen/").status_code == 403
    assert bob_client.post(f"{of(alice)}{row.pk}/beeindigen/").status_code == 403
    assert is_signed_in(victim)


def test_last_use_is_written_at_most_once_a_minute(bob: User) -> None:
    client = sign_in_from("bob")
    began = UserSession.objects.get().last_used_at
    with time_machine.travel(began + timedelta(seconds=59), tick=False):
        assert is_signed_in(client)
        assert UserSession.objects.get().last_used_at == began
    later = began + timedelta(minutes=1)
    with time_machine.travel(later, tick=False):
        assert is_signed_in(client)
        assert UserSession.objects.get().last_used_at == later
    with time_machine.travel(later + timedelta(seconds=59), tick=False):
        assert is_signed_in(client)
        assert UserSession.objects.get().last_used_at == later


def test_whatever_ends_every_session_empties_the_list(bob: User) -> None:
    client = sign_in_from("bob")
    data = {"current_password": PASSWORD, "password": "Korenbloem-97x", "password_again": "Korenbloem-97x"}
    sign_in_from("bob")
    response = client.post("/profiel/wachtwoord/", data)
    bob.refresh_from_db()
    if response.status_code == 302:
        assert sessions.list_active_sessions(bob).count() == 1
    assert response.status_code == 302, response.context["form"].errors.as_data()
    assert client.get(URL).context["current"] == sessions.list_active_sessions(bob).get().pk


def test_an_expired_one_goes_with_its_session(bob: User) -> None:
    sign_in_from("bob")
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not sessions.list_active_sessions(bob).exists()
    actions.delete_expired_data()
    assert not UserSession.objects.exists()


def test_signing_in_again_in_the_same_browser_leaves_one(bob: User) -> None:
    client = sign_in_from("bob")
    client.post("/uitloggen/")
    client.post("/inloggen/", {"username": "bob", "password": PASSWORD})
    assert UserSession.objects.count() == 1


def test_an_ended_session_does_not_live_on_under_a_new_key(bob: User) -> None:
    client = sign_in_from("bob")
    store = SessionStore(client.cookies["sessionid"].value)
    assert store.user_session is None
    store.keys()
    assert store.user_session is not None
    sessions.end_session(bob, store.user_session.pk, by=actor(bob))
    with pytest.raises(SessionInterrupted):
        store.cycle_key()
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, ("Firefox", "Linux")),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", ("Edge", "Windows")),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605 Version/18 Safari/605", ("Safari", "macOS")),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/140 Safari/604", ("Chrome", "iPhone")),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537", ("Chrome", "Android")),
        ("", ("", "")),
        ("<script>\u202e😀" * 10_000, ("", "")),
    ],
)
def test_a_browser_in_words(agent: str, words: tuple[str, str]) -> None:
    assert user_agents.parse_user_agent(agent) == words


@pytest.mark.parametrize("agent", ["", "<b>x</b>", "x" * 5000])
def test_an_unknown_browser_is_shown(bob: User, agent: str) -> None:
    assert sign_in_from("bob", agent).get(URL).status_code == 200
