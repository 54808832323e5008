"""Files as spreadsheet programs write them, and malformed ones."""

import codecs
import csv
import resource
import struct
import zipfile
from contextlib import suppress
from dataclasses import replace
from datetime import date
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from core import sheets
from core.sheets import join_names, split_names
from imports.files.budget import COMMAND_LIMITS, ReadBudget
from imports.files.cells import FileRow, InvalidCell, NumberCell, UnreadableFile
from imports.files.readers import read_rows

FILES = Path(__file__).parents[1] / "files"
HEAD = ["Naam", "E-mail"]
text = st.text(st.sampled_from('ab; ",é'), max_size=20)


def read(content: bytes | str, **options: object) -> list[FileRow]:
    return list(read_rows(BytesIO(content.encode() if isinstance(content, str) else content), **options))


def cells(content: bytes | str) -> list[list[str]]:
    return [row.cells for row in read(content)]


def fault(content: bytes | str, **options: object) -> str:
    with pytest.raises(UnreadableFile) as raised:
        read(content, **options)
    return str(raised.value)


def book(*lines: list[object], change: object = None) -> bytes:
    made, file = Workbook(), BytesIO()
    for line in lines:
        made.active.append(line)
    if callable(change):
        change(made)
    made.save(file)
    return file.getvalue()


@pytest.mark.parametrize("name", ["libreoffice.xlsx", "gnumeric.xlsx", "gnumeric.csv", "libreoffice-comma.csv",
    "libreoffice-utf16.csv"])  # fmt: skip
def test_files_of_other_programs_are_read(name: str) -> None:
    found = cells((FILES / name).read_bytes())
    assert found[0][:5] == ["Voorletters", "Voorvoegsel", "Achternaam", "E-mail", "Mobiel nummer"]
    assert [line[2] for line in found] == ["Achternaam", "Boer", "Dubois", "Yılmaz"]
    assert [line[4] for line in found[1:]] == ["06 12345678", "+32470123456", "0687654321"]
    assert found[3][6] in ("2031-02-01", "2031/02/01")
    assert found[1][7] == "Loon Noord; Loon Zuid"


