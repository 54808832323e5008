"""The audit package: what is in it, who may have it, and that it can be verified without the application."""

import csv
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

import audit.actions
import teams.actions
import teams.employers
from accounts.models import Provider, User
from audit import chain
from audit.actors import build_operator
from audit.models import Event, Verb
from core.zip_stream import iter_zip
from history import access_tables, audit_package, erasure, forms, point_in_time
from history.past_access import compute_past_access
from permissions.catalog import Right
from permissions.models import Team
from tests.helpers.users import actor, make_user, signed_in

pytestmark = pytest.mark.django_db
URL = "/historie/auditpakket/"
FILES = {
    "LEESMIJ.html", "wijzigingen.csv", "exports.csv", "controle/historie.jsonl", "controle/checkpoint.json",
    "controle/public.pem", "controle/verify.py", "controle/verify_access.py", "controle/verify_review.py",
    *(f"{folder}/{name}.csv" for folder in ("begin", "einde") for name in ("autorisatiematrix", "gebruikers", "teams")),
}  # fmt: skip


@pytest.fixture
def past(office: Provider, alice: User, bob: User) -> None:
    """A year ago Bob came into a team with rights at two employers; since half a year the team is empty."""
    now, by = timezone.localtime().replace(hour=12), actor(alice)  # the same day in UTC, with or without summer time

    def at(days: int) -> Any:
        return patch("django.utils.timezone.now", return_value=now - timedelta(days=days))

    with at(365):
        for user in (alice, bob):
            audit.actions.record(
                Verb.USER_CREATED, user, by=by, provider_id=office.pk,
                changes={"initials": [None, user.initials], "last_name": [None, user.last_name],
                         "login_method": [None, user.login_method]},
            )  # fmt: skip
            audit.actions.record(Verb.INVITATION_ACCEPTED, user, by=by, provider_id=office.pk)
        team = teams.actions.create_team(office, name="Loon Noord", by=by)
        teams.actions.set_team_rights(team, [Right.VIEW_USERS, Right.VIEW_HRM], by=by)
        employers = [teams.employers.create_employer(office, number=n, name=f"Bakkerij {n}", by=by) for n in (1, 2)]
        teams.actions.change_employers(team, add=employers, by=by)
        teams.actions.change_members(team, add=[bob], by=by)
    with at(180):
        teams.actions.change_members(team, remove=[bob], by=by)
    chain.append_pending(office.pk)


def days_ago(days: int) -> date:
    return timezone.localdate() - timedelta(days=days)


def period(since: int = 270, until: int = 90) -> dict[str, str]:
    return {"since": days_ago(since).isoformat(), "until": days_ago(until).isoformat()}


def download(client: Client, data: dict[str, str]) -> zipfile.ZipFile:
    response = client.post(URL, data)
    assert response.status_code == 200, response.text
    assert response["Content-Type"] == "application/zip"
    return zipfile.ZipFile(BytesIO(b"".join(response)))


def read_csv(package: zipfile.ZipFile, name: str) -> list[list[str]]:
    return list(csv.reader(StringIO(package.read(name).decode("utf-8-sig")), delimiter=";"))


def run_verifier(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "verify.py", "historie.jsonl", "checkpoint.json", "public.pem"]
    return subprocess.run(command, cwd=folder / "controle", capture_output=True, text=True, check=False)


def test_package_holds_both_states_and_what_changed_between(
    alice_client: Client, past: None, alice: User, bob: User
) -> None:
    package = download(alice_client, period())
    assert package.testzip() is None
    assert set(package.namelist()) == FILES
    rows = [row for row in read_csv(package, "begin/autorisatiematrix.csv") if row[0] == "Bakker, B."]
    assert [(row[4], row[5], row[6]) for row in rows] == [("Loon Noord", "ja", ""), ("Loon Noord", "nee", "2")]
    assert not [row for row in read_csv(package, "einde/autorisatiematrix.csv") if row[0] == "Bakker, B."]
    assert "B. Bakker" in read_csv(package, "begin/teams.csv")[1][1]
    assert read_csv(package, "einde/teams.csv")[1][1] == ""
    assert {row[0] for row in read_csv(package, "einde/gebruikers.csv")[1:]} >= {"Bakker, B."}
    changes = read_csv(package, "wijzigingen.csv")
    assert len(changes) == 1 + Event.objects.filter(at__date=days_ago(180)).count()
    readme = package.read("LEESMIJ.html").decode()
    assert "python verify.py historie.jsonl checkpoint.json public.pem" in readme
    assert "Administratiekantoor De Vries" in readme


