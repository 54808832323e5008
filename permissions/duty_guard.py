"""Refuses changes that lead to a conflict of duties, or asks first. Every action that grants rights goes through it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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


class DutyConflict(PermissionDenied):
    """A change would give users rights that a rule keeps apart; `findings` says which, a sentence per rule."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__(" ".join([*findings, _("Ask for an exception under Segregation of duties, or choose less.")]))
        self.findings = findings


class DutyWarning(Exception):
    """As DutyConflict, for rules that only warn: the page asks before the change is made."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__(" ".join(findings))
        self.findings = findings


class _Watch:
    """The users whose grants change, with the conflicts that they had before."""

    def __init__(self) -> None:
        self.rules: dict[UUID, DutyRule] | None = None
        self.known: set[tuple[UUID, UUID, UUID | None]] = set()
        self.users: dict[UUID, set[UUID]] = defaultdict(set)  # by office
        self.by: Actor | None = None

    def add(self, provider_id: UUID, users: Iterable[UUID], by: Actor) -> None:
        if self.rules is None:
            self.rules, self.by = DutyRule.objects.filter(provider=provider_id).in_bulk(), by
        if not self.rules:
            return
        more = set(users) - self.users[provider_id]
        self.known |= {conflict.key for conflict in find_conflicts(provider_id, self.rules.values(), more)}
        self.users[provider_id] |= more

    def settle(self) -> None:
        """Raise DutyConflict or DutyWarning for conflicts that are there since; record those that were accepted."""
        for provider_id, users in self.users.items():
            rules, by = self.rules, self.by
            if not rules or by is None:
                continue
            found = find_conflicts(provider_id, rules.values(), users)
            added = [conflict for conflict in found if conflict.key not in self.known and not conflict.is_exempt]
            refused = [each for each in added if rules[each.rule_id].severity == DutyRule.Severity.REFUSE]
            if not added:
                continue
            if refused:
                raise DutyConflict(describe_conflicts(refused, rules, by))
            if not by.accepts_conflicts:
                raise DutyWarning(describe_conflicts(added, rules, by))
            _record_accepted(provider_id, added, rules, by)


_watch: ContextVar[_Watch | None] = ContextVar("watch", default=None)


@contextmanager
def settle_duties_at_end() -> Iterator[None]:
    """Judge the changes within together, in their transaction: what conflicts in between does not count.

    Also a decorator. Raises DutyConflict, DutyWarning.
    """
    if _watch.get() is not None:
        yield
        return
    watch = _Watch()
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)
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
        watch = _watch.get()
        assert watch is not None  # noqa: S101
        watch.add(provider_id, users, by)
        yield


def describe_conflicts(conflicts: Iterable[Conflict], rules: dict[UUID, DutyRule], by: Actor) -> list[str]:
    """Return a sentence per rule, with the names of users if the actor may view them."""
    users: dict[UUID, set[UUID]] = defaultdict(set)
    places: dict[UUID, set[UUID | None]] = defaultdict(set)
    for conflict in conflicts:
        users[conflict.rule_id].add(conflict.user_id)
        places[conflict.rule_id].add(conflict.employer_id)
    may_see = by.is_operator or bool(by.user and has_right(by.user, Right.VIEW_USERS))
    return [_describe(rules[rule_id], found, places[rule_id], may_see) for rule_id, found in users.items()]


def _describe(rule: DutyRule, users: set[UUID], places: set[UUID | None], may_see: bool) -> str:
    count, at = len(users), len(places - {None})
    rows = User.objects.filter(provider=rule.provider_id, pk__in=users).order_by("sort_name", "pk")[:_MAX_NAMES]
    names = ", ".join(user.full_name for user in rows) if may_see and count <= _MAX_NAMES else ""
    who = names or ngettext("%(count)s user", "%(count)s users", count) % {"count": count}
    values = {"who": who, "rule": rule.name, "reason": rule.reason, "count": at}
    if not at:
        return _("The rule “%(rule)s” keeps duties apart that this change gives to %(who)s: %(reason)s") % values
    text = ngettext(
        "The rule “%(rule)s” keeps duties apart that this change gives to %(who)s at %(count)s employer: %(reason)s",
        "The rule “%(rule)s” keeps duties apart that this change gives to %(who)s at %(count)s employers: %(reason)s",
        at,
    )
    return text % values


def _record_accepted(provider_id: UUID, added: list[Conflict], rules: dict[UUID, DutyRule], by: Actor) -> None:
    users = User.objects.filter(provider=provider_id).in_bulk({conflict.user_id for conflict in added})
    changes: dict[UUID, Changes] = defaultdict(dict)
    for conflict in added:
        changes[conflict.user_id][rules[conflict.rule_id].name] = [None, "conflict"]
    pairs = ((users[user_id], what) for user_id, what in changes.items())
    record_many(Verb.DUTY_CONFLICT_ACCEPTED, pairs, by=by, provider_id=provider_id)
