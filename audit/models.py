"""What happened: one line of the audit trail."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit import verify
from audit.actors import Origin
from loket import sealing
from loket.ids import uuid7


class Verb(models.TextChoices):
    """What was done."""

    PROVIDER_CREATED = "provider_created", _("created the office")
    PROVIDER_CHANGED = "provider_changed", _("changed the office")
    PROVIDER_CLOSED = "provider_closed", _("closed the office")
    PROVIDER_REOPENED = "provider_reopened", _("opened the office again")
    TENANT_ADDED = "tenant_added", _("added the Azure AD tenant")
    TENANT_RENAMED = "tenant_renamed", _("renamed the Azure AD tenant")
    TENANT_PROVED = "tenant_proved", _("confirmed the Azure AD tenant")
    TENANT_REMOVED = "tenant_removed", _("removed the Azure AD tenant")
    TEXT_CHANGED = "text_changed", _("changed an e-mail text")
    USER_CREATED = "user_created", _("created")
    USER_CHANGED = "user_changed", _("changed")
    USER_BLOCKED = "user_blocked", _("blocked")
    USER_UNBLOCKED = "user_unblocked", _("unblocked")
    KIND_CHANGED = "kind_changed", _("changed the login method")
    USERNAME_SENT = "username_sent", _("sent the username")
    EMAIL_CHANGE_ASKED = "email_change_asked", _("asked to change the e-mail address")
    EMAIL_CHANGED = "email_changed", _("changed the e-mail address")
    INVITATION_SENT = "invitation_sent", _("sent the invitation")
    INVITATION_OPENED = "invitation_opened", _("opened the invitation")
    INVITATION_REFUSED = "invitation_refused", _("could not accept the invitation: it must be sent again")
    INVITATION_LOCKED = "invitation_locked", _("locked the invitation after wrong codes")
    INVITATION_ACCEPTED = "invitation_accepted", _("accepted the invitation")
    INVITATION_REVOKED = "invitation_revoked", _("revoked the invitation")
    INVITATION_EXPIRED = "invitation_expired", _("let the invitation expire")
    CODE_SENT = "code_sent", _("had a code sent")
    PHONE_PROVED = "phone_proved", _("typed the right code")
    CODE_REFUSED = "code_refused", _("typed a wrong code")
    RIGHTS_CHANGED = "rights_changed", _("changed the rights")
    TEAMS_CHANGED = "teams_changed", _("changed the teams")
    TEAM_CREATED = "team_created", _("created the team")
    TEAM_CHANGED = "team_changed", _("changed the team")
    TEAM_DELETED = "team_deleted", _("deleted the team")
    EMPLOYER_CREATED = "employer_created", _("created the employer")
    EMPLOYER_CHANGED = "employer_changed", _("changed the employer")
    SET_CREATED = "set_created", _("created the authorization set")
    SET_CHANGED = "set_changed", _("changed the authorization set")
    SET_DELETED = "set_deleted", _("deleted the authorization set")
    SET_APPLIED = "set_applied", _("applied an authorization set")
    SIGNALS_CHANGED = "signals_changed", _("changed the signals")
    SIGNAL_SET_CREATED = "signal_set_created", _("created the signal set")
    SIGNAL_SET_CHANGED = "signal_set_changed", _("changed the signal set")
    SIGNAL_SET_DELETED = "signal_set_deleted", _("deleted the signal set")
    SIGNAL_SET_APPLIED = "signal_set_applied", _("applied a signal set")
    SIGNAL_RAISED = "signal_raised", _("raised a signal")
    SIGNALS_READ = "signals_read", _("marked signals as read")
    EXPORTED = "exported", _("exported")
    SIGNED_IN = "signed_in", _("signed in")
    SIGNED_OUT = "signed_out", _("signed out")
    LOOK_STARTED = "look_started", _("was looked along with")
    LOOK_ENDED = "look_ended", _("was looked along with until now")
    SIGN_IN_REFUSED = "sign_in_refused", _("was refused at signing in")
    PASSWORD_CHANGED = "password_changed", _("changed the password")
    PASSWORD_LINK_SENT = "password_link_sent", _("had a link sent for a new password")
    FACTOR_ADDED = "factor_added", _("added a device for two-factor")
    FACTOR_RENAMED = "factor_renamed", _("renamed a device for two-factor")
    FACTOR_REMOVED = "factor_removed", _("removed a device for two-factor")
    FACTORS_RESET = "factors_reset", _("reset two-factor")
    RECOVERY_CODES_MADE = "recovery_codes_made", _("made recovery codes")
    RECOVERY_CODE_USED = "recovery_code_used", _("used a recovery code")
    SESSION_ENDED = "session_ended", _("ended a session")
    SESSIONS_ENDED = "sessions_ended", _("ended all sessions")
    CLIENT_ADDED = "client_added", _("added the integration")
    CLIENT_CHANGED = "client_changed", _("changed the integration")
    CLIENT_SECRET_MADE = "client_secret_made", _("made a new secret for the integration")
    CLIENT_SWITCHED_OFF = "client_switched_off", _("switched the integration off")
    CLIENT_SWITCHED_ON = "client_switched_on", _("switched the integration on")
    CLIENT_REMOVED = "client_removed", _("removed the integration")
    CONSENT_GIVEN = "consent_given", _("allowed an integration")
    CONSENT_ENDED = "consent_ended", _("ended an integration")
    TICKET_MADE = "ticket_made", _("had an SSO ticket made")
    USER_ERASED = verify.ERASED, _("erased")
    PERSON_EXPORTED = "person_exported", _("exported everything about")
    HISTORY_TRIMMED = "history_trimmed", _("removed old history")
    CARRIED_OVER = "carried_over", _("carried over from the removed history")


class PersonKeyQuerySet(models.QuerySet["PersonKey"]):
    """Questions over many keys."""

    def opened(self, ids: Iterable[str]) -> dict[str, AESGCM]:
        """Return the keys with these ids that are still there. One query."""
        return {str(row.pk): row.opened() for row in self.filter(pk__in=set(ids), sealed_key__isnull=False)}


def _context(key_id: UUID) -> str:
    return f"person:{key_id}"


class PersonKey(models.Model):
    """A key with which the history seals what says who one person is; without any, that person was erased.

    Somebody may have several: two who need the first one at the same moment do not wait for each other.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person_id = models.UUIDField(db_index=True)
    sealed_key = models.BinaryField(null=True)  # null: the person was erased, and gets no key any more

    objects = PersonKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.person_id} {self.pk}"

    @property
    def seal_context(self) -> str:
        """What the key is bound to: moved to another row it cannot be read."""
        return _context(self.pk)

    def opened(self) -> AESGCM:
        """Return the key itself. Raises sealing.Unreadable, also once it was destroyed."""
        return AESGCM(self.key())

    @classmethod
    def unsealed(cls, id: UUID, sealed: bytes) -> AESGCM:
        """Return the key of the row with this `id`, which no row needs to be made for: every event asks for one."""
        return AESGCM(sealing.unseal(sealed, context=_context(id)))

    def key(self) -> bytes:
        """Return the bytes of the key, 32 of them. Raises sealing.Unreadable, also once it was destroyed."""
        return sealing.unseal(bytes(self.sealed_key or b""), context=self.seal_context)


