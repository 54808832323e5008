"""Importing teams in the browser."""

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

import teams.actions
from accounts.models import Provider, User
from core import sheets
from imports import runner, storage
from imports.models import ImportJob
from permissions import checks
from permissions.checks import Right
from permissions.models import Employer, Team
from tests.helpers.import_files import team_of
from tests.helpers.login_methods import confirmed
from tests.helpers.users import actor, confirm_now, make_user, signed_in
from tests.imports.test_team_commands import EMPLOYERS, MATRIX, TEAMS

pytestmark = pytest.mark.django_db
PLACES = ("plan", "replan", "discard", "revert", "result")


def csv(name: str, table: list[list[str]]) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"".join(sheets.iter_csv_lines(table)))


def send(client: Client, *files: SimpleUploadedFile) -> ImportJob:
    response = client.post(reverse("imports:upload_teams"), {"file": list(files)})
    assert response.status_code == 302, response.text
    assert runner.run_due_jobs() == 1
    return ImportJob.objects.latest("created_at")


def url(job: ImportJob, name: str = "plan") -> str:
    return reverse(f"imports:teams_{name}", args=[job.pk])


def done(client: Client, job: ImportJob) -> str:
    assert client.post(url(job)).status_code == 302
    assert runner.run_due_jobs() == 1
    return client.get(url(job)).text


def products() -> list[list[str]]:
    return [EMPLOYERS[0], ["1001", "Bakker", ""], *EMPLOYERS[2:]]


@pytest.mark.slow
def test_three_files_become_teams_and_are_undone(office: Provider, alice: User, bob: User) -> None:
    client, team = confirmed(alice), team_of(office, "Noord", Right.VIEW_AUDIT, members=(bob,))
    plan = send(client, csv("a.csv", TEAMS), csv("b.csv", products()), csv("c.csv", MATRIX))
    shown = client.get(url(plan)).text
    assert "a.csv, b.csv, c.csv" in shown
    assert "Bakker, B." in shown
    assert "Verliest: Raadplegen historie" in shown, "it rests until bob has two-factor"
    assert Team.objects.count() == 1
    assert "Import uitgevoerd" in done(client, plan)
    assert set(Team.objects.values_list("name", flat=True)) == {"Noord", "Zuid"}
    assert Employer.objects.count() == 3
    assert "Zuid" in client.get(url(plan, "result")).content.decode("utf-8-sig")
    response = client.post(url(plan, "revert"))
    undo = ImportJob.objects.latest("created_at")
    assert response["Location"] == url(undo)
    done(client, undo)
    assert [row.right for row in team.rights.all()] == ["view_audit"]
    assert checks.effective_rights(bob) == {Right.VIEW_AUDIT}
    assert not Team.objects.get(name="Zuid").rights.exists()


def test_a_workbook(office: Provider, alice: User) -> None:
    book = BytesIO()
    sheets.write_sheets(book, {"Teams": [*TEAMS[:1], ["Noord", "ja", ""]]})
    client = confirmed(alice)
    done(client, send(client, SimpleUploadedFile("t.xlsx", book.getvalue())))
    assert Team.objects.get().two_factor_required


@pytest.mark.slow
def test_a_plan_asks_for_a_recent_proof_when_it_is_confirmed(office: Provider, alice: User) -> None:
    team = team_of(office, "Noord")
    client = signed_in(alice, seconds_ago=600)
    plan = send(client, csv("a.csv", [*TEAMS[:1], ["Noord", "ja", ""]]))
    assert "Dit plan uitvoeren" in client.get(url(plan)).text
    assert client.post(url(plan))["Location"].startswith(reverse("authentication:reauthenticate"))
    assert runner.run_due_jobs() == 0
    confirm_now(client)
    done(client, plan)
    team.refresh_from_db()
    assert team.two_factor_required
    confirm_now(client, seconds_ago=3600)
    client.post(url(plan, "revert"))
    confirm_now(client)
    done(client, ImportJob.objects.latest("created_at"))
    team.refresh_from_db()
    assert not team.two_factor_required


