"""Models of the audit log: events, the keys that encrypt them, the hash chain and its checkpoints."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import models
from django.utils.translation import gettext

from audit import verify
from audit.actors import EventOrigin
from audit.changes import Changes
from audit.verbs import Verb as Verb
from core import encryption
from core.ids import uuid7


class UserEncryptionKeyQuerySet(models.QuerySet["UserEncryptionKey"]):
    def load_ciphers(self, ids: Iterable[str]) -> dict[str, AESGCM]:
        """Return the keys with these ids that were not destroyed. One query."""
        return {str(row.pk): row.decrypt_key() for row in self.filter(pk__in=set(ids), encrypted_key__isnull=False)}


def _build_encryption_context(key_id: UUID) -> str:
    return f"person:{key_id}"


class UserEncryptionKey(models.Model):
    """A key that encrypts personal data of a user in events; erasing the user destroys it.

    A user can have several: two transactions that need the first one at the same moment do not wait for each other.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user_id = models.UUIDField(db_index=True)
    encrypted_key = models.BinaryField(null=True)  # null: the user was erased, and gets no further key

    objects = UserEncryptionKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user_id} {self.pk}"

    @property
    def encryption_context(self) -> str:
        """Associated data of the encryption: in another row decryption fails."""
        return _build_encryption_context(self.pk)

    def decrypt_key(self) -> AESGCM:
        """Return the key itself. Raises encryption.DecryptionError, including if it was destroyed."""
        return AESGCM(self.decrypt_key_bytes())

    @classmethod
    def decrypt_stored_key(cls, key_id: UUID, encrypted_key: bytes) -> AESGCM:
        """Return the key of the row `key_id` without a model instance: every event needs one."""
        return AESGCM(encryption.decrypt(encrypted_key, context=_build_encryption_context(key_id)))

    def decrypt_key_bytes(self) -> bytes:
        """Return the 32 bytes of the key. Raises encryption.DecryptionError, including if it was destroyed."""
        return encryption.decrypt(bytes(self.encrypted_key or b""), context=self.encryption_context)


def build_erased_name(user_id: object) -> str:
    """Return the name shown for an erased user."""
    return gettext("deleted user %(code)s") % {"code": str(user_id)[-4:].upper()}


def get_verb_choices() -> list[tuple[str, Any]]:
    """Return the choices of `Event.verb`; a function, so that a new verb needs no migration."""
    return Verb.choices


_FACETS = ("verb", "target_kind", "origin")
_IS_CHANGE = ~models.Q(verb=Verb.SIGNED_IN.value)  # programs sign in so often that a user's changes are hard to find


