"""What the page *Segregation of duties* lists."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import Provider, User
from core.paging import KeysetPage, paginate_queryset
from permissions.duties import ConflictCount, count_conflicts
from permissions.effective import InactiveReason
from permissions.inactive import UserWithInactiveReason, annotate_inactive_reason
from permissions.models import DutyExemption, DutyRule
from reviews.duty_history import find_conflict_starts


@dataclass(frozen=True)
class ConflictRow:
    """A user who conflicts with a rule; `since` is None if the history no longer says."""

    rule: DutyRule
    conflict: ConflictCount
    since: datetime | None

    @property
    def has_effect(self) -> bool:
        return self.conflict.has_effect


class ConflictingUser(NamedTuple):
    user: User
    inactive_reason: InactiveReason | None
    conflicts: list[ConflictRow]


def filter_conflicting_users(
    provider: Provider, rules: Collection[DutyRule]
) -> tuple[QuerySet[UserWithInactiveReason], list[ConflictCount]]:
    """Return the users who conflict with a rule, sorted by name, and their conflicts. One query."""
    found = count_conflicts(provider.pk, rules)
    users = User.objects.filter(provider=provider, pk__in={each.user_id for each in found})
    return annotate_inactive_reason(users).order_by("sort_name", "pk"), found


def count_by_rule(found: Iterable[ConflictCount]) -> Counter[UUID]:
    """Return the number of users who conflict with each rule, without those who are excepted."""
    return Counter(each.rule_id for each in found if not each.is_exempt)


def list_conflicting_users(
    provider: Provider,
    rules: Mapping[UUID, DutyRule],
    found: Iterable[ConflictCount],
    users: Sequence[UserWithInactiveReason],
) -> list[ConflictingUser]:
    by_user: dict[UUID, list[ConflictCount]] = defaultdict(list)
    for each in found:
        by_user[each.user_id].append(each)
    starts = find_conflict_starts(provider.pk, rules.values(), [user.pk for user in users]) if users else {}
    return [
        ConflictingUser(
            user,
            InactiveReason(user.inactive_reason) if user.inactive_reason else None,
            [
                ConflictRow(rules[each.rule_id], each, starts.get((each.rule_id, user.pk)))
                for each in sorted(by_user[user.pk], key=lambda each: rules[each.rule_id].name_key)
            ],
        )
        for user in users
    ]


def filter_open_exemptions(rows: QuerySet[DutyExemption]) -> QuerySet[DutyExemption]:
    """Return the exceptions among `rows` that are requested or apply, the last first."""
    found = rows.filter(ended_at=None, until__gte=timezone.localdate())
    found = found.select_related("rule", "user", "employer", "requested_by", "approved_by")
    return found.order_by("-requested_at", "pk")


def paginate_open_exemptions(user: User, cursor: str) -> KeysetPage[DutyExemption]:
    """Return a page of the exceptions that are requested or apply, the last first. One query."""
    rows = filter_open_exemptions(DutyExemption.objects.visible_to(user))
    sorts = {"requested": F("requested_at")}
    return paginate_queryset(rows, cursor=cursor, sort="-requested", sorts=sorts, datetime_sorts=sorts)


def may_approve(exemption: DutyExemption, user: User) -> bool:
    """Return whether `user` is another one than who asked and the user concerned, of a request that waits."""
    return exemption.approved_at is None and user.pk not in (exemption.requested_by_id, exemption.user_id)
