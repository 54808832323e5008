"""What somebody may do himself now, and where, in the groups of the catalogue: for the home page."""

from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from teams.catalogue import Level, Right
from teams.context import first_pages
from teams.explain import Origin, origins
from teams.models import Employer

NAMED = 3  # so many employers are named, of more only how many


class Ability(NamedTuple):
    """A right that has effect now, in words where, and the address of the page here that it opens, '' for none."""

    origin: Origin
    where: str
    page: str


@dataclass(frozen=True)
class Abilities:
    """Rights of one group of the catalogue."""

    title: str
    rows: list[Ability]

    @property
    def unnamed(self) -> list[Employer]:
        """Every employer at which one of them counts, by name, where the rows say only how many there are."""
        found = {employer.pk: employer for row in self.rows for employer in _works_at(row.origin)}
        return sorted(found.values(), key=lambda one: (one.sort_name, one.pk)) if len(found) > NAMED else []


def abilities(user: User) -> list[Abilities]:
    """Return what `user` can use now, without groups that are empty. Six queries."""
    pages = first_pages()
    groups: dict[str, list[Ability]] = {}
    for origin in origins(user):
        if origin.has_effect:
            row = Ability(origin, _where(origin), pages.get(origin.right, ""))
            groups.setdefault(_group(origin.right), []).append(row)
    return [Abilities(title, rows) for title, rows in groups.items()]


def _group(right: Right) -> str:
    if right.is_office_own:
        return _("In this office")
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
