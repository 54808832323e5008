"""The menu, in Classic's order, with only what the person may open."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from teams.rights import Right


def menu(request: HttpRequest) -> dict[str, Any]:
    """Return `menu`: groups of {title, entries: [{title, url, current}]}."""
    held = getattr(request, "rights", None)
    if held is None:
        return {}
    pages = [
        (_("Overview"), _("Today"), reverse("home"), None),
        (_("Teams and users"), _("Users AK"), reverse("accounts:list"), Right.VIEW_USERS),
        (_("Teams and users"), _("Teams"), reverse("teams:list"), Right.VIEW_TEAMS),
        (_("Teams and users"), _("Employers"), reverse("teams:employers"), Right.MANAGE_EMPLOYERS),
        (_("Provider data"), _("Office"), reverse("accounts:office"), Right.MANAGE_PROVIDER),
        (_("Provider data"), _("Azure AD tenants"), reverse("accounts:tenants"), Right.MANAGE_PROVIDER),
        (_("Provider data"), _("Sets"), reverse("teams:sets"), Right.MANAGE_SETS),
        (_("Provider data"), _("E-mail texts"), reverse("invitations:text"), Right.MANAGE_PROVIDER),
        (_("Provider data"), _("History and keeping"), reverse("accounts:keeping"), Right.MANAGE_PROVIDER),
        (_("Accountability"), _("Authorization matrix"), reverse("teams:matrix"), Right.VIEW_USERS),
        (_("Accountability"), _("Deviations"), reverse("teams:deviations"), Right.VIEW_USERS),
        (_("Accountability"), _("History"), reverse("audit:history"), Right.VIEW_AUDIT),
    ]
    # The page belongs to the entry with the longest address it lies under: texts lie under the office.
    above = [url for _group, _title, url, _right in pages if url != "/" and request.path.startswith(url)]
    here = max(above, key=len, default="/" if request.path == "/" else "")
    groups: dict[str, list[dict[str, Any]]] = {}
    for group, title, url, right in pages:
        if right is None or right in held:
            groups.setdefault(group, []).append({"title": title, "url": url, "current": url == here})
    return {"menu": [{"title": title, "entries": entries} for title, entries in groups.items()]}