class Event(models.Model):
    """One change: who, when, what, on what, old and new values. Names are copied; there are no foreign keys.

    Personal data is in three parts: `who`, `for_whom` and `what`. Each is encrypted with a key of the user it is about,
    as described in `audit.verify`, or plain when it is about no user. The properties decrypt them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_id = models.UUIDField(null=True)
    at = models.DateTimeField(auto_now_add=True)
    actor_id = models.UUIDField(null=True)
    who = models.JSONField()  # name, address
    on_behalf_of_id = models.UUIDField(null=True)
    for_whom = models.JSONField(null=True)  # name
    origin = models.CharField(max_length=10, choices=EventOrigin)
    verb = models.CharField(max_length=30, choices=get_verb_choices)
    target_kind = models.CharField(max_length=30)
    target_id = models.UUIDField(null=True)
    what = models.JSONField()  # name of the target, changes, reason
    correlation_id = models.CharField(max_length=36, default="")

    keys: Mapping[str, AESGCM] | None = None  # by id, once `history.presenters.event_rows` or a property loaded them

    class Meta:
        indexes = [
            models.Index(fields=["provider_id", "at", "id"], include=["correlation_id"], name="audit_event_by_moment"),
            # How `history.event_search` reads them; the included columns are filtered on without reading the table.
            models.Index(fields=["provider_id", *_FACETS, "at", "id"], name="audit_event_by_facets"),
            models.Index(
                fields=["provider_id", "target_id", "at", "id"], include=_FACETS, name="audit_event_by_target"
            ),
            models.Index(fields=["provider_id", "actor_id", "at", "id"], include=_FACETS, name="audit_event_by_actor"),
            models.Index(fields=["provider_id", "target_id", "-at"], condition=_IS_CHANGE, name="audit_event_changes"),
            # All events of one request or job; the included columns are counted without reading the table.
            models.Index(
                fields=["provider_id", "correlation_id", "at", "id"],
                include=["verb", "target_kind", "target_id"],
                condition=~models.Q(correlation_id=""),
                name="audit_event_by_act",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.get_verb_display()} {self.target_name}"

    @property
    def actor_name(self) -> str:
        return str(self._decrypt_part("who")["name"])

    @property
    def address(self) -> str | None:
        return self._decrypt_part("who").get("address")

    @property
    def on_behalf_of_name(self) -> str:
        """Name of the user on whose behalf it was done, or ""."""
        return str(self._decrypt_part("for_whom")["name"]) if self.for_whom else ""

    @property
    def target_name(self) -> str:
        return str(self._decrypt_part("what")["name"])

    @property
    def changes(self) -> Changes:
        """Old and new value by field: [old, new]."""
        return dict(self._decrypt_part("what").get("changes", {}))

    @property
    def reason(self) -> str:
        """Reason given by the actor, or the code of a refused sign-in."""
        return str(self._decrypt_part("what").get("reason", ""))

    @property
    def is_readable(self) -> bool:
        """Whether the changes can be decrypted: not for an erased user or after tampering."""
        return "sealed" not in self.what or "changes" in self._decrypt_part("what")

    def key_ids(self) -> set[str]:
        """Return the ids of the keys that encrypt its parts."""
        return {part["key"] for part in (self.who, self.for_whom, self.what) if part and "sealed" in part}

    def _decrypt_part(self, name: str) -> dict[str, Any]:
        part: dict[str, Any] = getattr(self, name)
        if "sealed" not in part:
            return part
        if self.keys is None:
            self.keys = UserEncryptionKey.objects.load_ciphers(self.key_ids())
        key = self.keys.get(part["key"])
        if key is None:
            return {"name": build_erased_name(part["person_id"])}
        try:
            return verify.decrypt_part(part["sealed"], key, event_id=str(self.pk), name=name)
        except (InvalidTag, ValueError):  # changed in the database: pages and verification report it
            return {"name": gettext("not readable")}


class PendingEvent(models.Model):
    """An event that is not in the chain yet. Database triggers maintain this table."""

    event_id = models.UUIDField(primary_key=True)
    provider_id = models.UUIDField(null=True)

    class Meta:
        indexes = [models.Index(fields=["provider_id", "event_id"], name="audit_waiting_provider")]

    def __str__(self) -> str:
        return str(self.event_id)


class ChainLink(models.Model):
    """Position of an event in the chain of its office, or in the chain of events without an office."""

    event_id = models.UUIDField(primary_key=True)
    provider_id = models.UUIDField(null=True)
    sequence = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider_id", "sequence"], name="audit_link_sequence", nulls_distinct=False
            ),
            models.CheckConstraint(condition=models.Q(sequence__gte=1), name="audit_link_counts_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.sequence}"


class Checkpoint(models.Model):
    """A signed state of a chain: its head, or where it starts after old events were removed."""

    class CheckpointType(models.TextChoices):
        HEAD = "head"
        START = "start"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=5, choices=CheckpointType)
    sequence = models.BigIntegerField()
    signed = models.JSONField()  # as exported

    class Meta:
        indexes = [models.Index(fields=["provider_id", "kind", "-sequence"], name="audit_checkpoint_newest")]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.kind} {self.sequence}"
