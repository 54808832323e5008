"""What happened: one line of the audit trail."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.actors import Origin
from loket.ids import uuid7


class Verb(models.TextChoices):
    """What was done."""

    PROVIDER_CREATED = "provider_created", _("created the office")
    PROVIDER_CHANGED = "provider_changed", _("changed the office")
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


def verbs() -> list[tuple[str, Any]]:
    """Return every verb with its words; as a function, so that a further verb needs no migration."""
    return Verb.choices


class Event(models.Model):
    """One change: who, when, what, on what, old and new. Names are copied and there are no foreign keys."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider_id = models.UUIDField(null=True)
    at = models.DateTimeField(auto_now_add=True)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=200)
    on_behalf_of_id = models.UUIDField(null=True)
    on_behalf_of_name = models.CharField(max_length=200, default="")
    address = models.GenericIPAddressField(null=True)
    origin = models.CharField(max_length=10, choices=Origin)
    verb = models.CharField(max_length=30, choices=verbs)
    target_kind = models.CharField(max_length=30)
    target_id = models.UUIDField(null=True)
    target_name = models.CharField(max_length=200)
    changes = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, default="")
    correlation_id = models.CharField(max_length=36, default="")

    class Meta:
        indexes = [
            models.Index(fields=["provider_id", "-id"], name="audit_event_provider"),
            models.Index(fields=["provider_id", "target_id", "-id"], name="audit_event_target"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.get_verb_display()} {self.target_name}"