def test_a_plan_of_the_release_before_asks_for_the_most(office: Provider, alice: User) -> None:
    client = signed_in(alice, seconds_ago=600)
    plan = send(client, csv("a.csv", [*TEAMS[:1], ["Noord", "", ""]]))
    summary: Any = storage.load_summary(plan)
    del summary["signs_in"]
    storage.set_summary(plan, summary)
    plan.save()
    assert client.post(url(plan))["Location"].startswith(reverse("authentication:reauthenticate"))
    confirm_now(client)
    done(client, plan)
    assert Team.objects.get().name == "Noord"


def test_a_fault_stops_everything(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    plan = send(client, csv("a.csv", TEAMS))
    shown = client.get(url(plan)).text
    assert "Dit plan uitvoeren" not in shown
    assert "geen werkgever met dit nummer" in shown
    assert "Er is niets gewijzigd" in done(client, plan)
    assert not Team.objects.exists()
    assert client.post(url(plan, "discard")).status_code == 302
    assert not ImportJob.objects.exists()


@pytest.mark.slow
def test_what_changed_meanwhile_stops_it(office: Provider, alice: User) -> None:
    client, team = confirmed(alice), team_of(office, "Noord")
    plan = send(client, csv("a.csv", [["Team", "view_audit"], ["Noord", "x"]]))
    teams.actions.set_team_rights(team, [Right.VIEW_TEAMS], by=actor())
    assert "Er is niets gewijzigd" in done(client, plan)
    client.post(url(plan, "replan"))
    assert runner.run_due_jobs() == 1
    done(client, plan)
    assert {row.right for row in team.rights.all()} == {"view_audit", "view_teams"}


@pytest.mark.slow
def test_only_who_sent_it_sees_it(office: Provider, alice: User, bob: User, charlie: User) -> None:
    plan = send(confirmed(alice), csv("a.csv", [["Naam"], ["Noord"]]))
    colleague = make_user(office, Right.MANAGE_PROVIDER, username="collega")
    for name in PLACES:
        for user, status in ((charlie, 404), (colleague, 404), (bob, 403)):
            client = confirmed(user)
            assert {client.get(url(plan, name)).status_code, client.post(url(plan, name)).status_code} <= {status, 405}
        assert confirmed(alice).get(reverse("imports:plan", args=[plan.pk])).status_code == 404
    assert confirmed(bob).get(reverse("imports:upload_teams")).status_code == 403


def test_reauthentication_is_required(alice_client: Client) -> None:
    confirm_now(alice_client, seconds_ago=1801)
    assert alice_client.get(reverse("imports:upload_teams"))["Location"].startswith(
        reverse("authentication:reauthenticate")
    )


@pytest.mark.parametrize(
    "files",
    [[], [b""], [b"Naam\nA"] * 4, [b"x" * 3_000_000] * 2],
)
def test_what_cannot_be_files_of_teams_is_said(office: Provider, alice: User, files: list[bytes]) -> None:
    sent = {"file": [SimpleUploadedFile("t.csv", content) for content in files], "x": ""}
    response = confirmed(alice).post(reverse("imports:upload_teams"), sent)
    assert response.status_code in (200, 400)
    assert response.status_code == 400 or 'id="errors"' in response.text
    assert not ImportJob.objects.exists()


def test_what_cannot_be_read_is_said_where_the_plan_would_be(office: Provider, alice: User) -> None:
    client = confirmed(alice)
    shown = client.get(url(send(client, SimpleUploadedFile("t.csv", b"PK\x03\x04" + bytes(50))))).text
    assert "beschadigd" in shown
    assert "Een ander bestand kiezen" in shown
    assert "Dit plan uitvoeren" not in shown


def test_the_list_leads_to_it(alice_client: Client) -> None:
    assert reverse("imports:upload_teams") in alice_client.get(reverse("teams:team_list")).text
