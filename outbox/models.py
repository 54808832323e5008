"""E-mail, SMS and POSTs to integrations: one row per message, written in the transaction of the change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypedDict, cast

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import encryption
from core.ids import uuid7
from outbox.failure_reasons import describe_failure, describe_sms_failure, is_temporary_failure


class MessageBody(TypedDict, total=False):
    """Encrypted contents of a message, including the number of an SMS or the address of a POST."""

    to: str
    subject: str
    text: str
    button: str
    link: str
    language: str
    title: str
    sender_name: str
    reply_to: str


# Kinds that report the suspension or impersonation, or end sessions at integrations.
KINDS_SENT_WHEN_SUSPENDED = ("office_closed", "looked_along", "logout")
URGENT_KINDS = frozenset({"code", "password_link", "confirm_address"})  # a user is waiting for these
# Digests, reports and reminders.
LOW_PRIORITY_KINDS = frozenset({
    "signals", "hygiene", "review_open", "review_ended", "review_waiting", "checkpoint", "factor_duty_ahead",
})  # fmt: skip


class MessageQuerySet(models.QuerySet["Message"]):
    """Queryset of messages, filtered by delivery state."""

    def pending(self) -> MessageQuerySet:
        """Filter messages that are still to be sent."""
        return self.filter(state__in=Message.PENDING_STATES)

    def exclude_domains(self, domains: Sequence[str]) -> MessageQuerySet:
        """Exclude messages to addresses in these domains."""
        parts = Func(F("recipient"), Value("@"), Value(-1), function="split_part", output_field=models.CharField())
        return self.alias(domain_key=Lower(parts)).exclude(domain_key__in=domains) if domains else self

    def exclude_paused(self) -> MessageQuerySet:
        """Exclude messages that are paused because their office is suspended."""
        return self.exclude(
            ~Q(kind__in=KINDS_SENT_WHEN_SUSPENDED), provider_id__in=PausedOffice.objects.values("provider_id")
        )


class PausedOffice(models.Model):
    """An office whose messages are paused until it is reactivated."""

    provider_id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.provider_id)


class Message(models.Model):
    """One e-mail, SMS or POST with its delivery state; the encrypted body is deleted once it can no longer be sent."""

    class Channel(models.TextChoices):
        """Means of delivery."""

        MAIL = "mail", _("mail")
        SMS = "sms", _("SMS")
        HTTP = "http", _("integration")

    class State(models.TextChoices):
        """Delivery state."""

        QUEUED = "queued", _("queued")
        DEFERRED = "deferred", _("retrying")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        NO_RESPONSE = "no_answer", _("no answer")  # may have arrived: the gateway did not respond
        BOUNCED = "bounced", _("bounced")
        CANCELED = "cancelled", _("canceled")
        EXPIRED = "expired", _("expired")

    PENDING_STATES = (State.QUEUED, State.DEFERRED)
    UNDELIVERED_STATES = (State.FAILED, State.BOUNCED, State.CANCELED)

    class Urgency(models.IntegerChoices):
        """Order in which the messages of an office are sent; `get_urgency` returns it for a kind."""

        URGENT = 0, "urgent"
        USUAL = 1, "usual"
        LATER = 2, "later"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    channel = models.CharField(max_length=4, choices=Channel)
    kind = models.CharField(max_length=40)  # for support: "invitation", "code"
    recipient = models.CharField(max_length=255, blank=True)  # email address, or host of a POST; not of an SMS
    encrypted_body = models.BinaryField(null=True)
    state = models.CharField(max_length=9, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due = models.DateTimeField(default=timezone.now)
    scheduled_at = models.DateTimeField(null=True)  # of an invitation of an import, see `message_limits.BulkSchedule`
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)  # of an SMS, when its receipt says so
    esp_id = models.CharField(max_length=255, blank=True)  # id at the email provider, used in its webhooks
    error = models.CharField(max_length=200, blank=True)  # reason of failure, without address or content
    correlation_id = models.CharField(max_length=36, default="", db_default="")  # of the request that caused it
    urgency = models.PositiveSmallIntegerField(choices=Urgency, default=Urgency.USUAL, db_default=1)
    is_reported = models.BooleanField(default=False, db_default=False)  # once its sender knows that it did not arrive

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("message"), _("messages")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "deferred"], encrypted_body__isnull=False)
                | ~Q(state__in=["queued", "deferred"]) & Q(encrypted_body__isnull=True),
                name="message_body_while_waiting",
            ),
            models.CheckConstraint(condition=~Q(channel="sms") | Q(recipient=""), name="message_sms_number_encrypted"),
        ]
        indexes = [
            models.Index(fields=["channel", "due"], condition=Q(state__in=["queued", "deferred"]), name="message_due"),
            models.Index(
                fields=["channel", "provider_id", "urgency", "due"],
                condition=Q(state__in=["queued", "deferred"]),
                name="message_turn",
            ),
            models.Index(
                fields=["provider_id", "-id"], condition=Q(state__in=["failed", "bounced"]), name="message_undelivered"
            ),
            models.Index(
                fields=["id"],
                condition=Q(state__in=["failed", "bounced"], kind__in=["invitation", "code"], is_reported=False),
                name="message_to_report",
            ),
            models.Index(fields=["provider_id", "-id"], name="message_of_office"),
            models.Index(fields=["esp_id"], condition=~Q(esp_id=""), name="message_esp"),
            models.Index(fields=["provider_id", "user_id", "-id"], name="message_of_user"),
            models.Index(
                fields=["provider_id", "scheduled_at"],
                condition=Q(scheduled_at__isnull=False),
                name="message_scheduled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.kind} {self.pk}"

    @classmethod
    def get_urgency(cls, kind: str) -> Urgency:
        """Return the urgency of messages of `kind`."""
        if kind in URGENT_KINDS:
            return cls.Urgency.URGENT
        return cls.Urgency.LATER if kind in LOW_PRIORITY_KINDS else cls.Urgency.USUAL

    @property
    def domain(self) -> str:
        """Domain of the e-mail address, host of a POST, or "" for an SMS."""
        return self.recipient.rpartition("@")[2].lower()

    @property
    def is_pending(self) -> bool:
        return self.state in self.PENDING_STATES

    @property
    def is_canceled(self) -> bool:
        return self.state == self.State.CANCELED

    @property
    def is_scheduled(self) -> bool:
        """Whether the message waits for the time at which it is to be sent, which is `due`."""
        return self.is_pending and self.scheduled_at is not None and not self.attempts and self.due > timezone.now()

    @property
    def is_being_sent(self) -> bool:
        """Whether this is an SMS passed to the gateway, whose response is not known yet."""
        return self.channel == self.Channel.SMS and self.state == self.State.QUEUED and self.attempts > 0

    @property
    def is_undeliverable(self) -> bool:
        """Whether it is known that the message will not arrive."""
        return self.state in (self.State.FAILED, self.State.BOUNCED)

    @property
    def failure_reason(self) -> str:
        """Our words for `error`, or "" if the mail server or SMS gateway did not say enough."""
        return describe_sms_failure(self.error) if self.channel == self.Channel.SMS else describe_failure(self.error)

    @property
    def is_failure_temporary(self) -> bool:
        """Whether the same message may arrive another time, because nothing is wrong with the address."""
        return is_temporary_failure(self.error)

    def decrypt_body(self) -> MessageBody:
        """Decrypt the body. Raises encryption.DecryptionError, also once the body has been deleted."""
        return cast(
            MessageBody,
            json.loads(encryption.decrypt(bytes(self.encrypted_body or b""), context=self.encryption_context)),
        )

    @property
    def encryption_context(self) -> str:
        """Context that binds the body to this row: it cannot be decrypted in another row."""
        return f"message:{self.pk}"


class ReportResult(models.TextChoices):
    """What a mail to the return path of a message was, and whether it counted."""

    HARD_BOUNCE = "hard_bounce", "hard bounce"
    SOFT_BOUNCE = "soft_bounce", "soft bounce"  # not delivered either, but the address may be right
    DELAY = "delay", "delay"
    AUTO_REPLY = "auto_reply", "automatic reply"
    OTHER = "other", "other"
    FORGED = "forged", "forged"  # without a valid signature
    LATE = "late", "late"
    UNKNOWN = "unknown", "unknown"  # no such message, or one that is no longer considered sent


class ReportCount(models.Model):
    """How many mails to return paths had this result."""

    result = models.CharField(max_length=11, choices=ReportResult, primary_key=True)
    number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.result}: {self.number}"
