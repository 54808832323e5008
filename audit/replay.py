"""Effect of each event on users, teams and rights: an office's past state is the result of its events in order."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from accounts.models import LoginMethod
from audit.models import Event, Verb
from teams.catalogue import Right
from teams.past import PastEmployer, PastOffice, PastPerson, PastTeam

_POLICIES = frozenset({
    "two_factor_managers", "two_factor_from", "two_factor_days", "two_factor_days_since", "closed_at",
})  # fmt: skip
_PLAIN = frozenset({"initials", "prefix", "last_name", "login_method", "two_factor_required", "blocked", "devices"})
_CODES = frozenset(right.value for right in Right)


class _Done(NamedTuple):
    """One event: the office and object it applies to, the new and old values, and when."""

    office: PastOffice
    kind: str
    id: UUID
    new: Mapping[str, Any]
    old: Mapping[str, Any]
    at: datetime

    @property
    def person(self) -> PastPerson:
        """The user it was done to; changes to a user without a creation event are dropped."""
        return self.office.people.get(self.id) or PastPerson(self.id)

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
        held -= {code for code, value in self.old.items() if code in _CODES and value}
        held |= {code for code, value in self.new.items() if code in _CODES and value}


def _details(done: _Done) -> None:
    for name in done.new.keys() & _PLAIN:
        value = done.new[name]
        setattr(done.person, name, value if value is not None else "")
    if "access_until" in done.new:
        day = done.new["access_until"]
        done.person.access_until = date.fromisoformat(day) if day else None


def _user_created(done: _Done) -> None:
    done.office.people[done.id] = PastPerson(done.id)
    _details(done)
    if done.person.login_method != LoginMethod.WEBSITE_SSO:
        done.person.accepted_at = done.at


def _kind_changed(done: _Done) -> None:
    _details(done)
    invited_again = done.person.login_method == LoginMethod.WEBSITE_SSO
    done.person.accepted_at = None if invited_again else done.person.accepted_at or done.at


def _accepted(done: _Done) -> None:
    done.person.accepted_at = done.at


def _blocked(done: _Done) -> None:
    done.person.blocked = True


def _unblocked(done: _Done) -> None:
    done.person.blocked = False


def _factor_added(done: _Done) -> None:
    done.person.devices += 1


def _factor_removed(done: _Done) -> None:
    done.person.devices -= 1


def _factors_reset(done: _Done) -> None:
    done.person.devices = 0


def _rights_changed(done: _Done) -> None:
    done.exchange_rights(done.person.rights)


def _erased(done: _Done) -> None:
    done.office.people.pop(done.id, None)
    done.office.unreadable.discard(done.id)
    for team in done.office.teams.values():
        team.members.discard(done.id)


def _team_created(done: _Done) -> None:
    done.office.teams[done.id] = PastTeam(done.id)
    _team(done)


def _team(done: _Done) -> None:
    team = done.team
    team.name = done.new.get("name", team.name)
    team.two_factor_required = done.new.get("two_factor_required", team.two_factor_required)
    done.exchange(team.members, "members", UUID)
    done.exchange(team.employers, "employers", UUID)
    done.exchange_rights(team.rights)


def _team_deleted(done: _Done) -> None:
    done.office.teams.pop(done.id, None)


def _employer(done: _Done) -> None:
    employer = done.office.employers.setdefault(done.id, PastEmployer(done.id))
    for name in done.new.keys() & {"number", "name", "products"}:
        setattr(employer, name, done.new[name])


def _provider(done: _Done) -> None:
    done.office.policies.update({name: value for name, value in done.new.items() if name in _POLICIES})


def _closed(done: _Done) -> None:
    done.office.policies["closed_at"] = done.at.isoformat()


def _reopened(done: _Done) -> None:
    done.office.policies.pop("closed_at", None)


def _carried_over(done: _Done) -> None:
    {"provider": _provider, "employer": _employer, "team": _team_created, "user": _person_carried_over}[done.kind](done)


def _person_carried_over(done: _Done) -> None:
    if not done.new:
        done.office.unreadable.add(done.id)
        return
    _user_created(done)
    done.exchange_rights(done.person.rights)
    accepted = done.new.get("accepted_at")
    done.person.accepted_at = datetime.fromisoformat(accepted) if accepted else None


APPLIED: Mapping[str, Callable[[_Done], None]] = {
    Verb.PROVIDER_CREATED: _provider,
    Verb.PROVIDER_CHANGED: _provider,
    Verb.PROVIDER_CLOSED: _closed,
    Verb.PROVIDER_REOPENED: _reopened,
    Verb.USER_CREATED: _user_created,
    Verb.USER_CHANGED: _details,
    Verb.USER_BLOCKED: _blocked,
    Verb.USER_UNBLOCKED: _unblocked,
    Verb.KIND_CHANGED: _kind_changed,
    Verb.INVITATION_ACCEPTED: _accepted,
    Verb.RIGHTS_CHANGED: _rights_changed,
    Verb.TEAM_CREATED: _team_created,
    Verb.TEAM_CHANGED: _team,
    Verb.TEAM_DELETED: _team_deleted,
    Verb.EMPLOYER_CREATED: _employer,
    Verb.EMPLOYER_CHANGED: _employer,
    Verb.FACTOR_ADDED: _factor_added,
    Verb.FACTOR_REMOVED: _factor_removed,
    Verb.FACTORS_RESET: _factors_reset,
    Verb.USER_ERASED: _erased,
    Verb.CARRIED_OVER: _carried_over,
}


def apply(office: PastOffice, event: Event) -> None:
    """Apply `event` to `office`. Users whose events cannot be decrypted are removed from it."""
    id = event.target_id
    if id is None or (id in office.unreadable and event.verb != Verb.USER_ERASED):
        return
    if not event.is_readable and event.verb != Verb.USER_ERASED:
        office.people.pop(id, None)
        office.unreadable.add(id)
        return
    pairs = {field: ([*pair, None, None])[:2] for field, pair in event.changes.items()}
    old = {field: pair[0] for field, pair in pairs.items()}
    new = {field: pair[1] for field, pair in pairs.items()}
    APPLIED[event.verb](_Done(office, event.target_kind, id, new, old, event.at))
