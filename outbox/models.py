"""Email and SMS: one row per message, written in the transaction of the change that causes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypedDict, cast

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loket import sealing
from loket.ids import uuid7


class Body(TypedDict, total=False):
    """Encrypted contents of a message, including the number of an SMS."""

    to: str
    subject: str
    text: str
    html: str
    sender_name: str


EVEN_WHEN_CLOSED = ("office_closed", "looked_along")  # kinds of email that report the suspension or impersonation


URGENT = frozenset({"code", "password_link", "confirm_address"})  # a user is waiting for these
LATER = frozenset({"signals", "hygiene", "checkpoint", "factor_duty_ahead"})  # digests, reports and reminders


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages, filtered by what is to be done with them."""

    def waiting(self) -> MessageQuerySet:
        """Filter messages that are still to be sent."""
        return self.filter(state__in=[Message.State.QUEUED, Message.State.DEFERRED])

    def outside(self, domains: Sequence[str]) -> MessageQuerySet:
        """Exclude messages to addresses in these domains."""
        parts = Func(F("recipient"), Value("@"), Value(-1), function="split_part", output_field=models.CharField())
        return self.alias(domain_key=Lower(parts)).exclude(domain_key__in=domains) if domains else self

    def awake(self) -> MessageQuerySet:
        """Exclude messages that are paused because their office is suspended."""
        return self.exclude(~Q(kind__in=EVEN_WHEN_CLOSED), provider_id__in=Pause.objects.values("provider_id"))


class Pause(models.Model):
    """An office whose messages are paused until it is reactivated."""

    provider_id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.provider_id)


class Message(models.Model):
    """One email or SMS with its delivery state; the encrypted body is deleted once it can no longer be sent."""

    class Channel(models.TextChoices):
        """Means of delivery."""

        MAIL = "mail", _("mail")
        SMS = "sms", _("SMS")

    class State(models.TextChoices):
        """Delivery state."""

        QUEUED = "queued", _("queued")
        DEFERRED = "deferred", _("retrying")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        NO_ANSWER = "no_answer", _("no answer")  # may have arrived: the gateway did not respond
        BOUNCED = "bounced", _("bounced")
        CANCELLED = "cancelled", _("canceled")
        EXPIRED = "expired", _("expired")

    class Urgency(models.IntegerChoices):
        """Order in which the messages of an office are sent; `urgency_of` returns it for a kind."""

        URGENT = 0, "urgent"
        USUAL = 1, "usual"
        LATER = 2, "later"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    channel = models.CharField(max_length=4, choices=Channel)
    kind = models.CharField(max_length=40)  # for support: "invitation", "code"
    recipient = models.CharField(max_length=255, blank=True)  # email address; the number of an SMS is in the body
    sealed_body = models.BinaryField(null=True)
    state = models.CharField(max_length=9, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    esp_id = models.CharField(max_length=255, blank=True)  # id at the email provider, used in its webhooks
    error = models.CharField(max_length=200, blank=True)  # reason of failure, without address or content
    correlation_id = models.CharField(max_length=36, default="", db_default="")  # of the request that caused it
    urgency = models.PositiveSmallIntegerField(choices=Urgency, default=Urgency.USUAL, db_default=1)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("message"), _("messages")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "deferred"], sealed_body__isnull=False)
                | ~Q(state__in=["queued", "deferred"]) & Q(sealed_body__isnull=True),
                name="message_body_while_waiting",
            ),
            models.CheckConstraint(condition=Q(channel="mail") | Q(recipient=""), name="message_sms_number_sealed"),
        ]
        indexes = [
            models.Index(fields=["channel", "due"], condition=Q(state__in=["queued", "deferred"]), name="message_due"),
            models.Index(
                fields=["channel", "provider_id", "urgency", "due"],
                condition=Q(state__in=["queued", "deferred"]),
                name="message_turn",
            ),
            models.Index(fields=["esp_id"], condition=~Q(esp_id=""), name="message_esp"),
            models.Index(fields=["provider_id", "user_id", "-id"], name="message_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.kind} {self.pk}"

    @classmethod
    def urgency_of(cls, kind: str) -> Urgency:
        """Return the urgency of messages of `kind`."""
        if kind in URGENT:
            return cls.Urgency.URGENT
        return cls.Urgency.LATER if kind in LATER else cls.Urgency.USUAL

    @property
    def domain(self) -> str:
        """Domain of the email address, or "" for an SMS."""
        return self.recipient.rpartition("@")[2].lower()

    @property
    def is_waiting(self) -> bool:
        return self.state in (self.State.QUEUED, self.State.DEFERRED)

    @property
    def is_being_sent(self) -> bool:
        """Whether this is an SMS passed to the gateway, whose response is not known yet."""
        return self.channel == self.Channel.SMS and self.state == self.State.QUEUED and self.attempts > 0

    @property
    def went_wrong(self) -> bool:
        """Whether it is known that the message will not arrive."""
        return self.state in (self.State.FAILED, self.State.BOUNCED)

    def body(self) -> Body:
        """Decrypt the body. Raises sealing.Unreadable, also once the body is deleted."""
        return cast(Body, json.loads(sealing.unseal(bytes(self.sealed_body or b""), context=self.seal_context)))

    @property
    def seal_context(self) -> str:
        """Context that binds the body to this row: it cannot be decrypted in another row."""
        return f"message:{self.pk}"


class Heartbeat(models.Model):
    """Last time a worker ran its periodic jobs; one row per process."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.pk} {self.at}"


class JobState(models.Model):
    """Last success and failures of a periodic job, over all workers."""

    name = models.CharField(max_length=200, primary_key=True)
    every = models.FloatField()  # seconds
    since = models.DateTimeField()  # when a worker first registered it
    done_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)  # since the last success
    failed = models.PositiveBigIntegerField(default=0)  # in total, including offices and rows

    def __str__(self) -> str:
        return self.name


class FailedItem(models.Model):
    """An office or row at which a periodic job failed, skipped until `retry_at`."""

    job = models.CharField(max_length=200)
    item = models.CharField(max_length=100)  # an identifier
    failures = models.PositiveIntegerField()  # consecutive
    since = models.DateTimeField()
    retry_at = models.DateTimeField()
    error = models.CharField(max_length=100)  # class of the last error

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "item"], name="failed_item_once")]

    def __str__(self) -> str:
        return f"{self.job} {self.item}"
