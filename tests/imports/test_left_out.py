"""Nothing in a file is left out without a word: it is counted in the plan, and a fault where it would be lost."""

import json
import zipfile
from collections.abc import Callable
from datetime import date, time, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from accounts.models import Provider, User
from imports.files.cells import UnreadableFile
from imports.plans import team_plans, user_plans
from imports.plans.plan import Plan
from tests.helpers.import_files import SERVICE, command, faults, team_of
from tests.helpers.users import actor
from tests.imports.test_file_limits import workbook
from tests.imports.test_readers import book, read

pytestmark = pytest.mark.django_db
HEADS = [*SERVICE, "teams"]
ROW = [*SERVICE.values(), ""]


@pytest.fixture
def plan(office: Provider, alice: User) -> Callable[[bytes | str], Plan]:
    def plan_users(content: bytes | str) -> Plan:
        file = BytesIO(content.encode() if isinstance(content, str) else content)
        return user_plans.plan_user_file(office, file, by=actor(), invite=True)

    return plan_users


@pytest.fixture
def plan_teams(office: Provider, alice: User) -> Callable[[str], Plan]:
    return lambda text: team_plans.plan_team_files(office, [("x.csv", BytesIO(text.encode()))], by=actor())


def csv(*rows: list[str]) -> str:
    return "\r\n".join(";".join(row) for row in rows) + "\r\n"


def with_row(number: int) -> list[str]:
    return [*(SERVICE | {"username": f"dienst {number}"}).values(), ""]


def test_a_second_team_without_quotation_marks_is_a_fault(plan: Callable[..., Plan], office: Provider) -> None:
    team_of(office, "Loon Noord")
    team_of(office, "Loon Zuid")
    found = plan(csv(HEADS, [*ROW[:-1], "Loon Noord", "Loon Zuid"]))
    assert [(row, column) for row, column, _what in faults(found)] == [(2, "H")]
    assert "Deze kolom heeft geen kop" in found.faults[0]["what"]
    assert found.notices["1 cel zonder kop: regel 2."] == 1
    assert found.is_empty


def test_cells_without_a_heading_are_counted(plan: Callable[..., Plan]) -> None:
    rows = [[*with_row(number), *(["bellen!"] if number in (2, 7, 9) else [])] for number in range(2, 10)]
    found = plan(csv(HEADS, *rows))
    assert "3 cellen zonder kop: regel 2, 7, 9." in found.notices
    assert [row for row, _column, _what in faults(found)] == [2, 7, 9]
    many = plan(csv(HEADS, *([*with_row(number), "bellen!"] for number in range(2, 14))))
    assert "12 cellen zonder kop: regel 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …" in many.notices


def test_a_filled_column_without_a_heading_is_a_fault(plan: Callable[..., Plan]) -> None:
    found = plan(book(["", *HEADS], ["1", *ROW]))
    assert [(fault["column"], "geen kop" in fault["what"]) for fault in found.faults] == [("A", True)]
    assert plan(book(["", *HEADS, " "], [None, *ROW, "\u200b"])).faults == []


def test_a_shifted_secret_is_not_shown(plan: Callable[..., Plan]) -> None:
    found = plan(csv(["username", "last_name"], ["koppeling", "Jansen", "Regenboog-17"]))
    assert "Regenboog" not in str(found.faults) + str(found.notices)


def test_trailing_separators_are_no_cells(plan: Callable[..., Plan]) -> None:
    found = plan(csv([*HEADS, "", ""], [*ROW, "", "", ""]))
    assert (found.faults, dict(found.notices), len(found.items)) == ([], {}, 1)


def hide(*, row: int = 0, column: str = "") -> Callable[[Workbook], None]:
    def change(made: Workbook) -> None:
        sheet: Worksheet = made.active
        if row:
            sheet.row_dimensions[row].hidden = True
        if column:
            sheet.column_dimensions[column].hidden = True

    return change


def test_hidden_rows_and_columns_are_read_and_named(plan: Callable[..., Plan]) -> None:
    found = plan(book(HEADS, with_row(2), with_row(3), change=hide(row=3)))
    assert dict(found.notices) == {"1 verborgen of weggefilterde regel is ook gelezen: regel 3.": 1}
    assert len(found.items) == 2
    found = plan(book(HEADS, ROW, change=hide(column="F")))
    assert dict(found.notices) == {f"Verborgen kolommen zijn ook gelezen: {HEADS[5]}.": 1}


