"""Employers, teams with their members and rights, authorization sets, and individual rights."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider, User
from core.composite_keys import SameOfficeForeignKey
from core.key_fields import KeyedModel, KeyField
from core.keys import compute_name_key, compute_search_key
from permissions.catalog import Right, rights_from_codes
from permissions.duty_models import DutyExemption as DutyExemption
from permissions.duty_models import DutyRule as DutyRule
from permissions.office_models import OfficeModel as OfficeModel
from permissions.office_models import OfficeQuerySet as OfficeQuerySet
from permissions.products import Product


class Employer(KeyedModel, OfficeModel):
    number = models.PositiveIntegerField(_("Number"))
    name = models.CharField(_("Name"), max_length=70)
    products = ArrayField(
        models.PositiveSmallIntegerField(choices=Product), default=list, blank=True, verbose_name=_("Products")
    )
    version = models.PositiveIntegerField(default=1, editable=False)  # incremented by every change
    created_at = models.DateTimeField(auto_now_add=True)
    sort_name = KeyField("name", compute=compute_search_key, max_length=70)

    objects = OfficeQuerySet["Employer"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="employer_id_provider"),
            models.UniqueConstraint(fields=["provider", "number"], name="employer_number_once"),
        ]
        indexes = [models.Index(fields=["provider", "sort_name", "id"], name="employer_by_name")]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class Team(KeyedModel, OfficeModel):
    """Gives its members its rights, at its employers (domain.md section 4)."""

    name = models.CharField(_("Name"), max_length=50)
    name_key = KeyField("name", compute=compute_name_key)
    two_factor_required = models.BooleanField(_("Two-factor required"), default=False)
    version = models.PositiveIntegerField(default=1, editable=False)  # incremented by every change, also of members
    created_at = models.DateTimeField(auto_now_add=True)
    sort_name = KeyField("name", compute=compute_search_key, max_length=50)

    objects = OfficeQuerySet["Team"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="team_id_provider"),
            models.UniqueConstraint(fields=["provider", "name_key"], name="team_name_once"),
        ]
        indexes = [models.Index(fields=["provider", "sort_name", "id"], name="team_by_name")]

    def __str__(self) -> str:
        return self.name


class ManagedBy(models.TextChoices):
    """Who keeps a membership; none of them ends what the other gave."""

    MANUAL = "manual", _("by hand")
    DIRECTORY = "directory", _("by the directory")
    BOTH = "both", _("by hand and by the directory")


class TeamMember(OfficeModel):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    managed_by = models.CharField(max_length=10, choices=ManagedBy, default=ManagedBy.MANUAL)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "user", "team"], name="team_member_once"),
            SameOfficeForeignKey("team"),
            SameOfficeForeignKey("user"),
        ]
        indexes = [models.Index(fields=["provider", "team", "user"], name="team_member_by_team")]

    def __str__(self) -> str:
        return f"{self.team_id} {self.user_id}"


class TeamEmployer(OfficeModel):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="employers")
    employer = models.ForeignKey(Employer, on_delete=models.CASCADE, related_name="teams")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "employer", "team"], name="team_employer_once"),
            SameOfficeForeignKey("team"),
            SameOfficeForeignKey("employer"),
        ]
        indexes = [models.Index(fields=["provider", "team", "employer"], name="team_employer_by_team")]

    def __str__(self) -> str:
        return f"{self.team_id} {self.employer_id}"


class TeamRight(OfficeModel):
    """A right that a team gives its members; `right` is the code of a `permissions.catalog.Right`."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="rights")
    right = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "team", "right"], name="team_right_once"),
            SameOfficeForeignKey("team"),
        ]
        indexes = [models.Index(fields=["provider", "right", "team"], name="team_right_by_right")]

    def __str__(self) -> str:
        return self.right


class IndividualRight(OfficeModel):
    """A right granted to one user; `right` is the code of a `permissions.catalog.Right`."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="individual_rights")
    right = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "user", "right"], name="individual_right_once"),
            SameOfficeForeignKey("user"),
        ]
        indexes = [models.Index(fields=["provider", "right", "user"], name="individual_right_by_right")]

    def __str__(self) -> str:
        return self.right


class GrantQuerySet(models.QuerySet["Grant"]):
    def of_user(self, user: User) -> Self:
        return self.filter(provider_id=user.provider_id, user_id=user.pk)

    def of_office(self, provider: Provider, employer: Employer | None = None) -> Self:
        """Return the grants that count at `employer`, or without one every grant regardless of employers."""
        grants = self.filter(provider_id=provider.pk)
        return grants.filter(at_employer=False) if employer is None else grants.filter(employer_id=employer.pk)


class Grant(models.Model):
    """A path by which a right reaches a user: a row of the view of `permissions.grants_sql`. Ask it for values only.

    Each right is there once regardless of employers, with the team that gives it (none if `individual`), and once for
    each employer where it applies (`at_employer`), with the team that gives the user access to that employer.
    """

    provider_id = models.UUIDField()
    user_id = models.UUIDField(primary_key=True)  # not unique: Django asks for some key
    right = models.CharField(max_length=40)
    at_employer = models.BooleanField()
    employer_id = models.UUIDField(null=True)
    team_id = models.UUIDField(null=True)
    individual = models.BooleanField()

    objects = GrantQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "permissions_grant"

    def __str__(self) -> str:
        return f"{self.user_id} {self.right}"


class OfficeSet(KeyedModel, OfficeModel):
    """A named bundle of the office that can be copied."""

    name = models.CharField(_("Name"), max_length=50)
    name_key = KeyField("name", compute=compute_name_key)
    version = models.PositiveIntegerField(default=1, editable=False)  # incremented by every change
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["id", "provider"], name="%(class)s_id_provider"),
            models.UniqueConstraint(fields=["provider", "name_key"], name="%(class)s_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class AuthorizationSet(OfficeSet):
    """A bundle of rights that can be copied to a team or a user (domain.md section 3.4)."""

    codes = ArrayField(models.CharField(max_length=40), default=list)

    objects = OfficeQuerySet["AuthorizationSet"].as_manager()

    @property
    def rights(self) -> frozenset[Right]:
        return rights_from_codes(self.codes)


class SetApplication(OfficeModel):
    """The latest application of a set to a team or a user. It grants nothing; it only serves to report deviations."""

    authorization_set = models.ForeignKey(AuthorizationSet, on_delete=models.CASCADE, related_name="applications")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, related_name="applied_sets")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="applied_sets")
    applied_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "authorization_set", "team", "user"],
                name="set_application_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(team__isnull=True, user__isnull=False) | Q(team__isnull=False, user__isnull=True),
                name="set_application_to_one",
            ),
            SameOfficeForeignKey("authorization_set"),
            SameOfficeForeignKey("team"),
            SameOfficeForeignKey("user"),
        ]

    def __str__(self) -> str:
        return f"{self.authorization_set_id} {self.team_id or self.user_id}"
