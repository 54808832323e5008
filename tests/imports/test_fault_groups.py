"""Faults are grouped, complete per row, and in the words of users."""

from io import BytesIO
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.test import Client

from accounts.models import Provider, User
from imports.files.wording import format_value, suggest_name
from imports.plans import rendering, team_plans
from permissions.checks import Right
from tests.helpers.import_files import INVITED, SERVICE, azure, command, faults, file_of, lines, planned, team_of
from tests.helpers.login_methods import tenant_of
from tests.helpers.users import actor
from tests.imports.test_user_jobs import confirmed, page, send

pytestmark = pytest.mark.django_db


def many(count: int, **values: str) -> list[dict[str, str]]:
    return [SERVICE | {"username": f"dienst {number}"} | values for number in range(count)]


@pytest.fixture
def teams(office: Provider, alice: User) -> None:
    for name in ("Loon Breda-Oost", "Loon Noord", "Administratie"):
        team_of(office, name)


def test_a_missing_team_is_one_line_with_a_suggestion(office: Provider, teams: None, tmp_path: Path) -> None:
    path = tmp_path / "mensen.csv"
    rows = [*many(212, teams="Loon Breda"), SERVICE | {"username": "x" * 300}]
    path.write_bytes(file_of(*rows).getvalue())
    code, said = command("import_users", path, provider=office.name)
    assert code == 1
    line, other = (line for line in said.splitlines() if "egel" in line)
    assert line == (
        "212 regels: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …, kolom Teams: “Loon Breda”: Er is geen team “Loon Breda”."
        " Maak het eerst aan. Bedoelde je “Loon Breda-Oost”?"
    )
    assert other.startswith("Regel 214, kolom Gebruikersnaam: “xxx")
    assert len(lines(tmp_path / "mensen.csv.plan.jsonl")) == 214, "the file of the plan has every fault"
    assert len((tmp_path / "mensen.csv.fouten.csv").read_text().splitlines()) == 214
    assert "Add --apply" not in said
    assert "--apply" not in said


def test_the_page_groups_them_too(office: Provider, alice: User, teams: None) -> None:
    client: Client = confirmed(alice)
    upload = send(client, *many(150, teams="Loon Breda"), SERVICE | {"email": "geen adres"})
    shown = page(client, upload)
    assert "150 regels: 2, 3, 4" in shown
    assert "Loon Breda-Oost" in shown
    assert "Regel 152" in shown
    assert shown.count("<tr>") == 3, "a heading and two groups"
    assert page(client, upload, "faulty_rows").count("\n") == 152


def test_groups_show_some_of_their_values() -> None:
    found = [{"row": n, "column": "Email", "value": f"adres {n}", "what": "Onjuist."} for n in range(2, 9)]
    (group,) = rendering.group_faults(found)
    assert group["value"] == "adres 2, adres 3, adres 4, …"
    assert group["rows"].startswith("7 regels: 2, 3")


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (INVITED | {"teams": "Loon Bredaa; Loon Noord"}, "Loon Bredaa"),
        (INVITED | {"individual_rights": "Raadplegen gebruikers AK; view_teams", "login_method": "webservice"}, None),
        (azure() | {"external_tenant": "Groupe"}, "Groupe"),
    ],
)
def test_no_fault_shows_python(office: Provider, teams: None, row: dict[str, str], value: str | None) -> None:
    tenant_of(office)
    found = planned(office, row, invite=False).faults
    assert found
    assert value is None or value in [fault["value"] for fault in found]
    for fault in found:
        text = " ".join(map(str, fault.values()))
        assert not any(sign in text for sign in ("['", "']", "website_sso", "LoginMethod", "Right.", "{", "None"))


def test_the_login_method_is_shown_as_on_the_screen(office: Provider, alice: User) -> None:
    (fault,) = planned(office, INVITED, invite=False).faults
    assert fault["value"] == "Via website en SSO"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), ([], ""), (["a", "b; c"], 'a;"b; c"'), (["a", "b"], "a; b"), (True, "ja"), (Right.VIEW_USERS, None),
     ([Right.VIEW_USERS], None), ({"x": 1}, "x"), ("z" * 100, "z" * 60)],
)  # fmt: skip
def test_values_are_shown_as_users_write_them(value: object, shown: str | None) -> None:
    assert format_value(value) == (str(Right.VIEW_USERS.label) if shown is None else shown)


def test_suggestions_are_similar_names_only() -> None:
    names = ["Loon Breda-Oost", "Administratie"]
    assert suggest_name("loon breda oost", names) == " Bedoelde je “Loon Breda-Oost”?"
    assert suggest_name("Receptie", names) == ""
    assert suggest_name("x", []) == ""