def test_other_sheets_are_named(plan: Callable[..., Plan], office: Provider) -> None:
    def change(made: Workbook) -> None:
        made.create_sheet("Leeg")
        made.create_sheet("Meer").append(["x"])
        hidden = made.create_sheet("Oud")
        hidden.append(["x"])
        hidden.sheet_state = "hidden"

    content = book(HEADS, ROW, change=change)
    assert dict(plan(content).notices) == {"Alleen het blad “Sheet” wordt gelezen, niet: Meer, Oud.": 1}
    with pytest.raises(UnreadableFile) as refused:
        team_plans.plan_team_files(office, [("x.xlsx", BytesIO(content))], by=actor())
    assert "Verborgen bladen worden niet gelezen: Oud" not in str(refused.value)
    content = book(["Naam"], ["Noord"], change=change)
    found = team_plans.plan_team_files(office, [("x.xlsx", BytesIO(content))], by=actor())
    assert "Sheet: Verborgen bladen worden niet gelezen: Oud." in found.notices


def test_the_first_sheet_with_cells_is_read(plan: Callable[..., Plan]) -> None:
    def change(made: Workbook) -> None:
        made.create_sheet("Leeg", 0)
        made.create_sheet("Verborgen", 0).append(["x"])
        made.worksheets[0].sheet_state = "hidden"

    found = plan(book(HEADS, ROW, change=change))
    assert len(found.items) == 1
    assert list(found.notices) == ["Alleen het blad “Sheet” wordt gelezen, niet: Verborgen."]
    far = b"<cols>" + b'<col min="1" max="2" width="9"/>' * 9000 + b"</cols><sheetData>"
    assert len(plan(_replace_in_sheet(book(HEADS, ROW), b"<sheetData>", far)).items) == 1


def test_programs_get_the_notes_too(office: Provider, alice: User, tmp_path: Path) -> None:
    path = tmp_path / "mensen.csv"
    path.write_text(csv(HEADS, ROW, [" "]))
    header = json.loads(command("import_users", path, provider=office.name, json=True)[1].splitlines()[0])
    assert header["notices"] == ["1 regel zonder zichtbare inhoud wordt overgeslagen: regel 3."]


@pytest.mark.parametrize(
    "blank", [" ", "\t ", "\xa0", "\u2003", "\u200b", "\u3164", "\u2800", "\ufe0f", "\u034f", "\x1c"]
)
def test_rows_of_invisible_characters_are_skipped_and_counted(plan: Callable[..., Plan], blank: str) -> None:
    found = plan(csv(HEADS, ROW, [blank] * len(HEADS), [blank]))
    assert (found.faults, len(found.items)) == ([], 1)
    assert dict(found.notices) == {"2 regels zonder zichtbare inhoud worden overgeslagen: regel 3, 4.": 1}


@pytest.mark.parametrize(
    "defaults",
    [{"blocked": False}, {"two_factor_required": "Nee"}, {"login_method": "Via website en SSO", "blocked": "FALSE"},
     {"signal_set": "Standaard"}],
)  # fmt: skip
def test_rows_with_only_defaults_are_skipped_and_counted(
    plan: Callable[..., Plan], defaults: dict[str, object]
) -> None:
    heads = [*SERVICE, *(name for name in defaults if name not in SERVICE)]
    found = plan(book(heads, [*SERVICE.values()], *([[defaults.get(name) for name in heads]] * 2)))
    assert (found.faults, len(found.items)) == ([], 1)
    assert dict(found.notices) == {"2 regels met alleen standaardwaarden worden overgeslagen: regel 3, 4.": 1}


def test_a_row_with_only_a_team_is_no_default(plan: Callable[..., Plan], office: Provider) -> None:
    team_of(office, "Loon Zuid")
    found = plan(csv(HEADS, ROW, [*[""] * len(SERVICE), "Loon Zuid"]))
    assert {row for row, _column, _what in faults(found)} == {3}


def formula(stored: str) -> bytes:
    row = f'<row r="3"><c r="A3" {stored}</c></row>'
    return workbook(sheet=lambda xml: xml.replace(b"</sheetData>", row.encode() + b"</sheetData>"))


def test_a_formula_whose_result_is_empty_text_is_blank() -> None:
    assert len(read(formula('t="str"><f>IF(B3="","",B3)</f><v></v>'))) == 2
    assert len(read(formula("><f>B3</f><v></v>"))) == 3, "not calculated yet: its result is unknown"


def test_empty_formulas_are_counted_in_blank_rows_and_faults_in_others(plan: Callable[..., Plan]) -> None:
    def add(row: str) -> bytes:
        content = book(HEADS, ROW)
        return _replace_in_sheet(content, b"</sheetData>", row.encode() + b"</sheetData>")

    empty = '<c r="A3" t="str"><f>""</f><v/></c>'
    assert dict(plan(add(f'<row r="3">{empty}</row>')).notices) == {
        "1 regel zonder zichtbare inhoud wordt overgeslagen: regel 3.": 1
    }
    found = plan(add(f'<row r="3">{empty}<c r="E3" t="inlineStr"><is><t>dienst 3</t></is></c></row>'))
    assert "formule" in found.faults[0]["what"]


