"""Two `migrate` at once, as by two servers that start a release together: the second waits, and both succeed."""

import subprocess
import sys
from pathlib import Path

import pytest

from loket import database
from tests.running import ROOT
from tests.servers import own_environment


@pytest.mark.slow
def test_two_migrate_at_once(tmp_path: Path) -> None:
    environment = own_environment(tmp_path / "data")
    try:
        database.start(tmp_path / "data" / "postgresql")
        both = [
            subprocess.Popen(
                [sys.executable, "manage.py", "migrate"],
                cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for _number in range(2)
        ]  # fmt: skip
        said = [process.communicate(timeout=300) for process in both]
    finally:
        database.stop(tmp_path / "data" / "postgresql")
    assert [process.returncode for process in both] == [0, 0], said
    applied = sorted(output.count("Applying ") for output, _errors in said)
    assert applied[0] == 0
    assert applied[1] > 50
    assert sum("Another migrate runs" in errors for _output, errors in said) == 1
