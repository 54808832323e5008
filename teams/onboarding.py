"""Onboarding progress of an office whose only user is its administrator."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from accounts.models import LoginMethod, User
from permissions.catalog import Right
from permissions.models import Team, TeamRight


@dataclass(frozen=True)
class OnboardingProgress:
    """The first team, or None if there is none yet, and whether it gives rights."""

    team: Team | None
    gives_rights: bool


def get_onboarding_progress(user: User) -> OnboardingProgress | None:
    """Return the progress of the office of `user`, or None if the office has other users. At most two queries.

    SSO/Webservice users do not count as users, nor does a team with manage_provider count as a first team.
    """
    others = User.objects.visible_to(user).exclude(pk=user.pk).exclude(login_method=LoginMethod.SSO_WEBSERVICE)
    if others.exists():
        return None
    rights = TeamRight.objects.filter(provider=OuterRef("provider"), team=OuterRef("pk"))
    teams = Team.objects.visible_to(user).filter(~Exists(rights.filter(right=Right.MANAGE_PROVIDER)))
    team = teams.annotate(gives_rights=Exists(rights)).order_by("-gives_rights", "created_at").first()
    return OnboardingProgress(team, team is not None and team.gives_rights)
