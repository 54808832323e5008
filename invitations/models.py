"""Invitations: the e-mailed link with the encrypted phone number, and the code sent to that phone."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider, User
from core import clock_skew
from core.composite_keys import SameOfficeForeignKey
from core.ids import uuid7
from outbox.models import Message

CODE_VALID_MINUTES = 10
MAX_TRIES_PER_CODE = 5
MAX_TRIES_PER_INVITATION = 15
MAX_CODES_PER_HOUR = 3
MAX_CODES_PER_INVITATION = 10


class CodeQuota(NamedTuple):
    """How many codes were sent, and how many more can be sent now."""

    sent: int
    left: int
    wait: timedelta | None  # for the next code: None if there is none, `timedelta.max` if no more are sent


class Invitation(models.Model):
    """The only invitation of a user; sending it again gives this row a new token and period.

    The token is in the e-mail only. The phone number is encrypted with a key derived from it, so that neither this
    table nor the application's own key reveals the number (rule 7).
    """

    class State(models.TextChoices):
        OPEN = "open", _("open")
        ACCEPTED = "accepted", _("accepted")
        REVOKED = "revoked", _("revoked")
        EXPIRED = "expired", _("expired")
        LOCKED = "locked", _("locked")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="invitation")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    token_hash = models.CharField(max_length=64, unique=True)
    encrypted_phone = models.BinaryField(null=True)
    email = models.EmailField(max_length=255)
    subject = models.CharField(max_length=512, blank=True)  # empty: the office's text is used
    body = models.TextField(max_length=6000, blank=True)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="+")
    # Needs authority at the moment of acceptance, see `sender_authority`; null: the operator or an erased user.
    sent_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    sent_by_operator = models.BooleanField(null=True)  # null: sent by an older release that did not store it
    refused_at = models.DateTimeField(null=True)  # acceptance refused since it was last sent
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("invitation"), _("invitations")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open", encrypted_phone__isnull=False)
                | ~Q(state="open") & Q(encrypted_phone__isnull=True),
                name="invitation_phone_while_open",
            ),
            SameOfficeForeignKey("user"),
            SameOfficeForeignKey("sent_by"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="open"), name="invitation_open_until"),
            models.Index(fields=["provider", "sent_at"], name="invitation_sent"),
            # For the alerts of the home page (`users.alerts`).
            models.Index(fields=["provider", "state", "expires_at"], name="invitation_by_state"),
            models.Index(fields=["provider"], condition=Q(refused_at__isnull=False), name="invitation_refused"),
            models.Index(fields=["sent_by"], name="invitation_sent_by"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def encryption_context(self) -> str:
        """Associated data of the encryption: with another row, address or period decryption fails."""
        return f"invitation:{self.pk}:{self.email}:{self.expires_at.isoformat()}"

    def is_open(self) -> bool:
        return self.state == self.State.OPEN and timezone.now() < self.expires_at

    def can_be_accepted(self) -> bool:
        """Return whether the link works and the user is not denied access in the meantime."""
        return self.is_open() and not self.user.is_denied_access

    def get_code_quota(self) -> CodeQuota:
        now = timezone.now()
        sent = list(self.codes.order_by("-sent_at").values_list("sent_at", flat=True))
        lately = [at for at in sent if at > now - timedelta(hours=1) and not clock_skew.is_in_future(at)]
        left = max(0, min(MAX_CODES_PER_INVITATION - len(sent), MAX_CODES_PER_HOUR - len(lately)))
        wait = None
        if len(sent) >= MAX_CODES_PER_INVITATION:
            wait = timedelta.max
        elif not left:
            wait = lately[MAX_CODES_PER_HOUR - 1] + timedelta(hours=1) - now
        return CodeQuota(len(sent), left, wait)

    def wrong_tries(self) -> int:
        return self.codes.aggregate(sum=models.Sum("wrong_tries"))["sum"] or 0


class InvitationCode(models.Model):
    """A six-digit code: valid for ten minutes, five attempts and the browser that requested it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="codes")
    code_hash = models.CharField(max_length=64)
    browser_hash = models.CharField(max_length=64)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="+")
    sent_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    verified_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.invitation_id} {self.sent_at:%Y-%m-%d %H:%M}"

    @property
    def tries_left(self) -> int:
        return max(0, MAX_TRIES_PER_CODE - self.wrong_tries)

    def is_usable(self) -> bool:
        in_time = clock_skew.is_still_valid(self.expires_at, within=timedelta(minutes=CODE_VALID_MINUTES))
        return in_time and self.verified_at is None and self.wrong_tries < MAX_TRIES_PER_CODE
