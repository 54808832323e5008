"""`manage.py import_users`."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

import notifications.actions
from accounts.models import Provider, User
from audit.models import Event
from core.export_files import FileFormat
from imports.files.user_rows import TEMPLATE_EXAMPLE
from imports.plans import user_plans
from notifications import preferences
from notifications.catalog import NotificationType
from notifications.preference_text import parse_overrides as read_signals
from notifications.preferences import PreferenceOverride
from outbox.models import Message
from permissions.checks import Right
from tests.helpers.import_files import (
    SERVICE,
    applied,
    apply_user_file,
    azure,
    command,
    file_of,
    lines,
    planned,
    team_of,
)
from tests.helpers.login_methods import make_azure, make_service, tenant_of
from tests.helpers.users import actor, change_user, make_user
from tests.imports.test_revert import able, undone
from users.exports import export_users
from users.status import annotate_statuses

pytestmark = pytest.mark.django_db
FILES = Path(__file__).parents[1] / "files"


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "mensen.csv"
    path.write_bytes(file_of(*rows).getvalue())
    return path


def test_the_plan_is_the_default(office: Provider, alice: User, tmp_path: Path) -> None:
    path = written(tmp_path, SERVICE)
    code, said = command("import_users", path, provider=office.name)
    assert code == 0
    assert "Koppeling, ICT" in said
    assert "--apply" in said
    assert User.objects.count() == 1
    header, item = lines(tmp_path / "mensen.csv.plan.jsonl")
    assert (header["applied"], item["name"]) == (False, "Koppeling, ICT")
    assert "Regenboog" not in (tmp_path / "mensen.csv.plan.jsonl").read_text()
    assert (tmp_path / "mensen.csv.plan.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_plan_without_changes_asks_for_nothing(office: Provider, alice: User, tmp_path: Path) -> None:
    path = written(tmp_path, {"username": alice.username, "last_name": alice.last_name})
    code, said = command("import_users", path, provider=office.name)
    assert (code, "alles is al bijgewerkt" in said, "--apply" in said) == (0, True, False), said


def test_exactly_the_plan_is_applied_and_undone(office: Provider, alice: User, tmp_path: Path) -> None:
    path, plan = written(tmp_path, SERVICE | {"individual_rights": "view_users"}), tmp_path / "plan"
    before = able(office)
    command("import_users", path, provider=str(office.pk), plan_file=plan)
    assert command("import_users", path, provider=str(office.pk), plan_file=plan, apply=True)[0] == 0
    user = User.objects.get(username="koppeling #1")
    assert str(user.pk) in (tmp_path / "mensen.csv.resultaat.csv").read_text()
    assert lines(plan)[0]["applied"] is True
    assert command("import_users", path, provider=office.name, plan_file=plan, apply=True)[0] == 0  # nothing more
    assert str(user.pk) in (tmp_path / "mensen.csv.resultaat.csv").read_text()
    assert command("import_users", provider=office.name, plan_file=plan, undo=True)[0] == 0
    user.refresh_from_db()
    assert user.blocked_at is None
    assert command("import_users", provider=office.name, plan_file=plan, undo=True, apply=True)[0] == 0
    assert able(office) == before


def test_a_plan_of_another_state_is_refused(office: Provider, alice: User, bob: User, tmp_path: Path) -> None:
    path, plan = written(tmp_path, {"username": "bob", "first_name": "Ander"}), tmp_path / "plan"
    command("import_users", path, provider=office.name, plan_file=plan)
    change_user(bob, first_name="Tussendoor")
    with pytest.raises(CommandError) as raised:
        command("import_users", path, provider=office.name, plan_file=plan, apply=True)
    assert raised.value.returncode == 2
    bob.refresh_from_db()
    assert bob.first_name == "Tussendoor"


def test_a_plan_of_another_office_is_refused(office: Provider, charlie: User, alice: User, tmp_path: Path) -> None:
    path, plan = written(tmp_path, SERVICE), tmp_path / "plan"
    command("import_users", path, provider=charlie.provider.name, plan_file=plan)
    for wrong in (plan, path, tmp_path / "niets"):
        with pytest.raises(CommandError) as raised:
            command("import_users", path, provider=office.name, plan_file=wrong, apply=True)
        assert raised.value.returncode == 2
    assert User.objects.count() == 2


def test_faulty_rows_are_mended_and_sent_again(office: Provider, alice: User, tmp_path: Path) -> None:
    path = written(tmp_path, SERVICE, azure() | {"username": "x"})
    code, said = command("import_users", path, provider=office.name, apply=True)
    assert code == 1
    assert "Regel 3, kolom Gebruikersnaam" in said
    mend = tmp_path / "mensen.csv.fouten.csv"
    text = mend.read_text(encoding="utf-8-sig")
    assert text.splitlines()[0].endswith(";fout")
    assert len(text.splitlines()) == 2
    tenant_of(office)
    mend.write_text(text.replace(";x;", ";goede naam;"))
    assert command("import_users", mend, provider=office.name, apply=True)[0] == 0
    assert User.objects.get(username="goede naam").is_azure_user


def test_a_refusal_has_its_own_exit_code(office: Provider, alice: User, tmp_path: Path) -> None:
    path = written(tmp_path, {"username": "alice", "blocked": "ja"})
    assert command("import_users", path, provider=office.name)[0] == 2
    with pytest.raises(CommandError) as raised:
        command("import_users", path, provider=office.name, apply=True)
    assert raised.value.returncode == 2
    assert "beheren" in str(raised.value)


@pytest.mark.parametrize("wrong", ["no file", "no office", "empty", "undo"])
def test_what_cannot_be_done_is_said(office: Provider, tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "leeg.csv"
    if wrong != "no file":
        path.touch()
    name = "Niemand" if wrong == "no office" else office.name
    with pytest.raises(CommandError) as raised:
        command("import_users", path, provider=name, undo=wrong == "undo")
    assert raised.value.returncode == 1


def test_json_for_scripts(office: Provider, alice: User, tmp_path: Path) -> None:
    _code, said = command("import_users", written(tmp_path, SERVICE), provider=office.name, json=True)
    header, item = (json.loads(line) for line in said.splitlines())
    assert (header["counts"]["new"], item["changes"]["username"]) == (1, [None, "koppeling #1"])


@pytest.mark.parametrize("name", ["libreoffice.xlsx", "gnumeric.xlsx", "gnumeric.csv", "libreoffice-comma.csv",
    "libreoffice-utf16.csv"])  # fmt: skip
def test_files_of_other_programs_go_in(office: Provider, alice: User, name: str) -> None:
    team_of(office, "Loon Noord")
    team_of(office, "Loon Zuid")
    with (FILES / name).open("rb") as file:
        plan = apply_user_file(office, file)
    assert plan.faults == []
    boer, dubois, yilmaz = (User.objects.get(pk=item["id"]) for item in plan.items)
    assert (boer.prefix, boer.memberships.count(), str(boer.access_until)) == ("de", 2, "2030-12-31")
    assert (dubois.initials, dubois.invitation.state) == ("É.", "open")
    assert (yilmaz.last_name, str(yilmaz.access_until)) == ("Yılmaz", "2031-02-01")


@pytest.mark.parametrize("form", list(FileFormat))
def test_an_export_imported_again_is_an_empty_plan(
    office: Provider, alice: User, form: FileFormat, tmp_path: Path
) -> None:
    team_of(office, 'Team "A"; B', Right.VIEW_TEAMS, members=(alice,))
    make_service(office, phone_number="0301234567", username='=dienst;"1"\'', two_factor_required=False)
    make_azure(office, Right.VIEW_USERS, Right.VIEW_WAGES, prefix="'t", last_name="Hart")
    made = make_user(office, username="vreemd", email="vreemd@devries.example")
    owns = {
        NotificationType.MILESTONE_BIRTHDAY: PreferenceOverride(days=3),
        NotificationType.OWN: PreferenceOverride(is_on=False, mail=True),
    }
    notifications.actions.set_user_overrides(made, owns, seen="", by=actor())
    make_user(office, username="weg weg", blocked_at="2026-01-01T00:00Z", access_until="2020-01-01")
    make_user(office, username=None, accepted_at=None, password="!", email="nieuw@devries.example")
    people = annotate_statuses(User.objects.filter(provider=office))
    with export_users(office, people, form=form, filters={}, by=actor()) as file:
        plan = user_plans.plan_user_file(office, file, by=actor(), invite=False)
    assert (list(plan.items), list(plan.faults), dict(plan.notices)) == ([], [], {})
    command("export_users", tmp_path / f"mensen.{form}", provider=office.name)
    with (tmp_path / f"mensen.{form}").open("rb") as file:
        plan = user_plans.plan_user_file(office, file, by=actor(), invite=False)
    assert (list(plan.items), list(plan.faults), dict(plan.notices)) == ([], [], {})


def test_the_template_can_be_filled_in(office: Provider, alice: User, tmp_path: Path) -> None:
    path = tmp_path / "sjabloon.xlsx"
    command("import_users", path, template=True)
    book = load_workbook(path)
    heads = [cell.value for cell in book.active[1]]
    assert heads[:4] == ["Inlogmethode", "Voorletters", "Voorvoegsel", "Achternaam"]
    for name, value in {"Inlogmethode": "Via website en SSO", "Voorletters": "Q.", "Achternaam": "Vos",
                        "Email": "q.vos@devries.example", "Mobiel nummer": "06 12345678"}.items():  # fmt: skip
        book.active.cell(3, heads.index(name) + 1, value)
    book.save(path)
    assert command("import_users", path, provider=office.name, invite=True, apply=True)[0] == 0
    assert Message.objects.get().recipient == "q.vos@devries.example"
    assert not User.objects.filter(email=TEMPLATE_EXAMPLE["email"]).exists()


NAMES = ["Noord", "Zuid"]
WORLD = st.fixed_dictionaries(
    {
        "teams": st.sets(st.sampled_from(NAMES)).map("; ".join),
        "individual_rights": st.sets(st.sampled_from(["view_users", "view_audit", "manage_provider"])).map("; ".join),
        "access_until": st.sampled_from(["", "2099-01-01"]),
        "blocked": st.sampled_from(["ja", "nee"]),
        "first_name": st.sampled_from(["", "Ada"]),
        "signals": st.sets(st.sampled_from(["Beoordeling: 30, mail", "own: uit"])).map("; ".join),
    }
)


@pytest.mark.slow
@given(st.lists(WORLD, min_size=2, max_size=2), st.integers(0, 2))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_applying_reaches_the_file_and_undoing_the_state_before(
    office: Provider, alice: User, worlds: list[dict[str, str]], new: int
) -> None:
    with transaction.atomic():
        for name, right in zip(NAMES, (Right.MANAGE_PROVIDER, Right.VIEW_TEAMS), strict=True):
            team_of(office, name, right)
        tenant_of(office)
        for number in range(2):
            make_user(office, username=f"oud {number}")
        rows = [{"username": f"oud {number}"} | world for number, world in enumerate(worlds)]
        rows += [azure(number) | {"teams": "Zuid"} for number in range(new)]
        before = able(office)
        _plan, done = applied(office, *rows)
        assert planned(office, *rows).is_empty
        for row in rows[:2]:
            user = User.objects.get(username=row["username"])
            teams = "; ".join(sorted(member.team.name for member in user.memberships.all()))
            assert sorted(teams.split("; ")) == sorted(row["teams"].split("; "))
            assert preferences.get_user_overrides(user) == read_signals(filter(None, row["signals"].split("; ")))
            assert (user.blocked_at is not None, user.first_name) == (row["blocked"] == "ja", row["first_name"])
        events = Event.objects.count()
        applied(office, *rows)
        assert Event.objects.count() == events
        undone(office, done)
        assert able(office) == before
        transaction.set_rollback(True)
