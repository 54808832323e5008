"""Groups of a directory, and their members."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.composite_keys import SameOfficeForeignKey
from core.key_fields import KeyedModel, KeyField
from core.keys import compute_name_key
from permissions.models import OfficeModel, OfficeQuerySet, Team
from scim.connection_models import DirectoryConnection, DirectoryUser


class DirectoryGroup(KeyedModel, OfficeModel):
    """A group of a directory, and by choice of an administrator the team whose members it keeps."""

    connection = models.ForeignKey(DirectoryConnection, on_delete=models.CASCADE, related_name="groups")
    external_id = models.CharField(max_length=255, null=True)
    name = models.CharField(max_length=255)
    name_key = KeyField("name", compute=compute_name_key, max_length=255)
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, related_name="directory_groups")
    allows_administrators = models.BooleanField(default=False)  # the team may give the right to manage the office
    blocks_removed = models.BooleanField(default=False)  # whom the group loses is blocked
    version = models.PositiveIntegerField(default=1)  # incremented by every change, also of members
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = OfficeQuerySet["DirectoryGroup"].as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("group of a directory"), _("groups of a directory")
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="directory_group_id_provider"),
            models.UniqueConstraint(fields=["provider", "connection", "name_key"], name="directory_group_name_once"),
            models.UniqueConstraint(
                fields=["provider", "team"], condition=Q(team__isnull=False), name="directory_group_team_once"
            ),
            SameOfficeForeignKey("connection"),
            SameOfficeForeignKey("team"),
        ]

    def __str__(self) -> str:
        return self.name


class JoinRefusal(models.TextChoices):
    """Why a member of a group is not in its team, or why a former one still is."""

    OWNER = "owner", _("The owner of the connection cannot change their own teams.")
    DUTIES = "duties", _("A rule of the segregation of duties keeps them out.")
    ADMINISTRATORS = (
        "administrators",
        _("The team makes administrators, which this group may not do."),
    )
    RIGHTS = "rights", _("The owner of the connection cannot give the rights of the team.")
    NO_OWNER = "no_owner", _("The connection has no owner.")
    STAYS = "stays", _("Removed by the directory, but the owner of the connection cannot take the rights of the team.")
    LAST_ADMINISTRATOR = (
        "last_administrator",
        _("Removed by the directory, but the office would have no administrator."),
    )


STAYING = (JoinRefusal.STAYS, JoinRefusal.LAST_ADMINISTRATOR)


class DirectoryGroupMember(OfficeModel):
    """A member of a group, or one whom it lost and who could not be removed from its team (`STAYING`)."""

    group = models.ForeignKey(DirectoryGroup, on_delete=models.CASCADE, related_name="members")
    row = models.ForeignKey(DirectoryUser, on_delete=models.CASCADE, related_name="groups")
    refusal = models.CharField(max_length=20, choices=JoinRefusal, blank=True)

    objects = OfficeQuerySet["DirectoryGroupMember"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "group", "row"], name="directory_group_member_once"),
            SameOfficeForeignKey("group"),
            SameOfficeForeignKey("row"),
        ]
        indexes = [models.Index(fields=["provider", "row"], name="directory_group_member_by_row")]

    def __str__(self) -> str:
        return f"{self.group_id} {self.row_id}"
