"""Files that an import produces: the result, the rows with faults, and the template."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import IO

from django.utils.translation import gettext as _

from bulk import reading
from bulk.budget import FOR_COMMANDS, Budget, Limits
from bulk.columns import LABELS, LEFT_ASIDE
from bulk.people import EXAMPLE, head_of
from bulk.plan import Fault, Item, Plan
from loket import sheets

TEMPLATE = [
    "login_method", "initials", "prefix", "last_name", "first_name", "email", "mobile_number", "username", "password",
    "external_tenant", "external_user_id", "phone_number", "place_of_employment", "access_until", "two_factor_required",
    "has_access_to_test_years", "teams", "authorization_set", "individual_rights", "signal_set", "signals",
    "blocked",
]  # fmt: skip


def result_lines(items: Iterable[Item], passed_over: Iterable[Fault] = ()) -> Iterator[bytes]:
    """Yield a CSV file listing what was done for each user, and why users were skipped."""
    return sheets.csv_lines(_result(items, passed_over))


def _result(items: Iterable[Item], passed_over: Iterable[Fault]) -> Iterator[list[str]]:
    yield [_("Row"), _("Name"), _("Applied?"), "Id"]
    for item in items:
        yield [str(item["row"]), item["name"], _("created") if item["is_new"] else _("changed"), item["id"] or ""]
    for fault in passed_over:
        yield [str(fault["row"]), fault["value"], _("not applied: %(why)s") % {"why": fault["what"]}, ""]


def faulty_lines(plan: Plan, file: IO[bytes], *, limits: Limits = FOR_COMMANDS) -> Iterator[bytes]:
    """Yield a CSV file with the rows of `file` that have faults, followed by a column with the faults."""
    return sheets.csv_lines(faulty_rows(plan, file, limits=limits))


def faulty_rows(plan: Plan, file: IO[bytes], *, limits: Limits) -> Iterator[list[str]]:
    """Yield the header of `file` and the rows that have faults, with the faults in a last column."""
    wrong: dict[int, list[str]] = defaultdict(list)
    for fault in plan.faults:
        wrong[fault["row"]].append(f"{fault['column']}: {fault['what']}" if fault["column"] else fault["what"])
    file.seek(0)
    rows = reading.rows(file, budget=Budget(limits))
    head = next(rows)
    kept = [number for number, name in enumerate(head_of(head).names) if name != "fault"]
    yield [*(head.cells[number] for number in kept), str(LABELS["fault"])]
    for row in rows:
        if row.number in wrong:
            cells = [str(row.cells[number]) if number < len(row.cells) else "" for number in kept]
            yield [*cells, " ".join(wrong[row.number])]


def write_template(file: IO[bytes]) -> None:
    """Write a workbook with every column that can be filled in, and an example row that imports skip."""
    heads = [str(LABELS[name]) for name in TEMPLATE if name not in LEFT_ASIDE]
    sheets.write_xlsx(file, _("Users"), [heads, [EXAMPLE.get(name, "") for name in TEMPLATE]], [22] * len(heads))
