"""The e-mailed link for choosing a new password."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection, connections, transaction
from django.db.utils import IntegrityError
from django.test import Client
from django.utils import timezone

from accounts import passwords
from accounts.models import User
from audit.actors import Actor, EventOrigin
from audit.models import Event, Verb
from authentication import actions
from authentication.models import PasswordResetToken
from core import encryption
from core.models import Throttle
from outbox.models import Message
from tests.helpers.users import PASSWORD

pytestmark = pytest.mark.django_db
URL = "/wachtwoord-vergeten/nieuw/"
NEW = "Regenboog-77"


def make(user: User) -> tuple[PasswordResetToken, str]:
    token = encryption.generate_token()
    reset = PasswordResetToken.objects.create(
        provider=user.provider, user=user, token_hash=encryption.hash_token(token),
        expires_at=timezone.now() + timedelta(minutes=60),
    )  # fmt: skip
    return reset, f"/wachtwoord-vergeten/{token}/"


def opened(user: User) -> tuple[PasswordResetToken, Client]:
    reset, link = make(user)
    client = Client()
    client.get(link)
    return reset, client


def send(client: Client, reset: PasswordResetToken, password: str = NEW, again: str | None = None) -> Any:
    return client.post(URL, {"reset": reset.pk, "password": password, "password_again": again or password})


def unchanged(user: User) -> bool:
    user.refresh_from_db()
    return passwords.verify_password(PASSWORD, user.password)


def test_the_token_leaves_the_address_for_a_cookie(client: Client, alice: User) -> None:
    _, link = make(alice)
    response = client.get(link)
    assert (response.status_code, response["Location"]) == (302, URL)
    cookie = client.cookies["reset"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/", True, "Lax")
    assert client.get(URL).context["owner"] == alice
    assert not Session.objects.exists()


def test_looking_changes_nothing(client: Client, alice: User) -> None:
    _, link = make(alice)
    for _ in range(3):
        client.head(link)
        client.get(link)
        client.head(URL)
        client.get(URL)
    assert PasswordResetToken.objects.get().is_open()
    assert client.post(link).status_code == 405
    assert unchanged(alice)
    assert not Event.objects.exists()


def test_password_link_sets_the_password_and_ends_everything_else(alice_client: Client, alice: User) -> None:
    make(alice)
    reset, client = opened(alice)
    response = send(client, reset)
    assert (response.status_code, response["Location"]) == (302, "/inloggen/")
    alice.refresh_from_db()
    assert passwords.verify_password(NEW, alice.password)
    assert not PasswordResetToken.objects.exists()
    assert "_auth_user_id" not in client.session
    assert alice_client.get("/")["Location"].startswith("/inloggen/")
    message = Message.objects.get()
    assert (message.kind, message.recipient) == ("password_changed", alice.email)
    event = Event.objects.get()
    assert (event.verb, event.target_id, event.address) == (Verb.PASSWORD_CHANGED, alice.pk, "127.0.0.1")
    assert client.cookies["reset"].value == ""
    assert client.get(URL).status_code == 404
    assert any(name.startswith("device-") for name in client.cookies)
    client.post("/inloggen/", {"username": "alice", "password": NEW})
    assert "_auth_user_id" in client.session


def test_password_link_works_once(alice: User) -> None:
    reset, link = make(alice)
    first, second = Client(), Client()
    first.get(link)
    second.get(link)
    send(first, reset)
    response = send(second, reset, "Korenbloem-17")
    assert response.status_code == 404
    alice.refresh_from_db()
    assert passwords.verify_password(NEW, alice.password)


def test_used_expired_unknown_and_damaged_links_look_alike(alice: User) -> None:
    reset, client = opened(alice)
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        texts = [client.get(URL).text]
    Throttle.objects.all().delete()  # they were counted in the future
    reset.delete()
    texts.append(client.get(URL).text)
    for link in ("x" * 43, "é", "a" * 5000, "%00", "a%0d%0aSet-Cookie: x=y", "😀"):
        other = Client()
        response = other.get(f"/wachtwoord-vergeten/{link}/")
        assert response["Location"] == URL
        assert other.get(URL).status_code == 404
        texts.append(other.get(URL).text)
    forged = Client()
    forged.cookies["reset"] = "x:y:z"
    texts.append(forged.get(URL).text)
    texts.append(Client().get(URL).text)
    assert len({text.split("<main")[1] for text in texts}) == 1


@pytest.mark.parametrize("change", [{"blocked_at": timezone.now()}, {"access_until": "2020-01-01"}])
def test_password_link_is_closed_for_users_without_access(alice: User, change: dict[str, Any]) -> None:
    reset, client = opened(alice)
    User.objects.filter(pk=alice.pk).update(**change)
    assert client.get(URL).status_code == 404
    assert send(client, reset).status_code == 404
    by = Actor(origin=EventOrigin.PAGE, name="")
    with pytest.raises(actions.PasswordChangeNotAllowed):
        actions.reset_password(reset, password=NEW, by=by)
    assert unchanged(alice)


def test_each_tab_sets_the_password_of_its_own_account(alice: User, bob: User) -> None:
    mine, client = opened(alice)
    theirs, link = make(bob)
    client.get(link)
    assert client.get(URL).context["owner"] == bob
    wrong = send(client, mine, "kort")
    assert wrong.context["owner"] == alice
    assert send(client, mine)["Location"] == "/inloggen/"
    assert (unchanged(alice), unchanged(bob)) == (False, True)
    assert client.get(URL).context["owner"] == bob
    assert send(client, theirs)["Location"] == "/inloggen/"
    assert not unchanged(bob)
    assert client.cookies["reset"].value == ""


def test_a_form_of_a_link_that_this_browser_did_not_open_is_refused(alice: User, bob: User) -> None:
    _reset, client = opened(alice)
    other, _link = make(bob)
    for named in (other.pk, "nonsense", "\x00"):
        response = client.post(URL, {"reset": named, "password": NEW, "password_again": NEW})
        assert "reset" in response.context["form"].errors
    assert unchanged(alice)
    assert unchanged(bob)


def test_five_links_are_kept(alice: User, bob: User) -> None:
    first, client = opened(alice)
    for _link in range(5):
        client.get(make(bob)[1])
    assert len(client.cookies["reset"].value) < 500
    assert "reset" in send(client, first).context["form"].errors


@pytest.mark.parametrize(
    ("password", "again", "field", "code"),
    [
        ("", "", "password", "required"),
        ("Kort-1", None, "password", "length"),
        ("alleenkleineletters", None, "password", "classes"),
        ("Password1", None, "password", "common"),
        ("Zomer-2026!", None, "password", "common"),
        ("alice-A1", None, "password", "similar"),
        ("Devries-1", None, "password", "similar"),
        (NEW, NEW + "x", "password_again", "mismatch"),
        (NEW, NEW + " ", "password_again", "mismatch"),
        (NEW + "\x00", None, "password", "null_characters_not_allowed"),
        ("Aa1-" + "x" * 300, None, "password", "max_length"),
        ("Aa1-" + "x" * 100_000, None, "password", "max_length"),
    ],
)
def test_password_link_refuses_a_bad_password(
    alice: User, password: str, again: str | None, field: str, code: str
) -> None:
    alice.last_name, alice.prefix = "Devries", ""
    alice.save()
    reset, client = opened(alice)
    response = send(client, reset, password, again)
    assert response.status_code == 200
    assert code in [error.code for error in response.context["form"].errors.as_data()[field]]
    assert unchanged(alice)
    assert reset.is_open()
    assert not password or password not in response.text


@pytest.mark.parametrize("password", ["😀🔑Sleutel1", "\u202eRegenboog-77", " Regenboog-77 ", "<script>1A"])
def test_password_link_takes_a_password_exactly_as_typed(alice: User, password: str) -> None:
    reset, client = opened(alice)
    assert send(client, reset, password).status_code == 302
    alice.refresh_from_db()
    assert passwords.verify_password(password, alice.password)


def test_password_link_wants_the_csrf_token_and_a_small_body(alice: User) -> None:
    reset, link = make(alice)
    client = Client(enforce_csrf_checks=True)
    client.get(link)
    assert send(client, reset).status_code == 403
    _, client = opened(alice)
    assert send(client, reset, "x" * 1_000_000).status_code == 400
    assert unchanged(alice)


def test_password_link_stops_a_network_that_tries_many_links(client: Client, alice: User) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        statuses = [client.get(URL).status_code for _ in range(61)]
    assert statuses == [404] * 60 + [429]


def test_the_token_and_the_password_are_kept_nowhere(alice: User, capfd: Any, caplog: Any) -> None:
    token = encryption.generate_token()
    PasswordResetToken.objects.create(
        provider=alice.provider, user=alice, token_hash=encryption.hash_token(token),
        expires_at=timezone.now() + timedelta(minutes=60),
    )  # fmt: skip
    client = Client()
    client.get(f"/wachtwoord-vergeten/{token}/")
    send(client, PasswordResetToken.objects.get())
    output = capfd.readouterr()
    with connection.cursor() as cursor:
        dump = ""
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            dump += str(cursor.fetchall())
    sessions = str([row.get_decoded() for row in Session.objects.all()])
    for kept in (dump, sessions, output.out, output.err, caplog.text):
        assert token not in kept
        assert NEW not in kept


def test_a_link_is_of_the_office_of_its_person(alice: User, charlie: User) -> None:
    with pytest.raises(IntegrityError, match="same_office"), transaction.atomic():
        move_to_office_of(charlie, make(alice)[0])


def move_to_office_of(user: User, reset: PasswordResetToken) -> None:
    PasswordResetToken.objects.filter(pk=reset.pk).update(provider=user.provider)
    connection.check_constraints()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_give_one_result(alice: User) -> None:
    reset, link = make(alice)

    def one(number: int) -> int:
        try:
            client = Client()
            client.get(link)
            return send(client, reset, f"Regenboog-{number}-{number}").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [302, 404, 404, 404]
    assert Event.objects.count() == 1
