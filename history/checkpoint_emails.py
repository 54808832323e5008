"""Hourly signed checkpoints of the audit log, e-mailed to the addresses that an office chose."""

import json
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

import outbox.actions
from accounts.models import Provider
from audit import checkpoints
from audit.models import Checkpoint
from core import periodic_jobs
from outbox.html import render_text_as_html


def sign_due_checkpoints() -> int:
    """Sign what is due and mail it; return how many were signed. A job of the worker, any number of them may do it."""
    offices: list[UUID | None] = [None, *Provider.objects.order_by("pk").values_list("pk", flat=True)]
    return len([one for one in periodic_jobs.process_items(sign_due_checkpoint, offices) if one])


@transaction.atomic
def sign_due_checkpoint(provider_id: UUID | None) -> Checkpoint | None:
    """Sign the checkpoint of one office, or of the events of none, if it is due, and mail it."""
    kept = checkpoints.save_checkpoint_if_due(provider_id)
    if kept is not None and provider_id is not None:
        office = Provider.objects.get(pk=provider_id)
        for address in office.checkpoint_addresses.split():
            _queue_checkpoint_email(office, kept, address)
    return kept


@translation.override(settings.LANGUAGE_CODE)
def _queue_checkpoint_email(office: Provider, kept: Checkpoint, address: str) -> None:
    what = {"number": kept.sequence, "office": office.name}
    about = _(
        "Keep this e-mail. An auditor can use it to verify that no one has changed the history of %(office)s up to"
        " event %(number)d."
    )
    signed = json.dumps(kept.signed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    text = "\n\n".join([about % what, signed, settings.LOKET_URL + reverse("history:event_list"), office.name]) + "\n"
    outbox.actions.queue_email(
        kind="checkpoint",
        to=address,
        subject=_("History checkpoint %(number)d") % what,
        text=text,
        html=render_text_as_html(text),
        provider_id=office.pk,
        user_id=None,
        sender_name=office.name,
    )
