"""What an office decided about an application: consent for all its users, and the teams that may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import LoginMethod, Provider, User
from core.composite_keys import SameOfficeForeignKey
from oauth.scopes import Scope, sort_scopes
from permissions import checks
from permissions.checks import Right
from permissions.models import OfficeModel, OfficeQuerySet, Team

if TYPE_CHECKING:
    from oauth.models import Application


_MAX_MANAGERS = 3  # named on the page of a user who may not use an application


class OfficeAccessQuerySet(OfficeQuerySet["OfficeAccess"]):
    def closed_to(self, user: Any, *, provider: Any) -> Self:
        """Return the rows for teams of which `user` is no member; both arguments can be an `OuterRef`."""
        return self.filter(provider=provider, for_teams_only=True).exclude(teams__team__members__user=user)


class OfficeAccess(OfficeModel):
    """Without a row, each user of the office is asked for consent, and all may use the application.

    With `for_teams_only` and no team nobody may: an application does not open up when its last team is deleted.
    """

    application = models.ForeignKey("oauth.Application", on_delete=models.CASCADE, related_name="+")
    scopes = ArrayField(models.CharField(max_length=20), default=list)  # consented to for all users; empty: none
    consented_at = models.DateTimeField(null=True)
    consented_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    for_teams_only = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)  # incremented by every change

    objects = OfficeAccessQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "application"], name="office_access_once"),
            models.UniqueConstraint(fields=["id", "provider"], name="office_access_id_provider"),
            models.CheckConstraint(
                condition=Q(scopes=[], consented_at=None) | ~Q(scopes=[]) & Q(consented_at__isnull=False),
                name="office_access_consent_is_whole",
            ),
            SameOfficeForeignKey("consented_by"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def known_scopes(self) -> list[Scope]:
        return sort_scopes(self.scopes)

    def list_team_ids(self) -> list[UUID]:
        return list(self.teams.order_by("team__sort_name", "team").values_list("team", flat=True))


class OfficeAccessTeam(OfficeModel):
    """A team whose members may use the application."""

    access = models.ForeignKey(OfficeAccess, on_delete=models.CASCADE, related_name="teams")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "access", "team"], name="office_access_team_once"),
            SameOfficeForeignKey("access"),
            SameOfficeForeignKey("team"),
        ]

    def __str__(self) -> str:
        return str(self.team_id)


def get_office_access(application: Application, provider: Provider) -> OfficeAccess:
    """Return the row of this office, or one that is not stored if it decided nothing."""
    found = OfficeAccess.objects.select_related("consented_by").filter(application=application, provider=provider)
    return found.first() or OfficeAccess(application=application, provider=provider)


def list_integration_managers(provider: Provider) -> list[User]:
    """Return a few users who can change who may use an integration, by name."""
    holders = checks.filter_right_holders(provider, Right.MANAGE_INTEGRATIONS)
    active = holders.filter(inactive_reason=None).exclude(login_method=LoginMethod.SSO_WEBSERVICE)
    return list(active.order_by("sort_name", "pk")[:_MAX_MANAGERS])


def is_closed_to(application: Application, user: User) -> bool:
    """Return whether the office of `user` assigned the application to teams of which they are no member."""
    rows = OfficeAccess.objects.closed_to(user, provider=user.provider_id)
    return rows.filter(application=application).exists()
