"""What reading a file guessed, skipped or could not place, as sentences of the plan."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imports.files.cells import FileRow, is_blank
from imports.files.wording import format_row_numbers

_MAX_SAMPLES = 3


class RowNote(Enum):
    """What is noted about rows."""

    HEADLESS_CELL = auto()  # once per cell
    BLANK = auto()
    DEFAULTS_ONLY = auto()
    HIDDEN = auto()
    UNKNOWN_MOBILE_NUMBER = auto()
    EXAMPLE = auto()
    NO_ACCESS = auto()
    NO_INVITATION = auto()
    SAME_EMAIL = auto()
    GIVEN_BY_TEAM = auto()


@dataclass
class FileNotes:
    """Notes on one sheet or file; `title` starts each sentence when an import has several."""

    title: str = ""
    guessed_encoding: str = ""
    sentences: list[str] = field(default_factory=list)  # about whole sheets and columns
    _rows: dict[RowNote, list[int]] = field(default_factory=lambda: defaultdict(list))
    _samples: list[str] = field(default_factory=list)

    def add_row(self, note: RowNote, row: int) -> None:
        self._rows[note].append(row)

    def add_sample(self, name: str) -> None:
        """Keep a name with letters outside ASCII as a sample of the guessed encoding: names with new letters only."""
        letters = {char for char in name if char.isalpha() and not char.isascii()}
        if self.guessed_encoding and len(self._samples) < _MAX_SAMPLES and letters - set("".join(self._samples)):
            self._samples.append(name[:40])

    def find_headless_columns(self, header: FileRow, row: FileRow) -> list[str]:
        """Return the letters of the columns in which `row` has a cell and `header` has not, and note the row."""
        heads = [not is_blank(head) for head in header.cells]
        heads += [False] * (len(row.cells) - len(heads))
        numbers = [number for number, cell in enumerate(row.cells) if cell and not heads[number]]
        if not numbers:
            return []
        from openpyxl.utils import get_column_letter  # takes 6 MB

        self._rows[RowNote.HEADLESS_CELL] += [row.number] * len(numbers)
        return [get_column_letter(number + 1) for number in numbers]

    def render(self) -> Iterator[str]:
        """Yield the notes as sentences."""
        lines = [*self.sentences, *(_render_rows(note, rows) for note, rows in self._rows.items())]
        if self.guessed_encoding:
            encoding = _("The file does not say its text encoding; it was read as %(encoding)s.")
            lines.insert(0, encoding % {"encoding": self.guessed_encoding})
            if self._samples:
                names = ", ".join(f"“{name}”" for name in self._samples)
                lines[0] += " " + _("Check these names: %(names)s.") % {"names": names}
        yield from (f"{self.title}: {line}" if self.title else line for line in lines)


def build_headless_fault() -> str:
    """Return what to do about a cell in a column without a heading."""
    return _(
        "This column has no heading, so this cell would be lost. Give the column a heading or empty the cell. Put a"
        " value that contains the separator between quotation marks."
    )


_ROW_TEXTS: Mapping[RowNote, Callable[[int], str]] = {  # a plural of `ngettext_lazy` takes 34 kB
    RowNote.HEADLESS_CELL: lambda n: ngettext(
        "%(count)d cell without a heading: row %(rows)s.", "%(count)d cells without a heading: rows %(rows)s.", n
    ),
    RowNote.BLANK: lambda n: ngettext(
        "%(count)d row without visible content is skipped: row %(rows)s.",
        "%(count)d rows without visible content are skipped: rows %(rows)s.",
        n,
    ),
    RowNote.DEFAULTS_ONLY: lambda n: ngettext(
        "%(count)d row with only default values is skipped: row %(rows)s.",
        "%(count)d rows with only default values are skipped: rows %(rows)s.",
        n,
    ),
    RowNote.HIDDEN: lambda n: ngettext(
        "%(count)d hidden or filtered row is read as well: row %(rows)s.",
        "%(count)d hidden or filtered rows are read as well: rows %(rows)s.",
        n,
    ),
    RowNote.UNKNOWN_MOBILE_NUMBER: lambda n: ngettext(
        "We do not know %(count)d number as a mobile number. Check row %(rows)s.",
        "We do not know %(count)d numbers as mobile numbers. Check rows %(rows)s.",
        n,
    ),
    RowNote.EXAMPLE: lambda n: ngettext(
        "%(count)d example row of the template is skipped: row %(rows)s.",
        "%(count)d example rows of the template are skipped: rows %(rows)s.",
        n,
    ),
    RowNote.NO_ACCESS: lambda n: ngettext(
        "%(count)d user is blocked or past the last day of access, and stays so: row %(rows)s. To give access again,"
        " select the user in the list and choose “Unblock” or “Set end date”.",
        "%(count)d users are blocked or past the last day of access, and stay so: rows %(rows)s. To give access again,"
        " select the users in the list and choose “Unblock” or “Set end date”.",
        n,
    ),
    RowNote.NO_INVITATION: lambda n: ngettext(
        "%(count)d invited user has no open invitation, and is not invited again: row %(rows)s. To do so, select the"
        " user in the list and choose “Resend invitation”.",
        "%(count)d invited users have no open invitation, and are not invited again: rows %(rows)s. To do so, select"
        " the users in the list and choose “Resend invitation”.",
        n,
    ),
    RowNote.GIVEN_BY_TEAM: lambda n: ngettext(
        "%(count)d user gets rights of the authorization set from a team already, so these do not become individual"
        " rights: row %(rows)s.",
        "%(count)d users get rights of the authorization set from a team already, so these do not become individual"
        " rights: rows %(rows)s.",
        n,
    ),
    RowNote.SAME_EMAIL: lambda n: ngettext(
        "%(count)d new user has the e-mail address of another user: row %(rows)s. Check that the same colleague is"
        " not added twice.",
        "%(count)d new users have the e-mail address of another user: rows %(rows)s. Check that the same colleague is"
        " not added twice.",
        n,
    ),
}


def _render_rows(note: RowNote, rows: list[int]) -> str:
    text = _ROW_TEXTS[note](len(rows)) % {"count": len(rows), "rows": format_row_numbers(rows)}
    return text.replace("….", "…")  # more rows than are listed
