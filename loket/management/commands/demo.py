"""`manage.py demo`: the whole product with example offices, on this machine only."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts import passwords
from accounts.models import User
from loket import database, example, keys
from loket.processes import end_with_parent, granian

_START_SECONDS, _STOP_SECONDS = 60, 8


class Command(BaseCommand):
    """Run database, web server and worker until Ctrl-C, with example offices and a mailbox in place of real mail."""

    help = "Run a demo with an example office on PORT (default 8000) until Ctrl-C; data is kept in LOKET_DATA_DIR."
    requires_system_checks: list[str] = []
    asked_to_stop = False

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything, print how to sign in, and stop everything on a signal or when a process dies."""
        port = _free_port()
        if not settings.LOKET_DEMO:
            _restart_as_demo(port)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        with _alone_in(settings.LOKET_DATA_DIR), _built_in_database():
            lines = _prepare(port)
            with _children(port, settings.LOKET_DATA_DIR / "demo.log") as children:
                self._wait_for_answer(port, children)
                if not self.asked_to_stop:
                    self.stdout.write("\n".join(lines))
                    self.stdout.flush()
                while not self.asked_to_stop:
                    _require_alive(children)
                    time.sleep(0.2)

    def _stop(self, *args: Any) -> None:
        self.asked_to_stop = True

    def _wait_for_answer(self, port: int, children: dict[str, subprocess.Popen[bytes]]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self.asked_to_stop and not _answers(port):
            _require_alive(children)
            if time.monotonic() > deadline:
                raise CommandError(f"The web server does not answer: see {_log()}.")
            time.sleep(0.1)


def _log() -> Path:
    path: Path = settings.LOKET_DATA_DIR / "demo.log"
    return path


def _free_port() -> int:
    """Return PORT. Raises CommandError when it is taken."""
    text = os.environ.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise CommandError(f"PORT is a number from 1 to 65535, not {text!r}.")
    port = int(text)
    for address in ("127.0.0.1", "::1"):
        with suppress(OSError), socket.create_connection((address, port), timeout=1):
            raise CommandError(f"Something listens on port {port} already. Choose another one: make demo PORT=8123")
    return port


def _restart_as_demo(port: int) -> None:
    """Run this command again with the settings of the demo, which no other command enables."""
    if os.environ.get("DATABASE_URL"):
        raise CommandError("The demo has a database of its own: unset DATABASE_URL.")
    environment = {
        **os.environ,
        "LOKET_DEMO": "1",
        "LOKET_URL": f"http://localhost:{port}",
        "LOKET_DATA_DIR": str(settings.LOKET_DATA_DIR),
        "PORT": str(port),
    }
    arguments = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo"]
    os.execve(sys.executable, arguments, environment)  # noqa: S606


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Lock the data folder: a second demo would lose its database when the first one stops."""
    with open(folder / "demo.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"A demo runs in {folder} already. Stop it, or set LOKET_DATA_DIR.") from None
        yield


@contextmanager
def _built_in_database() -> Iterator[None]:
    data: Path = settings.DATABASES["default"]["DATA_DIR"]
    try:
        database.start(data)
    except database.CannotStart as error:
        raise CommandError(str(error)) from error
    try:
        yield
    finally:
        database.stop(data)


def _prepare(port: int) -> list[str]:
    """Migrate the database; return the lines of `_how_to_sign_in`. Leaves no connection and no thread behind."""
    try:
        call_command("migrate", verbosity=0)
        return _how_to_sign_in(port)
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


def _how_to_sign_in(port: int) -> list[str]:
    """Create the example offices on the first run; return the lines that say where and how to sign in."""
    password = keys.demo_password(settings.LOKET_DATA_DIR)
    administrator = example.ensure(password)
    service = example.ensure_webservice(administrator.provider, password)
    support = User.objects.filter(username_key=example.SUPPORT, is_support=True).first()
    same = support is not None and passwords.verify(password, support.password)
    return [
        f"URL: http://localhost:{port}/",
        f"Kantoor: {administrator.provider.name}",
        f"Gebruikersnaam: {administrator.username}",
        f"Wachtwoord: {_still(password, administrator)}",
        f"Webservice: {service.username} / {_still(password, service)}",
        f"Postvak: http://localhost:{port}/demo/postvak/",
        *([f"Support: http://localhost:{port}/admin/ als {example.SUPPORT}, met hetzelfde wachtwoord"] if same else []),
        "Stoppen: Ctrl-C",
    ]


def _still(password: str, user: User) -> str:
    return password if passwords.verify(password, user.password) else "(gewijzigd in de applicatie)"


@contextmanager
def _children(port: int, log: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run web server and worker; stop them at the end of the block."""
    commands = {
        "web server": [*granian(port), "--workers-kill-timeout", "4"],
        "worker": ["manage.py", "worker"],
    }
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            for name, arguments in commands.items():
                children[name] = subprocess.Popen(  # noqa: S603
                    [sys.executable, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=settings.BASE_DIR,
                    start_new_session=True,  # Ctrl-C reaches this process only, which then stops them
                    preexec_fn=end_with_parent,
                )
        yield children
    finally:
        _end(children)


def _end(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for child in children.values():
        child.terminate()
    deadline = time.monotonic() + _STOP_SECONDS
    for child in children.values():
        try:
            child.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _require_alive(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            raise CommandError(f"The {name} stopped by itself (exit code {child.returncode}): see {_log()}.")


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/inloggen/")
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
