"""The sources of the rights of a user, the holders of a right, and superfluous individual rights."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, OFFICE_ADMIN_RIGHTS, OFFICE_LEVEL_RIGHTS, Right, RightLevel
from permissions.effective import InactiveReason, get_inactive_reason
from permissions.inactive import UserWithInactiveReason
from permissions.models import Employer, Grant, IndividualRight, Team
from permissions.products import Product


@dataclass(frozen=True)
class HeldRight:
    """One right that a user holds, with its sources.

    `teams` are the teams that give it; `individual`: granted individually; `implied`: included in manage_provider;
    `superfluous`: revoking the individual right would change nothing. For an employer-level right, `employers` is where
    it applies and `employers_without_product` are those of them where its product is disabled.
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
        return self.inactive_reason is None and (
            self.right.level is RightLevel.PROVIDER or len(self.employers) > len(self.employers_without_product)
        )

    @property
    def active_employer_count(self) -> int:
        return len(self.employers) - len(self.employers_without_product)

    @property
    def other_teams(self) -> list[Team]:
        return self.teams[1:]

    @property
    def limitations(self) -> list[str]:
        if self.inactive_reason is None:
            return self.reach_limitations
        return [*self.reach_limitations, _("inactive: %(reason)s") % {"reason": self.inactive_reason.label}]

    @property
    def reach_limitations(self) -> list[str]:
        """Where the right has no effect, whether or not the user is active."""
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
        return found


def list_held_rights(user: User) -> list[HeldRight]:
    """Return every right granted to `user`, in catalog order. Six queries."""
    inactive_reason = get_inactive_reason(user)
    superfluous = {right for _user, right in find_superfluous_rights(user.provider_id, user)}
    teams = Team.objects.visible_to(user).filter(members__user=user).order_by("sort_name")
    grants = Grant.objects.of_user(user)
    sources: dict[str, set[UUID | None]] = defaultdict(set)
    for code, team_id in grants.filter(at_employer=False).values_list("right", "team_id"):
        sources[code].add(team_id)
    places: dict[str, set[UUID | None]] = defaultdict(set)
    at_employers = grants.filter(at_employer=True, right__in=EMPLOYER_LEVEL_RIGHTS)
    for code, employer_id in at_employers.values_list("right", "employer_id").distinct():
        places[code].add(employer_id)
    employers = Employer.objects.visible_to(user).filter(pk__in=set[Any]().union(*places.values()))
    employers = employers.order_by("sort_name", "pk")
    manages = Right.MANAGE_PROVIDER in sources
    implied = OFFICE_ADMIN_RIGHTS - {Right.MANAGE_PROVIDER} if manages else frozenset()
    found = []
    for right in (right for right in Right if right in sources or right in implied):
        at = [employer for employer in employers if employer.pk in places[right]]
        found.append(
            HeldRight(
                right=right,
                teams=[team for team in teams if team.pk in sources[right]],
                individual=None in sources[right],
                implied=right in implied,
                superfluous=right in superfluous,
                employers=at,
                employers_without_product=[employer for employer in at if not right.works_with(employer.products)],
                inactive_reason=inactive_reason,
            )
        )
    return found


def find_superfluous_rights(provider_id: UUID | None, user: User | None = None) -> list[tuple[UUID, Right]]:
    """Return the individual rights, of one user or the whole office, that teams also give wherever they count.

    Revoking all of them at once changes no effective rights. One query.
    """
    held = Grant.objects.filter(provider_id=OuterRef("provider_id"), user_id=OuterRef("user_id"))
    same = held.filter(right=OuterRef("right"))
    by_team_there = same.filter(employer_id=OuterRef("employer_id"), individual=False)
    at_level = Q(right__in=OFFICE_LEVEL_RIGHTS) & Q(Exists(same.filter(at_employer=False, individual=False)))
    included = Q(right__in=OFFICE_ADMIN_RIGHTS - {Right.MANAGE_PROVIDER}) & Q(
        Exists(held.filter(at_employer=False, right=Right.MANAGE_PROVIDER))
    )
    at_employers = (
        Q(right__in=EMPLOYER_LEVEL_RIGHTS)
        & Q(Exists(same.filter(at_employer=True)))
        & ~Q(Exists(same.filter(~Exists(by_team_there), at_employer=True, individual=True)))
    )
    rows = IndividualRight.objects.filter(at_level | included | at_employers, provider=provider_id)
    if user is not None:
        rows = rows.filter(user=user)
    return [(user_id, Right(code)) for user_id, code in rows.values_list("user_id", "right")]


@dataclass(frozen=True)
class RightHolder:
    user: User
    teams: list[Team]
    individual: bool
    inactive_reason: InactiveReason | None
    missing_products: tuple[Product, ...]  # the products of which one is required, if none is enabled

    @property
    def has_effect(self) -> bool:
        return self.inactive_reason is None and not self.missing_products


def list_right_holders(
    provider: Provider, right: Right, employer: Employer | None, users: Sequence[UserWithInactiveReason]
) -> list[RightHolder]:
    """Return how each of `users`, rows of `effective.filter_right_holders`, holds `right`. Two queries.

    `RightHolder.teams` has the teams that give the right, not those that only bring an individual right to an employer.
    """
    grants = Grant.objects.of_office(provider, employer).filter(
        right__in=right.granted_by, user_id__in=[user.pk for user in users]
    )
    sources: dict[UUID, set[UUID | None]] = defaultdict(set)
    for user_id, team_id, individual in grants.values_list("user_id", "team_id", "individual"):
        sources[user_id].add(None if individual else team_id)
    team_ids = {team_id for found in sources.values() for team_id in found if team_id is not None}
    teams = Team.objects.filter(provider=provider, pk__in=team_ids).order_by("sort_name")
    missing_products = right.products if employer is not None and not right.works_with(employer.products) else ()
    return [
        RightHolder(
            user=user,
            teams=[team for team in teams if team.pk in sources[user.pk]],
            individual=None in sources[user.pk],
            inactive_reason=InactiveReason(user.inactive_reason) if user.inactive_reason else None,
            missing_products=missing_products,
        )
        for user in users
    ]
