"""The history is append-only: triggers for every role, and an application role without other privileges."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, connection, transaction

import audit.actions
from accounts.models import Provider, User
from audit import chain, checkpoints
from audit.models import ChainLink, Checkpoint, Event, PendingEvent, Verb
from core import db_roles
from tests.conftest import APPEND_ONLY
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(office: Provider, bob: User) -> Event:
    """An event with its chain link, followed by a checkpoint."""
    with transaction.atomic():
        made = audit.actions.record(Verb.USER_BLOCKED, bob, by=actor(), provider_id=office.pk)
    checkpoints.save_checkpoint_if_due(office.pk)
    return made


def refused(statement: str, text: str) -> None:
    with pytest.raises(DatabaseError, match=text), transaction.atomic():
        db_roles.execute_statements([statement])


@pytest.mark.parametrize("table", [*APPEND_ONLY, "audit_pendingevent"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET provider_id = NULL", "DELETE FROM {}"])
def test_the_application_may_not(event: Event, table: str, statement: str) -> None:
    refused(statement.format(table), "permission denied")
    refused("INSERT INTO audit_pendingevent (event_id) VALUES (gen_random_uuid())", "permission denied")
    assert (Event.objects.count(), ChainLink.objects.count(), Checkpoint.objects.count()) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_owner_is_refused_as_well(event: Event, table: str) -> None:
    with db_roles.use_owner_role():
        for statement in (f"UPDATE {table} SET provider_id = NULL", f"DELETE FROM {table}"):
            refused(statement, "cannot be changed")
        with transaction.atomic():
            db_roles.execute_statements([f"ALTER TABLE {table} ENABLE TRIGGER {table}_not_emptied"])
            refused(f"TRUNCATE {table}", "cannot be changed")
            transaction.set_rollback(True)
    assert (Event.objects.count(), ChainLink.objects.count(), Checkpoint.objects.count()) == (1, 1, 1)


def test_the_application_is_not_the_owner_whatever_it_says(event: Event) -> None:
    db_roles.execute_statements(["SET LOCAL loket.removes_history = 'yes'"])
    refused("DELETE FROM audit_event", "permission denied")
    for statement in (
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "DROP TABLE audit_event",
        "DROP TRIGGER audit_event_stays ON audit_event",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        f"SET ROLE {db_roles.get_owner_role()['USER']}",
        "CREATE TABLE more (id int)",
    ):
        refused(statement, "must be owner|permission denied")


@pytest.mark.parametrize("change", [Event.save, Event.delete, lambda event: Event.objects.filter(pk=event.pk).delete()])
def test_django_may_not_either(event: Event, change: Callable[[Event], object]) -> None:
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        change(event)


def test_only_an_event_that_waits_gets_a_link(office: Provider, event: Event) -> None:
    for event_id, provider_id in ((event.pk, None), (office.pk, office.pk)):
        with pytest.raises(DatabaseError, match=r"waits|duplicate"), transaction.atomic():
            ChainLink.objects.create(event_id=event_id, provider_id=provider_id, sequence=2, hash="0" * 64)
    assert PendingEvent.objects.count() == 0


def test_an_event_waits_until_it_has_its_link(office: Provider, bob: User) -> None:
    made = audit.actions.record(Verb.USER_BLOCKED, bob, by=actor(), provider_id=office.pk)
    assert PendingEvent.objects.get().event_id == made.pk
    chain.append_pending(office.pk)
    assert not PendingEvent.objects.exists()
    assert ChainLink.objects.get().event_id == made.pk


def test_the_tests_run_as_the_application() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, (SELECT tableowner FROM pg_tables WHERE tablename = 'audit_event')")
        assert cursor.fetchone() == (db_roles.get_application_role()["USER"], db_roles.get_owner_role()["USER"])
