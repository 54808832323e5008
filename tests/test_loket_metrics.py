"""Requests are counted over every process of the web server."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import requests

from loket import database
from tests.running import ROOT, free_port
from tests.servers import own_environment

TOKEN = "t" * 43
ASKED = 60


@pytest.mark.slow
def test_every_request_of_two_processes_is_counted_once(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "data"
    environment = own_environment(data) | {"LOKET_METRICS_TOKEN": TOKEN, "LOKET_URL": f"http://localhost:{port}"}
    granian = f"-m granian --interface wsgi --host 127.0.0.1 --port {port} --workers 2 --blocking-threads 2"
    process, url, log = None, f"http://127.0.0.1:{port}", tmp_path / "log"
    try:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *granian.split(), "loket.wsgi:application"],
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
        database.stop(data / "postgresql")
    assert {found['loket_requests_total{method="GET",route="signin:login",status="200"}'] for found in seen} == {ASKED}
    assert {found["loket_request_seconds_count"] for found in seen} == {ASKED}
    counts = list((data / "metrics").glob("counter_*.db"))
    assert len(counts) == 2, "both processes had some"
    assert (data / "metrics").stat().st_mode & 0o777 == 0o700


def wait_until_alive(url: str) -> None:
    deadline = time.monotonic() + 30
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
