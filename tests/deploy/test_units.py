"""The systemd units, by systemd's own checks."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.demo_process import ROOT

FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(path.name for path in FOLDER.glob("*.service"))
MAX_EXPOSURE = 3.0  # of systemd's scale, on which 10 is a service without any protection


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root folder with the units and what they run."""
    shutil.copytree(FOLDER, tmp_path / "etc" / "systemd" / "system")
    for name in ("srv/loket/.venv/bin/loket", "usr/bin/rm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", tmp_path / name)
    for name in ("sysinit", "basic", "shutdown", "network-online", "multi-user"):
        (tmp_path / "etc" / "systemd" / "system" / f"{name}.target").write_text("[Unit]\n")
    return tmp_path


@pytest.mark.systemd
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_valid_and_hardened(unit: str, machine: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={machine}", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--root={machine}", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) < MAX_EXPOSURE


def test_only_the_migration_gets_the_owner() -> None:
    assert [name for name in UNITS if "/etc/loket/owner" in (FOLDER / name).read_text()] == ["loket-migrate.service"]
