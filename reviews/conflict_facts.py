"""Conflicts of duties, as reviewers see them beside each user."""

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from accounts.models import Provider
from permissions import duties
from permissions.models import DutyRule


def find_conflicts(provider: Provider, users: Collection[UUID] | None = None) -> dict[UUID, list[str]]:
    """Return the names of the rules that users conflict with now, without an exemption. Two queries."""
    rules = {rule.pk: rule for rule in DutyRule.objects.filter(provider=provider).order_by("name")}
    found: dict[UUID, list[str]] = defaultdict(list)
    for conflict in duties.count_conflicts(provider.pk, list(rules.values()), users):
        if not conflict.is_exempt:
            found[conflict.user_id].append(rules[conflict.rule_id].name)
    return dict(found)
