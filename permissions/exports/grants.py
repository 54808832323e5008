"""Export of granted rights: one row for each user, right and grant."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import IO, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, requires_reauthentication
from audit.models import Verb
from core import export_files
from core.access import ReauthenticationLevel
from core.export_files import ExportColumns, ExportRow, FileFormat
from permissions import checks, grants_sql
from permissions.catalog import (
    EMPLOYER_LEVEL_RIGHTS,
    OFFICE_ADMIN_RIGHTS,
    OFFICE_LEVEL_RIGHTS,
    Right,
    rights_from_codes,
    sort_rights,
)
from permissions.effective import InactiveReason
from permissions.inactive import INACTIVE_REASON_SQL
from permissions.models import Employer, Team

GRANT_COLUMNS: ExportColumns = {
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
_USER_BATCH_SIZE = 500  # per batch of queries
_MAX_NUMBERS_PER_CELL = 2500  # numbers of employers: a cell of a spreadsheet has at most 32,767 characters


class ExportedGrant(NamedTuple):
    """One grant of a right to a user; `by` is the granted right that includes it."""

    right: Right
    by: Right
    individual: bool
    team_id: UUID | None
    employers: list[int]


@requires_reauthentication(ReauthenticationLevel.HALF_HOUR)
@transaction.atomic
def export_grants(provider: Provider, employer: Employer | None = None, *, form: FileFormat, by: Actor) -> IO[bytes]:
    """Return a file with every right held in the office, or at `employer`, and record an event.

    The file is positioned at its start. Raises PermissionDenied without view_users.
    """
    checks.require_office(by, provider.pk)
    checks.require_right(by, Right.VIEW_USERS)
    file = export_files.write_export_file(
        _iterate_rows(provider, employer), GRANT_COLUMNS, title=_("Authorization matrix"), form=form
    )
    what = {"form": form, "employer": str(employer) if employer is not None else "provider"}
    record(Verb.EXPORTED, provider, by=by, provider_id=provider.pk, changes={"authorization_matrix": [None, what]})
    return file


def _iterate_rows(provider: Provider, employer: Employer | None) -> Iterator[ExportRow]:
    teams = dict(Team.objects.filter(provider=provider).values_list("pk", "name"))
    products = dict(Employer.objects.filter(provider=provider).values_list("number", "products"))
    people = User.objects.filter(provider=provider).order_by("sort_name", "pk").iterator(_USER_BATCH_SIZE)
    while batch := list(islice(people, _USER_BATCH_SIZE)):
        held, inactive_reasons = _list_grants(provider, batch, employer), _find_inactive_reasons(batch)
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
                    "at_office": grant.right in OFFICE_LEVEL_RIGHTS,
                    "employers": list(map(str, grant.employers)),
                    "without_product": list(map(str, off)),
                    "rests": inactive_reasons.get(user.pk),
                }


def _find_inactive_reasons(people: list[User]) -> dict[UUID, InactiveReason]:
    found = grants_sql.fetch_rows(
        f"SELECT id, {INACTIVE_REASON_SQL} FROM accounts_user WHERE id = ANY(%(users)s)",  # noqa: S608
        users=[user.pk for user in people],
    )
    return {user_id: InactiveReason(why) for user_id, why in found if why}


def _list_grants(provider: Provider, people: list[User], employer: Employer | None) -> dict[UUID, list[ExportedGrant]]:
    """Return the grants of each of `people`, in catalog order. Two queries, or one with `employer`."""
    held: dict[UUID, list[ExportedGrant]] = defaultdict(list)
    names = {"provider": provider.pk, "users": [user.pk for user in people]}
    if employer is None:
        for grant in grants_sql.fetch_grants(grants_sql.build_office_grants_sql(grants_sql.USERS_CONDITION), **names):
            for by in rights_from_codes([grant.code]) & OFFICE_LEVEL_RIGHTS:
                brought = sort_rights(OFFICE_ADMIN_RIGHTS) if by is Right.MANAGE_PROVIDER else [by]
                held[grant.user_id] += [
                    ExportedGrant(right, by, grant.individual, grant.team_id, []) for right in brought
                ]
    inner = grants_sql.build_employer_grants_sql(grants_sql.USERS_CONDITION, codes=True, employer=employer is not None)
    found = grants_sql.fetch_rows(
        "SELECT user_id, code, individual, team_id, array_agg(number ORDER BY number)"  # noqa: S608
        f" FROM ({inner}) held_grant JOIN permissions_employer ON permissions_employer.id = held_grant.employer_id"
        " GROUP BY user_id, code, individual, team_id",
        **names,
        codes=[right.value for right in EMPLOYER_LEVEL_RIGHTS],
        employer=employer and employer.pk,
    )
    for user_id, code, individual, team_id, numbers in found:
        for start in range(0, len(numbers), _MAX_NUMBERS_PER_CELL):
            part = numbers[start : start + _MAX_NUMBERS_PER_CELL]
            held[user_id].append(ExportedGrant(Right(code), Right(code), individual, team_id, part))
    order = {right: number for number, right in enumerate(Right)}
    for grants in held.values():
        grants.sort(key=lambda grant: (order[grant.right], grant.individual, str(grant.team_id), grant.employers[:1]))
    return held
