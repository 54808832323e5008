"""`migrate`: two concurrent runs, as by two servers starting a release, and a database from before the release."""

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from core import db_roles
from core.embedded_postgres import server
from tests.helpers.demo_process import ROOT
from tests.helpers.servers import own_environment


@pytest.mark.django_db
@pytest.mark.parametrize("row", [("accounts", "0002_same_office"), ("signin", "0001_initial")])
def test_a_database_from_before_the_first_release_is_refused(
    row: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables belong to other migrations: continuing would end in “relation already exists”."""
    monkeypatch.setattr(db_roles, "use_owner_role", nullcontext)  # the row below is seen in this transaction only
    MigrationRecorder(connection).record_applied(*row)
    with pytest.raises(CommandError, match=r"create a new database, or .* delete its folder, LOKET_DATA_DIR \(/.+\)"):
        call_command("migrate", verbosity=0)


@pytest.mark.slow
def test_two_migrate_at_once(tmp_path: Path) -> None:
    environment = own_environment(tmp_path / "data")
    try:
        server.start_server(tmp_path / "data" / "postgresql")
        both = [
            subprocess.Popen(
                [sys.executable, "manage.py", "migrate"],
                cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for _number in range(2)
        ]  # fmt: skip
        said = [process.communicate(timeout=300) for process in both]
    finally:
        server.stop_server(tmp_path / "data" / "postgresql")
    assert [process.returncode for process in both] == [0, 0], said
    applied = sorted(output.count("Applying ") for output, _errors in said)
    assert applied[0] == 0
    assert applied[1] == len(MigrationLoader(None).graph.nodes)
    assert sum("Another migrate is running" in errors for _output, errors in said) == 1
