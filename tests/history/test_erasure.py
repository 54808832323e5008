"""Erasing a user: no personal data is left, and the history is complete."""

import subprocess
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

import audit.export
import invitations.actions
import teams.actions
import users.actions
from accounts.models import Provider, User
from audit import checkpoints, encryption_keys, verify
from audit.models import Event, UserEncryptionKey, Verb
from core import db_roles
from core.embedded_postgres import server
from history import erasure
from invitations.models import Invitation
from outbox.models import Message
from permissions.models import Team
from tests.helpers.users import actor, make_user

DETAILS = {
    "initials": "Q.",
    "first_name": "Quirijn",
    "last_name": "Zwartewater",
    "email": "quirijn@zwartewater.example",
    "phone_number": "0384567890",
    "place_of_employment": "Genemuiden",
}
WORDS = ["quirijn", "zwartewater", "genemuiden", "0384567890", "203.0.113.77", "qzw-naam"]


@pytest.fixture
def quirijn(office: Provider, alice: User) -> User:
    """A user with a long history, who left long ago."""
    by = actor(alice)
    user = invitations.actions.invite_user(office, details=DETAILS, mobile_number="+31612345678", by=by)
    with transaction.atomic():
        team = teams.actions.create_team(office, name="Loon", by=by)
        teams.actions.change_members(team, add=[user], by=by)
        audit.actions.record(
            Verb.USER_CHANGED, user, by=by, provider_id=office.pk, changes={"username": ["", "qzw-naam"]},
            reason="Zwartewater heet nu anders",
        )  # fmt: skip
        own = audit.actors.Actor(audit.actors.EventOrigin.PAGE, user.full_name, user, address="203.0.113.77")
        audit.actions.record(Verb.SIGNED_IN, user, by=own, provider_id=office.pk)
    users.actions.block_user(user, by=by)
    User.objects.filter(pk=user.pk).update(blocked_at=timezone.now() - timedelta(days=800))
    return User.objects.select_related("provider").get(pk=user.pk)


def said(office: Provider, user: User, alice: User) -> str:
    """Return the history of a user as text."""
    events = Event.objects.filter(target_id=user.pk).order_by("id")
    return "\n".join(f"{event} {event.changes} {event.reason} {event.address}" for event in events)


def dump() -> str:
    """Return the whole database as pg_dump writes it."""
    where = connection.settings_dict
    command = [str(server.get_binary_dir() / "pg_dump"), "-h", where["HOST"], "-p", where["PORT"], "--inserts", "-U"]
    done = subprocess.run([*command, db_roles.get_owner_role()["USER"], where["NAME"]], capture_output=True, check=True)
    return done.stdout.decode().lower()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_nothing_says_who_it_was_and_the_history_is_intact(
    office: Provider, alice: User, quirijn: User, caplog: pytest.LogCaptureFixture
) -> None:
    before = audit.export.begin_export(office, by=actor(alice))
    old = checkpoints.sign_current_head(office.pk)
    assert b"".join(before.lines()).count(str(quirijn.pk).encode()) > 3
    assert any(word in dump() for word in WORDS), "else this test looks in the wrong place"
    assert "Q. Zwartewater" in said(office, quirijn, alice)
    with caplog.at_level("DEBUG"):
        erasure.erase_user(quirijn, by=actor(alice))
    lines = list(audit.export.begin_export(office, by=actor(alice)).lines())
    public = load_pem_public_key(checkpoints.get_public_key_pem())
    assert verify.verify_history(lines, [old, checkpoints.sign_current_head(office.pk)], public).startswith("intact")
    texts = {"dump": dump(), "export": b"".join(lines).decode().lower(), "log": caplog.text.lower()}
    texts["history"] = said(office, quirijn, alice).lower()
    assert [(word, name) for word in WORDS for name, text in texts.items() if word in text] == []
    assert f"verwijderde gebruiker {str(quirijn.pk)[-4:]}".lower() in texts["history"]
    assert not Invitation.objects.exists()
    assert not Message.objects.filter(user_id=quirijn.pk).exists()


