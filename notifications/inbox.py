"""Queries for a user's notifications: the list, the number of unread ones, and the first reader in the office."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, QuerySet

from accounts.models import User
from loket.paging import Page, page_of
from notifications.models import Notice

AT_HOME = 5
MANY = 100  # counting unread notifications stops here


class Shown(NamedTuple):
    """A notification, and the one of the same event that was read first in the office, if any."""

    notice: Notice
    first: Notice | None


def page(user: User, *, cursor: str, unread: bool) -> Page[Notice]:
    """Return a page of the notifications of `user`, newest first. Three queries."""
    notices = Notice.objects.visible_to(user).prefetch_related("signal", "employer")  # a join would cost per row
    sorts = {"shown": F("shown_at")}
    return page_of(
        notices.unread() if unread else notices, cursor=cursor, sort="-shown", sorts=sorts, moments=["shown"]
    )


def newest_unread(user: User) -> list[Notice]:
    """Return the newest unread notifications of `user` for the home page. Three queries."""
    return list(_newest(user).prefetch_related("signal", "employer")[:AT_HOME])


def last_unread(user: User) -> Notice | None:
    """Return the newest unread notification of `user`, or None. One query."""
    return _newest(user).first()


def _newest(user: User) -> "QuerySet[Notice]":
    return Notice.objects.visible_to(user).unread().order_by("-shown_at", "-pk")


def unread_count(user: User) -> int:
    """Return the number of unread notifications of `user`, at most MANY. One query."""
    return Notice.objects.visible_to(user).unread()[:MANY].count()


def with_readers(notices: Sequence[Notice]) -> list[Shown]:
    """Return notifications of one office with the first reader of each event. One query."""
    if not notices:
        return []
    read = Notice.objects.filter(
        provider=notices[0].provider_id, signal__in=[notice.signal_id for notice in notices], read_at__isnull=False
    )
    first: dict[UUID, Notice] = {
        notice.signal_id: notice
        for notice in read.order_by("signal", "read_at", "pk").distinct("signal").select_related("user")
    }
    return [Shown(notice, first.get(notice.signal_id)) for notice in notices]
