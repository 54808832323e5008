"""Notifications to the sender of an invitation when its e-mail or code does not arrive.

The result of a message is recorded without the office's lock, which inviting takes first, so a job follows it.
"""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.locks import lock_provider
from accounts.models import User
from core import periodic_jobs
from invitations.models import Invitation
from notifications.models import Notification
from outbox.models import Message
from permissions import checks
from permissions.checks import Right

_BATCH_SIZE = 500


def notify_senders() -> int:
    """Notify the senders of the invitations that were not delivered since; return the number of messages.

    A periodic job of the worker.
    """
    due = Message.objects.filter(
        state__in=[Message.State.FAILED, Message.State.BOUNCED],
        kind__in=Notification.Undelivered.values,
        is_reported=False,
        provider_id__isnull=False,
    )
    batch = due.exclude_paused().exclude(pk__in=periodic_jobs.list_deferred_items()).order_by("pk")
    return sum(periodic_jobs.process_items(_notify_sender, batch.values_list("pk", flat=True)[:_BATCH_SIZE]))


@transaction.atomic
def _notify_sender(message_id: UUID) -> bool:
    """Create the notification, once; return False if another worker did, or the message is gone."""
    message = Message.objects.filter(pk=message_id).first()
    if message is None:
        return False
    provider = lock_provider(message.provider_id)
    if not Message.objects.filter(pk=message_id, is_reported=False).update(is_reported=True):
        return False
    invitation = _find_invitation(message)
    if invitation is not None and (sender := invitation.sent_by) is not None and _may_act(sender):
        Notification.objects.create(
            provider=provider,
            user=sender,
            invited=invitation.user,
            undelivered=message.kind,
            message_id=message.pk,
            shown_at=timezone.now(),
            by_mail=False,
        )
    return True


def _find_invitation(message: Message) -> Invitation | None:
    """Return the open invitation that still waits for this message."""
    rows = Invitation.objects.filter(provider=message.provider_id, user=message.user_id)
    invitation = rows.select_related("user__provider", "sent_by__provider").first()
    if invitation is None or not invitation.can_be_accepted():
        return None
    if message.kind == Notification.Undelivered.CODE:
        last = invitation.codes.order_by("-sent_at").first()
        return invitation if last is not None and last.message_id == message.pk else None
    return invitation if invitation.message_id == message.pk else None


def _may_act(sender: User) -> bool:
    return sender.may_sign_in and checks.has_right(sender, Right.MANAGE_USERS)
