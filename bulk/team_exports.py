"""The teams of an office as sheets that can be imported again."""

from itertools import chain

from django.utils.translation import gettext as _

from accounts.models import Provider
from bulk import team_files
from bulk.team_plans import Office, present_of
from loket.sheets import joined
from teams.catalogue import known, ordered
from teams.products import Product


def exported(provider: Provider) -> dict[str, list[list[str]]]:
    """Return the three sheets of an export that can be imported again: teams, employers and the rights of teams."""
    office, label = Office(provider), team_files.label
    words = {True: _("yes"), False: _("no")}
    shown = sorted(office.teams.values(), key=lambda team: (team.sort_name, team.pk))
    given = {team.pk: known(row.right for row in team.rights.all()) for team in shown}
    rights = ordered(frozenset(chain.from_iterable(given.values())))
    sheets: dict[str, list[list[str]]] = {
        _("Teams"): [[label(name) for name in ("id", "name", "two_factor_required", "employers")]],
        _("Employers"): [[label(name) for name in ("number", "name", "products")]],
        _("Rights"): [[label("team"), *(str(right.label) for right in rights)]],
    }
    first, second, third = sheets.values()
    for team in shown:
        numbers = joined(map(str, present_of(team)["employers"]))
        first.append([str(team.pk), team.name, words[team.two_factor_required], numbers])
        third.append([team.name, *("x" if right in given[team.pk] else "" for right in rights)])
    for number, employer in sorted(office.employers.items()):
        names = joined(str(Product(product).label) for product in employer.products)
        second.append([str(number), employer.name, names])
    return sheets
