"""Workbooks in other forms than the usual: Strict Open XML, other names of parts, other kinds of files."""

import re
import zipfile
from collections.abc import Callable
from datetime import date
from io import BytesIO

import pytest

from imports.files.cells import InvalidCell
from tests.imports.test_readers import HEAD, book, cells, fault

GOOD = book(HEAD, ["x", date(2030, 12, 31)], ["é", True])
ROWS = [HEAD, ["x", "2030-12-31"], ["é", "true"]]
STRICT = {
    b"http://schemas.openxmlformats.org/spreadsheetml/2006/main": b"http://purl.oclc.org/ooxml/spreadsheetml/main",
    b"http://schemas.openxmlformats.org/officeDocument/2006/relationships":
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
    b"http://schemas.openxmlformats.org/drawingml/2006/main": b"http://purl.oclc.org/ooxml/drawingml/main",
}  # fmt: skip


def rebuild(change: Callable[[str, bytes], tuple[str, bytes]], content: bytes = GOOD) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as good, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for part in good.infolist():
            made.writestr(*change(part.filename, good.read(part)))
    return file.getvalue()


def make_strict(name: str, content: bytes) -> tuple[str, bytes]:
    for usual, strict in STRICT.items():
        content = content.replace(usual, strict)
    return name, content


def rename(**names: str) -> Callable[[str, bytes], tuple[str, bytes]]:
    def change(name: str, content: bytes) -> tuple[str, bytes]:
        for old, new in names.items():
            name = name.replace(f"{old}.xml", new)
            content = content.replace(f"{old}.xml".encode(), new.encode())
        return name, content

    return change


def test_strict_open_xml_is_read() -> None:
    assert cells(rebuild(make_strict)) == ROWS


def test_dates_of_strict_open_xml_are_text() -> None:
    def change(name: str, content: bytes) -> tuple[str, bytes]:
        dated = b'<c r="A4" t="d"><v>2031-02-03</v></c><c r="B4" t="d"><v>2031-02-03T04:05:06</v></c>'
        return make_strict(name, content.replace(b"</sheetData>", b'<row r="4">' + dated + b"</row></sheetData>"))

    assert cells(rebuild(change))[-1] == ["2031-02-03", "2031-02-03 04:05:06"]


def test_limits_hold_in_strict_open_xml() -> None:
    def change(name: str, content: bytes) -> tuple[str, bytes]:
        return make_strict(name, content.replace(b"</sheetData>", b'<row r="4"><c r="XFD4"/></row></sheetData>'))

    assert "16384 kolommen" in fault(rebuild(change))


@pytest.mark.parametrize("split_at", range(0, 120, 7))
def test_a_namespace_may_stand_across_two_reads(split_at: int) -> None:
    def change(name: str, content: bytes) -> tuple[str, bytes]:
        name, content = make_strict(name, content)
        if name.endswith("sheet1.xml"):
            content = b"<!--" + b"x" * (2**16 - 100 + split_at) + b"-->" + content
        return name, content

    assert cells(rebuild(change)) == ROWS


@pytest.mark.parametrize("names", [{"workbook": "book.xml"}, {"sheet1": "Blad.xml"}, {"workbook": "workbook22.xml"}])
def test_parts_of_another_name_are_found(names: dict[str, str]) -> None:
    assert cells(rebuild(rename(**names))) == ROWS


def with_types(*types: str) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        overrides = "".join(f'<Override PartName="/a.bin" ContentType="{kind}"/>' for kind in types)
        made.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{overrides}</Types>',
        )
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (with_types("application/vnd.ms-excel.sheet.binary.macroEnabled.main"), "XLSB"),
        (with_types("application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"), "geen XLSX"),
        (with_types(), "geen XLSX"),
        (b"<html><table><tr><td>Naam</td></tr></table></html>", "webpagina"),
        ("\ufeff<?xml version='1.0'?><Workbook/>".encode(), "XML"),
        ("<html>".encode("utf-16"), "webpagina"),
        (b'[{"naam": "x"}]', "JSON-array"),
    ],
)
def test_what_is_no_workbook_is_named(content: bytes, says: str) -> None:
    assert says in fault(content)


def test_dates_count_from_1904_when_the_workbook_says_so() -> None:
    def change(name: str, content: bytes) -> tuple[str, bytes]:
        return name, re.sub(rb"<workbookPr\b", b'<workbookPr date1904="1"', content)

    assert cells(rebuild(change))[1] == ["x", "2035-01-01"]


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#VALUE!", "#NAME?"])
def test_error_cells_are_invalid(error: str) -> None:
    assert isinstance(cells(book(HEAD, [error]))[1][0], InvalidCell)


def test_rich_text_is_text() -> None:
    def change(name: str, content: bytes) -> tuple[str, bytes]:
        rich = b'<c r="A4" t="inlineStr"><is><r><t>Ren</t></r><r><rPr><b/></rPr><t>\xc3\xa9</t></r></is></c>'
        return name, content.replace(b"</sheetData>", b'<row r="4">' + rich + b"</row></sheetData>")

    assert cells(rebuild(change))[-1] == ["René"]


@pytest.mark.parametrize(
    "text",
    ["Naam;E-mail\rx;y\r", '"sep=;"\r\nNaam;E-mail\r\nx;y', "\ufeffsep=|\nNaam|E-mail\nx|y", "Naam|E-mail\nx|y\n",
     "\ufeff\ufeffNaam;E-mail\nx;y"],
)  # fmt: skip
def test_corners_of_csv(text: str) -> None:
    assert [[cell.strip("\ufeff") for cell in row] for row in cells(text)] == [HEAD, ["x", "y"]]