@pytest.mark.django_db
def test_later_events_about_an_erased_user_are_unreadable(office: Provider, alice: User, quirijn: User) -> None:
    erasure.erase_user(quirijn, by=actor(alice))
    late = audit.actions.record(Verb.SIGN_IN_REFUSED, quirijn, by=actor(), provider_id=office.pk, reason="blocked")
    assert late.target_name.startswith("verwijderde gebruiker ")
    assert late.reason == ""
    (kept,) = UserEncryptionKey.objects.filter(user_id=quirijn.pk)
    assert kept.encrypted_key is None
    assert encryption_keys.get_or_create_keys([quirijn])[quirijn.pk].id != str(kept.pk)


@pytest.mark.django_db
def test_the_erasure_event_does_not_use_the_destroyed_key(alice: User, quirijn: User) -> None:
    """A copy of the database from before still has that one."""
    destroyed = UserEncryptionKey.objects.get(user_id=quirijn.pk)
    erasure.erase_user(quirijn, by=actor(alice))
    erased = Event.objects.get(verb=Verb.USER_ERASED)
    assert erased.what["person_id"] == str(quirijn.pk)
    assert erased.what["key"] != str(destroyed.pk)


@pytest.mark.django_db
def test_others_are_named_as_before(office: Provider, alice: User, quirijn: User) -> None:
    erasure.erase_user(quirijn, by=actor(alice))
    event = Event.objects.get(verb=Verb.USER_ERASED)
    assert event.actor_name == "A. de Vries"
    assert event.target_id == quirijn.pk
    assert Team.objects.get().members.count() == 0


@pytest.mark.django_db
def test_only_who_left_and_after_the_term(office: Provider, alice: User, quirijn: User, bob: User) -> None:
    for user, changes in (
        (bob, {}),
        (quirijn, {"blocked_at": timezone.now() - timedelta(days=700)}),
        (quirijn, {"blocked_at": None, "access_until": timezone.localdate() - timedelta(days=5)}),
        (quirijn, {"blocked_at": None, "access_until": None}),
    ):
        User.objects.filter(pk=user.pk).update(**changes)
        with pytest.raises(ValidationError) as refused:
            erasure.erase_user(user, by=actor(alice))
        assert refused.value.code == "kept"
    assert User.objects.filter(pk__in=[bob.pk, quirijn.pk]).count() == 2
    Provider.objects.update(erase_after_months=0)
    User.objects.filter(pk=quirijn.pk).update(access_until=timezone.localdate() - timedelta(days=5))
    erasure.erase_user(quirijn, by=actor(alice))


@pytest.mark.django_db
def test_only_an_administrator_of_the_office(office: Provider, quirijn: User, bob: User, charlie: User) -> None:
    manager = make_user(office, "manage_users", username="beheer")
    for user in (bob, manager, charlie, quirijn):
        with pytest.raises(PermissionDenied):
            erasure.erase_user(quirijn, by=actor(user))
    assert User.objects.filter(pk=quirijn.pk).exists()


@pytest.mark.django_db
def test_twice_is_once(office: Provider, alice: User, quirijn: User) -> None:
    erasure.erase_user(quirijn, by=actor(alice))
    quirijn.pk = Event.objects.get(verb=Verb.USER_ERASED).target_id
    with pytest.raises(User.DoesNotExist):
        erasure.erase_user(quirijn, by=actor(alice))
    assert Event.objects.filter(verb=Verb.USER_ERASED).count() == 1


@pytest.mark.django_db
def test_the_command_asks_and_does_it(quirijn: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda text: "no")
    with pytest.raises(CommandError, match="nothing was erased"):
        call_command("erase_user", str(quirijn.pk))
    with pytest.raises(CommandError):
        call_command("erase_user", str(bob.pk), "--yes")
    answer = StringIO()
    call_command("erase_user", str(quirijn.pk), "--yes", stdout=answer)
    assert answer.getvalue() == "The user has been erased.\n"
    with pytest.raises(CommandError, match="There is no user with ID"):
        call_command("erase_user", str(quirijn.pk), "--yes")
