"""`make dev`: the demo with Django's error pages and the debug toolbar, which no production can switch on."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core import checks
from django.test import Client, override_settings
from django.urls import clear_url_caches
from environs import Env

from core.checks import check_page_policies
from tests.demo.test_demo import DATABASE, folder, status_of
from tests.helpers.demo_process import ROOT, START_SECONDS, demo, free_port
from tests.helpers.servers import own_environment

__all__ = ["folder"]  # a fixture
DEV = "loket.dev_settings"
CHANGED = ("DEBUG", "ROOT_URLCONF", "INTERNAL_IPS", "INSTALLED_APPS", "MIDDLEWARE")


@pytest.fixture
def _development(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings of `make dev`, without what the developer put in `.env`."""
    monkeypatch.setattr(Env, "read_env", lambda *args, **kwargs: False)
    from loket import dev_settings

    with override_settings(**{name: getattr(dev_settings, name) for name in CHANGED}):
        clear_url_caches()
        yield
    clear_url_caches()


def start(environment: dict[str, str], folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False,
        env=own_environment(folder) | environment,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("_development")
def test_the_toolbar_works_under_the_policy_of_every_page(alice_client: Client) -> None:
    response = alice_client.get("/")
    page = response.content.decode()
    assert 'id="djDebug"' in page
    assert check_page_policies() == []
    policy = set(response["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src 'self'", "base-uri 'none'", "object-src 'none'", "form-action 'self'", "frame-ancestors 'none'"
    }  # fmt: skip
    assert not re.search(r"<(?:script|style)\b(?![^>]*\bsrc=)|\sstyle=|\son\w+=", page), "all come from files"
    (request_id,) = re.findall(r'data-request-id="(\w+)"', page)
    panel = alice_client.get("/__debug__/render_panel/", {"request_id": request_id, "panel_id": "SQLPanel"}).json()
    assert "SELECT" in panel["content"]
    assert not re.search(r"<(?:script|style)\b|\sstyle=|\son\w+=", panel["content"])


@pytest.mark.usefixtures("_development")
def test_errors_show_the_page_of_django(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = client.get("/nergens/")
    assert unknown.status_code == 404
    assert b"Using the URLconf defined in <code>loket.dev_urls</code>" in unknown.content
    assert not unknown.has_header("Content-Security-Policy"), "its styles are in the page"
    client.raise_request_exception = False
    monkeypatch.setattr("users.context_processors.menu", lambda request: 1 / 0)
    failed = client.get("/inloggen/")
    assert failed.status_code == 500
    assert b"ZeroDivisionError" in failed.content


@pytest.mark.usefixtures("_development")
def test_it_answers_this_machine_only(client: Client, db: None) -> None:
    assert "djDebug" in client.get("/inloggen/").content.decode()
    for path in ("/inloggen/", "/nergens/", "/__debug__/render_panel/"):
        assert client.get(path, REMOTE_ADDR="192.0.2.7").status_code == 403, path
        assert client.get(path, HTTP_X_FORWARDED_FOR="192.0.2.7").status_code == 403, "behind a proxy on this machine"


def test_a_deployment_check_fails_with_debug(settings: LazySettings) -> None:
    def errors() -> list[str]:
        found = checks.run_checks(include_deployment_checks=True, tags=[checks.Tags.security])
        return [str(one.id) for one in found if one.level >= checks.ERROR]

    assert "core.E002" not in errors()
    settings.DEBUG = True
    assert "core.E002" in errors()


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        DATABASE,
        {name: text for name, text in DATABASE.items() if name != "DATABASE_URL"} | {"DATABASE_URL_FILE": "url"},
        {"LOKET_URL": "https://loket.example"},
    ],
)
def test_it_starts_with_no_database_and_no_address_of_production(environment: dict[str, str], tmp_path: Path) -> None:
    if "DATABASE_URL_FILE" in environment:
        (tmp_path / "url").write_text(DATABASE["DATABASE_URL"])
        environment = environment | {"DATABASE_URL_FILE": str(tmp_path / "url")}
    done = start(environment | {"DJANGO_SETTINGS_MODULE": DEV}, tmp_path, "-c", "import loket.wsgi")
    assert done.returncode == 1
    assert "unset DATABASE_URL and LOKET_URL" in done.stderr.splitlines()[-1]


def test_make_passes_on_no_database() -> None:
    makefile = (ROOT / "Makefile").read_text()
    starts = re.findall(r"@exec env (.*)\$\(RUN\)/python manage\.py demo", makefile)
    assert len(starts) == 2
    assert all(start.startswith("-u DATABASE_URL -u DATABASE_URL_FILE ") for start in starts)


@pytest.mark.slow
def test_production_does_not_import_the_toolbar(tmp_path: Path) -> None:
    script = (
        "import sys, loket.rsgi; print([name for name in sys.modules if 'debug_toolbar' in name or '.dev_' in name])"
    )
    done = start({"DJANGO_SETTINGS_MODULE": "loket.settings"}, tmp_path, "-c", script)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    mentions = {path.name for path in ROOT.glob("*/*.py") if "debug_toolbar" in path.read_text()}
    assert mentions == {"dev_settings.py", "dev_urls.py"}
    assert "debug-toolbar" not in (ROOT / "requirements.txt").read_text() + (ROOT / "requirements-demo.txt").read_text()


@pytest.mark.slow
def test_make_dev_reloads_what_changes_and_stops_everything(folder: Path) -> None:
    port = free_port()
    with demo(folder, port, settings=DEV) as running:
        assert running.process.stdout
        lines = iter(running.process.stdout.readline, "")
        assert next(line for line in lines if line.startswith("URL: ")) == f"URL: http://localhost:{port}/\n"
        assert status_of(port, "/static/debug_toolbar/js/toolbar.js") == 200
        before = set(running.family())
        os.utime(ROOT / "core" / "text.py")
        deadline = time.monotonic() + START_SECONDS
        while len(before - set(running.family())) < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert len(before - set(running.family())) >= 2, "web server and worker are others"
        running.process.send_signal(signal.SIGINT)
        running.process.communicate(timeout=15)
        assert running.process.returncode == 0
        assert running.family() == []
