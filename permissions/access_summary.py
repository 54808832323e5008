"""The active rights of a user, and where they apply, grouped as in the catalog; for the home page."""

from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from permissions.catalog import Right, RightLevel
from permissions.menu import get_page_by_right
from permissions.models import Employer
from permissions.right_sources import HeldRight, list_held_rights

MAX_NAMED_EMPLOYERS = 3  # above this number of employers only the count is shown


class AvailableRight(NamedTuple):
    """An active right, where it applies (as text), and the URL of the page that it opens ('' for none)."""

    held_right: HeldRight
    scope: str
    page: str


@dataclass(frozen=True)
class AvailableRightGroup:
    title: str
    rows: list[AvailableRight]

    @property
    def omitted_employers(self) -> list[Employer]:
        """The employers where these rights apply, sorted by name; empty if the rows name them already."""
        found = {employer.pk: employer for row in self.rows for employer in _list_active_employers(row.held_right)}
        return (
            sorted(found.values(), key=lambda employer: (employer.sort_name, employer.pk))
            if len(found) > MAX_NAMED_EMPLOYERS
            else []
        )


def summarize_access(user: User) -> list[AvailableRightGroup]:
    """Return the groups of rights that `user` can use now; empty groups are left out. Six queries."""
    pages = get_page_by_right()
    groups: dict[str, list[AvailableRight]] = {}
    for held_right in list_held_rights(user):
        if held_right.has_effect:
            row = AvailableRight(held_right, _describe_scope(held_right), pages.get(held_right.right, ""))
            groups.setdefault(_get_group_title(held_right.right), []).append(row)
    return [AvailableRightGroup(title, rows) for title, rows in groups.items()]


def _get_group_title(right: Right) -> str:
    if right.is_office_admin_right:
        return _("At this office")
    return _("Payroll for the whole office") if right.level is RightLevel.PROVIDER else _("Payroll at employers")


def _describe_scope(held_right: HeldRight) -> str:
    if held_right.right.level is RightLevel.PROVIDER:
        return _("whole office")
    at = _list_active_employers(held_right)
    if len(at) <= MAX_NAMED_EMPLOYERS:
        return ", ".join(str(employer) for employer in at)
    if held_right.employers_without_product:
        return _("%(count)s of %(total)s employers") % {"count": len(at), "total": len(held_right.employers)}
    return ngettext("%(count)s employer", "%(count)s employers", len(at)) % {"count": len(at)}


def _list_active_employers(held_right: HeldRight) -> list[Employer]:
    disabled = {employer.pk for employer in held_right.employers_without_product}
    return [employer for employer in held_right.employers if employer.pk not in disabled]
