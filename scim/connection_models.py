"""Connections with a directory, such as Entra ID or Okta, their bearer tokens, and what a directory says of users."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ExternalTenant, LoginMethod, User
from core.composite_keys import SameOfficeForeignKey
from core.key_fields import KeyedModel, KeyField
from core.keys import compute_name_key, compute_username_key
from permissions import checks
from permissions.checks import Right
from permissions.models import OfficeModel, OfficeQuerySet

MAX_ID_LENGTH = 255  # of userName, displayName of a group, and externalId
MAX_REFUSAL_LENGTH = 300
ALARM_DAYS = 7  # in which administrators are told that the last one was to be blocked
MAX_TOKENS = 2  # valid at once, so that a directory can change to another without a gap
NEW_USER_METHODS = [LoginMethod.AZURE_AD, LoginMethod.WEBSITE_SSO]


class EmailSource(models.TextChoices):
    """Which attribute is the e-mail address."""

    EMAILS = "emails", _("emails: the primary one, else that for work")
    USER_NAME = "user_name", "userName"


class NameSource(models.TextChoices):
    """Which attribute is the name."""

    NAME = "name", _("name: givenName and familyName")
    DISPLAY_NAME = "display_name", _("displayName, such as Eva van der Berg")


class MobileSource(models.TextChoices):
    """Which attribute is the mobile number of an invitation."""

    MOBILE = "mobile", _("phoneNumbers with the type mobile")
    ANY = "any", _("the first mobile number in phoneNumbers")
    NONE = "none", _("none: an administrator enters it")


class DirectoryConnection(KeyedModel, OfficeModel):
    """A directory that creates, changes and blocks users of the office over SCIM 2.0, with the rights of its owner."""

    class State(models.TextChoices):
        """Whether calls are answered, and in the shadow as if they changed something."""

        SHADOW = "shadow", _("Shadow")
        ON = "on", _("Turned on")
        OFF = "off", _("Turned off")

    name = models.CharField(_("Name"), max_length=50)
    name_key = KeyField("name", compute=compute_name_key)
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="directory_connections")
    login_method = models.CharField(
        _("Login method of new users"),
        max_length=20,
        choices=[(method.value, method.label) for method in NEW_USER_METHODS],
    )
    tenant = models.ForeignKey(
        ExternalTenant, on_delete=models.SET_NULL, null=True, blank=True, related_name="directory_connections"
    )
    email_source = models.CharField(_("E-mail address"), max_length=20, choices=EmailSource, default=EmailSource.EMAILS)
    name_source = models.CharField(_("Name"), max_length=20, choices=NameSource, default=NameSource.NAME)
    mobile_source = models.CharField(
        _("Mobile number"), max_length=20, choices=MobileSource, default=MobileSource.MOBILE
    )
    state = models.CharField(max_length=10, choices=State, default=State.SHADOW, editable=False)
    last_call_at = models.DateTimeField(null=True, editable=False)  # to the minute
    alarm_at = models.DateTimeField(null=True, editable=False)  # when it last wanted to block the last administrator
    went_live_at = models.DateTimeField(null=True, editable=False)  # null: it has changed nothing yet
    warned_at = models.DateTimeField(null=True, editable=False)  # when administrators were told of a held wave
    stopped_at = models.DateTimeField(null=True, editable=False)  # when they were told that its owner is not able
    max_blocked_count = models.PositiveSmallIntegerField(_("Blocked users in an hour"), default=5)
    max_blocked_percent = models.PositiveSmallIntegerField(_("Percentage of active users in an hour"), default=10)
    max_removed_percent = models.PositiveSmallIntegerField(_("Percentage of members of a team in an hour"), default=20)
    version = models.PositiveIntegerField(default=1, editable=False)  # incremented by every change
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfficeQuerySet["DirectoryConnection"].as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("directory"), _("directories")
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="connection_id_provider"),
            models.UniqueConstraint(fields=["provider", "name_key"], name="connection_name_once"),
            SameOfficeForeignKey("owner"),
            SameOfficeForeignKey("tenant"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def answers_calls(self) -> bool:
        return self.state != self.State.OFF

    @property
    def has_able_owner(self) -> bool:
        """Whether the owner can manage users; without one every call is refused. One query."""
        return self.owner is not None and checks.has_right(self.owner, Right.MANAGE_USERS)

    @property
    def is_shadow(self) -> bool:
        return self.state == self.State.SHADOW

    @property
    def has_alarm(self) -> bool:
        return self.alarm_at is not None and self.alarm_at > timezone.now() - timedelta(days=ALARM_DAYS)

    @property
    def creates_azure_users(self) -> bool:
        return self.login_method == LoginMethod.AZURE_AD


class ConnectionToken(OfficeModel):
    """A bearer token of a connection."""

    connection = models.ForeignKey(DirectoryConnection, on_delete=models.CASCADE, related_name="tokens")
    token_hash = models.CharField(max_length=64, unique=True)  # SHA-256 of 256 random bits
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)  # to the minute

    objects = OfficeQuerySet["ConnectionToken"].as_manager()

    class Meta:
        constraints = [SameOfficeForeignKey("connection")]
        indexes = [models.Index(fields=["provider", "connection"], name="connection_token")]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.created_at}"


class ShadowStep(models.TextChoices):
    """What going live does about a user."""

    CREATE = "create", _("Create")
    INVITE = "invite", _("Invite")
    WAIT = "wait", _("To be invited")
    BLOCK = "block", _("Block")
    CHANGE = "change", _("Change")
    JOIN = "join", _("Join a team")


class DirectoryUser(KeyedModel, OfficeModel):
    """What a directory says of one user. Its id is that of the user, who may have to be invited yet.

    A user belongs to one directory at most; `ended_at` is when the directory deleted the user, who is then blocked and
    kept as every blocked user is.
    """

    connection = models.ForeignKey(DirectoryConnection, on_delete=models.CASCADE, related_name="directory_users")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="directory_users")
    external_id = models.CharField(max_length=255, null=True)
    user_name = models.CharField(max_length=255)
    user_name_key = KeyField("user_name", compute=compute_username_key, max_length=255)
    attributes = models.JSONField()  # name, displayName, emails and active, as sent
    blocked_at = models.DateTimeField(null=True)  # that of the user when this directory did it
    ended_at = models.DateTimeField(null=True)
    encrypted_phone = models.BinaryField(null=True)  # for the invitation, until the connection is live
    is_out = models.BooleanField(default=False)  # removed from a group that blocks whom it loses
    is_held = models.BooleanField(default=False)  # the brake keeps the block from the user, see `AccessLoss`
    pending = models.BooleanField(default=False)  # the worker still has to take that step
    refusal = models.CharField(max_length=MAX_REFUSAL_LENGTH, blank=True)  # why that was not possible
    version = models.PositiveIntegerField(default=1)  # incremented by every change
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = OfficeQuerySet["DirectoryUser"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "user"], condition=Q(user__isnull=False), name="directory_user_once"
            ),
            models.UniqueConstraint(
                fields=["provider", "connection", "user_name_key"],
                condition=Q(ended_at=None),
                name="directory_user_name_once",
            ),
            models.UniqueConstraint(
                fields=["provider", "connection", "external_id"],
                condition=Q(ended_at=None, external_id__isnull=False),
                name="directory_external_id_once",
            ),
            models.UniqueConstraint(fields=["id", "provider"], name="directory_user_id_provider"),
            SameOfficeForeignKey("connection"),
            SameOfficeForeignKey("user"),
        ]
        indexes = [
            models.Index(fields=["provider", "connection", "id"], name="directory_user_by_id"),
            models.Index(
                fields=["provider", "connection"], condition=Q(ended_at__isnull=False), name="directory_user_former"
            ),
            models.Index(fields=["id"], condition=Q(pending=True), name="directory_user_pending"),
        ]

    def __str__(self) -> str:
        return self.user_name

    @property
    def encryption_context(self) -> str:
        return f"directory user:{self.pk}"

    @property
    def wants_active(self) -> bool:
        """What a change builds on: what was sent, but a block that outlives its group lasts until a call ends it."""
        return bool(self.attributes.get("active")) and not (self.is_blocked_by_directory and not self.is_out)

    @property
    def is_blocked_by_directory(self) -> bool:
        return self.user is not None and self.user.blocked_at is not None and self.user.blocked_at == self.blocked_at

    @property
    def lacks_block(self) -> bool:
        """Whether the account is open although the directory blocks it and nothing is held."""
        is_open = self.user is not None and self.user.blocked_at is None
        return is_open and not self.active and not self.is_held

    @property
    def active(self) -> bool:
        """Whether the user may have access, as far as the directory is concerned."""
        return bool(self.attributes.get("active")) and not self.is_out
