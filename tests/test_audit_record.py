"""Writing the audit trail (rule 9)."""

import re

import pytest
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

import accounts.actions
import audit.actions
import signin.actions
from accounts.models import Provider, User
from audit.actors import Actor, Origin, Proof, operator, scheduled
from audit.models import Event, PersonKey, Verb
from signin import names
from teams.products import Product
from tests.people import actor

pytestmark = pytest.mark.django_db


def test_it_copies_who_what_and_where(office: Provider, alice: User, bob: User) -> None:
    by = Actor(Origin.PAGE, alice.full_name, alice, address="192.0.2.7", correlation_id="c-1", proof=Proof.FIVE_MINUTES)
    changes = {"prefix": ["", "de"]}
    audit.actions.record(Verb.USER_CHANGED, bob, by=by, provider_id=office.pk, changes=changes, reason="Huwelijk")
    event = Event.objects.get()
    assert (event.provider_id, event.actor_id, event.actor_name) == (office.pk, alice.pk, "A. de Vries")
    assert (event.target_kind, event.target_id, event.target_name) == ("user", bob.pk, "B. Bakker")
    assert (event.origin, event.address, event.correlation_id) == ("page", "192.0.2.7", "c-1")
    assert (event.changes, event.reason) == (changes, "Huwelijk")


def test_it_outlives_what_it_is_about(office: Provider, alice: User, bob: User) -> None:
    audit.actions.record(Verb.USER_CHANGED, bob, by=actor(alice), provider_id=office.pk)
    office.delete()
    assert Event.objects.get().target_name == "B. Bakker"
    assert not [field for field in Event._meta.get_fields() if isinstance(field, models.ForeignKey)]


def test_installation_and_operator_are_told_apart_from_people(office: Provider, bob: User) -> None:
    for by in (operator("demo"), scheduled("expire_invitations")):
        audit.actions.record(Verb.USER_CHANGED, bob, by=by, provider_id=office.pk)
    events = Event.objects.order_by("id")
    assert [(event.origin, event.actor_name, event.actor_id, event.address) for event in events] == [
        ("command", "manage.py demo", None, None),
        ("scheduled", "expire_invitations", None, None),
    ]


def test_long_names_and_reasons_fit(office: Provider, bob: User) -> None:
    bob.last_name = "x" * 300
    by = Actor(Origin.COMMAND, "y" * 300)
    audit.actions.record(Verb.USER_CHANGED, bob, by=by, provider_id=office.pk, reason="z" * 600)
    event = Event.objects.get()
    assert (len(event.target_name), len(event.actor_name), len(event.reason)) == (200, 200, 500)


@pytest.mark.django_db(transaction=True)
def test_it_belongs_in_the_transaction_of_the_change(office: Provider, bob: User) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        audit.actions.record(Verb.USER_CHANGED, bob, by=actor(), provider_id=office.pk)
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_without_its_event_a_change_is_undone(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError("no room for the event")

    monkeypatch.setattr(accounts.actions, "record", full)
    with pytest.raises(OSError, match="no room"):
        accounts.actions.block(bob, by=actor(alice))
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
    by = Actor(Origin.PAGE, alice.full_name, alice, address="192.0.2.7", on_behalf_of=bob, proof=Proof.FIVE_MINUTES)
    event = audit.actions.record(
        Verb.USER_CHANGED, bob, by=by, provider_id=office.pk, changes={"prefix": ["", "de"]}, reason="Huwelijk"
    )
    stored = str(Event.objects.values().get())
    assert not [word for word in ("Vries", "Bakker", "192.0.2.7", "Huwelijk", "prefix") if word in stored]
    fresh = Event.objects.get()
    assert (fresh.actor_name, fresh.on_behalf_of_name, fresh.reason) == ("A. de Vries", "B. Bakker", event.reason)


def test_the_address_of_a_stranger_is_that_of_whom_he_tried(office: Provider, bob: User) -> None:
    stranger = Actor(Origin.PAGE, "stranger", address="192.0.2.7")
    audit.actions.record(Verb.SIGN_IN_REFUSED, bob, by=stranger, provider_id=office.pk)
    assert "192.0.2.7" not in str(Event.objects.values().get())
    assert Event.objects.get().address == "192.0.2.7"


def test_members_of_enumerations_are_their_values(office: Provider, bob: User) -> None:
    changes = {"x": [Origin.PAGE, list(Product)[:1]], "y": (True, {"z": 3})}
    event = audit.actions.record(Verb.USER_CHANGED, bob, by=actor(), provider_id=office.pk, changes=changes)
    assert event.changes == {"x": ["page", [next(iter(Product)).value]], "y": [True, {"z": 3}]}


def test_who_is_locked_for_a_change_brings_the_keys_along(alice: User, bob: User) -> None:
    details = {"place_of_employment": "Genemuiden"}
    with CaptureQueriesContext(connection) as queries:
        accounts.actions.edit(bob, details=details, email=bob.email, version=bob.version, by=actor(alice))
    assert ["FOR UPDATE" in query["sql"] for query in queries if "audit_personkey" in query["sql"]] == [True]
    event = Event.objects.get(verb=Verb.USER_CHANGED)
    assert event.key_ids() == {str(key.pk) for key in PersonKey.objects.filter(person_id__in=[alice.pk, bob.pk])}
    assert (event.actor_name, event.target_name) == ("A. de Vries", "B. Bakker")


def test_whoever_has_no_key_yet_gets_one(alice: User, bob: User) -> None:
    PersonKey.objects.all().delete()
    details = {"place_of_employment": "Genemuiden"}
    accounts.actions.edit(bob, details=details, email=bob.email, version=bob.version, by=actor(alice))
    assert {key.person_id for key in PersonKey.objects.all()} == {alice.pk, bob.pk}
    assert Event.objects.get(verb=Verb.USER_CHANGED).actor_name == "A. de Vries"


def test_a_refusal_asks_the_same_of_somebody_and_of_nobody(bob: User) -> None:
    """Also at a door that found somebody otherwise than by the username, without the key."""
    stranger = Actor(Origin.PAGE, "", address="192.0.2.7")
    asked, by_name = [], names.named("bob")
    assert by_name is not None
    assert by_name.history_key
    for user in (None, bob, by_name):
        with CaptureQueriesContext(connection) as queries:
            signin.actions.record_refusal(user, "unknown", by=stranger)
        asked.append([re.split(r'VALUES|WHERE|"s\d', query["sql"])[0] for query in queries])
    assert asked[0] == asked[1] == asked[2]
    assert any("audit_personkey" in sql for sql in asked[0])