def _replace_in_sheet(content: bytes, old: bytes, new: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as good, zipfile.ZipFile(file, "w") as made:
        for part in good.infolist():
            data = good.read(part)
            made.writestr(part.filename, data.replace(old, new) if "sheet1" in part.filename else data)
    return file.getvalue()


def test_teams_are_read_as_completely(plan_teams: Callable[[str], Plan]) -> None:
    found = plan_teams("Naam;Two-factor verplicht\nNoord;nee\n;FALSE\n \u200b;\nZuid;nee;x\n")
    assert "x.csv: 1 cel zonder kop: regel 5." in found.notices
    assert "x.csv: 1 regel zonder zichtbare inhoud wordt overgeslagen: regel 4." in found.notices
    assert "x.csv: 1 regel met alleen standaardwaarden wordt overgeslagen: regel 3." in found.notices
    assert [(fault["row"], fault["column"]) for fault in found.faults] == [(5, "x.csv: C")]
    found = plan_teams("Team;Raadplegen teams\n;FALSE\n;TRUE\n")
    assert [fault["row"] for fault in found.faults] == [3]


def test_a_file_with_headings_and_no_rows_says_so(plan: Callable[..., Plan], plan_teams: Callable[[str], Plan]) -> None:
    for content in (csv(HEADS), csv(HEADS, [" "]), book(HEADS)):
        with pytest.raises(UnreadableFile, match="geen regels"):
            plan(content)
    assert list(plan_teams("Naam\n").notices) == ["Er staan geen regels onder de kolomkoppen."]


def test_a_team_column_that_appears_twice_is_a_fault(plan_teams: Callable[[str], Plan]) -> None:
    found = plan_teams("Naam;Werkgevers;Name\nNoord;;Zuid\n")
    assert [(row, column, what) for row, column, what in faults(found)] == [
        (1, "x.csv: Name", "Deze kolom staat er twee keer in. Houd er een over.")
    ]
    found = plan_teams("Team;Raadplegen teams;view_teams;Beheer teams\nNoord;x;;\n")
    assert (1, "x.csv: view_teams") in [(row, column) for row, column, _what in faults(found)]
    assert faults(plan_teams("Naam;Memo;Memo 2\nNoord;;\n")) == []


@pytest.mark.parametrize("value", [date(2026, 2, 1), True, time(1, 30), timedelta(hours=30)])
@pytest.mark.parametrize("column", ["last_name", "place_of_employment", "teams"])
def test_text_that_a_spreadsheet_program_changed_is_a_fault(
    plan: Callable[..., Plan], column: str, value: object
) -> None:
    row = {name: text or None for name, text in zip(HEADS, ROW, strict=True)} | {column: value}
    (found,) = plan(book([*row], [*row.values()])).faults
    assert (found["row"], "de opmaak Tekst" in found["what"]) == (2, True)


def test_a_date_or_a_choice_may_be_one(plan: Callable[..., Plan]) -> None:
    heads, row = [*HEADS, "access_until", "blocked"], [*ROW, date(2035, 2, 1), False]
    (item,) = plan(book(heads, row)).items
    assert item["changes"]["access_until"] == [None, "2035-02-01"]
    content = dict(zip(HEADS, ROW, strict=True)) | {"last_name": True}
    assert "de opmaak Tekst" in plan(json.dumps(content)).faults[0]["what"]


def test_the_name_of_a_team_may_be_no_date(office: Provider, alice: User) -> None:
    for head in ("Naam", "Team"):
        content = BytesIO(book([head, "Raadplegen teams"], [date(2026, 2, 1), True]))
        found = team_plans.plan_team_files(office, [("x.xlsx", content)], by=actor())
        assert [(fault["row"], "de opmaak Tekst" in fault["what"]) for fault in found.faults] == [(2, True)]


def test_the_sheet_that_was_read_is_named_when_it_has_no_headings(plan: Callable[..., Plan]) -> None:
    def change(made: Workbook) -> None:
        made.active.title = "Toelichting"
        made.create_sheet("Gebruikers").append(HEADS)

    with pytest.raises(UnreadableFile, match=r"“Toelichting”.*Gebruikers"):
        plan(book(["Zo werkt het"], ["Lees dit eerst"], change=change))


def test_a_file_that_is_not_about_teams_says_so(plan_teams: Callable[[str], Plan]) -> None:
    with pytest.raises(UnreadableFile, match="gaat hier over teams"):
        plan_teams("Teams van 2026;\nNaam;Werkgevers\nNoord;\n")


def test_an_invalid_name_or_number_of_a_team_file_is_one_fault(plan_teams: Callable[[str], Plan]) -> None:
    assert [column for _row, column, _what in faults(plan_teams("Nummer;Naam\ntwaalf;Bakker\n"))] == ["x.csv: Nummer"]
    assert [column for _row, column, _what in faults(plan_teams("Naam\nNo\x01ord\n"))] == ["x.csv: Naam"]
    assert [column for _row, column, _what in faults(plan_teams("Naam;Memo\n;x\nNoord;\n"))] == []
