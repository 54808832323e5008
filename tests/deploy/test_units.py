"""The systemd units, by systemd's own checks."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.demo_process import ROOT

FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(path.name for path in FOLDER.glob("*.service"))
TIMERS = sorted(path.name for path in FOLDER.glob("*.timer"))
MAX_EXPOSURE = 3.0  # of systemd's scale, on which 10 is a service without any protection


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root folder with the units and what they run."""
    shutil.copytree(FOLDER, tmp_path / "etc" / "systemd" / "system")
    for name in ("srv/loket/.venv/bin/loket", "usr/bin/rm"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", tmp_path / name)
    for name in ("sysinit", "basic", "shutdown", "network-online", "multi-user", "time-sync", "timers"):
        (tmp_path / "etc" / "systemd" / "system" / f"{name}.target").write_text("[Unit]\n")
    return tmp_path


def require_valid(unit: str, machine: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={machine}", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.systemd
@pytest.mark.parametrize("timer", TIMERS)
def test_a_timer_is_valid_and_of_a_unit(timer: str, machine: Path) -> None:
    require_valid(timer, machine)
    assert Path(timer).with_suffix(".service").name in UNITS


@pytest.mark.systemd
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_valid_and_hardened(unit: str, machine: Path) -> None:
    require_valid(unit, machine)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--root={machine}", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) < MAX_EXPOSURE


def list_units(line: str) -> list[str]:
    return [name for name in UNITS if line in (FOLDER / name).read_text().splitlines()]


def test_only_migration_and_backup_get_the_owner() -> None:
    owned = ["loket-backup.service", "loket-migrate.service"]
    assert list_units("EnvironmentFile=/etc/loket/owner") == owned
    assert set(list_units("InaccessiblePaths=-/var/backups/loket")) == set(UNITS) - set(owned)


def test_the_application_owns_no_program_that_root_runs() -> None:
    operating = (ROOT / "docs" / "operating.md").read_text()
    assert "# install -d -o root -g root -m 755 /srv/loket\n" in operating
    (home,) = re.findall(r"# adduser .*--home (\S+)", operating)
    assert not Path("/srv/loket").is_relative_to(home)


def test_no_command_of_the_guides_has_a_secret_among_its_arguments() -> None:
    """Every user of a machine can read the arguments of its processes."""
    lines = [
        line
        for path in (ROOT / "docs" / "operating.md", *(ROOT / "docs" / "how-to").glob("*.md"))
        for line in path.read_text().splitlines()
    ]
    secret = re.compile(r"\$\{?\w*(?:TOKEN|PASSWORD|SECRET|KEYS?|DATABASE_URL)\b")
    assert [line for line in lines if secret.search(line) and not line.strip().startswith("$ printf ")] == []