def test_package_is_verified_without_the_application(alice_client: Client, past: None, tmp_path: Path) -> None:
    download(alice_client, period()).extractall(tmp_path)
    result = run_verifier(tmp_path)
    assert (result.returncode, result.stdout[:6]) == (0, "intact"), result
    lines = (tmp_path / "controle/historie.jsonl").read_text().splitlines(keepends=True)
    assert '"start":{' in lines[0], "it starts after a signed checkpoint, not at the first event"
    events = [line for line in lines if line.startswith('{"event"')]
    assert len(events) < Event.objects.count()
    assert days_ago(180).isoformat() in "".join(events)
    assert days_ago(365).isoformat() not in "".join(events)


def alter_value(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1].replace('"origin":"page"', '"origin":"scim"')]


@pytest.mark.slow
@pytest.mark.parametrize("alter", [alter_value, lambda lines: lines[:-1], lambda lines: [*lines[:-2], lines[-1]]])
def test_altered_package_is_broken(
    alice_client: Client, past: None, tmp_path: Path, alter: Callable[[list[str]], list[str]]
) -> None:
    download(alice_client, period()).extractall(tmp_path)
    path = tmp_path / "controle/historie.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(alter(lines)))
    result = run_verifier(tmp_path)
    assert (result.returncode, result.stdout[:6]) == (1, "BROKEN"), result


def test_whole_history_is_a_period_too(alice_client: Client, past: None, tmp_path: Path) -> None:
    download(alice_client, period(3650, 0)).extractall(tmp_path)
    result = run_verifier(tmp_path)
    assert result.returncode == 0, result
    assert '"start":null' in (tmp_path / "controle/historie.jsonl").read_text().splitlines()[0]


def test_erasure_after_the_period_does_not_break_it(
    alice_client: Client, past: None, alice: User, tmp_path: Path
) -> None:
    gone = make_user(alice.office, username="weg", last_name="Weg", blocked_at=timezone.now() - timedelta(days=400))
    with patch("django.utils.timezone.now", return_value=timezone.now() - timedelta(days=200)):
        audit.actions.record(Verb.USER_BLOCKED, gone, by=actor(alice), provider_id=gone.provider_id)
    with patch.object(erasure, "get_erasure_blocker", return_value=""):
        erasure.erase_user(gone, by=actor(alice))
    download(alice_client, period()).extractall(tmp_path)
    assert run_verifier(tmp_path).returncode == 0
    assert "Weg" not in (tmp_path / "wijzigingen.csv").read_text()


def test_package_leaves_one_event_with_its_period(alice_client: Client, past: None) -> None:
    before = Event.objects.count()
    download(alice_client, period())
    assert Event.objects.count() == before + 1
    event = Event.objects.get(verb=Verb.EXPORTED)
    assert event.changes == {"audit_package": [None, period()]}
    assert "Auditpakket" in alice_client.get("/historie/").text
    assert [row[6] for row in read_csv(download(alice_client, period(30, 0)), "exports.csv")[1:]].count(
        "Administratiekantoor De Vries"
    ) == 2


def test_page_asks_a_period_and_changes_nothing(alice_client: Client, past: None) -> None:
    page = alice_client.get(URL)
    since, until = forms.get_last_quarter()
    assert f'value="{since.isoformat()}"' in page.text
    assert f'value="{until.isoformat()}"' in page.text
    assert "Vorig kwartaal" in page.text
    chosen = alice_client.get(f"{URL}?since=2026-01-01&until=2026-12-31").text
    assert 'value="2026-01-01"' in chosen
    assert not Event.objects.filter(verb=Verb.EXPORTED).exists()
    assert f'href="{URL}"' in alice_client.get("/historie/").text


@pytest.mark.parametrize(
    "data",
    [
        {"since": "", "until": ""}, {"since": "x", "until": "y"}, {"since": "2026-02-30", "until": "2026-03-01"},
        {"since": "2026-03-02", "until": "2026-03-01"}, {"since": "2026-03-02", "until": "2999-03-01"},
        {"since": "0001-01-01", "until": "2026-03-01"},
    ],
)  # fmt: skip
def test_bad_period_gets_a_clear_error(alice_client: Client, data: dict[str, str]) -> None:
    response = alice_client.post(URL, data)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Event.objects.exists()


