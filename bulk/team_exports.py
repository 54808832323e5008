"""Export the teams of an office, with employers and rights, to files that can be imported again."""

from io import BytesIO
from itertools import chain
from typing import IO

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.exports import Form, write
from accounts.models import Provider
from audit.actions import record
from audit.actors import Actor
from audit.models import Verb
from bulk import team_files
from bulk.team_plans import Office, present_of
from loket import sheets
from loket.sheets import joined
from teams import exports
from teams.catalogue import known, ordered
from teams.models import Employer, Team
from teams.products import Product

_EMPLOYERS = {name: (team_files.LABELS[name], 30) for name in ("number", "name", "products")}


@transaction.atomic
def export(provider: Provider, *, form: Form, by: Actor) -> dict[str, IO[bytes]]:
    """Return the exported files by title, and record an audit event.

    XLSX gives one workbook; other formats give one file per part.
    """
    if form is Form.JSONL:
        made = _lines(provider)
    elif form is Form.CSV:
        made = {title: _csv(table) for title, table in _tables(provider).items()}
    else:
        made = {_("Teams"): _workbook(_tables(provider))}
    record(Verb.EXPORTED, provider, by=by, provider_id=provider.pk, changes={"teams": [None, {"form": form}]})
    return made


def _csv(table: list[list[str]]) -> IO[bytes]:
    return BytesIO(b"".join(sheets.csv_lines(table)))


def _workbook(tables: dict[str, list[list[str]]]) -> IO[bytes]:
    file = BytesIO()
    sheets.write_sheets(file, tables)
    file.seek(0)
    return file


def _lines(provider: Provider) -> dict[str, IO[bytes]]:
    teams = exports.values(Team.objects.filter(provider=provider).order_by("sort_name", "pk"))
    employers = (
        {"number": one.number, "name": one.name, "products": list(map(str, one.products))}
        for one in Employer.objects.filter(provider=provider).order_by("number")
    )
    return {
        title: write(rows, columns, title=title, form=Form.JSONL)
        for title, rows, columns in ((_("Teams"), teams, exports.COLUMNS), (_("Employers"), employers, _EMPLOYERS))
    }


def _tables(provider: Provider) -> dict[str, list[list[str]]]:
    """Return three sheets: teams, employers and team rights."""
    office, label = Office(provider), team_files.label
    words = {True: _("yes"), False: _("no")}
    shown = sorted(office.teams.values(), key=lambda team: (team.sort_name, team.pk))
    given = {team.pk: known(row.right for row in team.rights.all()) for team in shown}
    rights = ordered(frozenset(chain.from_iterable(given.values())))
    found: dict[str, list[list[str]]] = {
        _("Teams"): [[label(name) for name in ("id", "name", "two_factor_required", "employers")]],
        _("Employers"): [[label(name) for name in ("number", "name", "products")]],
        _("Rights"): [[label("team"), *(str(right.label) for right in rights)]],
    }
    first, second, third = found.values()
    for team in shown:
        numbers = joined(map(str, present_of(team)["employers"]))
        first.append([str(team.pk), team.name, words[team.two_factor_required], numbers])
        third.append([team.name, *("x" if right in given[team.pk] else "" for right in rights)])
    for number, employer in sorted(office.employers.items()):
        names = joined(str(Product(product).label) for product in employer.products)
        second.append([str(number), employer.name, names])
    return found
