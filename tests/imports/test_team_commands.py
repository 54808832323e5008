"""`manage.py import_teams` and `export_teams`."""

from io import BytesIO
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

import teams.actions
from accounts.models import Provider, User
from audit.models import Event
from core import sheets
from imports.plans import reverts, team_plans
from imports.plans.plan import Plan, apply_plan, plan_and_apply
from permissions import checks
from permissions.checks import Right
from permissions.models import Employer, Team
from permissions.products import Product
from tests.helpers.import_files import command, lines, team_of
from tests.helpers.users import actor, make_user
from tests.imports.test_revert import able

pytestmark = pytest.mark.django_db
TEAMS = [["Naam", "Two-factor verplicht", "Werkgevers"], ["Noord", "ja", "1001; 1002"], ["Zuid", "nee", "1003"]]
EMPLOYERS = [
    ["Nummer", "Naam", "Producten"],
    ["1001", "Bakker", "Journaal"],
    ["1002", "Slager", ""],
    ["1003", "X", "80"],
]
MATRIX = [["Team", "Raadplegen beloningen", "manage_wages"], ["noord", "x", ""], ["Zuid", "x", "ja"]]


def book(folder: Path, **found: list[list[str]]) -> Path:
    path = folder / "teams.xlsx"
    with path.open("wb") as file:
        sheets.write_sheets(file, found)
    return path


