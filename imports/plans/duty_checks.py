"""Conflicts of duties to which the rows of a plan would lead."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import Provider
from audit.models import Event, Verb
from permissions.duties import find_conflicts, find_hypothetical_conflicts
from permissions.impact import HypotheticalUser
from permissions.models import DutyRule


def find_new_conflicts(
    provider: Provider, cases: Iterable[tuple[UUID, HypotheticalUser | None, HypotheticalUser]]
) -> dict[UUID, list[DutyRule]]:
    """Return the rules with which each user would conflict after a change, and now does not; exceptions do not count.

    `cases` have an id, which is the user's own if the user exists, and what decides the rights before and after. Three
    queries, one in an office without rules.
    """
    rules = DutyRule.objects.filter(provider=provider).in_bulk()
    changed = {
        user_id: (before, after)
        for user_id, before, after in cases
        if rules and (before is None or (before.teams, before.individual) != (after.teams, after.individual))
    }
    existing = [user_id for user_id, (before, _after) in changed.items() if before is not None]
    known = {each.key for each in find_conflicts(provider.pk, rules.values(), existing)}
    later = find_hypothetical_conflicts(
        provider.pk, rules.values(), {user_id: after for user_id, (_before, after) in changed.items()}
    )
    found: dict[UUID, dict[UUID, DutyRule]] = defaultdict(dict)
    for each in later:
        if each.key not in known and not each.is_exempt:
            found[each.user_id][each.rule_id] = rules[each.rule_id]
    return {user_id: list(kept_apart.values()) for user_id, kept_apart in found.items()}


def describe_rule(rule: DutyRule) -> str:
    values = {"rule": rule.name, "reason": rule.reason}
    return _("The rule “%(rule)s” keeps duties apart that this row gives together: %(reason)s") % values


def count_accepted_conflicts(provider: Provider, since: datetime) -> Counter[str]:
    """Return a text and a number of users for each rule with which a change of this transaction conflicts."""
    events = Event.objects.filter(provider_id=provider.pk, verb=Verb.DUTY_CONFLICT_ACCEPTED, at__gte=since)
    text = _("A user would conflict with the rule “%(rule)s” about duties.")
    return Counter(text % {"rule": name} for event in events for name in event.changes)
