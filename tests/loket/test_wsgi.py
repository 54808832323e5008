"""The application as a web server loads it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.demo_process import ROOT
from tests.helpers.servers import own_environment

START = """
import gc, json, sys
import loket.wsgi
from django.urls import reverse

reverse("home")
print(json.dumps([sorted(sys.modules), gc.get_freeze_count(), len(gc.get_objects())]))
"""
pytestmark = pytest.mark.slow
RARELY_NEEDED = ["api", "apprise", "msal", "openpyxl", "phonenumbers", "pydantic", "requests", "rich", "segno"]
HASH_ONCE_IN_EACH_THREAD = """
import os
from concurrent.futures import ThreadPoolExecutor
import loket.wsgi
from accounts.passwords import hash_password

def read_memory():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20

before = read_memory()
with ThreadPoolExecutor(4) as threads:
    list(threads.map(hash_password, ["a password of 19 MiB"] * 8))
    print(read_memory() - before)
"""
MEMORY_AT_START = """
import os, sys
for name in ("greenlet", "watchfiles", "anyio", "blinker"):
    sys.modules[name] = None  # structlog, granian and anymail would load them: only the tools of developers bring them
import loket.rsgi

print(int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 10**6)
"""


def run_python(source: str, folder: Path) -> str:
    command = [sys.executable, "-c", source]
    return subprocess.run(
        command, cwd=ROOT, env=own_environment(folder), capture_output=True, text=True, check=True
    ).stdout


def test_what_is_loaded_at_the_start_is_not_collected_again(tmp_path: Path) -> None:
    loaded, frozen, others = json.loads(run_python(START, tmp_path))
    assert "loket.urls" in loaded
    assert frozen > 10 * others


def test_rarely_needed_modules_are_not_loaded_at_the_start(tmp_path: Path) -> None:
    loaded, _frozen, _others = json.loads(run_python(START, tmp_path))
    assert set(RARELY_NEEDED) & set(loaded) == set()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux only")
def test_a_web_worker_takes_at_most_110_mb_at_the_start(tmp_path: Path) -> None:
    assert int(run_python(MEMORY_AT_START, tmp_path)) <= 110


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux only")
def test_password_hashing_gives_its_memory_back(tmp_path: Path) -> None:
    assert int(run_python(HASH_ONCE_IN_EACH_THREAD, tmp_path)) < 19
