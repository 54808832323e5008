"""The messages of an office: what was sent to whom, and what became of it. Bodies are never read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.db import models
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from accounts.search import filter_by_search
from authentication.mfa.reminders import EMAIL_KIND as REMINDER_KIND
from core.dates import format_upcoming, get_day_start
from core.ids import build_min_uuid7
from core.paging import PageCursor
from outbox.kinds import get_kind_label
from outbox.models import Message
from permissions import checks
from users.status import Chip, lacks_two_factor

if TYPE_CHECKING:
    from audit.actors import Actor

_CHANNELS = (Message.Channel.MAIL, Message.Channel.SMS)  # POSTs are shown with the integration
_REPEATABLE_KINDS = ("invitation", "code", "username", REMINDER_KIND)


class DeliveryState(models.TextChoices):
    """The states of messages, as an office tells them apart."""

    UNDELIVERED = "undelivered", gettext_lazy("Not delivered")
    WAITING = "waiting", pgettext_lazy("message", "Waiting")
    SENT = "sent", pgettext_lazy("message", "Sent")
    NO_RESPONSE = "no_answer", pgettext_lazy("message", "No answer")
    CANCELED = "cancelled", pgettext_lazy("message", "Canceled")
    EXPIRED = "expired", pgettext_lazy("message", "Expired")


_STATES: dict[DeliveryState, Sequence[str]] = {
    DeliveryState.UNDELIVERED: [Message.State.FAILED, Message.State.BOUNCED],
    DeliveryState.WAITING: Message.PENDING_STATES,
    DeliveryState.SENT: [Message.State.SENT],
    DeliveryState.NO_RESPONSE: [Message.State.NO_RESPONSE],
    DeliveryState.CANCELED: [Message.State.CANCELED],
    DeliveryState.EXPIRED: [Message.State.EXPIRED],
}
_BY_MESSAGE_STATE = {name: state for state, names in _STATES.items() for name in names}
_SHAPES = {
    DeliveryState.UNDELIVERED: "bad",
    DeliveryState.WAITING: "attention",
    DeliveryState.SENT: "good",
    DeliveryState.NO_RESPONSE: "attention",
    DeliveryState.CANCELED: "blocked",
    DeliveryState.EXPIRED: "none",
}


class SendAgain(NamedTuple):
    """The page that sends such a message again; with `is_post` it is done at once."""

    label: str
    url: str
    is_post: bool = False


class MessageRow(NamedTuple):
    message: Message
    user: User | None
    title: str
    state: Chip
    send_again: SendAgain | None


def find_messages(
    viewer: User,
    *,
    subject: UUID | None = None,
    person: str = "",
    kind: str = "",
    state: str = "",
    since: date | None = None,
    until: date | None = None,
) -> QuerySet[Message]:
    """Return e-mails and SMS of the office of `viewer`, to `subject` if given; `person` is a search for recipients."""
    found = Message.objects.filter(provider_id=viewer.office.pk, channel__in=_CHANNELS).defer("encrypted_body")
    if subject:
        found = found.filter(user_id=subject)
    if person:
        found = found.filter(user_id__in=filter_by_search(User.objects.visible_to(viewer), person).values("pk"))
    if kind:
        found = found.filter(kind=kind)
    if state:
        found = found.filter(state__in=_STATES[DeliveryState(state)])
    if since:
        found = found.filter(pk__gte=build_min_uuid7(get_day_start(since)))
    if until:
        found = found.filter(pk__lt=build_min_uuid7(get_day_start(until + timedelta(days=1))))
    return found


def fetch_messages(found: QuerySet[Message], start: PageCursor | None, falling: bool, limit: int) -> list[Message]:
    """Return at most `limit` messages beyond `start`, the newest first if `falling`. One query."""
    if start:
        found = found.filter(pk__lt=start.id) if falling else found.filter(pk__gt=start.id)
    return list(found.annotate(sort_key=F("created_at")).order_by("-pk" if falling else "pk")[:limit])


def build_message_rows(messages: Sequence[Message], viewer: User, by: Actor) -> list[MessageRow]:
    """Return the rows of a list, whose newest message of a kind to a user can be sent again. Four queries."""
    users = User.objects.visible_to(viewer).select_related("invitation", "provider")
    by_id = users.in_bulk({message.user_id for message in messages if message.user_id})
    stronger = set() if checks.holds_every_right(by) else checks.find_users_with_more_rights(viewer, by_id)
    allowed = set(by_id) - stronger - {viewer.pk}
    repeated = {message.user_id for message in messages if message.kind in _REPEATABLE_KINDS}
    newest = _find_newest(viewer, allowed & repeated)
    rows = []
    for message in messages:
        user = by_id.get(message.user_id) if message.user_id else None
        again = _build_send_again(message, user) if user and message.pk in newest else None
        rows.append(MessageRow(message, user, get_kind_label(message.kind), build_delivery_chip(message), again))
    return rows


def _find_newest(viewer: User, users: set[UUID]) -> set[UUID]:
    """Return the ids of the last message of each kind to each of `users`."""
    sent = Message.objects.filter(provider_id=viewer.office.pk, user_id__in=users, kind__in=_REPEATABLE_KINDS)
    return set(sent.order_by("user_id", "kind", "-pk").distinct("user_id", "kind").values_list("pk", flat=True))


def build_delivery_chip(message: Message) -> Chip:
    state = _BY_MESSAGE_STATE[message.state]
    if message.delivered_at:
        return Chip("good", _("Delivered"))
    if message.is_scheduled:
        return Chip("none", str(state.label), _("will be sent %(time)s") % {"time": format_upcoming(message.due)})
    is_retried = message.state == Message.State.DEFERRED
    detail = message.failure_reason or message.error or (_("will be tried again") if is_retried else "")
    return Chip(_SHAPES[state], str(state.label), detail)


def _build_send_again(message: Message, user: User) -> SendAgain | None:
    """Return how a message is sent again, if that has a meaning now: by the same action as before, with a new body."""
    if user.is_denied_access:
        return None
    is_invited = user.accepted_at is None and hasattr(user, "invitation")
    if message.kind == "invitation" and is_invited:
        return SendAgain(_("Resend…"), reverse("users:resend_invitation", args=[user.pk]))
    if message.kind == "code" and is_invited and message.is_undeliverable:
        url = reverse("users:resend_invitation", args=[user.pk])
        return SendAgain(_("Correct the number"), f"{url}#id_mobile_number")
    if message.kind == "username" and user.username is not None:
        return SendAgain(_("Resend"), reverse("users:send_username", args=[user.pk]), is_post=True)
    if message.kind == REMINDER_KIND and lacks_two_factor(user):
        return SendAgain(_("Resend"), reverse("users:remind_of_two_factor", args=[user.pk]), is_post=True)
    return None