def test_another_kind_of_workbook_is_named() -> None:
    assert "XLSX" in fault((FILES / "libreoffice.ods").read_bytes())
    assert "XLSX" in fault(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_usual_csv_is_read(delimiter: str, encoding: str, ending: str) -> None:
    line = StringIO(newline="")
    writer = csv.writer(line, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    table = [HEAD, ["Dubois é €", "regel 1\nregel 2"], ['a "b"', f"x{delimiter}y"]]
    writer.writerows(table)
    assert cells(line.getvalue().encode(encoding)) == table


def test_rows_are_numbered_as_a_spreadsheet_program_does() -> None:
    found = read('\r\nNaam;E-mail\r\n"a\nb";x\r\n;\r\n\r\nc;d\r\n')
    assert [(row.number, row.cells) for row in found] == [(2, HEAD), (3, ["a\nb", "x"]), (6, ["c", "d"])]
    assert [row.number for row in read(book([], HEAD, [], [None, None], ["c", "d"]))] == [2, 5]


def test_the_delimiter_may_be_told() -> None:
    assert read("sep=,\r\nNaam,E-mail\r\n") == [FileRow(2, HEAD)]


def test_json_lines_are_read() -> None:
    lines = '{"id": null, "teams": ["A", "B; C"], "x": true}\n\n{"x": false, "id": "é"}\n{"id": 12, "x": {}}\n'
    found = cells(lines)
    assert found[:3] == [["id", "teams", "x"], ["", 'A;"B; C"', "true"], ["é", "", "false"]]
    assert isinstance(found[3][0], NumberCell)
    assert isinstance(found[3][2], InvalidCell)
    assert "Regel 2" in fault('{"a": ""}\n[1]\n')
    assert "“b”" in fault('{"a": ""}\n{"b": ""}\n')
    assert "Regel 2" in fault('{"a": ""}\n' + "[" * 100_000)


def test_a_name_twice_in_a_json_line_is_refused() -> None:
    assert "Regel 2" in fault('{"a": "x", "b": ""}\n{"a": "x", "b": "", "a": "y"}\n')
    assert "Regel 1" in fault('{"\\ud800": "x", "\\ufffd": "y"}\n')


def test_surrogates_are_joined_or_damaged() -> None:
    ((pair, lone, high),) = cells(book(["x"], ["_xD83D__xDE00_", "a_xD800_", "_xDC00_b"]))[1:]
    assert pair == "😀"
    assert (isinstance(lone, InvalidCell), lone) == (True, "a\ufffd")
    assert isinstance(high, InvalidCell)
    (head, (cell,)) = cells('{"\\ud800": "\\udfff"}')
    assert isinstance(cell, InvalidCell)
    assert (head, cell) == (["\ufffd"], "\ufffd")
    assert "“\ufffd”" in fault('{"a": ""}\n{"\\ud800": ""}\n')


def test_a_quotation_mark_that_is_never_closed_is_found_where_it_opens() -> None:
    rows = "".join(f"{number};x\r\n" for number in range(2, 5000))
    for content in (f'Naam;E-mail\r\n1;x\r\n"2;y\r\n{rows}', f'Naam;E-mail\r\n1;x\r\n"2;y\r\n{rows}"z";q\r\n'):
        assert "Regel 3:" in fault(content)
        assert "Regel 4:" in fault("sep=;\r\n" + content)
    assert "Regel 5:" in fault('Naam;E-mail\r\n"1\r\n\r\n";x\r\n"2"3;y\r\n')


def test_spaces_after_the_separators_of_all_headings_are_style() -> None:
    table = [["Naam", "E-mail"], ["Jansen, Smit", "x"], ["", " y"]]
    assert cells('Naam, E-mail\r\n"Jansen, Smit", "x"\r\n," y"\r\n') == table
    assert cells("Naam; E-mail\r\nBoer;  x\r\n") == [["Naam", "E-mail"], ["Boer", "x"]]
    assert cells("Naam;E-mail\r\n geheim; x\r\n") == [["Naam", "E-mail"], [" geheim", " x"]]


def test_a_space_before_a_quotation_mark_is_a_fault() -> None:
    ((name, email),) = cells('Naam;E-mail\r\nBoer; "x"\r\n')[1:]
    assert (name, isinstance(email, InvalidCell)) == ("Boer", True)
    assert "spatie" in email.advice


@given(st.lists(text.map(str.strip).filter(bool), max_size=5))
def test_several_names_fit_in_a_cell(names: list[str]) -> None:
    assert split_names(join_names(names)) == names


def test_what_the_export_writes_comes_back() -> None:
    table = [HEAD, ["=1+1", "'t Hart"], ["@x", "\r\n_x0041_"], ["+31 6", "-"]]
    assert cells(b"".join(sheets.iter_csv_lines(table))) == table
    file = BytesIO()
    sheets.write_xlsx(file, "Blad", table, [10, 10])
    assert [[cell.replace("\r", "") for cell in line] for line in cells(file.getvalue())] == [
        [cell.replace("\r", "") for cell in line] for line in table
    ]


def test_cells_of_a_workbook_become_text() -> None:
    found = cells(book(HEAD, [date(2030, 12, 31), True], [612345678, 1.5], ["0612", None]))
    assert found[1:] == [["2030-12-31", "true"], ["612345678", "1.5"], ["0612"]]
    assert isinstance(found[2][0], NumberCell)
    assert not isinstance(found[3][0], NumberCell)


def test_a_formula_says_so() -> None:
    ((cell, error),) = cells(book(HEAD, ["=1+1", "#N/A"]))[1:]
    assert isinstance(cell, InvalidCell)
    assert "formule" in cell.advice
    assert isinstance(error, InvalidCell)


def test_merged_cells_are_named() -> None:
    assert "A2:A3" in fault(book(HEAD, ["a", "b"], [None, "c"], change=lambda made: made.active.merge_cells("A2:A3")))


def test_hidden_sheets_are_left_aside() -> None:
    def change(made: Workbook) -> None:
        made.create_sheet("Hulp", 0).append(["niet dit"])
        made.worksheets[0].sheet_state = "hidden"

    assert cells(book(HEAD, change=change)) == [HEAD]
    assert "Bestaat" in fault(book(HEAD), sheet="Bestaat niet")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "niets"),
        (b"\r\n;;\r\n", "niets"),
        (b"\xef\xbb\xbf", "niets"),
        (b"PK\x03\x04" + bytes(100), "beschadigd"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(3000), "Regel"),
        ("Naam;E-mail\nDubois é;x\n".encode() + "Özdemir;y\n".encode("cp1252"), "regel 3"),
        ("Naam;E-mail\nÖzdemir;y\n".encode("cp1252") + "Dubois é;x\n".encode(), "regel 2"),
        (codecs.BOM_UTF16_LE + "a;b\n".encode("utf-16-le") + b"\x00\xd8", "regel 2"),
        (b'Naam;E-mail\n"nooit dicht;x\n' + b"y;z\n" * 100, "aanhalingsteken"),
        (b'Naam;E-mail\n"a"b;x\n', "Regel 2"),
        (b"x" * 2_000_000, "Regel 1"),
        (b"Naam;E-mail\n" + b"x" * 200_000 + b";y\n", "200000 tekens"),
        (";".join(map(str, range(1000))).encode(), "1000 kolommen"),
    ],
)
def test_unreadable_file_says_what_is_wrong(content: bytes, says: str) -> None:
    assert says in fault(content)


