"""Export the teams of an office, with employers and rights, to files that can be imported again."""

from io import BytesIO
from itertools import chain
from typing import IO

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Provider
from audit.actions import record
from audit.actors import Actor
from audit.models import Verb
from core import sheets
from core.export_files import FileFormat, write_export_file
from core.sheets import join_names
from imports.files import team_rows
from imports.plans.team_plans import TeamLookup, get_team_values
from permissions.catalog import rights_from_codes, sort_rights
from permissions.models import Employer, Team
from permissions.products import Product
from teams import exports

_EMPLOYER_COLUMNS = {name: (team_rows.TEAM_COLUMN_LABELS[name], 30) for name in ("number", "name", "products")}


@transaction.atomic
def export_teams(provider: Provider, *, form: FileFormat, by: Actor) -> dict[str, IO[bytes]]:
    """Return the exported files by title, and record an audit event.

    XLSX gives one workbook; other formats give one file per part.
    """
    if form is FileFormat.JSONL:
        made = _build_json_files(provider)
    elif form is FileFormat.CSV:
        made = {title: _build_csv(table) for title, table in _build_tables(provider).items()}
    else:
        made = {_("Teams"): _build_workbook(_build_tables(provider))}
    record(Verb.EXPORTED, provider, by=by, provider_id=provider.pk, changes={"teams": [None, {"form": form}]})
    return made


def _build_csv(table: list[list[str]]) -> IO[bytes]:
    return BytesIO(b"".join(sheets.iter_csv_lines(table)))


def _build_workbook(tables: dict[str, list[list[str]]]) -> IO[bytes]:
    file = BytesIO()
    sheets.write_sheets(file, tables)
    file.seek(0)
    return file


def _build_json_files(provider: Provider) -> dict[str, IO[bytes]]:
    teams = exports.iterate_team_rows(Team.objects.filter(provider=provider).order_by("sort_name", "pk"))
    employers = (
        {"number": one.number, "name": one.name, "products": list(map(str, one.products))}
        for one in Employer.objects.filter(provider=provider).order_by("number")
    )
    return {
        title: write_export_file(rows, columns, title=title, form=FileFormat.JSONL)
        for title, rows, columns in (
            (_("Teams"), teams, exports.TEAM_COLUMNS),
            (_("Employers"), employers, _EMPLOYER_COLUMNS),
        )
    }


def _build_tables(provider: Provider) -> dict[str, list[list[str]]]:
    """Return three sheets: teams, employers and team rights."""
    office, label = TeamLookup(provider), team_rows.get_column_label
    words = {True: _("yes"), False: _("no")}
    shown = sorted(office.teams.values(), key=lambda team: (team.sort_name, team.pk))
    given = {team.pk: rights_from_codes(row.right for row in team.rights.all()) for team in shown}
    rights = sort_rights(frozenset(chain.from_iterable(given.values())))
    found: dict[str, list[list[str]]] = {
        _("Teams"): [[label(name) for name in ("id", "name", "two_factor_required", "employers")]],
        _("Employers"): [[label(name) for name in ("number", "name", "products")]],
        _("Rights"): [[label("team"), *(str(right.label) for right in rights)]],
    }
    first, second, third = found.values()
    for team in shown:
        numbers = join_names(map(str, get_team_values(team)["employers"]))
        first.append([str(team.pk), team.name, words[team.two_factor_required], numbers])
        third.append([team.name, *("x" if right in given[team.pk] else "" for right in rights)])
    for number, employer in sorted(office.employers.items()):
        names = join_names(str(Product(product).label) for product in employer.products)
        second.append([str(number), employer.name, names])
    return found
