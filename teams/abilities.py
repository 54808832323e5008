"""The active rights of a user, and where they count, grouped as in the catalog; for the home page."""

from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from teams.catalogue import Level, Right
from teams.context import first_pages
from teams.explain import Origin, origins
from teams.models import Employer

NAMED = 3  # above this number of employers only the count is shown


class Ability(NamedTuple):
    """An active right, where it counts in words, and the URL of the page that it opens ('' for none)."""

    origin: Origin
    where: str
    page: str


@dataclass(frozen=True)
class Abilities:
    """Active rights of one group of the catalog."""

    title: str
    rows: list[Ability]

    @property
    def unnamed(self) -> list[Employer]:
        """The employers where these rights count, sorted by name; empty if the rows name them already."""
        found = {employer.pk: employer for row in self.rows for employer in _works_at(row.origin)}
        return sorted(found.values(), key=lambda one: (one.sort_name, one.pk)) if len(found) > NAMED else []


def abilities(user: User) -> list[Abilities]:
    """Return the groups of rights that `user` can use now; empty groups are left out. Six queries."""
    pages = first_pages()
    groups: dict[str, list[Ability]] = {}
    for origin in origins(user):
        if origin.has_effect:
            row = Ability(origin, _where(origin), pages.get(origin.right, ""))
            groups.setdefault(_group(origin.right), []).append(row)
    return [Abilities(title, rows) for title, rows in groups.items()]


def _group(right: Right) -> str:
    if right.is_office_own:
        return _("At this office")
    return _("Payroll for the whole office") if right.level is Level.PROVIDER else _("Payroll at employers")


def _where(origin: Origin) -> str:
    if origin.right.level is Level.PROVIDER:
        return _("whole office")
    at = _works_at(origin)
    if len(at) <= NAMED:
        return ", ".join(str(employer) for employer in at)
    if origin.off:
        return _("%(count)s of %(total)s employers") % {"count": len(at), "total": len(origin.employers)}
    return ngettext("%(count)s employer", "%(count)s employers", len(at)) % {"count": len(at)}


def _works_at(origin: Origin) -> list[Employer]:
    off = {employer.pk for employer in origin.off}
    return [employer for employer in origin.employers if employer.pk not in off]
