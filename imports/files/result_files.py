"""Files that an import produces: the result, the rows with faults, and the template."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import IO

from django.utils.translation import gettext as _

from core import sheets
from core.export_files import FileFormat
from imports.files import readers
from imports.files.budget import COMMAND_LIMITS, FileLimits, ReadBudget
from imports.files.user_columns import IGNORED_COLUMNS, USER_COLUMN_LABELS
from imports.files.user_rows import TEMPLATE_EXAMPLE, parse_header
from imports.plans.plan import Plan, PlanFault, PlanItem

TEMPLATE_COLUMNS = [
    "login_method", "initials", "prefix", "last_name", "first_name", "email", "mobile_number", "username", "password",
    "external_tenant", "external_user_id", "phone_number", "place_of_employment", "access_until", "two_factor_required",
    "has_access_to_test_years", "teams", "authorization_set", "individual_rights", "signal_set", "signals",
    "blocked",
]  # fmt: skip


def render_result_csv(items: Iterable[PlanItem], passed_over: Iterable[PlanFault] = ()) -> Iterator[bytes]:
    """Yield a CSV file listing what was done for each user, and why users were skipped."""
    return sheets.iter_csv_lines(_build_result_rows(items, passed_over))


def _build_result_rows(items: Iterable[PlanItem], passed_over: Iterable[PlanFault]) -> Iterator[list[str]]:
    yield [_("Row"), _("Name"), _("Applied?"), "Id"]
    for item in items:
        yield [str(item["row"]), item["name"], _("created") if item["is_new"] else _("changed"), item["id"] or ""]
    for fault in passed_over:
        yield [str(fault["row"]), fault["value"], _("not applied: %(why)s") % {"why": fault["what"]}, ""]


def render_faulty_rows_csv(plan: Plan, file: IO[bytes]) -> Iterator[bytes]:
    """Yield a CSV file with the rows of `file` that have faults, followed by a column with the faults."""
    return sheets.iter_csv_lines(iterate_faulty_rows(plan, file, limits=COMMAND_LIMITS))


def iterate_faulty_rows(plan: Plan, file: IO[bytes], *, limits: FileLimits) -> Iterator[list[str]]:
    """Yield the header of `file` and the rows that have faults, with the faults in a last column."""
    wrong: dict[int, list[str]] = defaultdict(list)
    for fault in plan.faults:
        wrong[fault["row"]].append(f"{fault['column']}: {fault['what']}")
    file.seek(0)
    rows = readers.read_rows(file, budget=ReadBudget(limits))
    header = next(rows)
    columns = [number for number, name in enumerate(parse_header(header).names) if name != "fault"]
    width = len(header.cells)
    yield [*(header.cells[number] for number in columns), str(USER_COLUMN_LABELS["fault"])]
    for row in rows:
        if row.number in wrong:
            cells = [str(row.cells[number]) if number < len(row.cells) else "" for number in columns]
            yield [*cells, " ".join(wrong[row.number]), *map(str, row.cells[width:])]


def write_template(file: IO[bytes], file_format: FileFormat = FileFormat.XLSX) -> None:
    """Write a workbook or CSV file with every column that can be filled in, and an example row that imports skip."""
    heads = [str(USER_COLUMN_LABELS[name]) for name in TEMPLATE_COLUMNS if name not in IGNORED_COLUMNS]
    rows = [heads, [TEMPLATE_EXAMPLE.get(name, "") for name in TEMPLATE_COLUMNS]]
    if file_format == FileFormat.CSV:
        file.writelines(sheets.iter_csv_lines(rows))
    else:
        sheets.write_xlsx(file, _("Users"), rows, [22] * len(heads))