@pytest.mark.slow
def test_both_rights_are_needed(office: Provider, past: None, bob_client: Client) -> None:
    for number, right in enumerate((Right.VIEW_AUDIT, Right.VIEW_USERS)):
        client = signed_in(make_user(office, right, username=f"only{number}"))
        assert client.get(URL).status_code == 403
        assert client.post(URL, period()).status_code == 403
    assert URL not in signed_in(make_user(office, Right.VIEW_AUDIT, username="auditor")).get("/historie/").text
    both = signed_in(make_user(office, Right.VIEW_AUDIT, Right.VIEW_USERS, username="both"))
    assert download(both, period()).namelist()
    assert bob_client.get(URL).status_code == 403


def test_re_authentication_is_needed(alice: User, past: None) -> None:
    client = Client()
    client.force_login(alice)
    assert client.get(URL).status_code == 302
    assert not Event.objects.filter(verb=Verb.EXPORTED).exists()


def test_other_office_gets_its_own_only(charlie_client: Client, past: None) -> None:
    package = download(charlie_client, period(400, 0))
    text = b"".join(package.read(name) for name in package.namelist())
    assert b"Loon Noord" not in text
    assert b"Bakker" not in text


def test_packages_are_limited_per_user(alice_client: Client, past: None) -> None:
    answers = [alice_client.post(URL, period()).status_code for _number in range(7)]
    assert answers == [200] * 5 + [429] * 2


def test_too_many_events_are_refused(alice_client: Client, past: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_package, "MAX_PACKAGE_EVENTS", 2)
    page = alice_client.post(URL, period())
    assert "in een pakket passen er" in page.text
    assert not Event.objects.filter(verb=Verb.EXPORTED).exists(), "what was refused leaves no event"


def test_period_before_the_kept_history_is_refused(alice_client: Client, office: Provider, past: None) -> None:
    trimmed = {"before": [None, (timezone.now() - timedelta(days=100)).isoformat()]}
    audit.actions.record(Verb.HISTORY_TRIMMED, office, by=build_operator("x"), provider_id=office.pk, changes=trimmed)
    assert "bewaartermijn" in alice_client.post(URL, period()).text
    assert download(alice_client, period(90, 10)).namelist()


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 11, 28), (date(2026, 7, 1), date(2026, 9, 30))),
        (date(2026, 1, 1), (date(2025, 10, 1), date(2025, 12, 31))),
        (date(2026, 4, 30), (date(2026, 1, 1), date(2026, 3, 31))),
    ],
)
def test_last_quarter(today: date, expected: tuple[date, date]) -> None:
    with patch("django.utils.timezone.localdate", return_value=today):
        assert forms.get_last_quarter() == expected


def test_matrix_agrees_with_the_rights_of_that_moment(past: None, office: Provider, alice: User, bob: User) -> None:
    teams.actions.change_members(Team.objects.get(provider=office), add=[bob], by=actor(alice))
    audit.actions.record(
        Verb.RIGHTS_CHANGED, bob, by=actor(alice), provider_id=office.pk,
        changes={"manage_wages": [None, "given"], "view_teams": [None, "given"]},
    )  # fmt: skip
    state = point_in_time.rebuild_office(office.pk, timezone.now())
    rows = [row for row in access_tables.iter_matrix_rows(state) if row[0] == "Bakker, B."]
    access = compute_past_access(state, [bob.pk])[bob.pk]
    assert {row[3] for row in rows if row[5] == "ja"} == {str(right.label) for right in access.office}
    at_employers = {str(right.label) for rights in access.at_employers.values() for right in rights}
    assert {row[3] for row in rows if row[6]} == at_employers


def test_archive_is_read_by_its_turn() -> None:
    read: list[str] = []

    def content(name: str) -> Any:
        read.append(name)
        yield b"x" * 100_000

    stream = iter_zip((name, content(name)) for name in ("a", "b"))
    data = b"".join(stream)
    assert zipfile.ZipFile(BytesIO(data)).read("b") == b"x" * 100_000
    assert read == ["a", "b"]