def erased_name(person_id: object) -> str:
    """Return what somebody is called who was erased."""
    return gettext("deleted user %(code)s") % {"code": str(person_id)[-4:].upper()}


def verbs() -> list[tuple[str, Any]]:
    """Return every verb with its words; as a function, so that a further verb needs no migration."""
    return Verb.choices


class Event(models.Model):
    """One change: who, when, what, on what, old and new. Names are copied and there are no foreign keys.

    Three parts, `who`, `for_whom` and `what`, say who somebody is. Each is sealed with a key of the person it is about
    as `audit.verify` says, or readable where it is about nobody. The properties open them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_id = models.UUIDField(null=True)
    at = models.DateTimeField(auto_now_add=True)
    actor_id = models.UUIDField(null=True)
    who = models.JSONField()  # name, address
    on_behalf_of_id = models.UUIDField(null=True)
    for_whom = models.JSONField(null=True)  # name
    origin = models.CharField(max_length=10, choices=Origin)
    verb = models.CharField(max_length=30, choices=verbs)
    target_kind = models.CharField(max_length=30)
    target_id = models.UUIDField(null=True)
    what = models.JSONField()  # name of the target, changes, reason
    correlation_id = models.CharField(max_length=36, default="")

    keys: Mapping[str, AESGCM] | None = None  # of its people, once `audit.reading` or a property fetched them

    class Meta:
        indexes = [
            models.Index(fields=["provider_id", "-at", "-id"], name="audit_event_by_moment"),
            models.Index(fields=["provider_id", "target_id", "-at", "-id"], name="audit_event_by_target"),
            models.Index(fields=["provider_id", "actor_id", "-at", "-id"], name="audit_event_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.get_verb_display()} {self.target_name}"

    @property
    def actor_name(self) -> str:
        """Who did it."""
        return str(self._opened("who")["name"])

    @property
    def address(self) -> str | None:
        """From which network address."""
        return self._opened("who").get("address")

    @property
    def on_behalf_of_name(self) -> str:
        """For whom it was done, or ""."""
        return str(self._opened("for_whom")["name"]) if self.for_whom else ""

    @property
    def target_name(self) -> str:
        """What it was done to."""
        return str(self._opened("what")["name"])

    @property
    def changes(self) -> dict[str, list[Any]]:
        """What became of each field: [old, new]."""
        return dict(self._opened("what").get("changes", {}))

    @property
    def reason(self) -> str:
        """Why, in the words of the actor, or a word for why somebody was refused."""
        return str(self._opened("what").get("reason", ""))

    @property
    def is_readable(self) -> bool:
        """Whether it can still be read what was done; not of who was erased, nor when somebody changed it."""
        return "sealed" not in self.what or "changes" in self._opened("what")

    def key_ids(self) -> set[str]:
        """Return the ids of the keys that its parts are sealed with."""
        return {part["key"] for part in (self.who, self.for_whom, self.what) if part and "sealed" in part}

    def _opened(self, name: str) -> dict[str, Any]:
        part: dict[str, Any] = getattr(self, name)
        if "sealed" not in part:
            return part
        if self.keys is None:
            self.keys = PersonKey.objects.opened(self.key_ids())
        key = self.keys.get(part["key"])
        if key is None:
            return {"name": erased_name(part["person_id"])}
        try:
            return verify.unseal(part["sealed"], key, event_id=str(self.pk), name=name)
        except (InvalidTag, ValueError):  # somebody changed it in the database: the page says so, and so does a check
            return {"name": gettext("not readable")}


class Waiting(models.Model):
    """An event that has no place in the chain yet. The database keeps this table itself, by triggers."""

    event_id = models.UUIDField(primary_key=True)
    provider_id = models.UUIDField(null=True)

    class Meta:
        indexes = [models.Index(fields=["provider_id", "event_id"], name="audit_waiting_provider")]

    def __str__(self) -> str:
        return str(self.event_id)


class Link(models.Model):
    """The place of an event in the chain of its office, or in that of the events of no office."""

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
    """What was signed of a chain: where it was, or, after old events were removed, what it starts after."""

    class Kind(models.TextChoices):
        """Which of the two."""

        HEAD = "head"
        START = "start"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=5, choices=Kind)
    sequence = models.BigIntegerField()
    signed = models.JSONField()  # as it is handed out

    class Meta:
        indexes = [models.Index(fields=["provider_id", "kind", "-sequence"], name="audit_checkpoint_newest")]

    def __str__(self) -> str:
        return f"{self.provider_id} {self.kind} {self.sequence}"
