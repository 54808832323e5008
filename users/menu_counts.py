"""The numbers in the menu, which are cached for a minute."""

from collections.abc import Container
from typing import Any

from django.core.cache import cache
from django.db.models import QuerySet, Value

from accounts.models import Provider, User
from core.paging import MAX_COUNT
from notifications.inbox import get_cached_unread_count
from permissions.checks import Right
from permissions.models import Employer, Team
from users.alerts import AlertReason, RowCount, build_alert_counts, list_alert_reasons

_CACHE_SECONDS, _KEPT_SECONDS = 60, 3600


def get_menu_counts(user: User, held: Container[Right]) -> dict[str, int]:
    """Return the counts for `user` by name, at most MAX_COUNT + 1; no query when cached, else two.

    While one request counts an office again, the others of this process get the earlier counts, or none.
    """
    if user.is_support:
        return {}
    key = f"menu-{user.provider_id}"
    counts: dict[str, int] = cache.get(key, {})
    if cache.add(f"{key}-counted", True, _CACHE_SECONDS):  # for one request only
        counts = _count_office(user)
        cache.set(key, counts, _KEPT_SECONDS)
    alerts = sum(bool(counts.get(reason)) for reason in list_alert_reasons(held))
    return counts | {"alerts": alerts, "unread": get_cached_unread_count(user)}


def _count_office(user: User) -> dict[str, int]:
    """Return the number of users, teams and employers of the office, and which alerts it has. One query."""
    lists: dict[str, QuerySet[Any]] = {
        "users": User.objects.visible_to(user),
        "teams": Team.objects.visible_to(user),
        "employers": Employer.objects.visible_to(user),
    }
    office = Provider.objects.filter(pk=user.office.pk)
    parts: list[QuerySet[Any, Any]] = [
        office.values(alert=Value(name), number=RowCount(rows.order_by().values("pk")[: MAX_COUNT + 1]))
        for name, rows in lists.items()
    ]
    parts += build_alert_counts(user, list(AlertReason), limit=1)
    first: QuerySet[Any, Any] = parts[0]
    return dict(first.union(*parts[1:], all=True).values_list("alert", "number"))
