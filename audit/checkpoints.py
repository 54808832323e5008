"""Signed checkpoints of a chain, exported so that rewriting the chain is detected."""

import base64
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import chain, verify
from audit.models import Checkpoint

CHECKPOINT_INTERVAL = timedelta(hours=1)


@cache
def _load_signing_key(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(text))


def get_public_key_pem() -> bytes:
    """Return the public key that verifies the signatures."""
    public = _load_signing_key(settings.LOKET_CHECKPOINT_KEY).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def has_present_key(checkpoint: Checkpoint) -> bool:
    """Return whether a stored checkpoint was signed with the key that signs now."""
    return _read_signed(checkpoint) is not None


def _read_signed(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Return what the key that signs now signed, or None if it did not."""
    try:
        return verify.check_signature(checkpoint.signed, _load_signing_key(settings.LOKET_CHECKPOINT_KEY).public_key())
    except verify.HistoryBroken:
        return None


def sign_head(
    provider_id: UUID | None, at: chain.ChainHead, kind: Checkpoint.CheckpointType = Checkpoint.CheckpointType.HEAD
) -> dict[str, Any]:
    """Return a signed checkpoint stating the hash of a chain at one position."""
    checkpoint = {
        "at": timezone.now().isoformat(timespec="seconds"),
        "format": verify.EXPORT_FORMAT,
        "hash": at.hash,
        "kind": kind.value,
        "provider_id": None if provider_id is None else str(provider_id),
        "sequence": at.sequence,
    }
    return verify.sign_checkpoint(checkpoint, _load_signing_key(settings.LOKET_CHECKPOINT_KEY))


def sign_current_head(provider_id: UUID | None) -> dict[str, Any]:
    """Return a signed checkpoint of all events of an office so far."""
    chain.append_pending(provider_id)
    return sign_head(provider_id, chain.get_chain_head(provider_id))


def count_unsigned() -> int:
    """Count, of the newest checkpoint and those that chains start after, the ones without a signature of this key.

    An older key signed them, or nobody did.
    """
    starts = Checkpoint.objects.filter(kind=Checkpoint.CheckpointType.START)
    newest = Checkpoint.objects.order_by("-pk")[:1]
    checked = {one.pk: one for one in [*starts.order_by("provider_id", "-sequence").distinct("provider_id"), *newest]}
    return sum(not _is_signed(checkpoint) for checkpoint in checked.values())


def _is_signed(checkpoint: Checkpoint) -> bool:
    signed = _read_signed(checkpoint)
    row = {
        "kind": checkpoint.kind,
        "provider_id": checkpoint.provider_id and str(checkpoint.provider_id),
        "sequence": checkpoint.sequence,
    }
    return signed is not None and row.items() <= signed.items()


@transaction.atomic
def save_checkpoint_if_due(provider_id: UUID | None) -> Checkpoint | None:
    """Sign and store a checkpoint, unless the last one is younger than an hour or there are no new events."""
    chain.lock_chain(provider_id)
    chain.append_pending(provider_id)
    heads = Checkpoint.objects.filter(provider_id=provider_id, kind=Checkpoint.CheckpointType.HEAD)
    last, head = heads.order_by("-sequence", "-id").first(), chain.get_chain_head(provider_id)
    if head.sequence == (last.sequence if last else 0):
        return None
    if last and datetime.fromisoformat(last.signed["at"]) > timezone.now() - CHECKPOINT_INTERVAL:
        return None
    return Checkpoint.objects.create(
        provider_id=provider_id,
        kind=Checkpoint.CheckpointType.HEAD,
        sequence=head.sequence,
        signed=sign_head(provider_id, head),
    )
