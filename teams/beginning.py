"""How far an office is that has one administrator and nobody else yet."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from accounts.models import LoginMethod, User
from teams.catalogue import Right
from teams.models import Team, TeamRight


@dataclass(frozen=True)
class Beginning:
    """The first team, None where there is none yet, and whether it gives rights."""

    team: Team | None
    gives_rights: bool


def beginning(user: User) -> Beginning | None:
    """Return how far the office of `user` is, None where he is not the only person of it. At most two queries.

    Programs are no persons, and a team that manages the office is none for colleagues.
    """
    others = User.objects.visible_to(user).exclude(pk=user.pk).exclude(login_method=LoginMethod.SSO_WEBSERVICE)
    if others.exists():
        return None
    given = TeamRight.objects.filter(provider=OuterRef("provider"), team=OuterRef("pk"))
    teams = Team.objects.visible_to(user).filter(~Exists(given.filter(right=Right.MANAGE_PROVIDER)))
    found = teams.annotate(gives_rights=Exists(given)).order_by("-gives_rights", "created_at").first()
    return Beginning(found, found is not None and found.gives_rights)
