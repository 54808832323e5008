"""Export of granted rights: one row for each user, right and grant."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import IO, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import exports
from accounts.exports import Columns, Form, Row
from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from teams import rights, roads
from teams.catalogue import EMPLOYER_RIGHTS, OFFICE_RIGHTS, PROVIDER_RIGHTS, Right, known, ordered
from teams.evaluator import Resting
from teams.models import Employer, Team
from teams.resting import RESTS

COLUMNS: Columns = {
    "name": (gettext_lazy("Name"), 30),
    "email": (gettext_lazy("E-mail address"), 34),
    "login_method": (gettext_lazy("Login method"), 24),
    "right": (gettext_lazy("Right"), 40),
    "by": (gettext_lazy("Granted via the right"), 40),
    "individual": (gettext_lazy("Individual right"), 16),
    "team": (gettext_lazy("Team"), 30),
    "at_office": (gettext_lazy("At the office"), 14),
    "employers": (gettext_lazy("At employers"), 60),
    "without_product": (gettext_lazy("No effect (product off) at"), 40),
    "rests": (gettext_lazy("Inactive"), 24),
}
_PEOPLE = 500  # per batch of queries
_IN_A_CELL = 2500  # numbers of employers: a cell of a spreadsheet has at most 32,767 characters


class Grant(NamedTuple):
    """One grant of a right to a user; `by` is the granted right that includes it."""

    right: Right
    by: Right
    individual: bool
    team_id: UUID | None
    employers: list[int]


@asks(Proof.HALF_HOUR)
@transaction.atomic
def export(provider: Provider, employer: Employer | None = None, *, form: Form, by: Actor) -> IO[bytes]:
    """Return a file with every right held in the office, or at `employer`, and record an event.

    The file is positioned at its start. Raises PermissionDenied without view_users.
    """
    rights.require_office(by, provider.pk)
    rights.require(by, Right.VIEW_USERS)
    file = exports.write(_rows(provider, employer), COLUMNS, title=_("Authorization matrix"), form=form)
    what = {"form": form, "employer": str(employer) if employer is not None else "provider"}
    record(Verb.EXPORTED, provider, by=by, provider_id=provider.pk, changes={"authorization_matrix": [None, what]})
    return file


def _rows(provider: Provider, employer: Employer | None) -> Iterator[Row]:
    teams = dict(Team.objects.filter(provider=provider).values_list("pk", "name"))
    products = dict(Employer.objects.filter(provider=provider).values_list("number", "products"))
    people = User.objects.filter(provider=provider).order_by("sort_name", "pk").iterator(_PEOPLE)
    while batch := list(islice(people, _PEOPLE)):
        held, rests = _held(provider, batch, employer), _rests(batch)
        for user in batch:
            for grant in held[user.pk]:
                off = [number for number in grant.employers if not grant.right.works_with(products[number])]
                yield {
                    "name": user.list_name,
                    "email": user.email,
                    "login_method": user.login_method,
                    "right": grant.right,
                    "by": grant.by if grant.by is not grant.right else None,
                    "individual": grant.individual,
                    "team": teams[grant.team_id] if grant.team_id else None,
                    "at_office": grant.right in PROVIDER_RIGHTS,
                    "employers": list(map(str, grant.employers)),
                    "without_product": list(map(str, off)),
                    "rests": rests.get(user.pk),
                }


def _rests(people: list[User]) -> dict[UUID, Resting]:
    found = roads.fetch(
        f"SELECT id, {RESTS} FROM accounts_user WHERE id = ANY(%(users)s)",  # noqa: S608
        users=[user.pk for user in people],
    )
    return {user_id: Resting(why) for user_id, why in found if why}


def _held(provider: Provider, people: list[User], employer: Employer | None) -> dict[UUID, list[Grant]]:
    """Return the grants of each of `people`, in catalog order. Two queries, or one with `employer`."""
    held: dict[UUID, list[Grant]] = defaultdict(list)
    names = {"provider": provider.pk, "users": [user.pk for user in people]}
    if employer is None:
        for road in roads.roads(roads.in_office(roads.SEVERAL), **names):
            for by in known([road.code]) & PROVIDER_RIGHTS:
                brought = ordered(OFFICE_RIGHTS) if by is Right.MANAGE_PROVIDER else [by]
                held[road.user_id] += [Grant(right, by, road.individual, road.team_id, []) for right in brought]
    inner = roads.at_employers(roads.SEVERAL, codes=True, employer=employer is not None)
    found = roads.fetch(
        "SELECT user_id, code, individual, team_id, array_agg(number ORDER BY number)"  # noqa: S608
        f" FROM ({inner}) road JOIN teams_employer ON teams_employer.id = road.employer_id"
        " GROUP BY user_id, code, individual, team_id",
        **names,
        codes=[right.value for right in EMPLOYER_RIGHTS],
        employer=employer and employer.pk,
    )
    for user_id, code, individual, team_id, numbers in found:
        for start in range(0, len(numbers), _IN_A_CELL):
            part = numbers[start : start + _IN_A_CELL]
            held[user_id].append(Grant(Right(code), Right(code), individual, team_id, part))
    order = {right: number for number, right in enumerate(Right)}
    for grants in held.values():
        grants.sort(key=lambda grant: (order[grant.right], grant.individual, str(grant.team_id), grant.employers[:1]))
    return held
