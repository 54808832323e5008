"""The sources of the rights of a user, the holders of a right, and superfluous individual rights."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import Provider, User
from teams import roads
from teams.catalogue import EMPLOYER_RIGHTS, OFFICE_RIGHTS, Level, Right, known
from teams.evaluator import Resting, holders, resting
from teams.models import Employer, Team
from teams.products import Product


@dataclass(frozen=True)
class Origin:
    """One right that a user holds, with its sources.

    `teams` are the teams that give it; `individual`: granted individually; `implied`: included in manage_provider;
    `superfluous`: revoking the individual right would change nothing. For an employer-level right, `employers` is where
    it counts and `off` are those of them where its product is disabled.
    """

    right: Right
    teams: list[Team]
    individual: bool
    implied: bool
    superfluous: bool
    employers: list[Employer]
    off: list[Employer]
    rests: Resting | None

    @property
    def has_effect(self) -> bool:
        """Whether the user can use the right now, at some employer at least."""
        return self.rests is None and (self.right.level is Level.PROVIDER or len(self.employers) > len(self.off))

    @property
    def works_at(self) -> int:
        """The number of employers where its product is enabled."""
        return len(self.employers) - len(self.off)

    @property
    def limits(self) -> list[str]:
        """The reasons in words why it has no effect, or not everywhere."""
        found = []
        if self.right.level is Level.EMPLOYER and not self.employers:
            found.append(_("no effect: no team with this right gives the user access to an employer"))
        products = ", ".join(str(product.value) for product in self.right.products)
        if len(self.off) > 2:
            values = {"count": len(self.off), "product": products}
            found.append(_("no effect at %(count)s employers: product %(product)s is off") % values)
        else:
            line = _("no effect at employer %(employer)s: product %(product)s is off")
            found += [line % {"employer": employer, "product": products} for employer in self.off]
        if self.rests is not None:
            found.append(_("inactive: %(reason)s") % {"reason": self.rests.label})
        return found


def origins(user: User) -> list[Origin]:
    """Return every right granted to `user`, in catalog order. Six queries."""
    rests, extra = resting(user), {right for _user, right in superfluous(user.provider_id, user)}
    teams = {team.pk: team for team in Team.objects.visible_to(user).filter(members__user=user)}
    sources: dict[Right, set[UUID | None]] = defaultdict(set)
    for road in roads.roads(roads.in_office(roads.ONE), user=user.pk, provider=user.provider_id):
        for right in known([road.code]):
            sources[right].add(road.team_id)
    if Right.MANAGE_PROVIDER in sources:
        for right in OFFICE_RIGHTS:
            sources.setdefault(right, set())
    places, employers = _places(user)
    found = []
    for right in (right for right in Right if right in sources):
        at = [employers[key] for key in employers if key in places[right]]
        found.append(
            Origin(
                right=right,
                teams=sorted((teams[key] for key in sources[right] if key in teams), key=lambda team: team.sort_name),
                individual=None in sources[right],
                implied=right in OFFICE_RIGHTS - {Right.MANAGE_PROVIDER} and Right.MANAGE_PROVIDER in sources,
                superfluous=right in extra,
                employers=at,
                off=[employer for employer in at if not right.works_with(employer.products)],
                rests=rests,
            )
        )
    return found


def _places(user: User) -> tuple[dict[Right, set[UUID]], dict[UUID, Employer]]:
    """Return the ids of employers at which `user` holds each right, and these employers sorted by name."""
    inner = roads.at_employers(roads.ONE, codes=True)
    places: dict[Right, set[UUID]] = defaultdict(set)
    rows = roads.fetch(
        f"SELECT DISTINCT code, employer_id FROM ({inner}) road",  # noqa: S608
        user=user.pk,
        provider=user.provider_id,
        codes=[right.value for right in EMPLOYER_RIGHTS],
    )
    for code, employer_id in rows:
        places[Right(code)].add(employer_id)
    keys = set().union(*places.values())
    found = Employer.objects.visible_to(user).filter(pk__in=keys).order_by("sort_name", "pk")
    return places, {employer.pk: employer for employer in found}


_SUPERFLUOUS = """
SELECT i.user_id, i."right" FROM teams_individualright i
WHERE i.provider_id = %(provider)s AND (%(user)s::uuid IS NULL OR i.user_id = %(user)s)
AND (i."right" = ANY(%(provider_codes)s) AND (
    EXISTS (
        SELECT 1 FROM teams_teammember m
        JOIN teams_teamright r ON r.provider_id = m.provider_id AND r.team_id = m.team_id
        WHERE m.provider_id = i.provider_id AND m.user_id = i.user_id
        AND (r."right" = i."right" OR r."right" = 'manage_provider' AND i."right" = ANY(%(brought)s))
    ) OR i."right" = ANY(%(brought)s) AND EXISTS (
        SELECT 1 FROM teams_individualright a
        WHERE a.provider_id = i.provider_id AND a.user_id = i.user_id AND a."right" = 'manage_provider'
    )
) OR i."right" = ANY(%(employer_codes)s) AND EXISTS (
    SELECT 1 FROM teams_teammember m
    JOIN teams_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
    WHERE m.provider_id = i.provider_id AND m.user_id = i.user_id
) AND NOT EXISTS (
    SELECT 1 FROM teams_teammember m
    JOIN teams_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
    WHERE m.provider_id = i.provider_id AND m.user_id = i.user_id AND NOT EXISTS (
        SELECT 1 FROM teams_teammember m2
        JOIN teams_teamright r ON r.provider_id = m2.provider_id AND r.team_id = m2.team_id
        JOIN teams_teamemployer e2 ON e2.provider_id = m2.provider_id AND e2.team_id = m2.team_id
        WHERE m2.provider_id = i.provider_id AND m2.user_id = i.user_id
        AND r."right" = i."right" AND e2.employer_id = e.employer_id
    )
))"""


def superfluous(provider_id: UUID | None, user: User | None = None) -> list[tuple[UUID, Right]]:
    """Return the individual rights, of one user or the whole office, that teams also give wherever they count.

    Revoking all of them at once changes no effective rights. One query.
    """
    rows = roads.fetch(
        _SUPERFLUOUS,
        provider=provider_id,
        user=user and user.pk,
        provider_codes=[right.value for right in Right if right.level is Level.PROVIDER],
        employer_codes=[right.value for right in EMPLOYER_RIGHTS],
        brought=[right.value for right in OFFICE_RIGHTS - {Right.MANAGE_PROVIDER}],
    )
    return [(user_id, right) for user_id, code in rows for right in known([code])]


@dataclass(frozen=True)
class Holder:
    """A user who holds a right, with its sources."""

    user: User
    teams: list[Team]
    individual: bool
    rests: Resting | None
    off: tuple[Product, ...]  # the products of which one is required, if none is enabled

    @property
    def has_effect(self) -> bool:
        """Whether the user can use the right now."""
        return self.rests is None and not self.off


def who(provider: Provider, right: Right, employer: Employer | None = None) -> list[Holder]:
    """Return the users who hold `right`, at `employer` if it is an employer-level right, sorted by name. Four queries.

    `Holder.teams` has the teams that give the right, not those that only bring an individual right to an employer.
    """
    rests = holders(provider, right, employer)
    at = roads.in_office(codes=True) if employer is None else roads.at_employers(codes=True, employer=True)
    found = roads.roads(
        at,
        provider=provider.pk,
        employer=employer and employer.pk,
        codes=[code.value for code in right.given_by],
    )
    by_user: dict[UUID, list[roads.Road]] = defaultdict(list)
    for road in found:
        by_user[road.user_id].append(road)
    off = right.products if employer is not None and not right.works_with(employer.products) else ()
    teams = _teams(provider, (road.team_id for road in found if not road.individual))
    return [
        Holder(
            user=user,
            teams=_named(teams, (road.team_id for road in by_user[user.pk] if not road.individual)),
            individual=any(road.individual for road in by_user[user.pk]),
            rests=rests[user.pk],
            off=off,
        )
        for user in User.objects.filter(provider=provider, pk__in=rests).order_by("sort_name", "pk")
    ]


def _teams(provider: Provider, keys: Iterable[UUID | None]) -> dict[UUID, Team]:
    return {team.pk: team for team in Team.objects.filter(provider=provider, pk__in=set(keys))}


def _named(teams: dict[UUID, Team], keys: Iterable[UUID | None]) -> list[Team]:
    return sorted((teams[key] for key in set(keys) if key in teams), key=lambda team: team.sort_name)
