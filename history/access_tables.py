"""Users, teams and rights at a point in time, as the rows of spreadsheets, each starting with the headings."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import LoginMethod
from audit.models import build_erased_name
from core import sheets
from history.past_access import PastOffice, PastUser, compute_past_access
from permissions.catalog import Right, rights_from_codes, sort_rights
from permissions.effective import InactiveReason, resolve_employer_rights, resolve_office_rights

_USER_BATCH_SIZE = 500  # per pair of queries


def iter_matrix_rows(office: PastOffice) -> Iterator[list[str]]:
    """Yield each right of each user, through a team or individually, and where it applied."""
    about = [_("Name"), _("Login method"), _("Did not work because")]
    yield [*about, _("Right"), _("Granted via"), _("At the office"), _("Employers")]
    by_team = {team.id: list(_iter_rights(office, team.rights, team.employers)) for team in office.teams.values()}
    for user, reason in _iter_users_with_reasons(office):
        about = [user.list_name, str(LoginMethod(user.login_method).label), str(reason.label) if reason else ""]
        teams = office.teams_of(user.id)
        for team in teams:
            yield from ([*about, right, team.name, *where] for right, *where in by_team[team.id])
        employers: set[UUID] = set().union(*(team.employers for team in teams))
        for right, *where in _iter_rights(office, user.rights, employers):
            yield [*about, right, _("individual"), *where]


def iter_team_rows(office: PastOffice) -> Iterator[list[str]]:
    yield [_("Team"), _("Members"), _("Rights"), _("Employers"), _("Two-factor is required for this team")]
    for team in sorted(office.teams.values(), key=lambda team: team.sort_key):
        members = sorted(
            (office.users[user_id] for user_id in team.members if user_id in office.users),
            key=lambda user: user.sort_key,
        )
        employers = sorted(
            (office.employers[employer_id] for employer_id in team.employers), key=lambda employer: employer.number
        )
        yield [
            team.name,
            sheets.join_names(user.full_name for user in members),
            sheets.join_names(str(right.label) for right in sort_rights(rights_from_codes(team.rights))),
            sheets.join_names(map(str, employers)),
            _format_yes_no(team.two_factor_required),
        ]


def iter_user_rows(office: PastOffice) -> Iterator[list[str]]:
    about = [_("Name"), _("Login method"), _("Did not work because")]
    yield [*about, _("Accepted"), _("Blocked"), _("Access until"), _("Devices"), _("Teams")]
    for user, reason in _iter_users_with_reasons(office):
        yield [
            user.list_name,
            str(LoginMethod(user.login_method).label),
            str(reason.label) if reason else "",
            _format_day(user.accepted_at),
            _format_yes_no(user.blocked),
            _format_day(user.access_until),
            str(user.devices),
            sheets.join_names(team.name for team in office.teams_of(user.id)),
        ]
    for user_id in sorted(office.unreadable):
        yield [build_erased_name(user_id), *[""] * 7]


def _iter_users_with_reasons(office: PastOffice) -> Iterator[tuple[PastUser, InactiveReason | None]]:
    """Yield the users by name, each with why no right of the user worked; employers make no difference to that."""
    teams = {team.id: replace(team, employers=set()) for team in office.teams.values()}
    without_employers = replace(office, teams=teams)
    users = sorted(office.users.values(), key=lambda user: user.sort_key)
    for start in range(0, len(users), _USER_BATCH_SIZE):
        batch = users[start : start + _USER_BATCH_SIZE]
        access = compute_past_access(without_employers, [user.id for user in batch])
        yield from ((user, access[user.id].inactive_reason) for user in batch)


def _iter_rights(office: PastOffice, codes: Iterable[str], employers: Iterable[UUID]) -> Iterator[tuple[str, str, str]]:
    """Yield the label of each right among `codes`, whether it applies at the office, and at how many `employers`."""
    codes = list(codes)
    counts: Counter[Right] = Counter()
    products = Counter(tuple(office.employers[employer_id].products) for employer_id in employers)
    for of_employer, number in products.items():
        counts.update(dict.fromkeys(resolve_employer_rights(codes, of_employer), number))
    at_office = resolve_office_rights(codes)
    for right in sort_rights(at_office | counts.keys()):
        yield str(right.label), _format_yes_no(right in at_office), str(counts[right] or "")


def _format_yes_no(value: bool) -> str:
    return _("yes") if value else _("no")


def _format_day(value: date | datetime | None) -> str:
    if isinstance(value, datetime):
        value = timezone.localtime(value).date()
    return value.isoformat() if value else ""
