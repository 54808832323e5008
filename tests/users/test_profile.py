"""The profile page, changing one's own address, and confirming an address."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import authentication.actions
import users.actions
import users.email_changes
from accounts.models import EmailChange, LoginMethod, Provider, User
from audit.models import Event, Verb
from authentication.models import PasswordResetToken
from outbox.models import Message
from permissions.checks import Right
from permissions.models import IndividualRight
from tests.helpers import audit_events
from tests.helpers.users import PASSWORD, actor, confirm_now, letter, make_user

pytestmark = pytest.mark.django_db
NEW = "nieuw@devries.example"


def link(kind: str = "confirm_address") -> str:
    body = letter(Message.objects.filter(kind=kind).latest("id"))
    return next(word.partition("localhost:8000")[2] for word in body.split() if "/email-bevestigen/" in word)


def test_it_changes_what_is_ones_own(bob_client: Client, bob: User) -> None:
    data = {"initials": "B.", "last_name": "Bakker", "place_of_employment": "Zwolle", "version": bob.version}
    data |= {"has_access_to_test_years": "on", "access_until": "2099-01-01", "email": NEW, "username": "x"}
    assert bob_client.post(reverse("users:profile"), data).status_code == 302
    bob.refresh_from_db()
    assert (bob.place_of_employment, bob.has_access_to_test_years, bob.access_until) == ("Zwolle", False, None)
    assert (bob.email, bob.username) == ("bob@devries.example", "bob")
    assert Event.objects.get().verb == Verb.USER_CHANGED


def test_it_asks_a_stranger_to_log_in(client: Client, db: None) -> None:
    for name in ("users:profile", "users:change_email"):
        assert client.get(reverse(name)).status_code == 302


def test_it_needs_the_password_for_another_address(bob_client: Client, bob: User) -> None:
    url = reverse("users:change_email")
    response = bob_client.post(url, {"email": NEW, "current_password": "Verkeerd-42"})
    assert response.context["form"].errors.as_data()["current_password"][0].code == "wrong"
    assert not EmailChange.objects.exists()
    assert bob_client.post(url, {"email": NEW, "current_password": PASSWORD}).status_code == 302
    assert EmailChange.objects.get().email == NEW


@pytest.mark.slow
def test_guessing_the_password_there_is_throttled(bob_client: Client) -> None:
    statuses = [
        bob_client.post(reverse("users:change_email"), {"email": NEW, "current_password": "Verkeerd-42"}).status_code
        for _try in range(30)
    ]
    assert statuses[0] == 200
    assert statuses[-1] == 429


@pytest.mark.slow
def test_one_cannot_flood_an_address_with_the_right_password(bob_client: Client, bob: User) -> None:
    for _round in range(12):
        bob_client.post("/bevestigen/", {"current_password": PASSWORD})  # restores the password attempts
        response = bob_client.post(reverse("users:change_email"), {"email": NEW, "current_password": PASSWORD})
    assert response.status_code == 429
    assert Message.objects.filter(recipient=NEW).count() == 10


def test_only_the_button_confirms(bob_client: Client, bob: User, client: Client) -> None:
    bob_client.post(reverse("users:change_email"), {"email": NEW, "current_password": PASSWORD})
    url = link()
    for _scan in range(3):
        assert client.get(url).status_code == 200
        assert client.head(url).status_code == 200
    bob.refresh_from_db()
    assert bob.email == "bob@devries.example"
    assert client.post(url).status_code == 200
    bob.refresh_from_db()
    assert bob.email == NEW
    assert Message.objects.get(kind="address_changed").recipient == "bob@devries.example"
    assert client.post(url).status_code == 404, "a link works once"
    assert Event.objects.filter(verb=Verb.EMAIL_CHANGED).count() == 1


def test_a_newer_request_kills_the_older_link(bob_client: Client, client: Client) -> None:
    url = reverse("users:change_email")
    bob_client.post(url, {"email": "eerst@devries.example", "current_password": PASSWORD})
    first = link()
    bob_client.post(url, {"email": NEW, "current_password": PASSWORD})
    assert client.get(first).status_code == 404
    assert client.get(link()).status_code == 200


def test_the_link_dies_after_two_days_and_with_a_block(
    bob_client: Client, bob: User, alice: User, client: Client
) -> None:
    bob_client.post(reverse("users:change_email"), {"email": NEW, "current_password": PASSWORD})
    url = link()
    with time_machine.travel(timezone.now() + timedelta(hours=49)):
        assert client.post(url).status_code == 404
    User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now())
    assert client.post(url).status_code == 404


def ask(client: Client, password: str = PASSWORD) -> str:
    """Request a new address; return the link that confirms it."""
    client.post(reverse("users:change_email"), {"email": NEW, "current_password": password})
    return link()


def test_a_new_password_or_a_block_ends_the_request(bob_client: Client, bob: User, alice: User, client: Client) -> None:
    url = ask(bob_client)
    changed = authentication.actions.change_password(bob, password="Regenboog-77", by=actor(bob))
    assert client.post(url).status_code == 404
    bob_client.force_login(changed)
    confirm_now(bob_client)
    url = ask(bob_client, "Regenboog-77")
    assert client.get(url).status_code == 200
    users.actions.block_user(bob, by=actor(alice))
    users.actions.unblock_user(bob, by=actor(alice))
    assert client.post(url).status_code == 404
    bob.refresh_from_db()
    assert bob.email == "bob@devries.example"


def test_the_password_links_sent_to_the_old_address_end(bob_client: Client, bob: User, client: Client) -> None:
    authentication.actions.email_password_link(bob, by=actor())
    client.post(ask(bob_client))
    bob.refresh_from_db()
    assert bob.email == NEW
    assert not PasswordResetToken.objects.exists()


@pytest.mark.parametrize("token", ["x", "🙂", "a" * 2000, "%00"])
def test_an_unknown_link_says_so(client: Client, db: None, token: str) -> None:
    assert client.get(reverse("users:confirm_email", args=[token])).status_code == 404


def test_a_machine_has_no_such_page(office: Provider) -> None:
    machine = make_user(office, login_method=LoginMethod.SSO_WEBSERVICE)
    client = Client()
    client.force_login(machine)
    assert client.get(reverse("users:change_email")).status_code == 404


def test_neither_token_nor_password_is_kept_readable(bob_client: Client) -> None:
    bob_client.post(reverse("users:change_email"), {"email": NEW, "current_password": PASSWORD})
    token = link().rstrip("/").rpartition("/")[2]
    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    kept.append(audit_events.read_history_text())
    kept += [str(row.__dict__) for row in EmailChange.objects.all()]
    kept += [str(row.__dict__) for row in Message.objects.all()]
    assert kept
    assert not [text for text in kept if token in text or PASSWORD in text]


def test_only_the_user_edits_a_profile(alice: User, bob: User) -> None:
    from django.core.exceptions import PermissionDenied

    from tests.helpers.users import actor

    with pytest.raises(PermissionDenied):
        users.actions.edit_profile(bob, details={"last_name": "X"}, version=1, by=actor(alice))
    with pytest.raises(PermissionDenied):
        users.actions.edit_profile(bob, details={"two_factor_required": False}, version=1, by=actor(bob))


def test_an_asker_who_lost_the_right_changes_nothing(bob: User, alice: User, office: Provider, client: Client) -> None:
    manager = make_user(office, Right.VIEW_USERS, Right.MANAGE_USERS, username="manager", last_name="Manager")
    users.email_changes.request_email_change(bob, NEW, by=actor(manager))
    url = link()
    assert client.get(url).status_code == 200
    given = IndividualRight.objects.create(provider=office, user=bob, right=Right.MANAGE_PROVIDER)
    assert client.post(url).status_code == 404, "bob holds more than the requester now"
    given.delete()
    assert client.get(url).status_code == 200
    manager.individual_rights.all().delete()
    assert client.post(url).status_code == 404
    bob.refresh_from_db()
    assert bob.email == "bob@devries.example"


def test_the_office_is_locked_while_the_asker_is_asked(bob: User, alice: User) -> None:
    users.email_changes.request_email_change(bob, NEW, by=actor(alice))
    token = link().rstrip("/").rpartition("/")[2]
    with CaptureQueriesContext(connection) as queries:
        users.email_changes.confirm_email_change(token, address="", correlation_id="")
    asked = [number for number, query in enumerate(queries) if "permissions_grant" in query["sql"]]
    (locked,) = [number for number, query in enumerate(queries) if "FOR NO KEY UPDATE" in query["sql"]]
    assert max(asked) > locked


def test_a_session_from_before_the_last_day_stays_ended(bob_client: Client, bob: User, alice: User) -> None:
    User.objects.filter(pk=bob.pk).update(access_until=timezone.localdate() - timedelta(days=1))
    assert bob_client.get(reverse("home")).status_code == 302
    bob.refresh_from_db()
    details = {"access_until": None}
    users.actions.edit_user(bob, details=details, email=bob.email, version=bob.version, by=actor(alice))
    assert bob_client.get(reverse("home")).status_code == 302
