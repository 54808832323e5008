"""What somebody was shown, for the pages: the list, how much of it is unread, and who of the office read it first."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, QuerySet

from accounts.models import User
from loket.paging import Page, page_of
from notifications.models import Notice

AT_HOME = 5
MANY = 100  # unread ones are counted up to here


class Shown(NamedTuple):
    """A notice with the one by which somebody of the office was the first to read the signal, if anybody did."""

    notice: Notice
    first: Notice | None


def page(user: User, *, cursor: str, unread: bool) -> Page[Notice]:
    """Return a page of what `user` was shown, the newest first. Three queries."""
    notices = Notice.objects.visible_to(user).prefetch_related("signal", "employer")  # joined, each row would count
    sorts = {"shown": F("shown_at")}
    return page_of(
        notices.unread() if unread else notices, cursor=cursor, sort="-shown", sorts=sorts, moments=["shown"]
    )


def newest_unread(user: User) -> list[Notice]:
    """Return the newest that `user` has not read, as many as the home page shows. Three queries."""
    return list(_newest(user).prefetch_related("signal", "employer")[:AT_HOME])


def last_unread(user: User) -> Notice | None:
    """Return the newest that `user` has not read, None when everything was read. One query."""
    return _newest(user).first()


def _newest(user: User) -> "QuerySet[Notice]":
    return Notice.objects.visible_to(user).unread().order_by("-shown_at", "-pk")


def unread_count(user: User) -> int:
    """Return how many `user` has not read, MANY for that many and more. One query."""
    return Notice.objects.visible_to(user).unread()[:MANY].count()


def with_readers(notices: Sequence[Notice]) -> list[Shown]:
    """Return notices of one office with who read each signal first. One query."""
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
