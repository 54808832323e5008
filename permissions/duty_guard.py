"""Refuses changes that lead to a conflict of duties, or asks first. Every action that grants rights goes through it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audit.actions import record_many
from audit.actors import Actor
from audit.changes import Changes
from audit.models import Verb
from permissions.catalog import Right
from permissions.duties import Conflict, find_conflicts
from permissions.effective import has_right
from permissions.models import DutyRule

_MAX_NAMES = 5


class DutyFinding(NamedTuple):
    """What a change would add about one rule: a sentence, and some of the users if the actor may view them."""

    rule: DutyRule
    text: str
    users: list[User]


class DutyRefusal(PermissionDenied):
    """A change would give users rights that a rule keeps apart."""

    def __init__(self, findings: list[DutyFinding]) -> None:
        advice = _("Choose less, or ask for an exception under Segregation of duties.")
        super().__init__(" ".join([*(finding.text for finding in findings), advice]))
        self.findings = findings


class DutyWarning(Exception):
    """As DutyRefusal, for rules that only warn: the page asks before the change is made."""

    def __init__(self, findings: list[DutyFinding]) -> None:
        super().__init__(" ".join(finding.text for finding in findings))
        self.findings = findings


class _OfficeWatch:
    """The users of an office whose grants change, with the conflicts that they had before."""

    def __init__(self, provider_id: UUID, by: Actor) -> None:
        self.provider_id, self.by = provider_id, by
        self.rules = DutyRule.objects.filter(provider=provider_id).in_bulk()
        self.users: set[UUID] = set()
        self.known: set[tuple[UUID, UUID, UUID | None]] = set()

    def add(self, users: Iterable[UUID]) -> None:
        more = set(users) - self.users if self.rules else set()
        self.known |= {conflict.key for conflict in find_conflicts(self.provider_id, self.rules.values(), more)}
        self.users |= more

    def settle(self) -> None:
        """Raise DutyRefusal or DutyWarning for conflicts that are there since; record those that were accepted."""
        found = find_conflicts(self.provider_id, self.rules.values(), self.users)
        added = [conflict for conflict in found if conflict.key not in self.known and not conflict.is_exempt]
        refused = [each for each in added if self.rules[each.rule_id].severity == DutyRule.Severity.REFUSE]
        if refused:
            raise DutyRefusal(_describe_conflicts(refused, self.rules, self.by))
        if added and not self.by.accepts_conflicts:
            raise DutyWarning(_describe_conflicts(added, self.rules, self.by))
        if added:
            _record_accepted(self.provider_id, added, self.rules, self.by)
            if (collected := _accepted.get()) is not None:
                collected += _describe_conflicts(added, self.rules, self.by)


_accepted: ContextVar[list[DutyFinding] | None] = ContextVar("accepted", default=None)


@contextmanager
def collect_accepted_conflicts() -> Iterator[list[DutyFinding]]:
    """Collect what rules that only warn let through within, to tell a program that was not asked first."""
    collected: list[DutyFinding] = []
    token = _accepted.set(collected)
    try:
        yield collected
    finally:
        _accepted.reset(token)


_watches: ContextVar[dict[UUID, _OfficeWatch] | None] = ContextVar("watches", default=None)


@contextmanager
def settle_duties_at_end() -> Iterator[None]:
    """Judge the changes within together, in their transaction: what conflicts in between does not count.

    Also a decorator. Raises DutyRefusal, DutyWarning.
    """
    if _watches.get() is not None:
        yield
        return
    watches: dict[UUID, _OfficeWatch] = {}
    token = _watches.set(watches)
    try:
        yield
    finally:
        _watches.reset(token)
    for watch in watches.values():
        watch.settle()


@contextmanager
def guard_duties(provider_id: UUID, users: Iterable[UUID], *, granted: Collection[object], by: Actor) -> Iterator[None]:
    """Judge the change within of what these users hold. Raises as `settle_duties_at_end`.

    Without anything `granted` it cannot lead to a conflict. One query if the office has no rules, else three.
    """
    if not granted:
        yield
        return
    with settle_duties_at_end():
        watches = _watches.get()
        assert watches is not None  # noqa: S101
        if provider_id not in watches:
            watches[provider_id] = _OfficeWatch(provider_id, by)
        watches[provider_id].add(users)
        yield


def _describe_conflicts(conflicts: Iterable[Conflict], rules: dict[UUID, DutyRule], by: Actor) -> list[DutyFinding]:
    """Return a finding per rule, with the names of users if they are few and the actor may view them."""
    users: dict[UUID, set[UUID]] = defaultdict(set)
    employers: dict[UUID, set[UUID]] = defaultdict(set)
    for conflict in conflicts:
        users[conflict.rule_id].add(conflict.user_id)
        employers[conflict.rule_id] |= {conflict.employer_id} if conflict.employer_id else set()
    may_see = by.is_operator or bool(by.user and has_right(by.user, Right.VIEW_USERS))
    shown = set[UUID]().union(*(found for found in users.values() if may_see and len(found) <= _MAX_NAMES))
    rows = list(User.objects.filter(pk__in=shown).order_by("sort_name", "pk"))
    findings = []
    for rule_id, found in users.items():
        named = [user for user in rows if user.pk in found] if len(found) <= _MAX_NAMES else []
        text = _describe(rules[rule_id], named, len(found), len(employers[rule_id]))
        findings.append(DutyFinding(rules[rule_id], text, named))
    return findings


def _describe(rule: DutyRule, named: list[User], count: int, employers: int) -> str:
    who = ", ".join(user.full_name for user in named)
    who = who or ngettext("%(count)s user", "%(count)s users", count) % {"count": count}
    values = {"who": who, "rule": rule.name, "reason": rule.reason, "count": employers}
    if not employers:
        return _("This change would give %(who)s rights that “%(rule)s” separates: %(reason)s") % values
    text = ngettext(
        "This change would give %(who)s rights at %(count)s employer that “%(rule)s” separates: %(reason)s",
        "This change would give %(who)s rights at %(count)s employers that “%(rule)s” separates: %(reason)s",
        employers,
    )
    return text % values


def _record_accepted(provider_id: UUID, added: list[Conflict], rules: dict[UUID, DutyRule], by: Actor) -> None:
    users = User.objects.filter(provider=provider_id).in_bulk({conflict.user_id for conflict in added})
    names: dict[UUID, set[str]] = defaultdict(set)
    for conflict in added:
        names[conflict.user_id].add(rules[conflict.rule_id].name)
    pairs: list[tuple[User, Changes]] = [
        (users[user_id], {"rules": [None, sorted(found)]}) for user_id, found in names.items()
    ]
    record_many(Verb.DUTY_CONFLICT_ACCEPTED, pairs, by=by, provider_id=provider_id)
