"""Limits on the cost of a file: counted by cell references, and refused in time with the row."""

import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Provider, User
from imports.files.budget import MAX_COLUMNS, UPLOAD_LIMITS, FileLimits, ReadBudget
from imports.files.cells import InvalidCell, UnreadableFile
from imports.files.readers import read_rows
from imports.plans import team_plans, user_plans
from tests.helpers.import_files import SERVICE, file_of
from tests.helpers.users import actor
from tests.imports.test_readers import HEAD, book

SECONDS = 3.0  # of processor time; each of these cost minutes, or took gigabytes
PLACES = {"sheet": "xl/worksheets/sheet1.xml", "book": "xl/workbook.xml"}
SHARED = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s</sst>'
OVERRIDE = (
    b'<Override PartName="/xl/sharedStrings.xml" ContentType='
    b'"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)


def workbook(texts: bytes = b"", **changes: Callable[[bytes], bytes]) -> bytes:
    """Return a workbook in which `sheet`, `book` and shared `texts` can be replaced."""
    by_place, file = {PLACES[name]: change for name, change in changes.items()}, BytesIO()
    if texts:
        by_place["[Content_Types].xml"] = lambda xml: xml.replace(b"</Types>", OVERRIDE + b"</Types>")
    with (
        zipfile.ZipFile(BytesIO(book(HEAD, ["x", "y"]))) as good,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for part in good.infolist():
            made.writestr(part.filename, by_place.get(part.filename, bytes)(good.read(part)))
        if texts:
            made.writestr("xl/sharedStrings.xml", SHARED % texts)
    return file.getvalue()


def with_rows(added: str) -> bytes:
    return workbook(sheet=lambda xml: xml.replace(b"</sheetData>", added.encode() + b"</sheetData>"))


def wide(count: int = 5_000) -> bytes:
    """Return a workbook of a few kB whose rows extend to the last possible column."""
    return with_rows("".join(f'<row r="{number}"><c r="XFD{number}"/></row>' for number in range(3, count + 3)))


def nameless_wide(count: int = 5_000) -> bytes:
    return with_rows('<row><c r="XFD1"/></row>' * count)


def read(content: bytes, limits: FileLimits = UPLOAD_LIMITS) -> list[tuple[int, list[str]]]:
    return [(row.number, row.cells) for row in read_rows(BytesIO(content), budget=ReadBudget(limits))]


def refused(content: bytes, limits: FileLimits = UPLOAD_LIMITS) -> str:
    """Return why the file is refused, which must be cheap."""
    started = time.thread_time()
    with pytest.raises(UnreadableFile) as raised:
        read(content, limits)
    assert time.thread_time() - started < SECONDS
    return str(raised.value)


def test_a_cell_in_the_last_column_is_refused_with_its_row() -> None:
    assert len(nameless_wide()) < 7_000
    for content in (wide(1), wide(), nameless_wide(1), nameless_wide()):
        said = refused(content)
        assert "Regel 3" in said
        assert "16384 kolommen" in said
        assert str(MAX_COLUMNS) in said


def test_cells_count_by_the_reference_of_the_last_one() -> None:
    limits = replace(UPLOAD_LIMITS, cells=1_000)
    content = with_rows("".join(f'<row r="{n}"><c r="IV{n}"/></row>' for n in range(3, 10)))
    assert "Regel 6" in refused(content, limits), "two rows of two and three of 256 fit"
    assert "Regel 6" in refused(b"a;b\n" * 2 + (b";" * 255 + b"\n") * 7, limits)


def test_cells_without_a_reference_count_as_well() -> None:
    assert "Regel 3" in refused(with_rows("<row>" + "<c/>" * 300 + "</row>"))


def test_a_row_number_that_jumps_costs_nothing() -> None:
    started = time.thread_time()
    found = read(with_rows('<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>z</t></is></c></row>'))
    assert found == [(1, HEAD), (2, ["x", "y"]), (1_048_576, ["z"])]
    assert time.thread_time() - started < SECONDS


@pytest.mark.parametrize("number", ["2", "1", "0", "-5"])
def test_a_row_number_that_comes_back_is_refused(number: str) -> None:
    assert "beschadigd" in refused(with_rows(f'<row r="{number}"><c r="A{number}"><v>1</v></c></row>'))


def test_a_dimension_that_lies_costs_nothing() -> None:
    content = workbook(sheet=lambda xml: xml.replace(b'ref="A1:B2"', b'ref="A1:XFD1048576"'))
    assert read(content) == [(1, HEAD), (2, ["x", "y"])]


def with_texts(texts: bytes, added: bytes = b"") -> bytes:
    return workbook(texts, sheet=lambda xml: xml.replace(b"</sheetData>", added + b"</sheetData>"))


def test_a_text_that_many_cells_share_counts_for_each() -> None:
    long, shared = b"<si><t>" + b"x" * 30_000 + b"</t></si>", b'<row><c t="s"><v>0</v></c></row>'
    assert len(read(with_texts(long, shared))) == 3
    assert "veel meer tekst" in refused(with_texts(long, shared * 20_000))


def test_a_text_that_fits_in_no_cell_is_refused() -> None:
    assert "Regel 2" in refused(b"a;b\n" + b"x" * 40_000 + b";y\n")
    long, shared = b"<si><t>" + b"x" * 40_000 + b"</t></si>", b'<row><c t="s"><v>0</v></c></row>'
    assert "Regel 3" in refused(with_texts(long, shared))


def test_many_texts_are_refused() -> None:
    assert "veel meer" in refused(with_texts(b"<si/>" * 150_000), replace(UPLOAD_LIMITS, cells=100_000))


def test_many_sheets_are_refused() -> None:
    one = b'<sheet name="S%d" sheetId="%d" state="visible" r:id="rId1" xmlns:r="' \
        b'http://schemas.openxmlformats.org/officeDocument/2006/relationships"/>'  # fmt: skip
    many = b"".join(one % (number, number) for number in range(2, 3_000))
    assert "50" in refused(workbook(book=lambda xml: xml.replace(b"</sheets>", many + b"</sheets>")))


def test_layout_without_end_is_refused() -> None:
    rules = b'<conditionalFormatting sqref="A1"><cfRule type="cellIs" priority="1"/></conditionalFormatting>' * 100_000
    assert refused(workbook(sheet=lambda xml: xml.replace(b"</sheetData>", b"</sheetData>" + rules)))


@pytest.mark.slow
def test_a_formula_that_many_cells_share_is_not_worked_out() -> None:
    formula = "+".join(f"A{number}" for number in range(1, 5_000))
    shared = '<row><c><f t="shared" si="0"/></c></row>' * 10_000
    first = f'<row r="3"><c r="A3"><f t="shared" ref="A3:A9999" si="0">{formula}</f></c></row>'
    started = time.thread_time()
    found = read(with_rows(first + shared))
    assert time.thread_time() - started < SECONDS
    assert len(found) == 10_003
    assert isinstance(found[2][1][0], InvalidCell)


def test_separators_without_end_are_counted() -> None:
    assert "kolommen" in refused(b"a;b\n" + b";" * 900_000 + b"x\n")
    assert "Regel 3" in refused(b"a;b\n" + (b";" * 900_000 + b"\n") * 4)


@pytest.mark.slow
def test_keys_without_end_are_counted() -> None:
    keys = ",".join(f'"k{number}": 1' for number in range(60_000))
    assert "60000 kolommen" in refused(f"{{{keys}}}\n".encode())
    assert "Regel 2" in refused(f'{{"a": ""}}\n{{{keys}}}\n'.encode())


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_nesting_is_no_fault_of_ours(depth: int) -> None:
    with suppress(UnreadableFile):
        read(b'{"a": ' + b"[" * depth + b"]" * depth + b"}\n")


def test_rows_are_counted() -> None:
    limits = replace(UPLOAD_LIMITS, rows=10)
    assert len(read(b"a;b\n" * 10, limits)) == 10
    assert "10 regels" in refused(b"a;b\n" * 11, limits)


def test_reading_stops_when_time_is_up() -> None:
    limits = replace(UPLOAD_LIMITS, seconds=0.05)
    assert "te lang" in refused(b"a;b\n" * 500_000, limits)
    assert "te lang" in refused(with_rows("<row><c><v>1</v></c></row>" * 30_000), limits)


@pytest.mark.slow
def test_the_clock_stands_still_while_rows_are_used() -> None:
    found = read_rows(BytesIO(b"a;b\n" * 3), budget=ReadBudget(replace(UPLOAD_LIMITS, seconds=0.05)))
    for _row in found:
        until = time.thread_time() + 0.1
        while time.thread_time() < until:
            pass


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["users", "teams"])
def test_users_and_teams_have_the_same_limits(office: Provider, alice: User, what: str) -> None:
    def plan(content: bytes) -> object:
        file, by = BytesIO(content), actor(alice)
        if what == "users":
            return user_plans.plan_user_file(office, file, by=by, invite=True, limits=UPLOAD_LIMITS)
        return team_plans.plan_team_files(office, [("x.xlsx", file)], by=by, limits=UPLOAD_LIMITS)

    head = b"Achternaam;naam\n"
    for content in (wide(), nameless_wide(), head + b"x;y\n" + (b";" * 900_000 + b"\n") * 4):
        with pytest.raises(UnreadableFile, match=r"Regel [34] "):
            plan(content)


references = st.sampled_from(["A1", "B7", "$A$1", "XFD1", "IV3", "IW3", "ZZZZ1", "1", "", "a1", "A0", "AA", "é1"])
numbers = st.sampled_from(["1", "2", "5", "1048576", "99999999999", "5.0", "x", "", "-1"])


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.none() | numbers, st.lists(st.none() | references, max_size=4)), max_size=5))
def test_no_reference_is_a_fault_of_ours(lines: list[tuple[str | None, list[str | None]]]) -> None:
    def attribute(value: str | None) -> str:
        return "" if value is None else f' r="{value}"'

    made = "".join(
        f"<row{attribute(number)}>" + "".join(f"<c{attribute(cell)}><v>1</v></c>" for cell in cells) + "</row>"
        for number, cells in lines
    )
    started = time.thread_time()
    with suppress(UnreadableFile):
        for _number, cells in read(with_rows(made)):
            assert len(cells) <= MAX_COLUMNS
    assert time.thread_time() - started < SECONDS


def test_a_good_file_is_read_as_before() -> None:
    assert len(read(file_of(*(SERVICE | {"username": f"u{number}"} for number in range(100))).getvalue())) == 101
