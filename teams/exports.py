"""Export of teams in the format that can be imported again."""

from collections.abc import Iterator
from typing import IO

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Provider
from audit.actors import Actor, action
from core import export_files
from core.export_files import ExportColumns, ExportRow, FileFormat
from permissions import checks
from permissions.action_helpers import record_export
from permissions.catalog import Right, rights_from_codes, sort_rights
from permissions.models import Team

TEAM_COLUMNS: ExportColumns = {
    "id": ("Id", 38),
    "name": (gettext_lazy("Name"), 30),
    "two_factor_required": (gettext_lazy("Two-factor required"), 20),
    "employers": (gettext_lazy("Employers"), 40),
    "rights": (gettext_lazy("Rights"), 80),
}


@action()
def export_teams(
    provider: Provider, teams: QuerySet[Team], *, form: FileFormat, filters: dict[str, str], by: Actor
) -> IO[bytes]:
    """Return a file, at its start, and record an event with `filters`. Raises PermissionDenied without view_teams."""
    checks.require_office(by, provider.pk)
    checks.require_right(by, Right.VIEW_TEAMS)
    found = teams.filter(provider=provider).order_by("sort_name", "pk")
    file = export_files.write_export_file(iterate_team_rows(found), TEAM_COLUMNS, title=_("Teams"), form=form)
    record_export(provider, "teams", {"form": form, **filters}, by=by)
    return file


def iterate_team_rows(teams: QuerySet[Team]) -> Iterator[ExportRow]:
    for team in teams.prefetch_related("rights", "employers__employer").iterator(1000):
        yield {
            "id": team.pk,
            "name": team.name,
            "two_factor_required": team.two_factor_required,
            "employers": [str(number) for number in sorted(row.employer.number for row in team.employers.all())],
            "rights": sort_rights(rights_from_codes(row.right for row in team.rights.all())),
        }
