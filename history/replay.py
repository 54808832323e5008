"""Effect of each event on users, teams and rights: an office's past state is the result of its events in order."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from accounts.models import LoginMethod
from audit.models import Event, Verb
from history.past_access import PastEmployer, PastOffice, PastTeam, PastUser
from permissions.catalog import Right

_POLICY_FIELDS = frozenset({
    "two_factor_managers", "two_factor_from", "two_factor_days", "two_factor_days_since", "closed_at",
})  # fmt: skip
_USER_FIELDS = frozenset({
    "initials", "prefix", "last_name", "login_method", "two_factor_required", "blocked", "devices",
})  # fmt: skip
_RIGHT_CODES = frozenset(right.value for right in Right)


class _ReplayedChange(NamedTuple):
    """One event: the office and object it applies to, the new and old values, and when."""

    office: PastOffice
    kind: str
    id: UUID
    new: Mapping[str, Any]
    old: Mapping[str, Any]
    at: datetime

    @property
    def user(self) -> PastUser:
        """The user that was changed; changes to a user without a creation event are dropped."""
        return self.office.users.get(self.id) or PastUser(self.id)

    @property
    def team(self) -> PastTeam:
        return self.office.teams.get(self.id) or PastTeam(self.id)

    def exchange(self, held: set[Any], name: str, read: Callable[[str], Any]) -> None:
        """Remove the old values of the field `name` from `held` and add the new ones."""
        held -= {read(item) for item in self.old.get(name) or ()}
        held |= {read(item) for item in self.new.get(name) or ()}

    def exchange_rights(self, held: set[str]) -> None:
        """Do the same for rights, each of which is a field of its own."""
        held -= {code for code, value in self.old.items() if code in _RIGHT_CODES and value}
        held |= {code for code, value in self.new.items() if code in _RIGHT_CODES and value}


def _apply_details(change: _ReplayedChange) -> None:
    for name in change.new.keys() & _USER_FIELDS:
        value = change.new[name]
        setattr(change.user, name, value if value is not None else "")
    if "access_until" in change.new:
        day = change.new["access_until"]
        change.user.access_until = date.fromisoformat(day) if day else None


def _apply_user_created(change: _ReplayedChange) -> None:
    change.office.users[change.id] = PastUser(change.id)
    _apply_details(change)
    if change.user.login_method != LoginMethod.WEBSITE_SSO:
        change.user.accepted_at = change.at


def _apply_login_method_changed(change: _ReplayedChange) -> None:
    _apply_details(change)
    invited_again = change.user.login_method == LoginMethod.WEBSITE_SSO
    change.user.accepted_at = None if invited_again else change.user.accepted_at or change.at


def _apply_accepted(change: _ReplayedChange) -> None:
    change.user.accepted_at = change.at


def _set_blocked(change: _ReplayedChange, *, blocked: bool) -> None:
    change.user.blocked = blocked


def _add_devices(change: _ReplayedChange, number: int) -> None:
    change.user.devices += number


def _apply_factors_reset(change: _ReplayedChange) -> None:
    change.user.devices = 0


def _apply_rights_changed(change: _ReplayedChange) -> None:
    change.exchange_rights(change.user.rights)


def _apply_erased(change: _ReplayedChange) -> None:
    change.office.users.pop(change.id, None)
    change.office.unreadable.discard(change.id)
    for team in change.office.teams.values():
        team.members.discard(change.id)


def _apply_team_created(change: _ReplayedChange) -> None:
    change.office.teams[change.id] = PastTeam(change.id)
    _apply_team_changed(change)


def _apply_team_changed(change: _ReplayedChange) -> None:
    team = change.team
    team.name = change.new.get("name", team.name)
    team.two_factor_required = change.new.get("two_factor_required", team.two_factor_required)
    change.exchange(team.members, "members", UUID)
    change.exchange(team.employers, "employers", UUID)
    change.exchange_rights(team.rights)


def _apply_team_deleted(change: _ReplayedChange) -> None:
    change.office.teams.pop(change.id, None)


def _apply_employer_changed(change: _ReplayedChange) -> None:
    employer = change.office.employers.setdefault(change.id, PastEmployer(change.id))
    for name in change.new.keys() & {"number", "name", "products"}:
        setattr(employer, name, change.new[name])


def _apply_provider_changed(change: _ReplayedChange) -> None:
    change.office.policies.update({name: value for name, value in change.new.items() if name in _POLICY_FIELDS})


def _apply_suspended(change: _ReplayedChange) -> None:
    change.office.policies["closed_at"] = change.at.isoformat()


def _apply_reactivated(change: _ReplayedChange) -> None:
    change.office.policies.pop("closed_at", None)


def _apply_snapshot(change: _ReplayedChange) -> None:
    {
        "provider": _apply_provider_changed,
        "employer": _apply_employer_changed,
        "team": _apply_team_created,
        "user": _apply_user_snapshot,
    }[change.kind](change)


def _apply_user_snapshot(change: _ReplayedChange) -> None:
    if not change.new:
        change.office.unreadable.add(change.id)
        return
    _apply_user_created(change)
    change.exchange_rights(change.user.rights)
    accepted = change.new.get("accepted_at")
    change.user.accepted_at = datetime.fromisoformat(accepted) if accepted else None


EVENT_HANDLERS: Mapping[str, Callable[[_ReplayedChange], None]] = {
    Verb.PROVIDER_CREATED: _apply_provider_changed,
    Verb.PROVIDER_CHANGED: _apply_provider_changed,
    Verb.PROVIDER_SUSPENDED: _apply_suspended,
    Verb.PROVIDER_REACTIVATED: _apply_reactivated,
    Verb.USER_CREATED: _apply_user_created,
    Verb.USER_CHANGED: _apply_details,
    Verb.USER_BLOCKED: partial(_set_blocked, blocked=True),
    Verb.USER_UNBLOCKED: partial(_set_blocked, blocked=False),
    Verb.LOGIN_METHOD_CHANGED: _apply_login_method_changed,
    Verb.INVITATION_ACCEPTED: _apply_accepted,
    Verb.RIGHTS_CHANGED: _apply_rights_changed,
    Verb.TEAM_CREATED: _apply_team_created,
    Verb.TEAM_CHANGED: _apply_team_changed,
    Verb.TEAM_DELETED: _apply_team_deleted,
    Verb.EMPLOYER_CREATED: _apply_employer_changed,
    Verb.EMPLOYER_CHANGED: _apply_employer_changed,
    Verb.FACTOR_ADDED: partial(_add_devices, number=1),
    Verb.FACTOR_REMOVED: partial(_add_devices, number=-1),
    Verb.FACTORS_RESET: _apply_factors_reset,
    Verb.USER_ERASED: _apply_erased,
    Verb.SNAPSHOT_RECORDED: _apply_snapshot,
}


def apply_event(office: PastOffice, event: Event) -> None:
    """Apply `event` to `office`. Users whose events cannot be decrypted are removed from it."""
    target_id = event.target_id
    if target_id is None or (target_id in office.unreadable and event.verb != Verb.USER_ERASED):
        return
    if not event.is_readable and event.verb != Verb.USER_ERASED:
        office.users.pop(target_id, None)
        office.unreadable.add(target_id)
        return
    pairs = {field: ([*pair, None, None])[:2] for field, pair in event.changes.items()}
    old = {field: pair[0] for field, pair in pairs.items()}
    new = {field: pair[1] for field, pair in pairs.items()}
    EVENT_HANDLERS[event.verb](_ReplayedChange(office, event.target_kind, target_id, new, old, event.at))
