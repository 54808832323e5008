"""Querysets for the lists of teams and employers: search, counts and missing parts."""

from django.db.models import CharField, Count, Exists, F, IntegerField, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext as _

from loket.text import fold
from teams.models import Employer, Team, TeamEmployer, TeamMember, TeamRight

_PARTS: dict[str, type[Model]] = {"member": TeamMember, "employer": TeamEmployer, "right": TeamRight}


def with_counts(teams: QuerySet[Team]) -> QuerySet[Team]:
    """Annotate `teams` with `member_count`, `employer_count` and `right_count`."""
    return teams.annotate(**{f"{name}_count": _counted(model, "team") for name, model in _PARTS.items()})


def _counted(model: type[Model], column: str) -> Coalesce:
    rows = model._default_manager.filter(**{column: OuterRef("pk"), "provider": OuterRef("provider")}).order_by()
    counted = rows.values(column).annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def teams_found(teams: QuerySet[Team], *, q: str, only: str = "") -> QuerySet[Team]:
    """Filter `teams` on names that contain every word of `q`; with `only`, on teams with a missing part."""
    for word in fold(q).split():
        teams = teams.filter(sort_name__contains=word)
    if only:
        gap: Combinable | Q = Q()
        for model in _PARTS.values():
            gap |= ~Exists(model._default_manager.filter(team=OuterRef("pk"), provider=OuterRef("provider")))
        teams = teams.filter(gap)
    return teams


def gaps(team: Team) -> list[str]:
    """Return in words which parts a team lacks to have effect. The team must come from `with_counts`."""
    missing = {"member": _("no members"), "employer": _("no employers"), "right": _("no rights")}
    return [text for name, text in missing.items() if not getattr(team, f"{name}_count")]


def employers_found(employers: QuerySet[Employer], *, q: str, only: str = "") -> QuerySet[Employer]:
    """Filter `employers` on every word of `q`, which must occur in the name or start the number.

    With `only`, filter on employers without a team.
    """
    words = fold(q).split()
    if words:
        employers = employers.annotate(digits=Cast(F("number"), CharField()))
    for word in words:
        employers = employers.filter(Q(sort_name__contains=word) | Q(digits__startswith=word))
    if only:
        employers = employers.filter(~Exists(TeamEmployer.objects.filter(employer=OuterRef("pk"))))
    return employers


def with_team_count(employers: QuerySet[Employer]) -> QuerySet[Employer]:
    """Annotate `employers` with `team_count`."""
    return employers.annotate(team_count=_counted(TeamEmployer, "employer"))
