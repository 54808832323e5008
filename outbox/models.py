"""Mail and SMS: one row a message, written in the transaction of the change that causes it."""

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
    """What is sealed: everything that is nobody's business, the number of an SMS included."""

    to: str
    subject: str
    text: str
    html: str
    sender_name: str


EVEN_WHEN_CLOSED = ("office_closed", "looked_along")  # kinds of mail that tell of it


URGENT = frozenset({"code", "password_link", "confirm_address"})  # a user waits for them at the screen
LATER = frozenset({"signals", "hygiene", "checkpoint", "factor_duty_ahead"})  # digests, reports and reminders


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages, asked for by what is to be done with them."""

    def waiting(self) -> MessageQuerySet:
        """Return those that are still to be sent."""
        return self.filter(state__in=[Message.State.QUEUED, Message.State.DEFERRED])

    def outside(self, domains: Sequence[str]) -> MessageQuerySet:
        """Return those that do not go to an address in one of these domains."""
        parts = Func(F("recipient"), Value("@"), Value(-1), function="split_part", output_field=models.CharField())
        return self.alias(domain_key=Lower(parts)).exclude(domain_key__in=domains) if domains else self

    def awake(self) -> MessageQuerySet:
        """Return those that do not rest because their office was closed."""
        return self.exclude(~Q(kind__in=EVEN_WHEN_CLOSED), provider_id__in=Pause.objects.values("provider_id"))


class Pause(models.Model):
    """That the messages of one office rest: none is sent until it is opened again."""

    provider_id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.provider_id)


class Message(models.Model):
    """One mail or SMS with the true state of its delivery; its sealed body is gone once it cannot be sent any more."""

    class Channel(models.TextChoices):
        """How it goes."""

        MAIL = "mail", _("mail")
        SMS = "sms", _("SMS")

    class State(models.TextChoices):
        """What became of it."""

        QUEUED = "queued", _("queued")
        DEFERRED = "deferred", _("trying again")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        NO_ANSWER = "no_answer", _("no answer")  # it may have arrived: the gateway was asked and said nothing
        BOUNCED = "bounced", _("bounced")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired")

    class Urgency(models.IntegerChoices):
        """What goes first of what an office has to send; `urgency_of` says it of a kind."""

        URGENT = 0, "urgent"
        USUAL = 1, "usual"
        LATER = 2, "later"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_id = models.UUIDField(null=True)
    user_id = models.UUIDField(null=True)
    channel = models.CharField(max_length=4, choices=Channel)
    kind = models.CharField(max_length=40)  # what it says, for support: "invitation", "code"
    recipient = models.CharField(max_length=255, blank=True)  # a mail's address; the number of an SMS is in the body
    sealed_body = models.BinaryField(null=True)
    state = models.CharField(max_length=9, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    esp_id = models.CharField(max_length=255, blank=True)  # what the mail provider calls it in its webhooks
    error = models.CharField(max_length=200, blank=True)  # why it failed, without address or content
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
        """Return how urgent messages of a kind are."""
        if kind in URGENT:
            return cls.Urgency.URGENT
        return cls.Urgency.LATER if kind in LATER else cls.Urgency.USUAL

    @property
    def domain(self) -> str:
        """What stands behind the @ of a mail's address, "" for an SMS."""
        return self.recipient.rpartition("@")[2].lower()

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to be sent."""
        return self.state in (self.State.QUEUED, self.State.DEFERRED)

    @property
    def is_being_sent(self) -> bool:
        """Whether it is an SMS that was handed to the gateway and whose answer was not seen yet."""
        return self.channel == self.Channel.SMS and self.state == self.State.QUEUED and self.attempts > 0

    @property
    def went_wrong(self) -> bool:
        """Whether it will never arrive, as far as anybody knows."""
        return self.state in (self.State.FAILED, self.State.BOUNCED)

    def body(self) -> Body:
        """Return what is to be sent. Raises sealing.Unreadable, also once the body is gone."""
        return cast(Body, json.loads(sealing.unseal(bytes(self.sealed_body or b""), context=self.seal_context)))

    @property
    def seal_context(self) -> str:
        """What the body is bound to: moved to another row it cannot be read."""
        return f"message:{self.pk}"


class Heartbeat(models.Model):
    """When a worker was last seen to do its periodic jobs; a row for each process."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.pk} {self.at}"


class JobState(models.Model):
    """When a periodic job was last done to its end, by whichever worker, and how often it failed."""

    name = models.CharField(max_length=200, primary_key=True)
    every = models.FloatField()  # seconds
    since = models.DateTimeField()  # a worker knows it
    done_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)  # since it was last done
    failed = models.PositiveBigIntegerField(default=0)  # ever, its offices and rows included

    def __str__(self) -> str:
        return self.name


class FailedItem(models.Model):
    """An office or row at which a periodic job failed last time, and that is left alone until `retry_at`."""

    job = models.CharField(max_length=200)
    item = models.CharField(max_length=100)  # an identifier
    failures = models.PositiveIntegerField()  # one after the other
    since = models.DateTimeField()
    retry_at = models.DateTimeField()
    error = models.CharField(max_length=100)  # the kind of the last one

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "item"], name="failed_item_once")]

    def __str__(self) -> str:
        return f"{self.job} {self.item}"
