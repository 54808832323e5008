"""The demo as a real process: web server, worker and embedded database in a folder of its own."""

import base64
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import requests

from core.embedded_postgres import server
from tests.helpers.servers import own_environment

ROOT = Path(__file__).parents[2]
START_SECONDS = 150
RUNNING: dict[str, "Demo"] = {}  # those of `fresh_demo`, by URL
# Where the processes of a test run keep a demo that has stopped, to start others from: half a minute quicker.
KEPT: dict[str, Path] = {}


def free_port() -> int:
    """Return a free port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Demo:
    """A running demo in a session of its own, so that Ctrl-C in the tests does not reach it."""

    def __init__(self, folder: Path, port: int, settings: str = "loket.settings") -> None:
        self.folder, self.port, self.url = folder, port, f"http://localhost:{port}"
        self.key = ""  # of the administrator's authenticator app
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "demo"],
            cwd=ROOT,
            env=own_environment(folder) | {"PORT": str(port), "DJANGO_SETTINGS_MODULE": settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def lines(self) -> dict[str, str]:
        """Return the first five lines of output once they are available."""
        assert self.process.stdout
        found = [self.process.stdout.readline().rstrip("\n") for _number in range(5)]
        return dict(line.split(": ", 1) for line in found)

    def family(self) -> list[int]:
        """Return the running processes of the demo in this folder, without its database."""
        mark, alive = f"LOKET_DATA_DIR={self.folder}".encode(), []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment, command = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
            except OSError:
                continue
            if mark in environment.split(b"\0") and command and b"postgres" not in command.split(b"\0")[0]:
                alive.append(int(process.name))
        return alive

    def database(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host=server.get_socket_dir(self.folder / "postgresql"),
            port=server.SERVER_PORT,
            user="loket",
            dbname="loket",
        )

    def code(self) -> str:
        """Return the administrator's present code; it works again if it was used, so that nobody waits for the next."""
        from tests.helpers.mfa import code_now  # it has models, for which Django must be set up

        with self.database() as connection:
            connection.execute("UPDATE authentication_authenticatorapp SET last_step = 0")
        return code_now(base64.b32decode(self.key))

    def mailbox(self) -> list[dict[str, Any]]:
        """Return the sent messages, newest first."""
        with requests.Session() as session:
            session.trust_env = False
            found: list[dict[str, Any]] = session.get(f"{self.url}/demo/postvak.json", timeout=10).json()
        return found

    def wait_for(self, channel: str, to: str, *, after: int, seconds: float = 15) -> str:
        """Return the text of the newest message to `to`, once there is one besides the `after` oldest."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            box = self.mailbox()
            for message in box[: len(box) - after]:
                if (message["channel"], message["to"]) == (channel, to):
                    return str(message["text"])
            time.sleep(0.05)
        raise TimeoutError(f"no {channel} came within {seconds} seconds")


def send_signal(processes: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to those of `processes` that are still running."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


@contextmanager
def demo(folder: Path, port: int, settings: str = "loket.settings") -> Iterator[Demo]:
    """Start a demo in `folder`, and kill what is left of it at the end."""
    running = Demo(folder, port, settings)
    try:
        yield running
    finally:
        send_signal(running.family(), signal.SIGKILL)
        running.process.communicate()


@contextmanager
def fresh_demo() -> Iterator[tuple[Demo, dict[str, str]]]:
    """Yield a demo that has printed its login details, and those details; remove everything at the end."""
    folder = Path(tempfile.mkdtemp(prefix="loket-demo-"))
    try:
        if KEPT:
            _copy(_make_kept(KEPT["folder"]), folder)
        with demo(folder, free_port()) as running:
            found = _await_start(running)
            running.key, RUNNING[running.url] = found["Two-factor"], running
            yield running, found
            _stop(running)
    finally:
        server.stop_server(folder / "postgresql")
        shutil.rmtree(folder)


def _await_start(running: Demo) -> dict[str, str]:
    found: dict[str, str] = {}
    reader = Thread(target=lambda: found.update(running.lines()), daemon=True)
    reader.start()
    reader.join(START_SECONDS)
    assert found, f"the demo does not start within {START_SECONDS} seconds, or says something else first"
    return found


def _stop(running: Demo) -> None:
    running.process.send_signal(signal.SIGINT)
    running.process.wait(15)


@cache
def _make_kept(folder: Path) -> Path:
    """Return the folder of a demo that was started and stopped, by the first process that needs it."""
    kept = folder / "kept-demo"
    with open(folder / "kept-demo.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            draft = Path(tempfile.mkdtemp(prefix="loket-demo-"))  # a short path, for the socket
            try:
                with demo(draft, free_port()) as running:
                    _await_start(running)
                    _stop(running)
                server.stop_server(draft / "postgresql")
                _copy(draft, folder / "kept-demo.draft")
                (folder / "kept-demo.draft").rename(kept)
            finally:
                server.stop_server(draft / "postgresql")
                shutil.rmtree(draft)
    return kept


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with the owners of its files: as root, the database runs as another user."""
    target.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)