def csvs(folder: Path, *tables: list[list[str]]) -> list[Path]:
    paths = [folder / f"{number}.csv" for number in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        path.write_bytes(b"".join(sheets.iter_csv_lines(table)))
    return paths


def whole(folder: Path, form: str) -> list[Path]:
    products = [EMPLOYERS[0], ["1001", "Bakker", str(Product.JOURNAL.label)], *EMPLOYERS[2:]]
    if form == "xlsx":
        return [book(folder, Teams=TEAMS, Werkgevers=products, Rechten=MATRIX)]
    return csvs(folder, MATRIX, products, TEAMS)


def code_of(*args: object, **options: object) -> int:
    try:
        return command("import_teams", *args, **options)[0]
    except CommandError as error:
        return error.returncode


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_a_workbook_or_three_files_make_everything(office: Provider, alice: User, tmp_path: Path, form: str) -> None:
    paths = whole(tmp_path, form)
    code, said = command("import_teams", *paths, provider=office.name)
    assert (code, Team.objects.count(), Employer.objects.count()) == (0, 0, 0)
    assert "Noord" in said
    assert command("import_teams", *paths, provider=office.name, apply=True)[0] == 0
    north = Team.objects.get(name="Noord")
    assert north.two_factor_required
    assert sorted(row.employer.number for row in north.employers.all()) == [1001, 1002]
    assert [row.right for row in north.rights.all()] == ["view_wages"]
    assert {row.right for row in Team.objects.get(name="Zuid").rights.all()} == {"view_wages", "manage_wages"}
    assert Employer.objects.get(number=1001).products == [Product.JOURNAL]
    assert Employer.objects.get(number=1003).products == [80]
    events = Event.objects.count()
    assert command("import_teams", *paths, provider=office.name, apply=True)[0] == 0
    assert Event.objects.count() == events


@pytest.mark.slow
def test_what_everybody_can_do_is_told_and_restored(office: Provider, alice: User, bob: User, tmp_path: Path) -> None:
    team_of(office, "Noord", Right.VIEW_WAGES, Right.VIEW_TEAMS, members=(bob,), numbers=(1001, 1002))
    invited = make_user(office, username=None, accepted_at=None, password="!")
    team_of(office, "Zuid", members=(invited,))
    before = able(office)
    paths = csvs(
        tmp_path,
        [["Naam", "Werkgevers"], ["Noord", "1002; 1003"], ["Nieuw", "1003"]],
        [["Nummer", "Naam"], ["1003", "X"], ["1001", "Andere naam"]],
        [["Team", "Raadplegen teams", "Raadplegen historie"], ["Noord", "", "x"], ["Nieuw", "", "x"]],
    )
    plan = tmp_path / "plan"
    _code, said = command("import_teams", *paths, provider=office.name, plan_file=plan)
    assert said.index("Verliest: Raadplegen teams") < said.index("nieuw")
    assert "Krijgt: Raadplegen historie" in said
    assert "Krijgt: Raadplegen beloningen bij 1 werkgever (1003)" in said
    assert able(office) == before
    assert command("import_teams", *paths, provider=office.name, plan_file=plan, apply=True)[0] == 0
    assert checks.effective_rights(bob) == {Right.VIEW_AUDIT}
    assert lines(plan)[0]["applied"]
    assert command("import_teams", provider=office.name, plan_file=plan, undo=True, apply=True)[0] == 0
    assert able(office) == before
    assert Team.objects.get(name="Nieuw").rights.count() == 0


def test_a_right_in_no_column_stays(office: Provider, alice: User, tmp_path: Path) -> None:
    team = team_of(office, "Noord", Right.VIEW_TEAMS)
    command("import_teams", *csvs(tmp_path, [["Team", "view_audit"], ["Noord", "x"]]), provider=office.name, apply=True)
    assert {row.right for row in team.rights.all()} == {"view_teams", "view_audit"}


def test_a_team_is_renamed_by_its_id(office: Provider, alice: User, tmp_path: Path) -> None:
    team = team_of(office, "Noord")
    paths = csvs(tmp_path, [["Id", "Naam"], [str(team.pk), "Oost"]])
    assert code_of(*paths, provider=office.name, apply=True) == 0
    team.refresh_from_db()
    assert team.name == "Oost"


@pytest.mark.parametrize(
    "tables",
    [
        [[["Naam", "Werkgevers"], ["Noord", "9"]]],
        [[["Naam"], ["x" * 51]]],
        [[["Naam"], ["Noord"], ["noord"]]],
        [[["Naam", "Two-factor verplicht"], ["Noord", "misschien"]]],
        [[["Id", "Naam"], ["00000000-0000-7000-8000-000000000000", "Noord"]]],
        [[["Nummer", "Naam"], ["1", ""]]],
        [[["Nummer", "Naam"], ["een", "Bakker"]]],
        [[["Nummer", "Naam", "Producten"], ["1", "Bakker", "Fax"]]],
        [[["Nummer", "Naam"], ["1", "A"], ["1", "B"]]],
        [[["Team", "view_audit"], ["Bestaat niet", "x"]]],
        [[["Team", "view_audit"], ["Zuid", "?"]]],
        [[]],
    ],
)
def test_faults_are_named_and_nothing_is_written(
    office: Provider, alice: User, tmp_path: Path, tables: list[list[list[str]]]
) -> None:
    team_of(office, "Zuid")
    assert code_of(*csvs(tmp_path, *tables), provider=office.name, apply=True) == 1
    assert (Team.objects.count(), Employer.objects.count(), Event.objects.count()) == (1, 0, 0)


def test_another_office_does_not_exist(office: Provider, alice: User, charlie: User, tmp_path: Path) -> None:
    other = team_of(charlie.provider, "Elders", numbers=(7,))
    for table in ([["Id", "Naam"], [str(other.pk), "Mijn"]], [["Naam", "Werkgevers"], ["Noord", "7"]]):
        assert code_of(*csvs(tmp_path, table), provider=office.name, apply=True) == 1
    other.refresh_from_db()
    assert other.name == "Elders"


def test_an_office_keeps_an_administrator(office: Provider, bob: User, tmp_path: Path) -> None:
    team_of(office, "Beheer", Right.MANAGE_PROVIDER, members=(bob,))
    paths = csvs(tmp_path, [["Team", "manage_provider"], ["Beheer", ""]])
    assert code_of(*paths, provider=office.name) == 2
    assert code_of(*paths, provider=office.name, apply=True) == 2
    assert checks.has_right(bob, Right.MANAGE_PROVIDER)


def test_a_write_in_between_refuses(office: Provider, alice: User, bob: User, tmp_path: Path) -> None:
    team = team_of(office, "Noord", members=(bob,))
    paths, plan = csvs(tmp_path, [["Team", "view_audit"], ["Noord", "x"]]), tmp_path / "plan"
    code_of(*paths, provider=office.name, plan_file=plan)
    teams.actions.set_individual_rights(bob, [Right.VIEW_AUDIT], by=actor())
    assert code_of(*paths, provider=office.name, plan_file=plan, apply=True) == 2
    assert team.rights.count() == 0


def test_who_may_not_give_is_refused(office: Provider, alice: User, tmp_path: Path) -> None:
    manager = make_user(office, Right.MANAGE_TEAMS, username="chef")
    team_of(office, "Noord")
    (path,) = csvs(tmp_path, [["Team", "view_audit"], ["Noord", "x"]])
    with path.open("rb") as file:
        assert team_plans.plan_team_files(office, [("x.csv", file)], by=actor(manager)).refusal


@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_an_export_imported_again_is_an_empty_plan(office: Provider, alice: User, tmp_path: Path, form: str) -> None:
    command("import_teams", *whole(tmp_path, "xlsx"), provider=office.name, apply=True)
    team_of(office, '=A; "B"', Right.VIEW_AUDIT)
    out = tmp_path / "uit.xlsx" if form == "xlsx" else tmp_path / "uit"
    if form == "csv":
        out.mkdir()
    command("export_teams", out, provider=office.name)
    paths = [out] if form == "xlsx" else sorted(out.iterdir())
    assert len(paths) == (1 if form == "xlsx" else 3)
    plan = tmp_path / "plan"
    code, said = command("import_teams", *paths, provider=office.name, plan_file=plan)
    assert (code, len(lines(plan)), "niet bekend" in said) == (0, 1, False)
    if form == "xlsx":
        assert load_workbook(out).sheetnames == ["Teams", "Werkgevers", "Rechten"]


TEAM_HEADS = ("Naam", "Two-factor verplicht", "Werkgevers", "Rechten")
TEAM = st.fixed_dictionaries(
    {
        "Naam": st.sampled_from(["Noord", "Zuid", "Nieuw"]),
        "Two-factor verplicht": st.sampled_from(["ja", "nee"]),
        "Werkgevers": st.sets(st.sampled_from(["1", "2", "3"])).map("; ".join),
        "Rechten": st.sets(st.sampled_from(["view_wages", "view_audit", "manage_provider"])).map("; ".join),
    }
)


@pytest.mark.slow
@given(st.lists(TEAM, max_size=3, unique_by=lambda row: row["Naam"]), st.sets(st.sampled_from(["1", "2", "3"])))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_applying_reaches_the_files_and_undoing_the_state_before(
    office: Provider, alice: User, bob: User, rows: list[dict[str, str]], journal: set[str]
) -> None:
    employers = [["Nummer", "Naam", "Producten"]]
    employers += [
        [number, f"W{number}", str(Product.JOURNAL.label) if number in journal else ""] for number in ("1", "2", "3")
    ]
    tables = {"w": employers, "t": [list(TEAM_HEADS), *([row[name] for name in TEAM_HEADS] for row in rows)]}

    def files() -> list[tuple[str, BytesIO]]:
        return [(name, BytesIO(b"".join(sheets.iter_csv_lines(table)))) for name, table in tables.items()]

    def apply_files() -> Plan:
        return plan_and_apply(
            office, lambda locked: team_plans.plan_team_files(locked, files(), by=actor()), by=actor()
        )

    with transaction.atomic():
        team_of(office, "Noord", Right.VIEW_AUDIT, Right.EXPORT_JOURNAL, members=(bob,), numbers=(1, 2))
        team_of(office, "Zuid", Right.VIEW_USERS, members=(bob,))
        before = able(office)
        plan = apply_files()
        assert plan.faults == []
        for row in rows:
            team = Team.objects.get(provider=office, name=row["Naam"])
            given = {right.right for right in team.rights.all()}
            numbers = {str(one.employer.number) for one in team.employers.all()}
            assert ("; ".join(sorted(given)), "; ".join(sorted(numbers))) == (
                "; ".join(sorted(filter(None, row["Rechten"].split("; ")))),
                "; ".join(sorted(filter(None, row["Werkgevers"].split("; ")))),
            )
            assert team.two_factor_required == (row["Two-factor verplicht"] == "ja")
        events = Event.objects.count()
        again = apply_files()
        assert (again.is_empty, Event.objects.count()) == (True, events)
        undo = reverts.plan_team_revert(office, plan.items, by=actor())
        assert undo.faults == []
        apply_plan(office, undo, by=actor())
        assert able(office) == before
        transaction.set_rollback(True)
