"""Effect of each event on users, teams and rights: an office's past state is the result of its events in order."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from accounts.models import LoginMethod
from audit.models import Event, Verb
from history.past_access import PastEmployer, PastOffice, PastTeam, PastUser
from permissions.catalog import Right

_POLICY_FIELDS = frozenset({
    "two_factor_managers", "two_factor_from", "two_factor_days", "two_factor_days_since", "closed_at",
})  # fmt: skip
_USER_FIELDS = frozenset(
    {"initials", "prefix", "last_name", "login_method", "two_factor_required", "blocked", "devices"}
)
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
    def person(self) -> PastUser:
        """The user it was done to; changes to a user without a creation event are dropped."""
        return self.office.users.get(self.id) or PastUser(self.id)

    @property
    def team(self) -> PastTeam:
        """The team it was done to."""
        return self.office.teams.get(self.id) or PastTeam(self.id)

    def exchange(self, held: set[Any], name: str, read: Callable[[str], Any]) -> None:
        """Remove the old values of the field `name` from `held` and add the new ones."""
        held -= {read(one) for one in self.old.get(name) or ()}
        held |= {read(one) for one in self.new.get(name) or ()}

    def exchange_rights(self, held: set[str]) -> None:
        """Do the same for rights, each of which is a field of its own."""
        held -= {code for code, value in self.old.items() if code in _RIGHT_CODES and value}
        held |= {code for code, value in self.new.items() if code in _RIGHT_CODES and value}


def _apply_details(done: _ReplayedChange) -> None:
    for name in done.new.keys() & _USER_FIELDS:
        value = done.new[name]
        setattr(done.person, name, value if value is not None else "")
    if "access_until" in done.new:
        day = done.new["access_until"]
        done.person.access_until = date.fromisoformat(day) if day else None


def _apply_user_created(done: _ReplayedChange) -> None:
    done.office.users[done.id] = PastUser(done.id)
    _apply_details(done)
    if done.person.login_method != LoginMethod.WEBSITE_SSO:
        done.person.accepted_at = done.at


def _apply_login_method_changed(done: _ReplayedChange) -> None:
    _apply_details(done)
    invited_again = done.person.login_method == LoginMethod.WEBSITE_SSO
    done.person.accepted_at = None if invited_again else done.person.accepted_at or done.at


def _apply_accepted(done: _ReplayedChange) -> None:
    done.person.accepted_at = done.at


def _apply_blocked(done: _ReplayedChange) -> None:
    done.person.blocked = True


def _apply_unblocked(done: _ReplayedChange) -> None:
    done.person.blocked = False


def _apply_factor_added(done: _ReplayedChange) -> None:
    done.person.devices += 1


def _apply_factor_removed(done: _ReplayedChange) -> None:
    done.person.devices -= 1


def _apply_factors_reset(done: _ReplayedChange) -> None:
    done.person.devices = 0


def _apply_rights_changed(done: _ReplayedChange) -> None:
    done.exchange_rights(done.person.rights)


def _apply_erased(done: _ReplayedChange) -> None:
    done.office.users.pop(done.id, None)
    done.office.unreadable.discard(done.id)
    for team in done.office.teams.values():
        team.members.discard(done.id)


def _apply_team_created(done: _ReplayedChange) -> None:
    done.office.teams[done.id] = PastTeam(done.id)
    _apply_team_changed(done)


def _apply_team_changed(done: _ReplayedChange) -> None:
    team = done.team
    team.name = done.new.get("name", team.name)
    team.two_factor_required = done.new.get("two_factor_required", team.two_factor_required)
    done.exchange(team.members, "members", UUID)
    done.exchange(team.employers, "employers", UUID)
    done.exchange_rights(team.rights)


def _apply_team_deleted(done: _ReplayedChange) -> None:
    done.office.teams.pop(done.id, None)


def _apply_employer_changed(done: _ReplayedChange) -> None:
    employer = done.office.employers.setdefault(done.id, PastEmployer(done.id))
    for name in done.new.keys() & {"number", "name", "products"}:
        setattr(employer, name, done.new[name])


def _apply_provider_changed(done: _ReplayedChange) -> None:
    done.office.policies.update({name: value for name, value in done.new.items() if name in _POLICY_FIELDS})


def _apply_suspended(done: _ReplayedChange) -> None:
    done.office.policies["closed_at"] = done.at.isoformat()


def _apply_reactivated(done: _ReplayedChange) -> None:
    done.office.policies.pop("closed_at", None)


def _apply_snapshot(done: _ReplayedChange) -> None:
    {
        "provider": _apply_provider_changed,
        "employer": _apply_employer_changed,
        "team": _apply_team_created,
        "user": _apply_user_snapshot,
    }[done.kind](done)


def _apply_user_snapshot(done: _ReplayedChange) -> None:
    if not done.new:
        done.office.unreadable.add(done.id)
        return
    _apply_user_created(done)
    done.exchange_rights(done.person.rights)
    accepted = done.new.get("accepted_at")
    done.person.accepted_at = datetime.fromisoformat(accepted) if accepted else None


EVENT_HANDLERS: Mapping[str, Callable[[_ReplayedChange], None]] = {
    Verb.PROVIDER_CREATED: _apply_provider_changed,
    Verb.PROVIDER_CHANGED: _apply_provider_changed,
    Verb.PROVIDER_SUSPENDED: _apply_suspended,
    Verb.PROVIDER_REACTIVATED: _apply_reactivated,
    Verb.USER_CREATED: _apply_user_created,
    Verb.USER_CHANGED: _apply_details,
    Verb.USER_BLOCKED: _apply_blocked,
    Verb.USER_UNBLOCKED: _apply_unblocked,
    Verb.LOGIN_METHOD_CHANGED: _apply_login_method_changed,
    Verb.INVITATION_ACCEPTED: _apply_accepted,
    Verb.RIGHTS_CHANGED: _apply_rights_changed,
    Verb.TEAM_CREATED: _apply_team_created,
    Verb.TEAM_CHANGED: _apply_team_changed,
    Verb.TEAM_DELETED: _apply_team_deleted,
    Verb.EMPLOYER_CREATED: _apply_employer_changed,
    Verb.EMPLOYER_CHANGED: _apply_employer_changed,
    Verb.FACTOR_ADDED: _apply_factor_added,
    Verb.FACTOR_REMOVED: _apply_factor_removed,
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
