"""Querysets for the lists of teams and employers: search, counts and missing parts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias, TypedDict, TypeVar

from django.db.models import CharField, Count, Exists, F, IntegerField, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext as _

from core.keys import compute_search_key
from core.paging import NAME_SORT
from core.search import sort_by_match, split_search_words
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS
from permissions.models import Employer, Team, TeamEmployer, TeamMember, TeamRight

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

_TEAM_PARTS: tuple[type[Model], ...] = (TeamMember, TeamEmployer, TeamRight)


class TeamCounts(TypedDict):
    member_count: int
    employer_count: int
    right_count: int
    needs_employers: bool


CountedTeam: TypeAlias = "WithAnnotations[Team, TeamCounts]"
TeamQuerySetT = TypeVar("TeamQuerySetT", bound=QuerySet[Team])


def annotate_counts(teams: QuerySet[Team]) -> QuerySet[CountedTeam]:
    return teams.annotate(
        member_count=_count_related(TeamMember, "team"),
        employer_count=_count_related(TeamEmployer, "team"),
        right_count=_count_related(TeamRight, "team"),
        needs_employers=~_build_office_condition(),
    )


def _build_office_condition() -> Q:
    """Return the condition that all rights of a team are at the office, so that it needs no employers."""
    rights = TeamRight.objects.filter(team=OuterRef("pk"), provider=OuterRef("provider"))
    return Q(Exists(rights), ~Exists(rights.filter(right__in=EMPLOYER_LEVEL_RIGHTS)))


def _count_related(model: type[Model], column: str) -> Coalesce:
    rows = model._default_manager.filter(**{column: OuterRef("pk"), "provider": OuterRef("provider")}).order_by()
    counted = rows.values(column).annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def filter_teams(teams: TeamQuerySetT, *, q: str, only: str = "") -> TeamQuerySetT:
    """Filter `teams` on names that contain every word of `q`; with `only`, on teams with a missing part."""
    for word in split_search_words(q):
        teams = teams.filter(sort_name__contains=word)
    if only:
        members, employers, rights = (
            Q(Exists(model._default_manager.filter(team=OuterRef("pk"), provider=OuterRef("provider"))))
            for model in _TEAM_PARTS
        )
        teams = teams.exclude(members & rights & (employers | _build_office_condition()))
    return teams


def list_missing_parts(team: CountedTeam) -> list[str]:
    parts = {
        _("no members"): team.member_count,
        _("no employers"): team.employer_count or not team.needs_employers,
        _("no rights"): team.right_count,
    }
    return [text for text, is_there in parts.items() if not is_there]


def filter_employers(employers: QuerySet[Employer], *, q: str, only: str = "") -> QuerySet[Employer]:
    """Filter on words that occur in the name or start the number; with `only`, on employers without a team."""
    words = split_search_words(q)
    if words:
        employers = employers.annotate(digits=Cast(F("number"), CharField()))
    for word in words:
        employers = employers.filter(Q(sort_name__contains=word) | Q(digits__startswith=word))
    if only:
        employers = employers.filter(~Exists(TeamEmployer.objects.filter(employer=OuterRef("pk"))))
    return employers


def sort_employers_by_match(q: str) -> Mapping[str, Combinable]:
    """Return the sort of employers that match `q`: those with exactly this name or number come first."""
    key = compute_search_key(q)
    if not key:
        return NAME_SORT
    return sort_by_match(
        exact=Q(sort_name=key) | Q(digits=key), begins=Q(sort_name__startswith=key) | Q(digits__startswith=key)
    )


def annotate_team_count(employers: QuerySet[Employer]) -> QuerySet[Employer]:
    return employers.annotate(team_count=_count_related(TeamEmployer, "employer"))
