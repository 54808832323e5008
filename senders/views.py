"""Pages of the sender of an office."""

from typing import NamedTuple

import idna
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

import senders.actions
from core.access import POST, page
from core.confirmation import Confirmation, render_confirmation
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import show_errors
from senders import records
from senders.domains import get_envelope_domain
from senders.forms import SenderForm
from senders.models import DkimKey, OfficeSender, RecordKind, RecordState
from senders.signing import get_mail_provider_name, is_signed_by_provider

_MARKS = {
    RecordState.HOLDS: "good", RecordState.MISSING: "bad", RecordState.WRONG: "bad", RecordState.TAKEN: "bad",
    RecordState.NO_ANSWER: "attention", RecordState.UNKNOWN: "none",
}  # fmt: skip


class RecordRow(NamedTuple):
    """A record on the page: what to publish, and what DNS said about it."""

    record: records.RequiredRecord
    state: RecordState
    is_waiting_key: bool = False

    @property
    def mark(self) -> str:
        return _MARKS[self.state]


@page(Right.MANAGE_PROVIDER)
def office_sender(request: OfficeRequest) -> HttpResponse:
    sender = OfficeSender.objects.filter(provider=request.user.office).first()
    stored = {"address": sender.address, "reply_to": sender.reply_to} if sender else {}
    form = SenderForm(request.POST or None, initial=stored)
    if request.method == "POST" and form.is_valid():
        with show_errors(form):
            senders.actions.set_sender(request.user.office, **form.cleaned_data, by=request.actor)
            messages.success(request, _("The sender has been saved."))
            return redirect("senders:office_sender")
    context = {"form": form, "sender": sender}
    return render(request, "senders/sender.html", context | (_build_record_context(sender) if sender else {}))


def _build_record_context(sender: OfficeSender) -> dict[str, object]:
    by_provider, spf_state = is_signed_by_provider(), sender.get_state(RecordKind.SPF)
    keys = list(DkimKey.objects.filter(provider=sender.provider_id).order_by("-created_at"))
    shown = [] if by_provider else [key for key in reversed(keys) if key.retired_at is None]
    rows = [
        RecordRow(records.build_ownership_record(sender), sender.get_state(RecordKind.OWNERSHIP)),
        *(_build_key_row(sender, key) for key in shown),
        RecordRow(records.build_dmarc_record(sender.domain), sender.get_state(RecordKind.DMARC)),
    ]
    return {
        "rows": rows,
        "readable_domain": _format_domain(sender.domain),
        "retired_keys": [key for key in keys if key.retired_at],
        "signing_key": next((key for key in shown if key.seen_at), None),
        "has_waiting_key": any(row.is_waiting_key for row in rows),
        "mail_provider": get_mail_provider_name() if by_provider else "",
        "provider_state": sender.get_state(RecordKind.DKIM),
        "spf": RecordRow(records.RequiredRecord(RecordKind.SPF, get_envelope_domain(), ""), spf_state),
    }


def _build_key_row(sender: OfficeSender, key: DkimKey) -> RecordRow:
    """Return the row of a key; one that waits for its record beside a key that signs has no state of its own."""
    state = sender.get_state(RecordKind.DKIM)
    is_waiting = key.seen_at is None and sender.held_at is not None
    shown = RecordState.MISSING if is_waiting and state == RecordState.HOLDS else state
    return RecordRow(records.build_dkim_record(sender.domain, key), shown, is_waiting)


def _format_domain(domain: str) -> str:
    """Return a domain as people write it: 'xn--brgeri-bua.nl' -> 'bürgeri.nl'."""
    try:
        return idna.decode(domain)
    except idna.IDNAError:
        return domain


@page(Right.MANAGE_PROVIDER, methods=POST)
def check_sender(request: OfficeRequest) -> HttpResponse:
    """Check the records now, which takes `dns_lookup.CHECK_SECONDS` at most."""
    sender = senders.actions.check_sender(request.user.office, by=request.actor)
    if sender is not None and not sender.list_broken_records():
        messages.success(request, _("The records are in order. E-mails come from %(address)s.") % {"address": sender})
    elif sender is not None and sender.is_in_use:
        text = _("DNS does not answer for every record. E-mails come from %(address)s for now; Loket keeps checking.")
        messages.warning(request, text % {"address": sender})
    elif sender is not None:
        messages.warning(request, _("Not all records are in order yet. See below what is missing."))
    return redirect("senders:office_sender")


@page(Right.MANAGE_PROVIDER)
def rotate_key(request: OfficeRequest) -> HttpResponse:
    error = ""
    if request.method == "POST":
        try:
            senders.actions.rotate_dkim_key(request.user.office, by=request.actor)
        except ValidationError as fault:
            error = fault.messages[0]
        else:
            messages.success(request, _("There is a new key. Publish its record."))
            return redirect("senders:office_sender")
    consequences = [
        _("You publish a second record, with another name."),
        _("The present key signs until Loket finds the new record. No e-mail is left without a signature."),
        _("After that the old private key is deleted. Keep the old record for a week, for e-mails on their way."),
    ]
    url = reverse("senders:office_sender")
    confirmation = Confirmation(
        _("New key"), _("Create key"), url, consequences, parents=_list_parents(), error=error, is_harmless=True
    )
    return render_confirmation(request, confirmation)


@page(Right.MANAGE_PROVIDER)
def remove_sender(request: OfficeRequest) -> HttpResponse:
    if request.method == "POST":
        senders.actions.remove_sender(request.user.office, by=request.actor)
        messages.success(request, _("The sender has been removed. E-mails come from Loket again."))
        return redirect("senders:office_sender")
    consequences = [
        _("From now on e-mails come from Loket, in the name of your office."),
        _("The keys are deleted. If you add the sender again later, you publish new records."),
    ]
    url = reverse("senders:office_sender")
    confirmation = Confirmation(_("Remove sender"), _("Remove"), url, consequences, parents=_list_parents())
    return render_confirmation(request, confirmation)


def _list_parents() -> list[tuple[str, str]]:
    return [(_("Office settings"), ""), (_("Sender"), reverse("senders:office_sender"))]
