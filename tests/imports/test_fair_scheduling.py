"""Heavy files do not slow down others: with a real web server and a real worker."""

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import psycopg
import pytest
import requests
from django.conf import settings as django_settings

from core import sheets
from core.embedded_postgres import server
from core.processes import build_granian_arguments
from tests.helpers.demo_process import free_port
from tests.helpers.import_files import INVITED, file_of
from tests.helpers.servers import own_environment
from tests.helpers.users import PASSWORD
from tests.imports.test_file_limits import nameless_wide, wide
from tests.outbox.test_killed_processes import Process

pytestmark = pytest.mark.slow
OFFICES, P95, DELAY = 2, 0.1, 2.0  # seconds
SET_UP = f"""
from accounts.models import Provider
from django.utils import timezone
from permissions.checks import Right
from tests.helpers.users import make_user
for number in range({OFFICES}):
    office = Provider.objects.create(name=f"Kantoor {{number}}", established_at=timezone.now())
    for user in range(4):
        name = f"beheer{{number}}{{user}}"
        make_user(office, Right.MANAGE_PROVIDER, username=name, email=f"{{name}}@kantoor.example", last_name="Baas")
"""


class Browser:
    """The browser of an administrator who has just signed in."""

    def __init__(self, url: str, username: str) -> None:
        self.url, self.session = url, requests.Session()
        self.session.trust_env = False
        self.session.get(f"{url}/inloggen/", timeout=30)
        self.post("/inloggen/", {"username": username, "password": PASSWORD})
        assert "sessionid" in self.session.cookies

    def post(self, path: str, data: dict[str, str], **more: object) -> requests.Response:
        data = data | {"csrfmiddlewaretoken": str(self.session.cookies["csrftoken"])}
        return self.session.post(f"{self.url}{path}", data, allow_redirects=False, timeout=60, **more)

    def send(self, content: bytes, path: str = "/gebruikers/importeren/") -> str:
        """Upload a file; return the URL of its plan."""
        response = self.post(path, {"invite": "on"}, files={"file": ("mensen.xlsx", content)})
        assert response.status_code == 302, response.text
        return response.headers["Location"]

    def wait(self, path: str, seconds: float = 60) -> str:
        """Return the page of a plan once it is ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            response = self.session.get(f"{self.url}{path}", timeout=30)
            if "Refresh" not in response.headers:
                return response.text
            time.sleep(0.05)
        raise TimeoutError("there is no plan")


@contextmanager
def installation(folder: Path) -> Iterator[tuple[str, dict[str, Process], Path]]:
    """Run web server and worker in `folder`, with offices; yield their URL, the processes and the log."""
    port, log = free_port(), folder / "log"
    environment = own_environment(folder / "data") | {"LOKET_URL": f"http://localhost:{port}"}
    processes: dict[str, Process] = {}
    try:
        for command in (["migrate", "-v0"], ["shell", "-v0", "-c", SET_UP]):
            subprocess.run(
                [sys.executable, "manage.py", *command], cwd=django_settings.BASE_DIR, env=environment, check=True
            )
        processes["web"] = Process(build_granian_arguments(port), environment, log)
        processes["worker"] = Process(["manage.py", "worker"], environment, log)
        url = f"http://127.0.0.1:{port}"
        wait_for(url)
        yield url, processes, folder / "data" / "postgresql"
    finally:
        for process in processes.values():
            process.kill()
        server.stop_server(folder / "data" / "postgresql")


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/inloggen/", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise TimeoutError("the web server does not answer")


def heavy(count: int = 8_000) -> bytes:
    """Return a workbook of valid rows that take the worker a long time."""
    heads = list(INVITED)
    rows = ([*(INVITED | {"email": f"p{number}@devries.example"}).values()] for number in range(count))
    file = BytesIO()
    sheets.write_xlsx(file, "Blad", [heads, *rows], [20] * len(heads))
    return file.getvalue()


def one_line(number: int = 1) -> bytes:
    return file_of(INVITED | {"email": f"een{number}@devries.example"}).getvalue()


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def login_times(url: str, until: "list[bool]") -> list[float]:
    """Return the response times of the login page, requested every 20 ms until told to stop."""
    found = []
    with requests.Session() as session:
        session.trust_env = False
        while not until:
            started = time.monotonic()
            assert session.get(f"{url}/inloggen/", timeout=60).ok
            found.append(time.monotonic() - started)
            time.sleep(0.02)
    return found


def test_four_wide_workbooks_at_once_do_not_block_others(tmp_path: Path) -> None:
    with installation(tmp_path) as (url, _processes, _data), ThreadPoolExecutor(6) as pool:
        senders = [Browser(url, f"beheer0{number}") for number in range(4)]
        login_times(url, [True])
        told: list[bool] = []
        watching = pool.submit(login_times, url, told)
        time.sleep(1)
        files = [wide(), nameless_wide(), wide(20_000), nameless_wide(40_000)]
        paths = list(pool.map(lambda pair: pair[0].send(pair[1]), zip(senders, files, strict=True)))
        pages = list(pool.map(lambda pair: pair[0].wait(pair[1]), zip(senders, paths, strict=True)))
        time.sleep(1)
        told.append(True)
        seconds = watching.result()
    assert all("16384 kolommen" in page for page in pages)
    print(f"login page: p95 {p95(seconds):.3f}, most {max(seconds):.3f} of {len(seconds)}")  # noqa: T201
    assert p95(seconds) < P95


def test_a_heavy_file_of_one_office_does_not_hold_up_another(tmp_path: Path) -> None:
    content = heavy()
    with installation(tmp_path) as (url, _processes, data), ThreadPoolExecutor(2) as pool:
        loud, quiet = Browser(url, "beheer00"), Browser(url, "beheer10")
        alone = took(quiet, 0)
        heavies = [loud.send(content) for _number in range(3)]
        told: list[bool] = []
        watching = pool.submit(login_times, url, told)
        times = []
        for number in range(1, 7):
            times.append(took(quiet, number))
            time.sleep(0.3)
        is_still_at_it = waiting(data) > 0 and long_ones(data) > 0
        told.append(True)
        shown = loud.wait(heavies[0], 120)
    print(f"alone {alone:.2f}, beside {[round(one, 2) for one in times]}")  # noqa: T201
    print(f"login page meanwhile: p95 {p95(watching.result()):.3f}; {len(content)} bytes")  # noqa: T201
    assert is_still_at_it, "else there was nothing to wait for"
    assert "8000 nieuw" in shown
    assert max(times) - alone < DELAY


def took(browser: Browser, number: int) -> float:
    """Return the seconds until a one-line plan is ready."""
    started = time.monotonic()
    page = browser.wait(browser.send(one_line(number)))
    assert "1 nieuw" in page
    return time.monotonic() - started


def query(folder: Path, sql: str) -> int:
    with psycopg.connect(
        host=server.get_socket_dir(folder), port=server.SERVER_PORT, user="loket", dbname="loket", autocommit=True
    ) as asking:
        row = asking.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def waiting(folder: Path) -> int:
    return query(folder, "SELECT count(*) FROM imports_importjob WHERE state IN ('wanted', 'asked')")


def long_ones(folder: Path) -> int:
    return query(folder, "SELECT count(*) FROM imports_importjobprogress WHERE is_long")


def long_ones_begun(folder: Path) -> int:
    return query(folder, "SELECT count(*) FROM imports_importjobprogress WHERE is_long AND done > 0")


def test_a_worker_that_is_killed_leaves_no_process_and_loses_nothing(tmp_path: Path) -> None:
    with installation(tmp_path) as (url, processes, data):
        loud, quiet = Browser(url, "beheer00"), Browser(url, "beheer10")
        path = loud.send(heavy(16_000))
        deadline = time.monotonic() + 30
        while not long_ones_begun(data):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        processes["worker"].process.kill()  # only this process; the others have to notice
        processes["worker"].process.wait()
        deadline = time.monotonic() + 10
        while children := workers(tmp_path):
            assert time.monotonic() < deadline, children
            time.sleep(0.05)
        assert waiting(data) == 1
        processes["worker"].start()
        assert "16000 nieuw" in loud.wait(path, 120)
        assert took(quiet, 1) < 5


def workers(folder: Path) -> list[int]:
    """Return the processes of the worker whose data is in `folder`."""
    mark, found = f"LOKET_DATA_DIR={folder / 'data'}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
        except OSError:
            continue
        if mark in environment.split(b"\0") and re.search(rb"manage.py\0worker", command):
            found.append(int(process.name))
    return found
