"""Text in cells of spreadsheet files."""

import csv
from io import BytesIO, StringIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from core import sheets

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
tricky = st.text(st.sampled_from("'=+-@\t\r\n_x0041F\ufffe\uffff\x00\x0b;\"a "), max_size=30)


@settings(deadline=None)
@given(text | tricky)
@example("'=1")
@example("''+31612345678")
@example("\r\n")
@example("＝1+1")
@example("＠SUM(1)")
@example("\n=1")
def test_a_csv_file_gives_every_text_back(value: str) -> None:
    file = b"".join(sheets.iter_csv_lines([[value, "x", value]]))
    assert file.startswith(b"\xef\xbb\xbf")
    (row,) = csv.reader(StringIO(file.decode("utf-8-sig"), newline=""), delimiter=";")
    assert [sheets.decode_csv_cell(cell) for cell in row] == [value, "x", value]
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


@pytest.mark.slow
@settings(deadline=None)
@given(text | tricky)
@example("_x0041_x0042_")
@example("_x0041\ufffe_x0041_")
@example("_x005F_")
@example(" \r\n ")
def test_an_xlsx_file_gives_every_text_back(value: str) -> None:
    file = BytesIO()
    sheets.write_xlsx(file, "Blad", [["Kop"], [f"|{value}|"]], [10])
    (_head, (cell,)) = load_workbook(file).active.iter_rows()
    assert sheets.decode_xlsx_cell(cell.value) == f"|{value}|"


@pytest.mark.parametrize("value", ["=1+1", "+1", "-2", "@SUM(A1)", "#N/A", "12", "2026-11-24", "TRUE"])
def test_an_xlsx_cell_is_always_text(value: str) -> None:
    file = BytesIO()
    sheets.write_xlsx(file, "Blad", [["Kop"], [value]], [10])
    cell = load_workbook(file).active["A2"]
    assert (cell.data_type, cell.value) == ("s", value)
    assert bool(cell.quotePrefix) == value.startswith(("=", "+", "-", "@"))


def test_a_text_that_does_not_fit_in_a_cell_is_not_cut_off() -> None:
    file, fits = BytesIO(), "x" * sheets.MAX_CELL_CHARACTERS
    sheets.write_xlsx(file, "Blad", [["Kop"], [fits], [fits + "x"]], [10])
    (_head, (kept,), (long,)) = load_workbook(file).active.iter_rows(values_only=True)
    assert kept == fits
    assert long == "Te lang voor een cel. Exporteer dit als CSV of JSON-regels."


def test_plain_text_is_written_as_it_is() -> None:
    assert sheets.encode_csv_cell("d'Hondt") == sheets.decode_csv_cell("d'Hondt") == "d'Hondt"
    assert sheets.decode_csv_cell("'t Hart") == "'t Hart"
    assert sheets.encode_xlsx_cell("exact_koppeling_x1") == "exact_koppeling_x1"
