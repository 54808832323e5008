"""Recording audit events (rule 9)."""

import re

import pytest
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

import audit.actions
import authentication.actions
import users.actions
from accounts import user_lookup
from accounts.models import Provider, User
from audit.actors import Actor, EventOrigin, build_job_actor, build_operator
from audit.models import Event, UserEncryptionKey, Verb
from core.access import ReauthenticationLevel
from permissions.products import Product
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db


def test_event_copies_actor_target_and_origin(office: Provider, alice: User, bob: User) -> None:
    by = Actor(
        EventOrigin.PAGE,
        alice.full_name,
        alice,
        address="192.0.2.7",
        correlation_id="c-1",
        proof=ReauthenticationLevel.FIVE_MINUTES,
    )
    changes = {"prefix": ["", "de"]}
    audit.actions.record(Verb.USER_CHANGED, bob, by=by, provider_id=office.pk, changes=changes, reason="Huwelijk")
    event = Event.objects.get()
    assert (event.provider_id, event.actor_id, event.actor_name) == (office.pk, alice.pk, "A. de Vries")
    assert (event.target_kind, event.target_id, event.target_name) == ("user", bob.pk, "B. Bakker")
    assert (event.origin, event.address, event.correlation_id) == ("page", "192.0.2.7", "c-1")
    assert (event.changes, event.reason) == (changes, "Huwelijk")


def test_event_outlives_its_target(office: Provider, alice: User, bob: User) -> None:
    audit.actions.record(Verb.USER_CHANGED, bob, by=actor(alice), provider_id=office.pk)
    office.delete()
    assert Event.objects.get().target_name == "B. Bakker"
    assert not [field for field in Event._meta.get_fields() if isinstance(field, models.ForeignKey)]


def test_installation_and_operator_are_told_apart_from_people(office: Provider, bob: User) -> None:
    for by in (build_operator("demo"), build_job_actor("expire_invitations")):
        audit.actions.record(Verb.USER_CHANGED, bob, by=by, provider_id=office.pk)
    events = Event.objects.order_by("id")
    assert [(event.origin, event.actor_name, event.actor_id, event.address) for event in events] == [
        ("command", "manage.py demo", None, None),
        ("scheduled", "expire_invitations", None, None),
    ]


def test_long_names_and_reasons_fit(office: Provider, bob: User) -> None:
    bob.last_name = "x" * 300
    by = Actor(EventOrigin.COMMAND, "y" * 300)
    audit.actions.record(Verb.USER_CHANGED, bob, by=by, provider_id=office.pk, reason="z" * 600)
    event = Event.objects.get()
    assert (len(event.target_name), len(event.actor_name), len(event.reason)) == (200, 200, 500)


