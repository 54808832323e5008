"""The sources of the rights of a user, the holders of a right, and superfluous individual rights."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import Provider, User
from permissions import grants_sql
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, OFFICE_ADMIN_RIGHTS, Right, RightLevel, rights_from_codes
from permissions.effective import InactiveReason, find_right_holders, get_inactive_reason
from permissions.models import Employer, Team
from permissions.products import Product


@dataclass(frozen=True)
class HeldRight:
    """One right that a user holds, with its sources.

    `teams` are the teams that give it; `individual`: granted individually; `implied`: included in manage_provider;
    `superfluous`: revoking the individual right would change nothing. For an employer-level right,
    `employers` is where it counts and `employers_without_product` are those of them where its product is disabled.
    """

    right: Right
    teams: list[Team]
    individual: bool
    implied: bool
    superfluous: bool
    employers: list[Employer]
    employers_without_product: list[Employer]
    inactive_reason: InactiveReason | None

    @property
    def has_effect(self) -> bool:
        """Whether the user can use the right now, at some employer at least."""
        return self.inactive_reason is None and (
            self.right.level is RightLevel.PROVIDER or len(self.employers) > len(self.employers_without_product)
        )

    @property
    def active_employer_count(self) -> int:
        """The number of employers where its product is enabled."""
        return len(self.employers) - len(self.employers_without_product)

    @property
    def limitations(self) -> list[str]:
        """The reasons in words why it has no effect, or not everywhere."""
        found = []
        if self.right.level is RightLevel.EMPLOYER and not self.employers:
            found.append(_("no effect: no team with this right gives the user access to an employer"))
        products = ", ".join(str(product.value) for product in self.right.products)
        if len(self.employers_without_product) > 2:
            values = {"count": len(self.employers_without_product), "product": products}
            found.append(_("no effect at %(count)s employers: product %(product)s is off") % values)
        else:
            line = _("no effect at employer %(employer)s: product %(product)s is off")
            found += [line % {"employer": employer, "product": products} for employer in self.employers_without_product]
        if self.inactive_reason is not None:
            found.append(_("inactive: %(reason)s") % {"reason": self.inactive_reason.label})
        return found


def list_held_rights(user: User) -> list[HeldRight]:
    """Return every right granted to `user`, in catalog order. Six queries."""
    inactive_reason, extra = (
        get_inactive_reason(user),
        {right for _user, right in find_superfluous_rights(user.provider_id, user)},
    )
    teams = {team.pk: team for team in Team.objects.visible_to(user).filter(members__user=user)}
    sources: dict[Right, set[UUID | None]] = defaultdict(set)
    for grant in grants_sql.fetch_grants(
        grants_sql.build_office_grants_sql(grants_sql.ONE_USER_CONDITION), user=user.pk, provider=user.provider_id
    ):
        for right in rights_from_codes([grant.code]):
            sources[right].add(grant.team_id)
    if Right.MANAGE_PROVIDER in sources:
        for right in OFFICE_ADMIN_RIGHTS:
            sources.setdefault(right, set())
    places, employers = _find_employers_by_right(user)
    found = []
    for right in (right for right in Right if right in sources):
        at = [employers[key] for key in employers if key in places[right]]
        found.append(
            HeldRight(
                right=right,
                teams=sorted((teams[key] for key in sources[right] if key in teams), key=lambda team: team.sort_name),
                individual=None in sources[right],
                implied=right in OFFICE_ADMIN_RIGHTS - {Right.MANAGE_PROVIDER} and Right.MANAGE_PROVIDER in sources,
                superfluous=right in extra,
                employers=at,
                employers_without_product=[employer for employer in at if not right.works_with(employer.products)],
                inactive_reason=inactive_reason,
            )
        )
    return found


def _find_employers_by_right(user: User) -> tuple[dict[Right, set[UUID]], dict[UUID, Employer]]:
    """Return the ids of employers at which `user` holds each right, and these employers sorted by name."""
    inner = grants_sql.build_employer_grants_sql(grants_sql.ONE_USER_CONDITION, codes=True)
    places: dict[Right, set[UUID]] = defaultdict(set)
    rows = grants_sql.fetch_rows(
        f"SELECT DISTINCT code, employer_id FROM ({inner}) held_grant",  # noqa: S608
        user=user.pk,
        provider=user.provider_id,
        codes=[right.value for right in EMPLOYER_LEVEL_RIGHTS],
    )
    for code, employer_id in rows:
        places[Right(code)].add(employer_id)
    keys = set().union(*places.values())
    found = Employer.objects.visible_to(user).filter(pk__in=keys).order_by("sort_name", "pk")
    return places, {employer.pk: employer for employer in found}


_SUPERFLUOUS_RIGHTS_SQL = """
SELECT i.user_id, i."right" FROM permissions_individualright i
WHERE i.provider_id = %(provider)s AND (%(user)s::uuid IS NULL OR i.user_id = %(user)s)
AND (i."right" = ANY(%(provider_codes)s) AND (
    EXISTS (
        SELECT 1 FROM permissions_teammember m
        JOIN permissions_teamright r ON r.provider_id = m.provider_id AND r.team_id = m.team_id
        WHERE m.provider_id = i.provider_id AND m.user_id = i.user_id
        AND (r."right" = i."right" OR r."right" = 'manage_provider' AND i."right" = ANY(%(brought)s))
    ) OR i."right" = ANY(%(brought)s) AND EXISTS (
        SELECT 1 FROM permissions_individualright a
        WHERE a.provider_id = i.provider_id AND a.user_id = i.user_id AND a."right" = 'manage_provider'
    )
) OR i."right" = ANY(%(employer_codes)s) AND EXISTS (
    SELECT 1 FROM permissions_teammember m
    JOIN permissions_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
    WHERE m.provider_id = i.provider_id AND m.user_id = i.user_id
) AND NOT EXISTS (
    SELECT 1 FROM permissions_teammember m
    JOIN permissions_teamemployer e ON e.provider_id = m.provider_id AND e.team_id = m.team_id
    WHERE m.provider_id = i.provider_id AND m.user_id = i.user_id AND NOT EXISTS (
        SELECT 1 FROM permissions_teammember m2
        JOIN permissions_teamright r ON r.provider_id = m2.provider_id AND r.team_id = m2.team_id
        JOIN permissions_teamemployer e2 ON e2.provider_id = m2.provider_id AND e2.team_id = m2.team_id
        WHERE m2.provider_id = i.provider_id AND m2.user_id = i.user_id
        AND r."right" = i."right" AND e2.employer_id = e.employer_id
    )
))"""


def find_superfluous_rights(provider_id: UUID | None, user: User | None = None) -> list[tuple[UUID, Right]]:
    """Return the individual rights, of one user or the whole office, that teams also give wherever they count.

    Revoking all of them at once changes no effective rights. One query.
    """
    rows = grants_sql.fetch_rows(
        _SUPERFLUOUS_RIGHTS_SQL,
        provider=provider_id,
        user=user and user.pk,
        provider_codes=[right.value for right in Right if right.level is RightLevel.PROVIDER],
        employer_codes=[right.value for right in EMPLOYER_LEVEL_RIGHTS],
        brought=[right.value for right in OFFICE_ADMIN_RIGHTS - {Right.MANAGE_PROVIDER}],
    )
    return [(user_id, right) for user_id, code in rows for right in rights_from_codes([code])]


@dataclass(frozen=True)
class RightHolder:
    """A user who holds a right, with its sources."""

    user: User
    teams: list[Team]
    individual: bool
    inactive_reason: InactiveReason | None
    missing_products: tuple[Product, ...]  # the products of which one is required, if none is enabled

    @property
    def has_effect(self) -> bool:
        """Whether the user can use the right now."""
        return self.inactive_reason is None and not self.missing_products


def list_right_holders(provider: Provider, right: Right, employer: Employer | None = None) -> list[RightHolder]:
    """Return the users who hold `right`, at `employer` if it is an employer-level right, sorted by name. Four queries.

    `RightHolder.teams` has the teams that give the right, not those that only bring an individual right to an employer.
    """
    inactive_reasons = find_right_holders(provider, right, employer)
    at = (
        grants_sql.build_office_grants_sql(codes=True)
        if employer is None
        else grants_sql.build_employer_grants_sql(codes=True, employer=True)
    )
    found = grants_sql.fetch_grants(
        at,
        provider=provider.pk,
        employer=employer and employer.pk,
        codes=[code.value for code in right.granted_by],
    )
    by_user: dict[UUID, list[grants_sql.Grant]] = defaultdict(list)
    for grant in found:
        by_user[grant.user_id].append(grant)
    missing_products = right.products if employer is not None and not right.works_with(employer.products) else ()
    teams = _load_teams(provider, (grant.team_id for grant in found if not grant.individual))
    return [
        RightHolder(
            user=user,
            teams=_select_teams(teams, (grant.team_id for grant in by_user[user.pk] if not grant.individual)),
            individual=any(grant.individual for grant in by_user[user.pk]),
            inactive_reason=inactive_reasons[user.pk],
            missing_products=missing_products,
        )
        for user in User.objects.filter(provider=provider, pk__in=inactive_reasons).order_by("sort_name", "pk")
    ]


def _load_teams(provider: Provider, keys: Iterable[UUID | None]) -> dict[UUID, Team]:
    return {team.pk: team for team in Team.objects.filter(provider=provider, pk__in=set(keys))}


def _select_teams(teams: dict[UUID, Team], keys: Iterable[UUID | None]) -> list[Team]:
    return sorted((teams[key] for key in set(keys) if key in teams), key=lambda team: team.sort_name)
