"""Context processor for the menu, with the pages that the user may open, and the counts beside them."""

from collections.abc import Container
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from core.paging import format_short_count
from permissions.checks import Right
from permissions.menu import MenuEntry, list_office_entries, list_support_entries
from users.menu_counts import get_menu_counts

_WAITING = ("alerts", "unread")  # counts of what waits for the user


def menu(request: HttpRequest) -> dict[str, Any]:
    """Add `menu`, a list of {title, entries: [{title, url, icon, current, count, waits}]}, and `unread_count`.

    Both are built when a template uses them. `is_menu_page` says whether the menu names the page itself;
    `quick_search_url` is "" for support.
    """
    user, held = getattr(request, "user", None), getattr(request, "rights", None)
    if held is None or not isinstance(user, User):
        return {}
    entries = list_support_entries() if user.is_support else list_office_entries()
    counts: Any = SimpleLazyObject(lambda: get_menu_counts(user, held))
    return {
        "menu": SimpleLazyObject(lambda: _build_groups(entries, request.path, held, counts)),
        "is_menu_page": any(entry.url == request.path for entry in entries),
        "quick_search_url": "" if user.is_support else reverse("users:quick_search"),
        "unread_count": SimpleLazyObject(lambda: _format(counts, "unread")),
    }


def _build_groups(
    entries: list[MenuEntry], path: str, held: Container[Right], counts: dict[str, int]
) -> list[dict[str, Any]]:
    # The current entry is the one with the longest matching prefix: the page of texts is below that of the office.
    above = [entry.url for entry in entries if entry.url != "/" and path.startswith(entry.url)]
    here = max(above, key=len, default="/" if path == "/" else "")
    groups: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        if entry.right is None or entry.right in held:
            groups.setdefault(entry.group, []).append(
                {
                    "title": entry.title,
                    "url": entry.url,
                    "icon": entry.icon,
                    "current": entry.url == here,
                    "count": _format(counts, entry.count_name) if entry.count_name else "",
                    "waits": entry.count_name in _WAITING,
                }
            )
    return [{"title": title, "entries": found} for title, found in groups.items()]


def _format(counts: dict[str, int], name: str) -> str:
    """Return the count as text, "" for zero."""
    count = counts.get(name, 0)
    return format_short_count(count) if count else ""
