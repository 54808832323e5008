"""Queries for a user's notifications: the list, the number of unread ones, and the first reader in the office."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.core.cache import cache
from django.db.models import F, QuerySet

from accounts.models import User
from core.paging import MAX_COUNT, KeysetPage, paginate_queryset
from notifications.models import Notification

HOME_PAGE_LIMIT = 5
MAX_UNREAD_COUNT = 100  # counting unread notifications stops here


class InboxItem(NamedTuple):
    """A notification, and the first one that was read in the office for the same event, if any."""

    notice: Notification
    first: Notification | None


def get_inbox_page(user: User, *, cursor: str, unread: bool) -> KeysetPage[Notification]:
    """Return a page of the notifications of `user`, newest first. Three queries."""
    notices = Notification.objects.visible_to(user).prefetch_related(
        "event", "employer", "invited"
    )  # a join would cost per row
    sorts = {"shown": F("shown_at")}
    return paginate_queryset(
        notices.unread() if unread else notices, cursor=cursor, sort="-shown", sorts=sorts, datetime_sorts=["shown"]
    )


def get_newest_unread(user: User) -> list[Notification]:
    """Return the newest unread notifications of `user` for the home page. Three queries."""
    return list(_get_unread_newest_first(user).prefetch_related("event", "employer", "invited")[:HOME_PAGE_LIMIT])


def get_last_unread(user: User) -> Notification | None:
    return _get_unread_newest_first(user).first()


def _get_unread_newest_first(user: User) -> "QuerySet[Notification]":
    return Notification.objects.visible_to(user).unread().order_by("-shown_at", "-pk")


def count_unread(user: User, limit: int = MAX_UNREAD_COUNT) -> int:
    """Return the number of unread notifications of `user`, at most `limit`. One query."""
    return Notification.objects.visible_to(user).unread()[:limit].count()


def get_cached_unread_count(user: User) -> int:
    """Return the number of unread notifications, at most a minute old and at most MAX_COUNT + 1."""
    return cache.get_or_set(_get_unread_key(user), lambda: count_unread(user, limit=MAX_COUNT + 1), 60) or 0


def forget_unread_count(user: User) -> None:
    cache.delete(_get_unread_key(user))


def _get_unread_key(user: User) -> str:
    return f"unread-{user.pk}"


def add_first_readers(notices: Sequence[Notification]) -> list[InboxItem]:
    if not notices:
        return []
    read = Notification.objects.filter(
        provider=notices[0].provider_id, event__in=[notice.event_id for notice in notices], read_at__isnull=False
    )
    first: dict[UUID | None, Notification] = {
        notice.event_id: notice
        for notice in read.order_by("event", "read_at", "pk").distinct("event").select_related("user")
    }
    return [InboxItem(notice, first.get(notice.event_id)) for notice in notices]