@pytest.mark.django_db(transaction=True)
def test_event_outside_a_transaction_is_refused(office: Provider, bob: User) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        audit.actions.record(Verb.USER_CHANGED, bob, by=actor(), provider_id=office.pk)
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_without_its_event_a_change_is_undone(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError("no room for the event")

    monkeypatch.setattr(users.actions, "record_many", full)
    with pytest.raises(OSError, match="no room"):
        users.actions.block_user(bob, by=actor(alice))
    bob.refresh_from_db()
    assert bob.blocked_at is None


def test_what_was_moved_to_another_event_cannot_be_read(office: Provider, bob: User) -> None:
    event, other = (
        audit.actions.record(Verb.USER_CHANGED, bob, by=actor(), provider_id=office.pk, reason=reason)
        for reason in ("een", "twee")
    )
    event.what = other.what
    assert (event.target_name, event.reason, event.changes) == ("niet leesbaar", "", {})


def test_a_secret_is_never_in_it(office: Provider, bob: User) -> None:
    changes = {
        "password": ["old", "$argon2id$new"],
        "token": [None, "x" * 43],
        "prefix": ["", "de"],
        "code": ["", None],
    }
    event = audit.actions.record(Verb.USER_CHANGED, bob, by=actor(), provider_id=office.pk, changes=changes)
    assert event.changes == {
        "password": ["changed", "changed"], "token": [None, "changed"], "prefix": ["", "de"], "code": ["", None],
    }  # fmt: skip


@pytest.mark.parametrize("value", [1.5, b"x", object(), {1: 2}, [0.1], {"a": float("nan")}])
def test_what_has_no_one_spelling_is_refused(office: Provider, bob: User, value: object) -> None:
    with pytest.raises(TypeError):
        audit.actions.record(Verb.USER_CHANGED, bob, by=actor(), provider_id=office.pk, changes={"x": [None, value]})


def test_nothing_of_a_person_is_readable_in_the_table(office: Provider, alice: User, bob: User) -> None:
    by = Actor(
        EventOrigin.PAGE,
        alice.full_name,
        alice,
        address="192.0.2.7",
        on_behalf_of=bob,
        proof=ReauthenticationLevel.FIVE_MINUTES,
    )
    event = audit.actions.record(
        Verb.USER_CHANGED, bob, by=by, provider_id=office.pk, changes={"prefix": ["", "de"]}, reason="Huwelijk"
    )
    stored = str(Event.objects.values().get())
    assert not [word for word in ("Vries", "Bakker", "192.0.2.7", "Huwelijk", "prefix") if word in stored]
    fresh = Event.objects.get()
    assert (fresh.actor_name, fresh.on_behalf_of_name, fresh.reason) == ("A. de Vries", "B. Bakker", event.reason)


def test_an_anonymous_address_is_encrypted_for_the_user_who_was_tried(office: Provider, bob: User) -> None:
    stranger = Actor(EventOrigin.PAGE, "stranger", address="192.0.2.7")
    audit.actions.record(Verb.SIGN_IN_REFUSED, bob, by=stranger, provider_id=office.pk)
    assert "192.0.2.7" not in str(Event.objects.values().get())
    assert Event.objects.get().address == "192.0.2.7"


def test_members_of_enumerations_are_their_values(office: Provider, bob: User) -> None:
    changes = {"x": [EventOrigin.PAGE, list(Product)[:1]], "y": (True, {"z": 3})}
    event = audit.actions.record(Verb.USER_CHANGED, bob, by=actor(), provider_id=office.pk, changes=changes)
    assert event.changes == {"x": ["page", [next(iter(Product)).value]], "y": [True, {"z": 3}]}


def test_who_is_locked_for_a_change_brings_the_keys_along(alice: User, bob: User) -> None:
    details = {"place_of_employment": "Genemuiden"}
    with CaptureQueriesContext(connection) as queries:
        users.actions.edit_user(bob, details=details, email=bob.email, version=bob.version, by=actor(alice))
    assert ["FOR UPDATE" in query["sql"] for query in queries if "audit_userencryptionkey" in query["sql"]] == [True]
    event = Event.objects.get(verb=Verb.USER_CHANGED)
    assert event.key_ids() == {str(key.pk) for key in UserEncryptionKey.objects.filter(user_id__in=[alice.pk, bob.pk])}
    assert (event.actor_name, event.target_name) == ("A. de Vries", "B. Bakker")


def test_users_without_a_key_get_one(alice: User, bob: User) -> None:
    UserEncryptionKey.objects.all().delete()
    details = {"place_of_employment": "Genemuiden"}
    users.actions.edit_user(bob, details=details, email=bob.email, version=bob.version, by=actor(alice))
    assert {key.user_id for key in UserEncryptionKey.objects.all()} == {alice.pk, bob.pk}
    assert Event.objects.get(verb=Verb.USER_CHANGED).actor_name == "A. de Vries"


def test_a_refusal_takes_the_same_queries_with_and_without_a_user(bob: User) -> None:
    """This includes users that were found in another way than by username, without the key."""
    stranger = Actor(EventOrigin.PAGE, "", address="192.0.2.7")
    asked, by_name = [], user_lookup.find_user_by_username_key("bob")
    assert by_name is not None
    assert by_name.history_key
    for user in (None, bob, by_name):
        with CaptureQueriesContext(connection) as queries:
            authentication.actions.record_failed_sign_in(user, "unknown", by=stranger)
        asked.append([re.split(r'VALUES|WHERE|"s\d', query["sql"])[0] for query in queries])
    assert asked[0] == asked[1] == asked[2]
    assert any("audit_userencryptionkey" in sql for sql in asked[0])
