"""Progress of a command, on a terminal and in a pipe."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import IO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Provider, User
from core import sheets
from core.commands import EXIT_FAULTS
from imports import cli
from imports.plans import user_plans
from permissions.models import Team
from tests.helpers.import_files import SERVICE, file_of, team_of
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db


@contextmanager
def screen() -> Iterator[tuple[int, IO[str]]]:
    """Use a terminal for standard error: its other end, and the stream to write to."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", "120")
        yield ours, stream
    os.close(ours)


def shown(end: int) -> str:
    os.set_blocking(end, False)
    said = b""
    try:
        while part := os.read(end, 65536):
            said += part
    except BlockingIOError:
        return said.decode()
    return said.decode()


def test_a_terminal_gets_a_bar_with_rate_and_remaining_time() -> None:
    with screen() as (end, stream):
        with cli.show_progress(stream, lambda: 2000) as begin:
            tell = begin("Regels")
            for _part in range(3):
                tell(500)
        said = shown(end)
    assert "Regels" in said
    assert "/2000" in said
    assert "/s" in said
    assert "0:00:00" in said  # what remains
    assert "2000/2000" in said


def test_a_pipe_gets_a_line_now_and_then() -> None:
    said = StringIO()
    with cli.show_progress(said, lambda: pytest.fail("only a terminal counts first")) as begin:
        tell = begin("Regels")
        for _part in range(25):
            tell(1000)
    assert said.getvalue().splitlines() == ["Regels: 10000", "Regels: 20000"]


def test_ctrl_c_is_no_traceback() -> None:
    with pytest.raises(CommandError) as raised, cli.show_progress(StringIO(), lambda: 0):
        raise KeyboardInterrupt
    assert raised.value.returncode == 130
    assert "of niets" in str(raised.value)


def test_importing_people_shows_both_parts(office: Provider, alice: User, tmp_path: Path) -> None:
    path = tmp_path / "mensen.csv"
    path.write_bytes(file_of(SERVICE, SERVICE | {"username": "tweede"}).getvalue())
    plan = tmp_path / "mensen.csv.plan.jsonl"
    with screen() as (end, _stream):
        call_command("import_users", str(path), provider=office.name, apply=True, stdout=StringIO())
        said = shown(end)
    assert "Gepland" in said
    assert "Uitgevoerd" in said
    assert said.count("2/2") >= 2
    with screen() as (end, _stream):
        call_command("import_users", provider=office.name, plan_file=plan, undo=True, apply=True, stdout=StringIO())
        assert "2/2" in shown(end)


def test_importing_teams_shows_both_parts(office: Provider, alice: User, bob: User, tmp_path: Path) -> None:
    team_of(office, "Noord", members=(bob,))
    path, plan = tmp_path / "teams.xlsx", tmp_path / "teams.xlsx.plan.jsonl"
    with path.open("wb") as file:
        sheets.write_sheets(file, {"T": [["Naam"], ["Zuid"]], "W": [["Nummer", "Naam"], ["1", "A"], ["2", "B"]]})
    options = {"provider": office.name, "apply": True, "stdout": StringIO()}
    with screen() as (end, _stream):
        call_command("import_teams", str(path), **options)
        said = shown(end)
    assert ("Gepland" in said, "Uitgevoerd" in said, said.count("3/3") >= 2) == (True, True, True)
    with screen() as (end, _stream):
        call_command("import_teams", undo=True, plan_file=plan, **options)
        assert "Gepland" in shown(end)
    assert Team.objects.filter(name="Zuid").exists()


def test_what_a_file_with_faults_says_is_the_same_on_a_terminal(office: Provider, tmp_path: Path) -> None:
    path = tmp_path / "leeg.csv"
    path.touch()
    with screen(), pytest.raises(CommandError) as raised:
        call_command("import_users", str(path), provider=office.name)
    assert raised.value.returncode == EXIT_FAULTS


def test_planning_tells_how_far_it_is(office: Provider, alice: User) -> None:
    told: list[int] = []
    file = file_of(*(SERVICE | {"username": f"dienst {number}"} for number in range(3)))
    user_plans.plan_user_file(office, file, by=actor(), invite=False, progress=told.append)
    assert told == [3]
