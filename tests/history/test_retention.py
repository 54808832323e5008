"""Removing old events: only the oldest, only as the owner, and with a signed starting point."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.utils import timezone

import audit.actions
import audit.export
from accounts.models import Provider, User
from audit import checkpoints, verify
from audit.models import ChainLink, Checkpoint, Event, Verb
from core import db_roles
from history import retention
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db(transaction=True)
PUBLIC = load_pem_public_key(checkpoints.get_public_key_pem())


@pytest.fixture
def long_ago(office: Provider, alice: User) -> datetime:
    """The time before which there are three events; there are two after it."""
    now = timezone.now()
    for days in (900, 800, 700, 20, 10):
        with time_machine.travel(now - timedelta(days=days)), transaction.atomic():
            audit.actions.record(Verb.USER_CHANGED, alice, by=actor(alice), provider_id=office.pk)
    return now - timedelta(days=365)


def trim(office: Provider, before: datetime) -> str:
    answer = StringIO()
    call_command("trim_history", str(office.pk), f"--before={before.date()}", stdout=answer)
    return answer.getvalue()


def test_trimming_removes_the_oldest_events_and_leaves_the_rest_intact(
    office: Provider, alice: User, charlie: User, long_ago: datetime
) -> None:
    old = checkpoints.sign_current_head(office.pk)
    with transaction.atomic():
        audit.actions.record(Verb.USER_CHANGED, charlie, by=actor(), provider_id=charlie.provider_id)
    assert trim(office, long_ago) == "Events removed: 3.\n"
    assert ChainLink.objects.filter(provider_id=office.pk).order_by("sequence")[0].sequence == 4
    assert Event.objects.filter(provider_id=charlie.provider_id).count() == 1
    lines = list(audit.export.begin_export(office, by=actor(alice)).lines())
    assert verify.verify_history(lines, [old, checkpoints.sign_current_head(office.pk)], PUBLIC).startswith(
        "intact: events up to 7"
    )
    assert Event.objects.get(verb=Verb.HISTORY_TRIMMED).changes["up_to"] == [None, 3]
    with pytest.raises(verify.CannotVerify):
        verify.verify_history(
            lines, [checkpoints.sign_head(office.pk, audit.chain.ChainHead(2, verify.ZERO_HASH))], PUBLIC
        )


def test_a_second_time_it_goes_on(office: Provider, alice: User, long_ago: datetime) -> None:
    trim(office, long_ago)
    assert trim(office, long_ago) == "Events removed: 0.\n"
    assert trim(office, timezone.now() - timedelta(days=15)) == "Events removed: 1.\n"
    assert Checkpoint.objects.filter(kind="start").count() == 2
    lines = list(audit.export.begin_export(office, by=actor(alice)).lines())
    assert verify.verify_history(lines, [], PUBLIC).startswith("intact")


def test_the_application_cannot(office: Provider, long_ago: datetime) -> None:
    with pytest.raises(DatabaseError, match="permission denied"):
        retention.trim_events(office, before=long_ago, by=actor())
    assert Event.objects.filter(provider_id=office.pk).count() == 5
    assert not Checkpoint.objects.exists()


def test_invalid_arguments_are_reported(office: Provider, alice: User, settings: Any) -> None:
    for arguments in ([str(alice.pk), "--before=2020-01-01"], [str(office.pk), "--before=gisteren"]):
        with pytest.raises(CommandError):
            call_command("trim_history", *arguments)
    settings.LOKET_DATABASE_ROLES = settings.LOKET_DATABASE_ROLES | {"owner": None}
    for command in (["trim_history", str(office.pk), "--before=2020-01-01"], ["migrate"]):
        with pytest.raises(CommandError, match="LOKET_OWNER_DATABASE_URL"):
            call_command(*command)
    settings.LOKET_DATABASE_ROLES = {
        "application": db_roles.get_application_role(),
        "owner": {"USER": "loket", "PASSWORD": ""},
    }