def test_rights_sets_and_headings_are_suggested(office: Provider, teams: None) -> None:
    plan = planned(office, SERVICE | {"individual_rights": "Raadplegen gebruiker AK; Beheer team", "Achternam": "x"})
    assert "“Raadplegen gebruikers AK”?" in plan.faults[0]["what"]
    assert "“Beheer teams”?" in plan.faults[0]["what"], "every unknown right is named at once"
    assert [notice for notice in plan.notices if "Bedoelde je “Achternaam”?" in notice]
    file = BytesIO(b"Team;Raadplegen teams\nLoon Nord;x\n")
    found = team_plans.plan_team_files(office, [("r.csv", file)], by=actor()).faults
    assert "“Loon Noord”?" in found[0]["what"]


def test_all_faults_of_a_row_are_named_at_once(office: Provider, teams: None) -> None:
    row = SERVICE | {"login_method": "telefoon", "last_name": "", "teams": "Niets", "access_until": "ooit"}
    assert {column for _row, column, _what in faults(planned(office, row))} == {
        "Inlogmethode", "Achternaam", "Teams", "Toegang tot en met",
    }  # fmt: skip
    row = SERVICE | {"teams": "Niets", "password": "", "initials": ""}
    assert {column for _row, column, _what in faults(planned(office, row))} == {"Teams", "Voorletters", "Wachtwoord"}


def test_an_invalid_identity_asks_for_no_columns_that_the_file_lacks(office: Provider, teams: None) -> None:
    plan = planned(office, {"email": "geen adres", "first_name": "Jan"})
    assert [column for _row, column, _what in faults(plan)] == ["Email"]
    plan = planned(office, {"id": "geen id", "first_name": "Jan"})
    assert [column for _row, column, _what in faults(plan)] == ["Id"]


def test_rows_without_an_address_are_not_the_same_user(office: Provider, alice: User) -> None:
    found = faults(planned(office, INVITED | {"email": ""}, INVITED | {"email": "", "last_name": "Bos"}))
    assert [(row, column) for row, column, _what in found] == [(2, "Email"), (3, "Email")]


def test_the_command_does_not_ask_for_what_was_given(office: Provider, alice: User, tmp_path: Path) -> None:
    path = tmp_path / "mensen.csv"
    path.write_bytes(file_of(SERVICE | {"email": "geen adres"}).getvalue())
    for options in ({}, {"apply": True}):
        code, said = command("import_users", path, provider=office.name, **options)
        assert (code, "--apply" in said, "Er is niets geschreven" in said) == (1, False, True)
    path.write_bytes(file_of(SERVICE).getvalue())
    assert "--apply" in command("import_users", path, provider=office.name)[1]


def test_a_template_as_csv(office: Provider, alice: User, tmp_path: Path) -> None:
    path = tmp_path / "sjabloon.csv"
    assert command("import_users", path, template=True)[0] == 0
    heads, example = path.read_text(encoding="utf-8-sig").splitlines()
    assert heads.startswith("Inlogmethode;Voorletters;Voorvoegsel;Achternaam")
    assert example.startswith("Via website en SSO")
    path.write_text(f"{heads}\n{example}\nVia website en SSO;Q.;;Vos;;q.vos@devries.example;06 12345678\n")
    code, said = command("import_users", path, provider=office.name, invite=True)
    assert (code, "Vos, Q." in said) == (0, True)
    for wrong in ([tmp_path / "x.jsonl"], [tmp_path / "x"], []):
        with pytest.raises(CommandError, match=r"\.csv or \.xlsx"):
            command("import_users", *wrong, template=True)
    assert not (tmp_path / "x.jsonl").exists()


def test_an_unknown_foreign_number_is_a_note(office: Provider, alice: User) -> None:
    row = INVITED | {"mobile_number": "+32612345678"}
    plan = planned(office, INVITED, row | {"email": "x@devries.example"})
    assert (plan.faults, len(plan.items)) == ([], 2)
    assert dict(plan.notices) == {"We herkennen 1 nummer niet als mobiel nummer. Controleer regel 3.": 1}
    assert "612345678" not in str(plan.notices) + str(plan.items)


@pytest.mark.parametrize("number", ["3.16123e+10", "3,16E+10", "+3.16E+10"])
def test_a_rounded_number_says_so(office: Provider, alice: User, number: str) -> None:
    (found,) = faults(planned(office, INVITED | {"mobile_number": number}))
    assert "afgerond" in found[2]


def test_cells_without_a_heading_stay_in_the_file_of_faults(office: Provider, alice: User, tmp_path: Path) -> None:
    path = tmp_path / "mensen.csv"
    path.write_text("username;last_name;teams\nkoppeling;Jansen;Noord;Zuid\n")
    assert command("import_users", path, provider=office.name)[0] == 1
    text = (tmp_path / "mensen.csv.fouten.csv").read_text(encoding="utf-8-sig")
    assert text.splitlines()[1].startswith("koppeling;Jansen;Noord;")
    assert text.rstrip().endswith(";Zuid")
