"""The wheel: what it holds, and that it runs where nothing else of the product is."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
import requests

from core import paths
from core.embedded_postgres import server
from tests.helpers.demo_process import ROOT, free_port
from tests.helpers.servers import own_environment
from tests.loket.test_architecture import APPS
from tests.loket.test_rolling_upgrade import git
from tests.monitoring.test_metrics import wait_until_alive

RESOURCES = ("templates/", "static/", "locale/", "docs/reference/")
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
STRANGERS = ("api", "core", "loket", "users")  # folders of other programs where a command is run


def test_it_takes_every_folder_of_the_product() -> None:
    assert set(BUILD["only-include"]) == {*APPS, *(folder.rstrip("/") for folder in RESOURCES)}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - set(APPS) == {"tests", "bench"}


def test_data_is_not_stored_among_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert paths.get_default_data_dir() == str(ROOT / ".loket")
    monkeypatch.setattr(paths, "IS_WHEEL", True)
    monkeypatch.setenv("HOME", "/home/loket")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert paths.get_default_data_dir() == "/home/loket/.local/share/loket"
    monkeypatch.setenv("XDG_DATA_HOME", "/var/lib")
    assert paths.get_default_data_dir() == "/var/lib/loket"


def build_wheel(folder: Path, **environment: str) -> Path:
    """Build the wheel from what is committed or about to be, without the network."""
    code = folder / "code"
    for name in list_tracked_files():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, code / name)
    run_pip("wheel", "--no-build-isolation", "-w", str(folder), str(code), **environment)
    (wheel,) = folder.glob("loket-*-py3-none-any.whl")
    return wheel


def run_pip(*arguments: str, **environment: str) -> None:
    options = ["-q", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([sys.executable, "-m", "pip", *arguments, *options], check=True, env=os.environ | environment)


def list_tracked_files() -> list[str]:
    """Return the files that git tracks; without git, skip the test unless required."""
    names = [name for name in git("ls-files", "-z").decode().split("\0") if name and (ROOT / name).exists()]
    if not names:
        text = "this is no checkout of git: the wheel cannot be compared with what is tracked"
        (pytest.fail if os.environ.get("LOKET_HISTORY_REQUIRED") == "1" else pytest.skip)(text)
    return names


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_it_has_what_the_product_reads_and_nothing_else(wheel: Path) -> None:
    tracked = list_tracked_files()
    code = {name for name in tracked if name.partition("/")[0] in APPS}
    resources = {name for name in tracked if name.startswith(RESOURCES) and not name.endswith(".po")}
    assert {"accounts/migrations/0001_initial.py", "loket/healthz/alive.json", "audit/verify.py"} <= code
    assert {"templates/base.html", "static/loket.css", "locale/nl/LC_MESSAGES/django.mo"} <= resources
    names = set(ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == code | {f"loket/resources/{it}" for it in resources}


@pytest.mark.slow
def test_the_same_code_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """At another moment, by an account with other permissions, time zone and language, and another order of hashes."""
    previous = os.umask(0o077)
    try:
        other = build_wheel(tmp_path, TZ="Pacific/Kiritimati", LC_ALL="C", HOME=str(tmp_path), PYTHONHASHSEED="1")
    finally:
        os.umask(previous)
    code = tmp_path / "code" / "core" / "__init__.py"
    assert code.stat().st_mode & 0o077 == 0
    assert other.read_bytes() == wheel.read_bytes()


class Installation:
    """The wheel in an environment of its own; the packages it needs are those of this environment."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        self.environment = own_environment(folder / "none") | {"HOME": str(folder / "home"), "XDG_DATA_HOME": ""}
        del self.environment["LOKET_DATA_DIR"]
        self.data, self.scripts = folder / "home" / ".local" / "share" / "loket", folder / "bin"
        self.elsewhere = folder / "elsewhere"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        (self.packages,) = folder.glob("lib/python*/site-packages")
        (self.packages / "needed.pth").write_text(sysconfig.get_path("purelib"))
        run_pip("--python", str(self.scripts / "python"), "install", str(wheel))
        for name in STRANGERS:
            (self.elsewhere / name).mkdir(parents=True)
            (self.elsewhere / name / "__init__.py").write_text("raise SystemExit('this is another program')")

    def run(self, *command: str) -> str:
        """Return the output of one of its commands, run in a folder that has packages of the same names."""
        done = subprocess.run(
            [self.scripts / command[0], *command[1:]],
            cwd=self.elsewhere, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def serve(self, port: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [self.scripts / "loket", "serve", "--port", str(port), "--workers", "1"],
            cwd=self.elsewhere, env=self.environment,
        )  # fmt: skip


@pytest.fixture(scope="module")
def installation(wheel: Path) -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="loket-wheel-"))
    found = Installation(wheel, folder)
    yield found
    server.stop_server(found.data / "postgresql")
    shutil.rmtree(folder)


@pytest.mark.slow
def test_it_is_installed_migrated_and_served(installation: Installation) -> None:
    before = {path.name for path in installation.packages.iterdir()}
    assert installation.run("loket", "--version").startswith("Loket 0.")
    installation.run("loket", "migrate", "-v0")
    assert (installation.data / "keys.json").exists()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = installation.serve(port)
    try:
        wait_until_alive(url, seconds=120)  # byte code may have to be made first
        with requests.Session() as session:
            session.trust_env = False
            page = session.get(f"{url}/inloggen/", timeout=60)
            assert "<h1>Inloggen</h1>" in page.text, "templates and translations"
            for path in ("/static/loket.css", "/oauth/guide/", "/v2/openapi.json"):
                assert session.get(url + path, timeout=60).status_code == 200, path
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
    finally:
        process.terminate()  # which its own processes hear as well
        process.wait(60)
    assert {path.name for path in installation.packages.iterdir()} == before


@pytest.mark.slow
def test_an_auditor_runs_the_verifier_of_the_wheel(installation: Installation) -> None:
    assert "Exit code: 0 intact" in installation.run("loket-verify", "--help")
