"""Effective rights: who may do what, and where, now. Each function runs one query, however many teams there are."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Provider, User
from teams import roads
from teams.catalogue import EMPLOYER_RIGHTS, OFFICE_RIGHTS, PROVIDER_RIGHTS, Level, Right, known
from teams.models import Employer
from teams.resting import REASONS, RESTS


class Resting(models.TextChoices):
    """Why all rights of a user are inactive (rule 4)."""

    CLOSED = "closed", _("The office has been suspended")
    INVITED = "invited", _("The invitation has not been accepted yet")
    BLOCKED = "blocked", _("Blocked")
    ENDED = "ended", _("The last day of access has passed")
    TWO_FACTOR = "two_factor", _("Two-factor has not been set up yet")


def at_office(codes: Iterable[str]) -> frozenset[Right]:
    """Return the office-level rights among `codes`, with the rights that manage_provider includes."""
    held = known(codes) & PROVIDER_RIGHTS
    return held | OFFICE_RIGHTS if Right.MANAGE_PROVIDER in held else held


def at_employer(codes: Iterable[str], products: Iterable[int]) -> frozenset[Right]:
    """Return the employer-level rights among `codes` that have effect with `products` enabled."""
    return frozenset(right for right in known(codes) & EMPLOYER_RIGHTS if right.works_with(products))


def effective_rights(user: User) -> frozenset[Right]:
    """Return the office-level rights that `user` can use now, by team or individually."""
    rows = roads.fetch(
        f"SELECT DISTINCT road.code FROM accounts_user JOIN ({roads.in_office(roads.ONE)}) road ON true"  # noqa: S608
        f" WHERE accounts_user.id = %(user)s AND ({RESTS}) IS NULL",
        user=user.pk,
        provider=user.provider_id,
    )
    return at_office(code for (code,) in rows)


def effective_rights_at(user: User, employer: Employer) -> frozenset[Right]:
    """Return the employer-level rights that `user` can use at `employer` now.

    These are the rights of their teams with that employer and, if there is such a team, their individual rights. Rights
    whose product is disabled at the employer are left out.
    """
    inner = roads.at_employers(roads.ONE, employer=True)
    rows = roads.fetch(
        f"SELECT DISTINCT road.code, teams_employer.products FROM accounts_user JOIN ({inner}) road ON true"  # noqa: S608
        f" JOIN teams_employer ON teams_employer.id = road.employer_id"
        f" WHERE accounts_user.id = %(user)s AND ({RESTS}) IS NULL",
        user=user.pk,
        provider=user.provider_id,
        employer=employer.pk,
    )
    return at_employer((code for code, _products in rows), rows[0][1] if rows else ())


def may(user: User, right: Right, employer: Employer | None = None) -> bool:
    """Return whether `user` can use `right` now.

    An employer-level right needs `employer`, an office-level right must have none; otherwise the result is False.
    """
    if (right.level is Level.EMPLOYER) != (employer is not None):
        return False
    at, needs = "", ""
    if employer is None:
        at = roads.in_office(roads.ONE, codes=True)
    else:
        at = roads.at_employers(roads.ONE, codes=True, employer=True)
        if right.products:
            needs = (
                " AND EXISTS (SELECT 1 FROM teams_employer WHERE id = %(employer)s AND provider_id = %(provider)s"
                " AND products && %(products)s::smallint[])"
            )
    rows = roads.fetch(
        f"SELECT 1 FROM accounts_user WHERE id = %(user)s AND ({RESTS}) IS NULL{needs} AND EXISTS ({at})",  # noqa: S608
        user=user.pk,
        provider=user.provider_id,
        employer=employer and employer.pk,
        codes=[code.value for code in right.given_by],
        products=[product.value for product in right.products],
    )
    return bool(rows)


def resting(user: User) -> Resting | None:
    """Return the main reason why the rights of `user` are inactive now, or None if they are active."""
    rows = roads.fetch(f"SELECT {RESTS} FROM accounts_user WHERE id = %(user)s", user=user.pk)  # noqa: S608
    return Resting(rows[0][0]) if rows and rows[0][0] else None


def every_resting(user: User) -> list[Resting]:
    """Return all reasons why the rights of `user` are inactive now."""
    columns = ", ".join(f"COALESCE({condition}, false)" for condition in REASONS.values())
    rows = roads.fetch(f"SELECT {columns} FROM accounts_user WHERE id = %(user)s", user=user.pk)  # noqa: S608
    return [Resting(reason) for row in rows for reason, holds in zip(REASONS, row, strict=True) if holds]


def holders(provider: Provider, right: Right, employer: Employer | None = None) -> dict[UUID, Resting | None]:
    """Return the users of the office with any grant of `right`, each with the reason why it is inactive.

    Ignores whether the product is enabled. Empty if `right` and `employer` do not match, see `may`.
    """
    if (right.level is Level.EMPLOYER) != (employer is not None):
        return {}
    at = roads.in_office(codes=True) if employer is None else roads.at_employers(codes=True, employer=True)
    rows = roads.fetch(
        f"SELECT id, {RESTS} FROM accounts_user"  # noqa: S608
        f" WHERE provider_id = %(provider)s AND id IN (SELECT user_id FROM ({at}) road)",
        provider=provider.pk,
        employer=employer and employer.pk,
        codes=[code.value for code in right.given_by],
    )
    return {user_id: Resting(rests) if rests else None for user_id, rests in rows}


def who_has(provider: Provider, right: Right, employer: Employer | None = None) -> "models.QuerySet[User]":
    """Return the users of the office for whom `may` is True, sorted by name."""
    if employer is not None and not right.works_with(employer.products):
        return User.objects.none()
    able = [user_id for user_id, rests in holders(provider, right, employer).items() if rests is None]
    return User.objects.filter(provider=provider, pk__in=able).order_by("sort_name", "pk")


@dataclass(frozen=True)
class Matrix:
    """Users x rights of one office, at office level or at one employer; users without rights are left out.

    `held` has the rights, inactive ones included; `individual` those of them that no team gives; `resting` the reason
    why the rights of a user are inactive.
    """

    users: list[User]
    held: dict[UUID, frozenset[Right]]
    individual: dict[UUID, frozenset[Right]]
    resting: dict[UUID, Resting]


def matrix(provider: Provider, employer: Employer | None = None) -> Matrix:
    """Return the matrix of the office, at `employer` or at office level. Two queries."""
    at = roads.in_office() if employer is None else roads.at_employers(employer=True)
    rows = roads.fetch(
        f"SELECT held.user_id, held.code, held.individual, rest.reason FROM ("  # noqa: S608
        f"SELECT user_id, code, bool_and(individual) AS individual FROM ({at}) road GROUP BY user_id, code) held"
        f" JOIN (SELECT id, {RESTS} AS reason FROM accounts_user WHERE provider_id = %(provider)s) rest"
        f" ON rest.id = held.user_id",
        provider=provider.pk,
        employer=employer and employer.pk,
    )
    by_any, by_team = defaultdict(set), defaultdict(set)
    rests: dict[UUID, Resting] = {}
    for user_id, code, only_individual, reason in rows:
        by_any[user_id].add(code)
        if not only_individual:
            by_team[user_id].add(code)
        if reason:
            rests[user_id] = Resting(reason)
    work = (lambda codes: at_employer(codes, employer.products)) if employer is not None else at_office
    held = {user_id: rights for user_id, codes in by_any.items() if (rights := work(codes))}
    users = list(User.objects.filter(provider=provider, pk__in=held).order_by("sort_name", "pk"))
    individual = {user_id: rights - work(by_team[user_id]) for user_id, rights in held.items()}
    return Matrix(users, held, individual, {user_id: why for user_id, why in rests.items() if user_id in held})


def held_rights(user: User) -> frozenset[Right]:
    """Return every right granted to `user`, at any employer, inactive ones included.

    manage_provider counts as every right, payroll included (rule 5).
    """
    rows = roads.roads(roads.in_office(roads.ONE), user=user.pk, provider=user.provider_id)
    held = known(row.code for row in rows)
    return frozenset(Right) if Right.MANAGE_PROVIDER in held else held


def holds_nothing(user: User) -> bool:
    """Return whether `user` has no grant at all, inactive ones included. Ignores products. One query."""
    rows = roads.fetch(
        f"SELECT code, false FROM ({roads.in_office(roads.ONE)}) road UNION"  # noqa: S608
        f" SELECT code, true FROM ({roads.at_employers(roads.ONE)}) road",
        user=user.pk,
        provider=user.provider_id,
    )
    return not any(known([code]) & (EMPLOYER_RIGHTS if at_employer else PROVIDER_RIGHTS) for code, at_employer in rows)


def reach(user: User) -> "models.QuerySet[Employer]":
    """Return the employers of the teams of `user`, sorted by name."""
    employers = Employer.objects.visible_to(user).filter(teams__team__members__user=user)
    return employers.distinct().order_by("sort_name", "pk")