def test_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with open(tmp_path / "groot.csv", "wb") as file:
        file.truncate(2 * 2**30)  # nothing of it is on the disk
    with open(tmp_path / "groot.csv", "rb") as file, pytest.raises(UnreadableFile, match="64 MB"):
        next(read_rows(file))
    assert "1 MB" in fault(b"a;b\n" * 400_000, budget=ReadBudget(replace(COMMAND_LIMITS, file_bytes=2**20)))


def bomb(lie: int | None = None) -> bytes:
    """Return a workbook of about 100 kB with a sheet of 100 MB, which can claim to have `lie` bytes."""
    file = BytesIO()
    with zipfile.ZipFile(BytesIO(book(HEAD))) as good, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for part in good.infolist():
            content = good.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                content = content.replace(b"<sheetData>", b"<sheetData>" + b"<row></row>" * 10_000_000)
            made.writestr(part.filename, content)
    packed = file.getvalue()
    if lie is None:
        return packed
    with zipfile.ZipFile(BytesIO(packed)) as made:
        true = made.getinfo("xl/worksheets/sheet1.xml").file_size
    return packed.replace(struct.pack("<L", true), struct.pack("<L", lie))


@pytest.mark.slow
def test_a_bomb_costs_nothing() -> None:
    whole, lying = bomb(), bomb(lie=1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "groter" in fault(whole)
    fault(lying)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024  # KiB


def test_xml_that_grows_is_refused() -> None:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<!DOCTYPE worksheet [<!ENTITY a0 "aaaaaaaaaa">{entities}]>'.encode()
    file = BytesIO()
    with zipfile.ZipFile(BytesIO(book(HEAD, ["x", "y"]))) as good, zipfile.ZipFile(file, "w") as made:
        for part in good.infolist():
            content = good.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                content = doctype + content.replace(b"<t>x</t>", b"<t>&a9;</t>")
            made.writestr(part.filename, content)
    fault(file.getvalue())


def test_a_workbook_may_lie_about_its_size() -> None:
    file = BytesIO()
    with zipfile.ZipFile(BytesIO(book(HEAD, ["x", "y"]))) as good, zipfile.ZipFile(file, "w") as made:
        for part in good.infolist():
            made.writestr(part.filename, good.read(part).replace(b'ref="A1:B2"', b'ref="A1:XFD1048576"'))
    assert cells(file.getvalue()) == [HEAD, ["x", "y"]]


@settings(deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda junk: b"PK\x03\x04" + junk))
def test_no_file_is_a_fault_of_ours(content: bytes) -> None:
    with suppress(UnreadableFile):
        read(content)


@pytest.mark.slow
@settings(deadline=None)
@given(st.data())
def test_no_damaged_workbook_is_a_fault_of_ours(data: st.DataObject) -> None:
    content = bytearray(GOOD)
    for _change in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UnreadableFile):
        read(bytes(content))


GOOD = book(HEAD, ["x", 12], [date(2030, 1, 1), "=1+1"])
