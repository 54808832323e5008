"""Files of a team import: distinguish sheets of teams, employers and rights, and parse their rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.keys import compute_label_key
from core.sheets import split_names
from core.text import validate_no_control_characters
from imports.files import user_columns
from imports.files.budget import COMMAND_LIMITS, FileLimits, ReadBudget
from imports.files.cells import FileRow, InvalidCell, UnreadableFile
from imports.files.file_notes import FileNotes, RowNote, build_headless_fault
from imports.files.readers import is_zip, read_rows
from imports.files.wording import format_value, suggest_name
from imports.plans.plan import Plan, PlanFault
from permissions.catalog import Right
from permissions.products import Product

TEAM_COLUMN_LABELS: dict[str, str | Promise] = {
    "id": "Id",
    "name": gettext_lazy("Name"),
    "two_factor_required": gettext_lazy("Two-factor required"),
    "employers": gettext_lazy("Employers"),
    "number": gettext_lazy("Number"),
    "products": gettext_lazy("Products"),
    "team": gettext_lazy("Team"),
    "rights": gettext_lazy("Rights"),
}

NamedFiles = Iterable[tuple[str, IO[bytes]]]


@dataclass
class TeamFileRow:
    """A row about a team or an employer: parsed `values` by column name, without `invalid_columns`."""

    row: int
    sheet: str
    values: dict[str, Any] = field(default_factory=dict)
    invalid_columns: set[str] = field(default_factory=set)


@dataclass
class TeamFileContents:
    """All rows of the files of one import, and their faults."""

    teams: list[TeamFileRow] = field(default_factory=list)
    employers: list[TeamFileRow] = field(default_factory=list)
    rights: list[TeamFileRow] = field(default_factory=list)
    faults: list[PlanFault] = field(default_factory=list)

    def add_fault(self, row: TeamFileRow, column: str, what: str, value: object = None) -> None:
        shown = format_value(row.values.get(column) if value is None else value)
        self.faults.append(
            PlanFault(
                row=row.row,
                column=f"{row.sheet}: {get_column_label(column)}",
                value=shown,
                what=what,
            )
        )

    def require_value(self, row: TeamFileRow, column: str, what: str) -> None:
        """Add a fault when a column has no value, unless its value was invalid."""
        if row.values.get(column) in (None, "") and column not in row.invalid_columns:
            self.add_fault(row, column, what)


def get_column_label(column: str) -> str:
    return str(TEAM_COLUMN_LABELS.get(column, column))


def read_team_files(files: NamedFiles, plan: Plan, *, limits: FileLimits = COMMAND_LIMITS) -> TeamFileContents:
    """Return the contents of `files`: a workbook with sheets, or several CSV files. Raises UnreadableFile."""
    contents, is_empty, is_known = TeamFileContents(), False, False
    for notes, rows in _iterate_sheets(files, ReadBudget(limits)):
        header = next(rows)
        columns = {number: _parse_header_cell(cell) for number, cell in enumerate(header.cells) if cell.strip()}
        names = set(columns.values())
        if not names & {"number", "team", "name"}:
            notice = _("“%(name)s” is not about teams, employers or rights and is ignored.")
            plan.notices[notice % {"name": notes.title}] += 1
            continue
        is_known = True
        _refuse_duplicate_columns(header, columns, contents, notes.title)
        lines = _iterate_lines(header, columns, rows, contents, notes)
        if "number" in names:
            _read_table(contents.employers, contents, columns, lines, notes.title)
        elif "team" in names:
            _read_rights_matrix(contents, columns, lines, notes.title)
        else:
            _read_table(contents.teams, contents, columns, lines, notes.title)
        for number, known in columns.items():
            if known is None:
                notice = _("Unknown column “%(head)s” is ignored.") % {"head": header.cells[number][:60]}
                plan.notices[notice + suggest_name(header.cells[number], TEAM_COLUMN_LABELS.values())] += 1
        for row in (*contents.teams, *contents.employers, *contents.rights):
            if row.sheet == notes.title:
                notes.add_sample(str(row.values.get("name") or row.values.get("team") or ""))
        plan.notices.update(notes.render())
        is_empty = not (contents.teams or contents.employers or contents.rights)
    if not is_known:
        message = _("Nothing here is about teams, employers or rights. Add headings such as Name, Number or Team.")
        raise UnreadableFile(message)
    if is_empty:
        plan.notices[_("There are no rows below the column headings.")] += 1
    return contents


def _refuse_duplicate_columns(
    header: FileRow, columns: dict[int, str | Right | None], contents: TeamFileContents, sheet: str
) -> None:
    seen: set[str | Right | None] = {None}
    for number, name in columns.items():
        if name in seen - {None}:
            row, cell = TeamFileRow(header.number, sheet), header.cells[number]
            contents.add_fault(row, cell, _("This column appears twice. Keep one."), cell)
        seen.add(name)


def _iterate_lines(
    header: FileRow, columns: dict[int, Any], rows: Iterator[FileRow], contents: TeamFileContents, notes: FileNotes
) -> Iterator[FileRow]:
    """Yield the rows below a header, except those with default values only. A cell without a heading is a fault."""
    for row in rows:
        headless = notes.find_headless_columns(header, row)
        for column in headless:
            contents.add_fault(TeamFileRow(row.number, notes.title), column, build_headless_fault(), "…")
        if headless or not all(_is_default(columns.get(number), cell) for number, cell in enumerate(row.cells)):
            yield row
        else:
            notes.add_row(RowNote.DEFAULTS_ONLY, row.number)


def _is_default(column: str | Right | None, cell: str) -> bool:
    """Return whether a cell can be on a row that is about no team, such as a copied "no"."""
    if isinstance(column, Right):
        return user_columns.is_no(cell)
    return not cell or column in (None, "two_factor_required")


def count_team_rows(files: NamedFiles) -> int:
    """Return how many rows `files` have below their headers, and rewind them. Raises UnreadableFile."""
    count = sum(sum(1 for _row in rows) - 1 for _notes, rows in _iterate_sheets(files, ReadBudget(COMMAND_LIMITS)))
    for _name, file in files:
        file.seek(0)
    return count


def _iterate_sheets(files: NamedFiles, budget: ReadBudget) -> Iterator[tuple[FileNotes, Iterator[FileRow]]]:
    """Yield the rows of each sheet with the notes on it, titled with the name of the sheet or file."""
    for name, file in files:
        start = file.read(8)
        file.seek(0)
        if not is_zip(start):
            notes = FileNotes(name)
            yield notes, read_rows(file, budget=budget, notes=notes)
            continue
        from imports.files import xlsx  # with openpyxl, which takes 6 MB

        sheets, hidden_sheets = xlsx.list_sheet_names(file, budget=budget)
        for sheet in sheets:
            notes = FileNotes(sheet)
            if hidden_sheets:
                notes.sentences.append(
                    _("Hidden sheets are not read: %(names)s.") % {"names": ", ".join(hidden_sheets)}
                )
                hidden_sheets = []
            yield notes, read_rows(file, budget=budget, sheet=sheet, notes=notes)


def _parse_header_cell(cell: str) -> str | Right | None:
    label = compute_label_key(cell)
    for language in ("en", "nl"):
        with translation.override(language):
            for name, text in TEAM_COLUMN_LABELS.items():
                if label in (compute_label_key(str(text)), compute_label_key(name)):
                    return name
    right = user_columns.map_names_to_rights().get(label)
    return right if isinstance(right, Right) else None


def _read_table(
    rows: list[TeamFileRow], contents: TeamFileContents, columns: dict[int, Any], lines: Iterator[FileRow], sheet: str
) -> None:
    for line in lines:
        row = TeamFileRow(line.number, sheet)
        for number, name in columns.items():
            cell = line.cells[number] if number < len(line.cells) else ""
            if isinstance(name, str) and name in _PARSERS:
                _parse_cell(row, contents, name, cell)
        rows.append(row)


def _parse_cell(row: TeamFileRow, contents: TeamFileContents, name: str, cell: str) -> None:
    try:
        if isinstance(cell, InvalidCell):
            raise ValidationError(cell.advice)
        row.values[name] = _PARSERS[name](cell)
    except (ValidationError, ValueError) as error:
        text = " ".join(error.messages) if isinstance(error, ValidationError) else _("This file cannot be read.")
        contents.add_fault(row, name, text, cell)
        row.invalid_columns.add(name)


def _read_rights_matrix(
    contents: TeamFileContents, columns: dict[int, Any], lines: Iterator[FileRow], sheet: str
) -> None:
    place = next(number for number, name in columns.items() if name == "team")
    for line in lines:
        team = line.cells[place] if place < len(line.cells) else ""
        row = TeamFileRow(line.number, sheet)
        _parse_cell(row, contents, "team", team)
        if "team" not in row.values:
            continue
        marks: dict[Right, bool] = {}
        for number, right in columns.items():
            if isinstance(right, Right):
                cell = line.cells[number] if number < len(line.cells) else ""
                try:
                    marks[right] = bool(user_columns.parse_cell("blocked", cell))
                except ValidationError as error:
                    contents.add_fault(row, str(right.label), " ".join(error.messages), cell)
        row.values["marks"] = marks
        contents.rights.append(row)


def _parse_name(cell: str) -> str:
    user_columns.validate_as_typed(cell)
    validate_no_control_characters(cell)
    return cell.strip()


def _parse_number(cell: str) -> int | None:
    text = cell.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) < 2**31):
        raise ValidationError(_("This is not a valid employer number. Use digits only."))
    return int(text)


def _parse_numbers(cell: str) -> list[int]:
    return sorted({number for part in split_names(cell) if (number := _parse_number(part)) is not None})


def _parse_products(cell: str) -> list[int]:
    known = {str(product.value): product for product in Product}
    for language in ("en", "nl"):
        with translation.override(language):
            known |= {compute_label_key(str(product.label)): product for product in Product}
    products = set()
    for part in split_names(cell):
        product = known.get(compute_label_key(part))
        if product is None:
            message = _("Product “%(name)s” does not exist.") % {"name": part}
            raise ValidationError(message + suggest_name(part, (product.label for product in Product)))
        products.add(int(product))
    return sorted(products)


_PARSERS: dict[str, Any] = {
    "id": lambda cell: user_columns.parse_cell("id", cell),
    "name": _parse_name,
    "two_factor_required": lambda cell: user_columns.parse_cell("two_factor_required", cell),
    "employers": _parse_numbers,
    "team": _parse_name,
    "number": _parse_number,
    "products": _parse_products,
    "rights": lambda cell: user_columns.parse_cell("individual_rights", cell),
}
