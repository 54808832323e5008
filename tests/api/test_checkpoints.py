"""Checkpoints through the web service: signed, of the caller's office only, verified as an auditor does."""

import json
from datetime import timedelta
from typing import cast

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.utils import timezone

import audit.actions
from accounts.models import Provider, User
from audit import checkpoints, verify
from audit.models import Checkpoint, Verb
from tests.helpers.api_client import program
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db


def happen(alice: User) -> Checkpoint:
    """Record an event and sign a checkpoint."""
    audit.actions.record(Verb.USER_CHANGED, alice, by=actor(alice), provider_id=alice.provider_id)
    kept = checkpoints.save_checkpoint_if_due(alice.provider_id)
    assert kept is not None
    return kept


def test_checkpoints_are_listed_newest_first(alice: User, charlie: User, office: Provider) -> None:
    older = happen(alice)
    happen(charlie)
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        newer = happen(alice)
    path = f"/providers/{office.pk}/audit/checkpoints"
    rows = program(alice).rows(path)
    assert [row["id"] for row in rows] == [str(newer.pk), str(older.pk)]
    public = cast(Ed25519PublicKey, load_pem_public_key(checkpoints.get_public_key_pem()))
    for row, kept in zip(rows, (newer, older), strict=True):
        assert verify.check_signature(json.loads(json.dumps(row["signed"])), public) == row["signed"] == kept.signed
        assert row["sequence"] == kept.sequence
    found = program(alice).rows(f"{path}?filter=sequence eq {older.sequence}")
    assert [row["id"] for row in found] == [str(older.pk)]


def test_charlie_bob_and_a_lower_scope_get_nothing(alice: User, bob: User, charlie: User, office: Provider) -> None:
    happen(alice)
    path = f"/providers/{office.pk}/audit/checkpoints"
    assert program(charlie).get(path).status_code == 404
    assert program(bob).get(path).status_code == 403
    assert program(alice, "users:read").get(path).status_code == 403
