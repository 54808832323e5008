"""Actions on the sender of an office: choose it, check its DNS records, replace its key, remove it."""

import secrets
from datetime import timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import emails
from accounts.locks import lock_provider
from accounts.models import Provider
from audit.actions import record
from audit.actors import Actor, action, build_job_actor, requires_reauthentication
from audit.changes import Changes
from audit.models import Verb
from core.access import ReauthenticationLevel
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from senders.models import REQUIRED_RECORDS, DkimKey, OfficeSender, RecordKind, RecordState
from senders.records import Findings, find_records
from senders.signing import generate_key

CHECK_INTERVAL, RETRY_INTERVAL, ABANDONED_INTERVAL = timedelta(hours=1), timedelta(minutes=10), timedelta(days=1)
MIN_CHECK_INTERVAL = timedelta(seconds=10)  # between checks that users ask for
ABANDONED_AFTER = timedelta(days=7)  # without a change or a check at which all records held
SILENCE_GRACE = timedelta(hours=4)  # how long the sender stays in use when DNS does not answer
WARNING_INTERVAL = timedelta(days=1)
RETIRED_KEY_RETENTION = timedelta(days=14)


@action()
def set_sender(provider: Provider, *, address: str, reply_to: str, by: Actor) -> OfficeSender:
    """Choose the sender; one at another domain has to be proved first, with a new key.

    `address` is plain and has its domain in ASCII. Raises PermissionDenied without manage_provider.
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    sender = OfficeSender.objects.select_for_update().filter(provider=provider).first()
    before = (sender.address, sender.reply_to) if sender else ("", "")
    domain = address.rpartition("@")[2]
    if sender is None or sender.domain != domain:
        OfficeSender.objects.filter(provider=provider).delete()
        DkimKey.objects.filter(provider=provider).delete()
        sender = OfficeSender(provider=provider, domain=domain, challenge=secrets.token_urlsafe(24))
        generate_key(provider).save(force_insert=True)
    sender.address, sender.reply_to = address, reply_to
    sender.save()
    _record_addresses(provider, before, (address, reply_to), by)
    return sender


@action()
def remove_sender(provider: Provider, *, by: Actor) -> None:
    """Remove the sender with its keys. Raises PermissionDenied without manage_provider."""
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    sender = OfficeSender.objects.filter(provider=provider).first()
    if sender is None:
        return
    sender.delete()
    DkimKey.objects.filter(provider=provider).delete()
    _record_addresses(provider, (sender.address, sender.reply_to), ("", ""), by)


def _record_addresses(provider: Provider, before: tuple[str, str], after: tuple[str, str], by: Actor) -> None:
    """Record the addresses of the sender and for replies that changed, if any did."""
    changes: Changes = {
        name: [old or None, new or None]
        for name, old, new in zip(("sender_address", "reply_to"), before, after, strict=True)
        if old != new
    }
    if changes:
        record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


@action()
def rotate_dkim_key(provider: Provider, *, by: Actor) -> DkimKey:
    """Add a key with a selector of its own; the present one signs until the record of the new one is seen.

    Raises PermissionDenied without manage_provider, ValidationError without a sender or while a new key waits.
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_PROVIDER)
    keys = list(DkimKey.objects.current().filter(provider=provider))
    if not keys:
        raise ValidationError(_("Save a sender first."), code="no_sender")
    if keys[0].seen_at is None:
        text = _("There already is a key whose record has not been found yet. Publish that one first.")
        raise ValidationError(text, code="waiting")
    key = generate_key(provider)
    key.save(force_insert=True)
    OfficeSender.objects.filter(provider=provider).update(next_check_at=timezone.now(), changed_at=timezone.now())
    changes: Changes = {"dkim_selector": [keys[0].selector, key.selector]}
    record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)
    return key


@action()
def set_provider_selector(provider: Provider, *, domain: str, selector: str, by: Actor) -> None:
    """Record that the e-mail provider signs for the domain of the office with `selector`, or not if that is "".

    Raises PermissionDenied unless the actor is the operator, ValidationError when the office has no such sender.
    """
    if not by.is_operator:
        raise PermissionDenied(_("Only the operator can do this."))
    provider = lock_provider(provider.pk)
    sender = OfficeSender.objects.select_for_update().filter(provider=provider, domain=domain).first()
    if sender is None:
        raise ValidationError(_("The office has no sender at this domain."), code="no_sender")
    changes: Changes = {"dkim_selector": [sender.provider_selector or None, selector or None]}
    sender.provider_selector, sender.next_check_at, sender.changed_at = selector, timezone.now(), timezone.now()
    sender.save()
    record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)


@requires_reauthentication(ReauthenticationLevel.NONE)
def check_sender(provider: Provider, *, by: Actor) -> OfficeSender | None:
    """Check the DNS records, start or stop the use of the sender, and return it; None if the office has none.

    DNS is asked outside a transaction. One that was checked a moment ago is returned as it is. Raises PermissionDenied
    without manage_provider.
    """
    checks.require_office(by, provider.pk)
    checks.require_right(by, Right.MANAGE_PROVIDER)
    sender = OfficeSender.objects.filter(provider=provider).first()
    if sender is None or not (by.is_operator or _claim_check(sender)):
        return sender
    findings = find_records(sender, DkimKey.objects.current().filter(provider=provider))
    return _record_findings(sender, findings, by)


def _claim_check(sender: OfficeSender) -> bool:
    """Return whether the last check that a user asked for is over, also of one that still waits for DNS."""
    now = timezone.now()
    found = OfficeSender.objects.filter(pk=sender.pk, challenge=sender.challenge)
    return bool(found.exclude(checked_at__gt=now - MIN_CHECK_INTERVAL).update(checked_at=now))


