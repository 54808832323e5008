"""Export of granted rights: one row for each user, right and grant."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, NamedTuple
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Provider, User
from audit.actors import Actor, action
from core import export_files
from core.export_files import ExportColumns, ExportRow, FileFormat
from permissions import checks
from permissions.action_helpers import record_export
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, OFFICE_ADMIN_RIGHTS, OFFICE_LEVEL_RIGHTS, Right, sort_rights
from permissions.effective import InactiveReason
from permissions.inactive import annotate_inactive_reason
from permissions.models import Employer, Grant, Team

GRANT_COLUMNS: ExportColumns = {
    "name": (gettext_lazy("Name"), 30),
    "email": (gettext_lazy("E-mail address"), 34),
    "login_method": (gettext_lazy("Login method"), 24),
    "right": (gettext_lazy("Right"), 40),
    "by": (gettext_lazy("Granting right"), 40),
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


@action()
def export_grants(provider: Provider, employer: Employer | None = None, *, form: FileFormat, by: Actor) -> IO[bytes]:
    """Return a file, at its start, and record an event. Raises PermissionDenied without view_users."""
    checks.require_office(by, provider.pk)
    checks.require_right(by, Right.VIEW_USERS)
    file = export_files.write_export_file(
        _iterate_rows(provider, employer), GRANT_COLUMNS, title=_("Authorization matrix"), form=form
    )
    details = {"form": form, "employer": "provider" if employer is None else str(employer)}
    record_export(provider, "authorization_matrix", details, by=by)
    return file


def _iterate_rows(provider: Provider, employer: Employer | None) -> Iterator[ExportRow]:
    teams = dict(Team.objects.filter(provider=provider).values_list("pk", "name"))
    employers = Employer.objects.filter(provider=provider).in_bulk()
    products = {employer.number: employer.products for employer in employers.values()}
    rows = annotate_inactive_reason(User.objects.filter(provider=provider)).order_by("sort_name", "pk")
    users = rows.iterator(_USER_BATCH_SIZE)
    while batch := list(islice(users, _USER_BATCH_SIZE)):
        held = _list_grants(provider, batch, employer, employers)
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
                    "rests": InactiveReason(user.inactive_reason) if user.inactive_reason else None,
                }


def _list_grants(
    provider: Provider, users: Sequence[User], employer: Employer | None, employers: Mapping[UUID, Employer]
) -> dict[UUID, list[ExportedGrant]]:
    held: dict[UUID, list[ExportedGrant]] = defaultdict(list)
    grants = Grant.objects.filter(provider_id=provider.pk, user_id__in=[user.pk for user in users])
    if employer is None:
        at_office = grants.filter(at_employer=False, right__in=OFFICE_LEVEL_RIGHTS)
        for user_id, code, individual, team_id in at_office.values_list("user_id", "right", "individual", "team_id"):
            by = Right(code)
            brought = sort_rights(OFFICE_ADMIN_RIGHTS) if by is Right.MANAGE_PROVIDER else [by]
            held[user_id] += [ExportedGrant(right, by, individual, team_id, []) for right in brought]
    places = grants.filter(right__in=EMPLOYER_LEVEL_RIGHTS)
    places = places.filter(at_employer=True) if employer is None else places.filter(employer_id=employer.pk)
    rows = places.values_list("user_id", "right", "individual", "team_id").annotate(places=ArrayAgg("employer_id"))
    for user_id, code, individual, team_id, employer_ids in rows:
        numbers = sorted(employers[employer_id].number for employer_id in employer_ids)
        for start in range(0, len(numbers), _MAX_NUMBERS_PER_CELL):
            part = numbers[start : start + _MAX_NUMBERS_PER_CELL]
            held[user_id].append(ExportedGrant(Right(code), Right(code), individual, team_id, part))
    order = {right: number for number, right in enumerate(Right)}
    for of_user in held.values():
        of_user.sort(key=lambda grant: (order[grant.right], grant.individual, str(grant.team_id), grant.employers[:1]))
    return held
