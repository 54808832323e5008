"""`--language` of the commands whose output an administrator of the office reads."""

import csv
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from openpyxl import load_workbook

from accounts.models import Provider, User
from core.commands import LocalizedCommand
from outbox.models import Message
from permissions.models import Employer, Team
from tests.helpers.import_files import INVITED, SERVICE, azure, command, file_of, team_of
from tests.helpers.users import letter, make_user

pytestmark = pytest.mark.django_db
ENGLISH = {"language": "en"}


def written(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "users.csv"
    path.write_bytes(file_of(*rows).getvalue())
    return path


def test_the_same_option_is_in_all_of_them() -> None:
    apps = {"history", "imports", "users"}
    own = {name: load_command_class(app, name) for name, app in get_commands().items() if app in apps}
    localized = {name for name, one in own.items() if isinstance(one, LocalizedCommand)}
    assert localized == {
        "export_matrix", "export_person", "export_teams", "export_users", "import_teams", "import_users", "offices",
        "review_dormant_accounts",
    }  # fmt: skip
    for name in localized:
        parser = own[name].create_parser("manage.py", name)
        (option,) = [one for one in parser._actions if "--language" in one.option_strings]
        assert (option.choices, option.default) == (["nl", "en"], "nl"), name


def test_a_plan_in_english_has_no_dutch(office: Provider, alice: User, tmp_path: Path) -> None:
    path = written(tmp_path, SERVICE | {"individual_rights": "view_users"}, azure(tenant="X") | {"username": "x"})
    code, said = command("import_users", path, provider=office.name, **ENGLISH)
    assert code == 1
    assert said.splitlines() == [
        "Row 2: Koppeling, ICT, new",
        "    Login method: SSO/Webservice only",
        "    Username: koppeling #1",
        "    Initials: ICT",
        "    Last name: Koppeling",
        "    E-mail address: ict@devries.example",
        "    Individual rights: + View users",
        "    Gains: View users",
        "Row 3, column Username: “x”: Use 3 to 50 characters.",
        "Row 3, column Azure AD Tenant ID: “X”: This tenant cannot be used: it has been removed or is not confirmed.",
        "1 created.",
        "0 changed.",
        "2 errors: nothing can be applied.",
        "Nothing has been written. Correct the errors first.",
    ]
    (faulty,) = csv.DictReader((tmp_path / "users.csv.fouten.csv").read_text("utf-8-sig").splitlines(), delimiter=";")
    assert faulty["error"].startswith("Username: Use 3 to 50 characters. Azure AD Tenant ID: This tenant")


def test_what_stops_an_import_is_said_in_english(office: Provider, alice: User, tmp_path: Path) -> None:
    path, plan = written(tmp_path, {"username": "alice", "blocked": "yes"}), tmp_path / "plan"
    empty = tmp_path / "empty.csv"
    empty.touch()
    for arguments, options, expected in (
        ((path,), {"apply": True}, "No user would be able to administer this office."),
        ((empty,), {}, "This file is empty."),
        ((), {"undo": True, "plan_file": plan}, f"{plan} is not a plan for this office."),
    ):
        with pytest.raises(CommandError) as raised:
            command("import_users", *arguments, provider=office.name, **options, **ENGLISH)
        assert str(raised.value).startswith(expected)


def test_the_language_is_not_in_what_is_applied(office: Provider, alice: User, tmp_path: Path) -> None:
    path, plan = written(tmp_path, INVITED), tmp_path / "plan"
    options = {"provider": office.name, "plan_file": plan, "invite": True}
    assert "nieuw" in command("import_users", path, **options)[1]
    code, said = command("import_users", path, **options, **ENGLISH, apply=True)
    assert (code, said.splitlines()[-1]) == (0, "Done.")
    assert "Je bent uitgenodigd" in letter(Message.objects.get())


@pytest.mark.parametrize(("language", "row", "office_lines"), [
    ("nl", "Regel 2: Zuid, nieuw",
     ["Ander: wordt gedaan", "    [[office]] 1: Ander, nieuw", "Er is niets geschreven."]),
    ("en", "Row 2: Zuid, new", ["Ander: pending", "    [[office]] 1: Ander, new", "Nothing has been written."]),
])  # fmt: skip
def test_teams_and_offices(
    office: Provider, alice: User, tmp_path: Path, language: str, row: str, office_lines: list[str]
) -> None:
    path, declared = tmp_path / "teams.csv", tmp_path / "offices.toml"
    path.write_text("name\nZuid\n")
    assert command("import_teams", path, provider=office.name, language=language)[1].splitlines()[0] == row
    declared.write_text('format = 1\n[[office]]\nname = "Ander"\n')
    said = command("offices", "apply", declared, plan=True, language=language)[1].splitlines()
    first, second, last = office_lines
    assert said == [first, second, "        name: Ander", last]


@pytest.mark.parametrize(("language", "sheets", "head"), [
    ("nl", ["Teams", "Werkgevers", "Rechten"], "Inlogmethode"),
    ("en", ["Teams", "Employers", "Rights"], "Login method"),
])  # fmt: skip
def test_headings_of_exports(
    office: Provider, alice: User, tmp_path: Path, language: str, sheets: list[str], head: str
) -> None:
    team_of(office, "Noord")
    options = {"provider": office.name, "language": language}
    teams, users, matrix = (tmp_path / name for name in ("teams.xlsx", "users.csv", "matrix.csv"))
    command("export_teams", teams, **options)
    command("export_users", users, **options)
    command("export_matrix", matrix, **options)
    assert load_workbook(teams).sheetnames == sheets
    for path in (users, matrix):
        assert head in path.read_text("utf-8-sig").splitlines()[0]
    template = tmp_path / "template.xlsx"
    command("import_users", template, template=True, language=language)
    assert load_workbook(template).active["A1"].value == head
    for path in (teams, users):  # an export can be imported again, whatever the language of either command
        name = "import_teams" if path is teams else "import_users"
        code, said = command(name, path, provider=office.name, **ENGLISH)
        assert (code, said.splitlines()[0]) == (0, "0 created.")


def test_dormant_accounts_and_personal_data(office: Provider, bob: User, tmp_path: Path) -> None:
    make_user(office, username="weg", last_name="Weg", initials="W.", access_until="2020-01-01")
    said = command("review_dormant_accounts", provider=office.name, **ENGLISH)[1].splitlines()
    assert (said[0], said[1], said[-2]) == (
        "Not logged in for 90 days: 0", "End date has passed: 1", "Invitation never accepted: 0",
    )  # fmt: skip
    path = tmp_path / "bob.html"
    command("export_person", bob.pk, path, **ENGLISH)
    assert '<html lang="en">' in path.read_text()
    assert "<dt>Username</dt>" in path.read_text()


def test_errors_in_arguments_are_english_and_plain(office: Provider, tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    for arguments, expected in (
        (["import_users"], "Give the office with --provider."),
        (["import_users", "--provider", office.name], "Give the file to import."),
        (["import_users", str(missing), "--provider", office.name], f"There is no file {missing}. Check the path."),
        (["import_teams", "--provider", office.name], "Give the file to import."),
        (["import_teams", "--provider", "X"], 'There is no office "X". Give its exact name or its ID.'),
        (["import_teams", "--provider", office.name, "--undo"], "Give the applied plan with --plan-file."),
        (["export_users", "x.pdf", "--provider", office.name], "Give a file name that ends in .csv, .xlsx or .jsonl."),
        (["trim_history", str(office.pk), "--before", "2020-13-01"],
         'Error: argument --before: "2020-13-01" is not a date. Write it as 2027-03-31.'),
    ):  # fmt: skip
        with pytest.raises(CommandError) as raised:
            call_command(*arguments, stdout=StringIO())
        assert str(raised.value) == expected


@pytest.mark.parametrize(("arguments", "expected"), [
    (["create_provider", "X", "--admin-name=A. B", "--admin-email=x"],
     "E-mail address: Enter a full e-mail address, such as name@example.com."),
    (["create_provider", "X", "--admin-name=A. B", "--admin-email=b@x.example"],
     "Give the administrator's mobile number with --admin-phone."),
    (["create_support", "do", "--name=P. B", "--email=b@x.example"], "Use 3 to 50 characters."),
    (["erase_user", "{alice}", "--yes"], "Block the account first, or set an end date and let it pass."),
    (["raise_notification", "{office}", "1", "appraisal", "2027-02-20", "--text={long}"],
     "Use at most 150 characters."),
])  # fmt: skip
def test_forms_and_actions_explain_in_english(
    office: Provider, alice: User, arguments: list[str], expected: str
) -> None:
    Employer.objects.create(provider=office, number=1, name="Bakker")
    values = {"alice": alice.pk, "office": office.name, "long": "x" * 151}
    with pytest.raises(CommandError) as raised:
        call_command(*(argument.format(**values) for argument in arguments), stdout=StringIO())
    assert str(raised.value) == expected


def test_what_an_english_command_makes_stays_dutch() -> None:
    call_command(
        "create_provider", "X", "--admin-name=A. B", "--admin-email=b@x.example", "--admin-phone=0612345678",
        stdout=StringIO(),
    )  # fmt: skip
    assert Team.objects.get().name == "Beheer"
    assert "Je bent uitgenodigd" in letter(Message.objects.get())


def test_a_command_warns_about_an_unknown_foreign_number() -> None:
    warnings = StringIO()
    call_command(
        "create_provider", "X", "--admin-name=A. B", "--admin-email=b@x.example", "--admin-phone=+32612345678",
        stdout=StringIO(), stderr=warnings,
    )  # fmt: skip
    assert warnings.getvalue() == "Warning: +32612345678 is not known as a mobile number. Check it.\n"
    assert Message.objects.filter(kind="invitation").count() == 1


def test_several_offices_of_one_name(office: Provider) -> None:
    Provider.objects.create(name=office.name)
    with pytest.raises(CommandError) as raised:
        command("review_dormant_accounts", provider=office.name)
    assert str(raised.value) == f'There are several offices called "{office.name}". Give the ID of one.'
