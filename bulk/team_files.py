"""Files of a team import: tell team, employer and right sheets apart, and parse their rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bulk import columns, workbooks
from bulk.budget import FOR_COMMANDS, Budget, Limits
from bulk.cells import Odd, Row
from bulk.plan import Fault, Plan
from bulk.reading import rows
from loket.sheets import parted
from loket.text import refuse_control_characters, squeezed
from teams.catalogue import Right
from teams.products import Product

LABELS: dict[str, str | Promise] = {
    "id": "Id",
    "name": gettext_lazy("Name"),
    "two_factor_required": gettext_lazy("Two-factor required"),
    "employers": gettext_lazy("Employers"),
    "number": gettext_lazy("Number"),
    "products": gettext_lazy("Products"),
    "team": gettext_lazy("Team"),
    "rights": gettext_lazy("Rights"),
}

Files = Iterable[tuple[str, IO[bytes]]]


@dataclass
class WantedThing:
    """A row about a team or an employer: parsed `values` by column name."""

    row: int
    sheet: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class Contents:
    """All rows of the files of one import, and their faults."""

    teams: list[WantedThing] = field(default_factory=list)
    employers: list[WantedThing] = field(default_factory=list)
    rights: list[WantedThing] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, wanted: WantedThing, column: str, what: str, value: object = None) -> None:
        """Add a fault to a row."""
        shown = str(wanted.values.get(column, "") if value is None else value)[:60]
        self.faults.append(Fault(row=wanted.row, column=f"{wanted.sheet}: {label(column)}", value=shown, what=what))


def label(column: str) -> str:
    """Return the header of a column in the active language."""
    return str(LABELS.get(column, column))


def read(files: Files, plan: Plan, *, limits: Limits = FOR_COMMANDS) -> Contents:
    """Return the contents of `files`: a workbook with sheets, or several CSV files. Raises Unreadable."""
    found = Contents()
    for name, sheet, lines in _sheets(files, Budget(limits)):
        head = next(lines)
        heads = {number: _head(cell) for number, cell in enumerate(head.cells) if cell.strip()}
        names = set(heads.values())
        if "number" in names:
            _things(found.employers, found, heads, lines, sheet or name)
        elif "team" in names:
            _matrix(found, heads, lines, sheet or name)
        elif "name" in names:
            _things(found.teams, found, heads, lines, sheet or name)
        else:
            plan.notices[_("“%(name)s” is not about teams, employers or rights and is ignored.")
                         % {"name": sheet or name}] += 1  # fmt: skip
            continue
        for number, known in heads.items():
            if known is None:
                notice = _("Unknown column “%(head)s” is ignored.")
                plan.notices[notice % {"head": head.cells[number][:60]}] += 1
    return found


def count(files: Files) -> int:
    """Return how many rows `files` have below their headers, and rewind them. Raises Unreadable."""
    found = sum(sum(1 for _row in lines) - 1 for _name, _sheet, lines in _sheets(files, Budget(FOR_COMMANDS)))
    for _name, file in files:
        file.seek(0)
    return found


def _sheets(files: Files, budget: Budget) -> Iterator[tuple[str, str, Iterator[Row]]]:
    for name, file in files:
        start = file.read(8)
        file.seek(0)
        for sheet in workbooks.names(file, budget=budget) if workbooks.is_zip(start) else [""]:
            yield name, sheet, rows(file, budget=budget, sheet=sheet or None)


def _head(cell: str) -> str | Right | None:
    wanted = squeezed(cell)
    for language in ("en", "nl"):
        with translation.override(language):
            for name, text in LABELS.items():
                if wanted in (squeezed(str(text)), squeezed(name)):
                    return name
    right = columns.rights_by_name().get(wanted)
    return right if isinstance(right, Right) else None


def _things(into: list[WantedThing], found: Contents, heads: dict[int, Any], lines: Iterator[Row], sheet: str) -> None:
    for line in lines:
        wanted = WantedThing(line.number, sheet)
        for number, name in heads.items():
            cell = line.cells[number] if number < len(line.cells) else ""
            if isinstance(name, str) and name in _READERS:
                _read_cell(wanted, found, name, cell)
        into.append(wanted)


def _read_cell(wanted: WantedThing, found: Contents, name: str, cell: str) -> None:
    try:
        if isinstance(cell, Odd):
            raise ValidationError(cell.fault)
        wanted.values[name] = _READERS[name](cell)
    except (ValidationError, ValueError) as error:
        text = " ".join(error.messages) if isinstance(error, ValidationError) else _("This file cannot be read.")
        found.refuse(wanted, name, text, cell)


def _matrix(found: Contents, heads: dict[int, Any], lines: Iterator[Row], sheet: str) -> None:
    place = next(number for number, name in heads.items() if name == "team")
    for line in lines:
        wanted = WantedThing(line.number, sheet, {"team": line.cells[place].strip() if place < len(line.cells) else ""})
        marks: dict[Right, bool] = {}
        for number, right in heads.items():
            if isinstance(right, Right):
                cell = line.cells[number] if number < len(line.cells) else ""
                try:
                    marks[right] = bool(columns.value_of("blocked", cell))
                except ValidationError as error:
                    found.refuse(wanted, str(right.label), " ".join(error.messages), cell)
        wanted.values["marks"] = marks
        found.rights.append(wanted)


def _name(cell: str) -> str:
    refuse_control_characters(cell)
    return cell.strip()


def _number(cell: str) -> int | None:
    text = cell.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and int(text) < 2**31):
        raise ValidationError(_("This is not a valid employer number. Use digits only."))
    return int(text)


def _numbers(cell: str) -> list[int]:
    return sorted({number for part in parted(cell) if (number := _number(part)) is not None})


def _products(cell: str) -> list[int]:
    known = {str(product.value): product for product in Product}
    for language in ("en", "nl"):
        with translation.override(language):
            known |= {squeezed(str(product.label)): product for product in Product}
    found = []
    for part in parted(cell):
        product = known.get(squeezed(part))
        if product is None:
            raise ValidationError(_("Product “%(name)s” does not exist.") % {"name": part})
        found.append(int(product))
    return sorted(set(found))


_READERS: dict[str, Any] = {
    "id": lambda cell: columns.value_of("id", cell),
    "name": _name,
    "two_factor_required": lambda cell: columns.value_of("two_factor_required", cell),
    "employers": _numbers,
    "number": _number,
    "products": _products,
    "rights": lambda cell: columns.value_of("individual_rights", cell),
}
