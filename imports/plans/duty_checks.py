"""Conflicts of duties to which the rows of a plan would lead."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import Provider
from audit.models import Event, Verb
from core.ids import uuid7
from imports.plans.plan import Plan
from imports.plans.user_changes import UserChange
from permissions.duties import find_conflicts, find_hypothetical_conflicts
from permissions.models import DutyRule


def check_changes(changes: Iterable[UserChange], provider: Provider, plan: Plan) -> None:
    """Refuse the rows that lead to a conflict, and count those that lead to one with a rule that only warns."""
    cases = {
        uuid7() if change.user is None else change.user.pk: change for change in changes if _changes_access(change)
    }
    for key, rules in _find_new_conflicts(provider, cases).items():
        column = "teams" if "teams" in cases[key].item["changes"] else "individual_rights"
        for rule in rules:
            if rule.severity == DutyRule.Severity.REFUSE:
                cases[key].row.add_problem(column, _describe_rule(rule))
            else:
                plan.add_conflict(rule.name, _describe_rule(rule))


def _changes_access(change: UserChange) -> bool:
    before, after = change.before, change.after
    return before is None or (before.teams, before.individual) != (after.teams, after.individual)


def _find_new_conflicts(provider: Provider, cases: Mapping[UUID, UserChange]) -> dict[UUID, list[DutyRule]]:
    """Return the rules with which each user would conflict, and now does not; exceptions do not count.

    Three queries, one in an office without rules.
    """
    rules = DutyRule.objects.filter(provider=provider).in_bulk()
    existing = [user_id for user_id, change in cases.items() if change.before is not None]
    known = {each.key for each in find_conflicts(provider.pk, rules.values(), existing)}
    users = {user_id: change.after for user_id, change in cases.items()}
    found: dict[UUID, dict[UUID, DutyRule]] = defaultdict(dict)
    for each in find_hypothetical_conflicts(provider.pk, rules.values(), users):
        if each.key not in known and not each.is_exempt:
            found[each.user_id][each.rule_id] = rules[each.rule_id]
    return {user_id: list(kept_apart.values()) for user_id, kept_apart in found.items()}


def _describe_rule(rule: DutyRule) -> str:
    values = {"rule": rule.name, "reason": rule.reason}
    return _("This row gives rights together that “%(rule)s” separates: %(reason)s") % values


def add_accepted_conflicts(provider: Provider, since: datetime, plan: Plan) -> None:
    """Add the conflicts that the changes of this transaction lead to."""
    text = _("A user would get rights that “%(rule)s” separates.")
    for event in Event.objects.filter(provider_id=provider.pk, verb=Verb.DUTY_CONFLICT_ACCEPTED, at__gte=since):
        for name in event.changes["rules"][1]:
            plan.add_conflict(name, text % {"rule": name})
