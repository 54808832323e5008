"""Request metrics across all web server processes; when the disk is full, pages still work."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from core.embedded_postgres import server
from core.processes import build_granian_arguments
from monitoring import metric_files
from tests.helpers.demo_process import ROOT, free_port
from tests.helpers.servers import own_environment

TOKEN = "t" * 43
ASKED = 60
NO_ROOT = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")  # root without the right to write everywhere


@pytest.mark.slow
def test_every_request_of_two_processes_is_counted_once(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    environment = own_environment(data) | {"LOKET_METRICS_TOKEN": TOKEN, "LOKET_URL": f"http://localhost:{port}"}
    process, url, log = None, f"http://127.0.0.1:{port}", tmp_path / "log"
    try:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *build_granian_arguments(port, workers=2)],
                cwd=ROOT, env=environment, stdout=output, stderr=output,
            )  # fmt: skip
        wait_until_alive(url)
        for _time in range(ASKED):
            assert requests.get(f"{url}/inloggen/", timeout=10).status_code == 200  # a new connection each time
        seen = [scrape(url) for _time in range(6)]
    finally:
        if process is not None:
            process.terminate()
            process.wait(15)
        server.stop_server(data / "postgresql")
    assert {
        found['loket_requests_total{method="GET",route="authentication:login",status="200"}'] for found in seen
    } == {ASKED}
    assert {found["loket_request_seconds_count"] for found in seen} == {ASKED}
    counts = list((data / "metrics").glob("counter_*.db"))
    assert len(counts) == 2, "both processes had some"
    assert (data / "metrics").stat().st_mode & 0o777 == 0o700


def wait_until_alive(url: str, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            assert requests.get(f"{url}/healthz", timeout=5).status_code == 200
            return
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def scrape(url: str) -> Counter[str]:
    text = requests.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).text
    found: Counter[str] = Counter()
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name] = int(float(value))
    return found


COUNT = """
import sys
import loket.wsgi
from monitoring import metric_files, metrics
for number in range(int(sys.argv[1])):
    metrics.count_request("GET", f"route{number}", 200, 0.1)
    if number == 0:
        open(sys.argv[2], "a").close()
        while int(sys.argv[1]) > 1 and not __import__("os").path.exists(sys.argv[2] + ".go"):
            pass
text = metrics.render_metrics(metric_files.Path(sys.argv[3])).decode()
print("on" if metric_files.is_counting() else "off", text.count("GET"))
"""


def counting(data: Path, number: int, mark: Path, *before: str) -> subprocess.Popen[str]:
    """Start a process that counts `number` requests, pausing after the first until a file behind `mark` exists."""
    environment = own_environment(data) | {"LOKET_METRICS_TOKEN": TOKEN, "DJANGO_SETTINGS_MODULE": "loket.settings"}
    environment["DATABASE_URL"] = "postgres://loket@127.0.0.1:1/loket"  # the folder contains counts only
    environment |= {
        "LOKET_SECRET_KEY": "s" * 50,
        "LOKET_SEALING_KEYS": "QUFB" * 10 + "QUE=",
        "LOKET_CHECKPOINT_KEY": "QUFB" * 10 + "QUE=",
    }
    return subprocess.Popen(
        [*before, sys.executable, "-c", COUNT, str(number), str(mark), str(data / "metrics")],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for the first blocks of one process, but not for many more."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = 2 * metric_files.INITIAL_FILE_BYTES + 64 * 1024
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    command = ["dd", "if=/dev/zero", f"of={disk / 'full'}", "bs=4k"]
    subprocess.run(command, capture_output=True, check=False)  # fails when the disk is full, as intended


@pytest.mark.slow
def test_a_disk_that_is_full_at_the_start_costs_no_page(small_disk: Path, tmp_path: Path) -> None:
    fill(small_disk)
    process = counting(small_disk, 1, tmp_path / "mark")
    output, log = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "off 0\n"), log
    assert "requests not counted" in log
    assert not list((small_disk / "metrics").glob("*"))


@pytest.mark.slow
def test_a_disk_that_becomes_full_costs_no_page(small_disk: Path, tmp_path: Path) -> None:
    """Counts from before the file had to grow are still there."""
    mark = tmp_path / "mark"
    process = counting(small_disk, 5000, mark)
    while process.poll() is None and not mark.exists():
        time.sleep(0.05)
    fill(small_disk)
    mark.with_suffix(".go").touch()
    output, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    state, counted = output.split()
    assert (state, log.count("requests not counted")) == ("off", 1)
    assert 1000 < int(counted) < 5000


@pytest.mark.slow
def test_a_read_only_folder_costs_no_page(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    process = counting(folder, 1, tmp_path / "mark", *(NO_ROOT if os.geteuid() == 0 else ()))
    output, log = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "off 0\n"), log


@pytest.mark.slow
def test_a_read_only_disk_costs_no_page(small_disk: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    process = counting(small_disk, 1, tmp_path / "mark")
    output, log = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "off 0\n"), log
    assert "Read-only file system" in log


def test_counting_that_fails_is_switched_off(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(metric_files, "_counting", SimpleNamespace(on=True))
    calls = []

    @metric_files.disable_on_error
    def count() -> None:
        calls.append(1)
        raise OSError(28, "No space left on device", "/var/lib/loket/metrics")

    count()
    count()
    assert (len(calls), metric_files.is_counting()) == (1, False)
    (line,) = [record.msg for record in caplog.records]
    assert (line["event"], line["reason"]) == ("requests not counted", "No space left on device")
    assert "/var/lib" not in caplog.text
