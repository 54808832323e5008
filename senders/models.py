"""The sender of an office's e-mails, with what DNS last said about its domain, and the keys that sign its e-mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider
from core import encryption
from permissions.models import OfficeModel

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class RecordKind(models.TextChoices):
    """A DNS record that an office's own sender is about."""

    OWNERSHIP = "ownership", _("Proof that the domain is yours")
    DKIM = "dkim", _("Signature (DKIM)")
    DMARC = "dmarc", _("Policy (DMARC)")
    SPF = "spf", _("Allowed mail servers (SPF)")


# E-mails of an office leave with its own sender while these hold. SPF is checked at the domain of the envelope, which
# is ours, so that DMARC passes by the signature alone (RFC 7489, 3.1).
REQUIRED_RECORDS = (RecordKind.OWNERSHIP, RecordKind.DKIM, RecordKind.DMARC)


class RecordState(models.TextChoices):
    """What DNS says about a record."""

    HOLDS = "holds", _("In order")
    MISSING = "missing", _("Not found")
    WRONG = "wrong", _("Has another value")
    TAKEN = "taken", _("Another office uses this domain")
    NO_ANSWER = "no_answer", _("DNS does not answer")
    UNKNOWN = "", _("Not checked yet")


class OfficeSender(models.Model):
    """The sender that an office chose: its e-mails come from `address` while `in_use_since` is set."""

    provider = models.OneToOneField(Provider, on_delete=models.CASCADE, primary_key=True, related_name="sender")
    address = models.CharField(max_length=254)  # its domain in ASCII
    domain = models.CharField(max_length=200)
    reply_to = models.CharField(max_length=254, blank=True)
    challenge = models.CharField(max_length=43)  # no secret: the office publishes it in DNS
    provider_selector = models.CharField(max_length=63, blank=True)  # DKIM selector of an e-mail provider that signs
    states = models.JSONField(default=dict)  # RecordState by RecordKind
    proved_at = models.DateTimeField(null=True)  # the domain is this office's, and of no other
    in_use_since = models.DateTimeField(null=True)
    held_at = models.DateTimeField(null=True)  # last check at which all records held
    checked_at = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(default=timezone.now, db_index=True)
    changed_at = models.DateTimeField(default=timezone.now)
    warned_at = models.DateTimeField(null=True)
    conflict_told_at = models.DateTimeField(null=True)  # the office that has the domain was told that another proved it

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["domain"], condition=Q(proved_at__isnull=False), name="sender_domain_once"),
            models.CheckConstraint(
                condition=Q(in_use_since=None) | Q(proved_at__isnull=False), name="sender_proved_before_use"
            ),
            # No other character of an address can end a header or start a comment in it.
            models.CheckConstraint(
                condition=Q(address__regex=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9.-]+$"),
                name="sender_plain_address",
            ),
        ]

    def __str__(self) -> str:
        return self.address

    def get_state(self, kind: RecordKind) -> RecordState:
        return RecordState(self.states.get(kind.value, ""))

    @property
    def is_in_use(self) -> bool:
        return self.in_use_since is not None

    @property
    def has_stopped(self) -> bool:
        """Whether the sender was in use, and is no longer because records do not hold."""
        return self.in_use_since is None and self.held_at is not None

    def list_broken_records(self) -> list[StrOrPromise]:
        """Return the names of the records that do not hold."""
        return [kind.label for kind in REQUIRED_RECORDS if self.get_state(kind) != RecordState.HOLDS]


class DkimKeyQuerySet(models.QuerySet["DkimKey"]):
    def current(self) -> DkimKeyQuerySet:
        """Return the keys that sign or will sign, the one waiting for its record first."""
        return self.filter(retired_at=None).order_by("-created_at")


class DkimKey(OfficeModel):
    """A key that signs the e-mails of an office from when its record is seen in DNS until a newer one is."""

    selector = models.CharField(max_length=63)
    public_key = models.TextField()  # DER in base64, as the record has it
    encrypted_private_key = models.BinaryField(null=True)  # PEM; null: retired
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    objects = DkimKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "selector"], name="dkim_selector_once"),
            models.UniqueConstraint(
                fields=["provider"], condition=Q(retired_at=None, seen_at=None), name="dkim_one_waiting_key"
            ),
            models.UniqueConstraint(
                fields=["provider"], condition=Q(retired_at=None, seen_at__isnull=False), name="dkim_one_signing_key"
            ),
            models.CheckConstraint(
                condition=Q(retired_at=None, encrypted_private_key__isnull=False)
                | Q(retired_at__isnull=False, encrypted_private_key=None),
                name="dkim_key_until_retired",
            ),
        ]

    def __str__(self) -> str:
        return self.selector

    @property
    def encryption_context(self) -> str:
        """Context that binds the private key to this row: it cannot be decrypted in another row."""
        return f"dkim:{self.pk}"

    def decrypt_private_key(self) -> bytes:
        """Return the key as PEM. Raises encryption.DecryptionError, also once it is retired."""
        return encryption.decrypt(bytes(self.encrypted_private_key or b""), context=self.encryption_context)
