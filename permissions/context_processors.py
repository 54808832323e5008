"""Context processor for the menu, in the order of Classic, with the pages that the user may open."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import User
from permissions.checks import Right

_MenuEntry = tuple[str, str, str, Right | None]  # group, title, URL, required right


def menu(request: HttpRequest) -> dict[str, Any]:
    """Add `menu`, a list of {title, entries: [{title, url, current}]}, and `quick_search_url`, '' for support."""
    held = getattr(request, "rights", None)
    if held is None:
        return {}
    user = request.user
    is_support = isinstance(user, User) and user.is_support
    pages = _list_support_entries() if is_support else _list_office_entries()
    # The current entry is the one with the longest matching prefix: the page of texts is below that of the office.
    above = [url for _group, _title, url, _right in pages if url != "/" and request.path.startswith(url)]
    here = max(above, key=len, default="/" if request.path == "/" else "")
    groups: dict[str, list[dict[str, Any]]] = {}
    for group, title, url, right in pages:
        if right is None or right in held:
            groups.setdefault(group, []).append({"title": title, "url": url, "current": url == here})
    return {
        "menu": [{"title": title, "entries": entries} for title, entries in groups.items()],
        "quick_search_url": "" if is_support else reverse("users:quick_search"),
    }


def get_page_by_right() -> dict[Right, str]:
    """Return the URL of the first page in the menu that each right opens."""
    return {right: url for _group, _title, url, right in reversed(_list_office_entries()) if right is not None}


def _list_office_entries() -> list[_MenuEntry]:
    return [
        (_("Overview"), _("Today"), reverse("home"), None),
        (_("Overview"), pgettext("told", "Notifications"), reverse("notifications:notification_list"), None),
        (_("Teams and users"), _("Users"), reverse("users:user_list"), Right.VIEW_USERS),
        (_("Teams and users"), _("Teams"), reverse("teams:team_list"), Right.VIEW_TEAMS),
        (_("Teams and users"), _("Employers"), reverse("teams:employer_list"), Right.MANAGE_EMPLOYERS),
        (_("Office settings"), _("Office"), reverse("users:office_settings"), Right.MANAGE_PROVIDER),
        (_("Office settings"), _("Two-factor"), reverse("authentication:mfa_policy"), Right.MANAGE_PROVIDER),
        (_("Office settings"), _("Azure AD tenants"), reverse("users:tenant_list"), Right.MANAGE_PROVIDER),
        (_("Office settings"), _("Sets"), reverse("teams:set_list"), Right.MANAGE_SETS),
        (
            _("Office settings"),
            _("Office notifications"),
            reverse("notifications:office_preferences"),
            Right.MANAGE_SIGNALS,
        ),
        (_("Office settings"), _("Integrations"), reverse("oauth:application_list"), Right.MANAGE_INTEGRATIONS),
        (_("Office settings"), _("E-mail texts"), reverse("invitations:edit_text"), Right.MANAGE_PROVIDER),
        (
            _("Office settings"),
            _("History and retention"),
            reverse("history:retention_settings"),
            Right.MANAGE_PROVIDER,
        ),
        (_("Compliance"), _("Authorization matrix"), reverse("teams:matrix"), Right.VIEW_USERS),
        (_("Compliance"), _("Deviations"), reverse("teams:deviations"), Right.VIEW_USERS),
        (_("Compliance"), _("Dormant accounts"), reverse("users:dormant_accounts"), Right.MANAGE_USERS),
        (_("Compliance"), _("History"), reverse("history:event_list"), Right.VIEW_AUDIT),
    ]


def _list_support_entries() -> list[_MenuEntry]:
    return [
        (_("Support"), _("Search"), reverse("admin:index"), None),
        (_("Your account"), _("Two-factor"), reverse("authentication:device_list"), None),
        (_("Your account"), _("Sessions"), reverse("authentication:own_sessions"), None),
        (_("Your account"), _("Password"), reverse("authentication:change_password"), None),
    ]
