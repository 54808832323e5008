"""Hourly signed checkpoints of the audit log, e-mailed to the addresses that an office chose."""

import json
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce

import outbox.actions
from accounts import email_texts
from accounts.models import Provider
from audit import checkpoints
from audit.models import ChainLink, Checkpoint, PendingEvent
from core import periodic_jobs
from outbox.emails import render_draft

TEMPLATE = "checkpoint"


def sign_due_checkpoints() -> int:
    """Sign and e-mail checkpoints that are due; return their number. Safe to run in several workers at once."""
    offices: list[UUID | None] = [None, *_list_offices_with_new_events()]
    return len([checkpoint for checkpoint in periodic_jobs.process_items(sign_due_checkpoint, offices) if checkpoint])


def _list_offices_with_new_events() -> list[UUID]:
    """Return the offices with events since their last checkpoint, in one query: of most, nothing is to be signed."""
    own = {"provider_id": OuterRef("pk")}
    signed = Checkpoint.objects.filter(**own, kind=Checkpoint.CheckpointType.HEAD).order_by("-sequence")
    last = Coalesce(Subquery(signed.values("sequence")[:1]), 0)
    unsigned = ChainLink.objects.filter(**own, sequence__gt=OuterRef("last_signed"))
    offices = Provider.objects.annotate(last_signed=last)
    return list(
        offices.filter(Exists(PendingEvent.objects.filter(**own)) | Exists(unsigned))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


@transaction.atomic
def sign_due_checkpoint(provider_id: UUID | None) -> Checkpoint | None:
    """Sign and e-mail the checkpoint of an office, or of events without an office, if it is due."""
    checkpoint = checkpoints.save_checkpoint_if_due(provider_id)
    if checkpoint is not None and provider_id is not None:
        office = Provider.objects.get(pk=provider_id)
        if addresses := office.checkpoint_addresses.split():
            _queue_checkpoint_emails(office, checkpoint, addresses)
    return checkpoint


def _queue_checkpoint_emails(office: Provider, checkpoint: Checkpoint, addresses: list[str]) -> None:
    signed = json.dumps(checkpoint.signed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    draft = render_draft(
        TEMPLATE, language=office.email_language, office=office.name, number=checkpoint.sequence, signed=signed
    )
    content = draft.fill({"ProviderNaam": office.name}, email_texts.find_texts(TEMPLATE, [office.pk]).get(office.pk))
    messages = [
        outbox.actions.build_email(
            kind="checkpoint",
            to=address,
            content=content,
            provider_id=office.pk,
            user_id=None,
            sender_name=office.name,
        )
        for address in addresses
    ]
    outbox.actions.queue_emails(messages)
