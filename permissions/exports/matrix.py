"""Export of the authorization matrix as an XLSX file."""

from io import BytesIO
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Verb
from core.sheets import encode_xlsx_cell, force_text_cell
from permissions.action_helpers import lock_and_authorize
from permissions.catalog import Right
from permissions.duties import find_broken_rules_at
from permissions.effective import AuthorizationMatrix, build_matrix
from permissions.models import Employer

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet


def build_marks(matrix: AuthorizationMatrix, user: User) -> list[str]:
    """Return how `user` holds each right of the matrix: "T" by a team, "I" only individually, "" not at all."""
    held, individual = matrix.held[user.pk], matrix.individual[user.pk]
    return ["I" if right in individual else "T" if right in held else "" for right in matrix.rights]


@action()
def export_matrix(provider: Provider, employer: Employer | None = None, *, by: Actor) -> bytes:
    """Return an XLSX file, and record an event. Raises PermissionDenied without view_users."""
    provider = lock_and_authorize(provider.pk, by, Right.VIEW_USERS)
    workbook = _build_workbook(provider, employer, build_matrix(provider, employer))
    what = [None, str(employer) if employer is not None else "provider"]
    record(Verb.EXPORTED, provider, by=by, provider_id=provider.pk, changes={"authorization_matrix": what})
    return workbook


def _build_workbook(provider: Provider, employer: Employer | None, matrix: AuthorizationMatrix) -> bytes:
    from openpyxl import Workbook  # takes 6 MB, so not at start

    book = Workbook()
    sheet = book.active
    sheet.title = str(_("Authorization matrix"))[:31]
    _append_row(sheet, [provider.name])
    _append_row(sheet, [_("Authorization matrix"), str(employer) if employer is not None else _("The office itself")])
    _append_row(sheet, [_("Date"), date_format(timezone.localtime(), "j F Y H:i")])
    _append_row(sheet, [_("T = via a team, I = individual only")])
    _append_row(sheet, [])
    details = [_("Name"), _("E-mail address"), _("Login method"), _("Inactive"), _("Conflict of duties")]
    _append_row(sheet, [*details, *(right.label for right in matrix.rights)])
    broken = find_broken_rules_at(provider.pk, [user.pk for user in matrix.users], employer)
    for user in matrix.users:
        _append_row(sheet, _build_row(user, matrix, broken.get(user.pk, [])))
    _format_sheet(sheet, 6, len(matrix.rights))
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _build_row(user: User, matrix: AuthorizationMatrix, broken_rules: list[str]) -> list[object]:
    inactive_reason = matrix.inactive_reasons.get(user.pk)
    details = [
        user.list_name,
        user.email,
        user.get_login_method_display(),
        inactive_reason.label if inactive_reason else "",
        ", ".join(broken_rules),
    ]
    return [*details, *build_marks(matrix, user)]


def _append_row(sheet: "Worksheet", values: list[object]) -> None:
    """Append a row of texts. None becomes a formula, not even after the cell is edited."""
    number = sheet.max_row + 1 if sheet.max_row > 1 or sheet["A1"].value is not None else 1
    for column, value in enumerate(values or [""], start=1):
        force_text_cell(sheet.cell(number, column, encode_xlsx_cell(str(value))))


def _format_sheet(sheet: "Worksheet", head: int, rights_count: int) -> None:
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    for cell in [*sheet[1], *sheet[2], *sheet[head]]:
        cell.font = Font(bold=True)
    for cell in sheet[head][5:]:
        cell.alignment = Alignment(text_rotation=90, vertical="bottom")
    for column, width in enumerate([30, 34, 24, 24, 24, *[4] * rights_count], start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = sheet.cell(head + 1, 2)
    page = sheet.page_setup
    page.orientation, page.paperSize = "landscape", sheet.PAPERSIZE_A4
    page.fitToWidth, page.fitToHeight = 1, 0  # on as many pages as its rows need
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = f"{head}:{head}"