@transaction.atomic
def _record_findings(asked: OfficeSender, findings: Findings, by: Actor) -> OfficeSender | None:
    provider = lock_provider(asked.provider_id)
    found = OfficeSender.objects.select_for_update().filter(provider=provider, challenge=asked.challenge)
    sender = found.select_related("provider").first()
    if sender is None:  # changed in the meantime
        return None
    now, states = timezone.now(), dict(findings.states)
    before = _describe_use(sender)
    states[RecordKind.OWNERSHIP] = _claim_domain(sender, states[RecordKind.OWNERSHIP])
    _switch_keys(provider, findings)
    sender.states, sender.checked_at = {kind.value: state.value for kind, state in states.items()}, now
    if all(states[kind] == RecordState.HOLDS for kind in REQUIRED_RECORDS):
        sender.held_at, sender.in_use_since = now, sender.in_use_since or now
    elif not _is_silence(sender):
        sender.in_use_since = None
    sender.next_check_at = now + _choose_interval(sender)
    if before["sender_in_use"] and not sender.is_in_use:
        _warn_administrators(sender)
    sender.save()
    after = _describe_use(sender)
    changes: Changes = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    if changes:
        record(Verb.PROVIDER_CHANGED, provider, by=by, provider_id=provider.pk, changes=changes)
    return sender


def _describe_use(sender: OfficeSender) -> dict[str, bool]:
    """Return what the history tells about the sender apart from its addresses."""
    return {"sender_proved": sender.proved_at is not None, "sender_in_use": sender.is_in_use}


def _claim_domain(sender: OfficeSender, state: RecordState) -> RecordState:
    """Give the domain to the office that proves it, unless it is another office's; return the state of the proof."""
    if state == RecordState.NO_ANSWER:
        return state
    if state != RecordState.HOLDS:
        sender.proved_at = sender.in_use_since = None
        OfficeSender.objects.filter(pk=sender.pk).update(proved_at=None, in_use_since=None)
        return state
    if sender.proved_at is None:
        proved_at = timezone.now()
        try:
            with transaction.atomic():
                OfficeSender.objects.filter(pk=sender.pk).update(proved_at=proved_at)
        except IntegrityError:
            _report_conflict(sender)
            return RecordState.TAKEN
        sender.proved_at = proved_at
    return state


def _report_conflict(sender: OfficeSender) -> None:
    """Tell the office that has the domain that another one proved it too: once, and at most once a day.

    The other office can remove its sender and add it again.
    """
    now = timezone.now()
    proved = OfficeSender.objects.filter(domain=sender.domain, proved_at__isnull=False)
    holder = proved.select_related("provider").first()
    if holder is None or sender.conflict_told_at is not None:
        return
    if not proved.exclude(conflict_told_at__gt=now - WARNING_INTERVAL).update(conflict_told_at=now):
        return
    sender.conflict_told_at = now
    administrators = checks.list_active_administrators(holder.provider)
    emails.send("sender_contested", *administrators, kind="sender_contested", domain=sender.domain)
    by, changes = build_job_actor("senders"), {"sender_contested": [None, sender.domain]}
    record(Verb.PROVIDER_CHANGED, holder.provider, by=by, provider_id=holder.pk, changes=changes)


def _switch_keys(provider: Provider, findings: Findings) -> None:
    """Let the newest key sign whose record was seen, and retire the older ones for good."""
    now = timezone.now()
    keys = DkimKey.objects.current().filter(provider=provider)
    newest = next((key for key in keys if findings.keys.get(key.selector) == RecordState.HOLDS), None)
    if newest is not None and newest.seen_at is None:
        older = DkimKey.objects.filter(provider=provider, retired_at=None, created_at__lt=newest.created_at)
        older.update(retired_at=now, encrypted_private_key=None)
        DkimKey.objects.filter(pk=newest.pk).update(seen_at=now)
    DkimKey.objects.filter(provider=provider, retired_at__lt=now - RETIRED_KEY_RETENTION).delete()


def _is_silence(sender: OfficeSender) -> bool:
    """Return whether nothing is wrong except that DNS does not answer, and that not for long."""
    known = {sender.get_state(kind) for kind in REQUIRED_RECORDS}
    is_recent = sender.held_at is not None and timezone.now() - sender.held_at < SILENCE_GRACE
    return known <= {RecordState.HOLDS, RecordState.NO_ANSWER} and is_recent


def _choose_interval(sender: OfficeSender) -> timedelta:
    states = {sender.get_state(kind) for kind in REQUIRED_RECORDS}
    if sender.is_in_use and states == {RecordState.HOLDS}:
        return CHECK_INTERVAL
    active_at = max(filter(None, (sender.changed_at, sender.held_at)))
    return RETRY_INTERVAL if timezone.now() - active_at < ABANDONED_AFTER else ABANDONED_INTERVAL


def _warn_administrators(sender: OfficeSender) -> None:
    """Send at most one warning a day: DNS may come and go."""
    if sender.warned_at is not None and timezone.now() - sender.warned_at < WARNING_INTERVAL:
        return
    sender.warned_at = timezone.now()
    administrators = checks.list_active_administrators(sender.provider)
    with translation.override(sender.provider.email_language):
        records = [str(label) for label in sender.list_broken_records()]
    emails.send("sender_stopped", *administrators, kind="sender_stopped", address=sender.address, records=records)


def claim_due_check(provider_id: UUID) -> bool:
    """Postpone the check of a sender that is due, and return whether it was: no other worker then checks it."""
    now = timezone.now()
    due = OfficeSender.objects.filter(pk=provider_id, next_check_at__lte=now)
    return bool(due.update(next_check_at=now + RETRY_INTERVAL))
