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
from imports.plans.office_lookup import OfficeLookup
from imports.plans.team_plans import get_team_rights, get_team_values
from permissions.catalog import sort_rights
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
        files = _build_json_files(provider)
    elif form is FileFormat.CSV:
        files = {
            title: BytesIO(b"".join(sheets.iter_csv_lines(table))) for title, table in _build_tables(provider).items()
        }
    else:
        workbook = BytesIO()
        sheets.write_sheets(workbook, _build_tables(provider))
        workbook.seek(0)
        files = {_("Teams"): workbook}
    record(Verb.EXPORTED, provider, by=by, provider_id=provider.pk, changes={"teams": [None, {"form": form}]})
    return files


def _build_json_files(provider: Provider) -> dict[str, IO[bytes]]:
    teams = exports.iterate_team_rows(Team.objects.filter(provider=provider).order_by("sort_name", "pk"))
    employers = (
        {"number": employer.number, "name": employer.name, "products": list(map(str, employer.products))}
        for employer in Employer.objects.filter(provider=provider).order_by("number")
    )
    parts = ((_("Teams"), teams, exports.TEAM_COLUMNS), (_("Employers"), employers, _EMPLOYER_COLUMNS))
    return {
        title: write_export_file(rows, columns, title=title, form=FileFormat.JSONL) for title, rows, columns in parts
    }


def _build_tables(provider: Provider) -> dict[str, list[list[str]]]:
    """Return three sheets: teams, employers and team rights."""
    office, label = OfficeLookup(provider), team_rows.get_column_label
    words = {True: _("yes"), False: _("no")}
    teams = sorted(office.teams.values(), key=lambda team: (team.sort_name, team.pk))
    rights_by_team = {team.pk: get_team_rights(team) for team in teams}
    rights = sort_rights(frozenset(chain.from_iterable(rights_by_team.values())))
    team_table = [[label(name) for name in ("id", "name", "two_factor_required", "employers")]]
    employer_table = [[label(name) for name in ("number", "name", "products")]]
    rights_table = [[label("team"), *(str(right.label) for right in rights)]]
    for team in teams:
        numbers = join_names(map(str, get_team_values(team)["employers"]))
        team_table.append([str(team.pk), team.name, words[team.two_factor_required], numbers])
        rights_table.append([team.name, *("x" if right in rights_by_team[team.pk] else "" for right in rights)])
    for number, employer in sorted(office.employers.items()):
        names = join_names(str(Product(product).label) for product in employer.products)
        employer_table.append([str(number), employer.name, names])
    return {_("Teams"): team_table, _("Employers"): employer_table, _("Rights"): rights_table}
