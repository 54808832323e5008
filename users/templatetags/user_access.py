"""How many teams, rights and sessions a user has, for the tabs and the cards of the user's pages."""

from typing import Any, TypedDict

from django import template
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import User
from authentication.models import UserSession
from permissions.models import Grant, IndividualRight, TeamEmployer, TeamMember

register = template.Library()


class AccessCounts(TypedDict):
    """Numbers of a user's teams, their employers, rights, rights granted individually, and sessions."""

    teams: int
    employers: int
    rights: int
    individual: int
    sessions: int


@register.simple_tag
def count_access(user: User) -> AccessCounts:
    """One query."""
    own = {"provider_id": OuterRef("provider_id"), "user_id": OuterRef("pk")}
    employers = TeamEmployer.objects.filter(provider_id=OuterRef("provider_id"), team__members__user_id=OuterRef("pk"))
    sessions = UserSession.objects.alive().filter(**own, session_version=OuterRef("session_version"))
    counts = {
        "teams": _count_distinct(TeamMember.objects.filter(**own), "team_id"),
        "employers": _count_distinct(employers, "employer_id"),
        "rights": _count_distinct(Grant.objects.filter(**own), "right"),
        "individual": _count_distinct(IndividualRight.objects.filter(**own), "right"),
        "sessions": _count_distinct(sessions, "pk"),
    }
    return User.objects.filter(pk=user.pk).values(**counts).get()  # type: ignore[return-value]


def _count_distinct(rows: QuerySet[Any], column: str) -> Coalesce:
    counted = rows.order_by().values("provider_id").annotate(number=Count(column, distinct=True)).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
