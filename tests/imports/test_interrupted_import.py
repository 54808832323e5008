"""An import that is killed, or stopped by Ctrl-C, at a random moment leaves all or nothing."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection

from accounts.models import Provider, User
from audit.models import Event, Verb
from core import sheets
from core.commands import EXIT_STOPPED
from outbox.models import Message
from permissions.models import Employer, Team, TeamEmployer, TeamRight
from tests.helpers.import_files import azure, file_of
from tests.helpers.login_methods import tenant_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
KILL, STOP = signal.SIGKILL, signal.SIGINT
TRIES = 4


@pytest.fixture
def empty_office() -> Provider:
    """An office without users."""
    return Provider.objects.create(name=f"Kantoor {uuid4()}")


def is_locked(office: Provider) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM accounts_provider WHERE id = %s FOR UPDATE SKIP LOCKED", [office.pk])
        return cursor.fetchone() is None


def applying(name: str, path: Path, office: Provider, number: signal.Signals, seed: int) -> Iterator[int]:
    """Start applying a file several times, stop it once it has begun, and yield how it ended each time."""
    chance, database = random.Random(seed), connection.settings_dict["NAME"]  # noqa: S311
    code = (
        "import os, sys; from django.conf import settings; from django.core import management;"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'loket.settings';"
        f"settings.DATABASES['default']['NAME'] = {database!r}; management.execute_from_command_line(sys.argv)"
    )
    command = [sys.executable, "-c", code, name, str(path), "--provider", str(office.pk), "--apply"]
    for _try in range(TRIES):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        while process.poll() is None and not is_locked(office):  # until it begins
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 4))
        process.send_signal(number)
        _said, errors = process.communicate(timeout=60)
        with connection.cursor() as cursor:  # until the server has noticed
            cursor.execute("SELECT id FROM accounts_provider WHERE id = %s FOR UPDATE", [office.pk])
        if number is STOP and b"Gestopt" in errors:
            assert process.returncode == EXIT_STOPPED
            assert b"Traceback" not in errors
        yield process.returncode


@pytest.mark.parametrize("number", [KILL, STOP])
def test_users_are_created_all_or_none(empty_office: Provider, tmp_path: Path, number: signal.Signals) -> None:
    tenant_of(empty_office)
    path = tmp_path / "mensen.csv"
    path.write_bytes(file_of(*(azure(n) for n in range(3000))).getvalue())
    for _code in applying("import_users", path, empty_office, number, seed=6):
        people = User.objects.filter(provider=empty_office).count()
        assert people in (0, 3000)
        assert Message.objects.filter(provider_id=empty_office.pk).count() == people
        assert Event.objects.filter(provider_id=empty_office.pk, verb=Verb.USER_CREATED).count() == people


@pytest.mark.parametrize("number", [KILL, STOP])
def test_teams_are_all_there_or_none(empty_office: Provider, tmp_path: Path, number: signal.Signals) -> None:
    path, count = tmp_path / "teams.xlsx", 150
    names = [[f"Team {n}", f"{n}; {n + 1}", "Raadplegen beloningen"] for n in range(1, count)]
    numbers = [[str(n), f"Werkgever {n}"] for n in range(1, count + 1)]
    with path.open("wb") as file:
        sheets.write_sheets(
            file, {"T": [["Naam", "Werkgevers", "Rechten"], *names], "W": [["Nummer", "Naam"], *numbers]}
        )
    whole = (count, count - 1, 2 * (count - 1), count - 1)
    for _code in applying("import_teams", path, empty_office, number, seed=7):
        models = (Employer, Team, TeamEmployer, TeamRight)
        found = tuple(model.objects.filter(provider=empty_office).count() for model in models)
        assert found in ((0, 0, 0, 0), whole)
        events = Event.objects.filter(provider_id=empty_office.pk, verb=Verb.TEAM_CREATED).count()
        assert events == found[1]
