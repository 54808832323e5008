"""`manage.py demo`: the whole product with example offices, on this machine only."""

import fcntl
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts import passwords
from accounts.models import User
from core import local_keys
from core.commands import parse_port
from core.embedded_postgres import server
from core.processes import build_granian_arguments, terminate_with_parent
from demo import authenticator
from demo.data import office_users, offices

_START_SECONDS, _STOP_SECONDS = 60, 8


class Command(BaseCommand):
    """Run database, web server and worker until Ctrl-C, with example offices and a mailbox in place of real mail."""

    help = "Run a demo with example offices on PORT (default 8000) until Ctrl-C; data is kept in LOKET_DATA_DIR."
    requires_system_checks: list[str] = []
    stop_requested = False

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything, print how to sign in, and stop everything on a signal or when a process dies."""
        port = _get_free_port()
        if not settings.LOKET_DEMO:
            _restart_as_demo(port)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        with _lock_data_dir(settings.LOKET_DATA_DIR), _run_embedded_database():
            lines = _prepare_database(port)
            with _run_processes(port, settings.LOKET_DATA_DIR / "demo.log") as children:
                self._wait_for_answer(port, children)
                if not self.stop_requested:
                    self.stdout.write("\n".join(lines))
                    self.stdout.flush()
                while not self.stop_requested:
                    _require_running(children)
                    time.sleep(0.2)

    def _stop(self, *args: Any) -> None:
        self.stop_requested = True

    def _wait_for_answer(self, port: int, children: dict[str, subprocess.Popen[bytes]]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self.stop_requested and not _is_web_server_ready(port):
            _require_running(children)
            if time.monotonic() > deadline:
                raise CommandError(f"The web server does not respond. See {_get_log_path()}.")
            time.sleep(0.1)


def _get_log_path() -> Path:
    path: Path = settings.LOKET_DATA_DIR / "demo.log"
    return path


def _get_free_port() -> int:
    """Return PORT. Raises CommandError when it is taken."""
    try:
        port = parse_port(os.environ.get("PORT") or "8000")
    except ArgumentTypeError as error:
        raise CommandError(str(error)) from error
    for address in ("127.0.0.1", "::1"):
        with suppress(OSError), socket.create_connection((address, port), timeout=1):
            raise CommandError(f"Port {port} is in use. Choose another one, such as make demo PORT=8123.")
    return port


def _restart_as_demo(port: int) -> None:
    """Run this command again with the settings of the demo, which no other command enables."""
    environment = {
        **os.environ,
        "LOKET_DEMO": "1",
        "LOKET_URL": f"http://localhost:{port}",
        "LOKET_DATA_DIR": str(settings.LOKET_DATA_DIR),
        "PORT": str(port),
    }
    os.chdir(settings.BASE_DIR)
    os.execve(sys.executable, [sys.executable, "-m", "loket", "demo"], environment)  # noqa: S606


@contextmanager
def _lock_data_dir(folder: Path) -> Iterator[None]:
    """Lock the data folder: a second demo would lose its database when the first one stops."""
    with open(folder / "demo.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"A demo is already running in {folder}. Stop it, or set LOKET_DATA_DIR.") from None
        yield


@contextmanager
def _run_embedded_database() -> Iterator[None]:
    data: Path = settings.DATABASES["default"]["DATA_DIR"]
    try:
        server.start_server(data)
    except server.ServerStartError as error:
        raise CommandError(str(error)) from error
    try:
        yield
    finally:
        server.stop_server(data)


def _prepare_database(port: int) -> list[str]:
    """Migrate the database; return the lines of `_describe_sign_in`. Leaves no connection and no thread behind."""
    try:
        call_command("migrate", verbosity=0)
        return _describe_sign_in(port)
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


def _describe_sign_in(port: int) -> list[str]:
    """Create the example offices on the first run; return the lines that say where and how to sign in."""
    password = local_keys.load_demo_password(settings.LOKET_DATA_DIR)
    administrator = offices.ensure_example_offices(password)
    service = User.objects.get(username_key=offices.WEBSERVICE_USERNAME)
    support = User.objects.filter(username_key=office_users.SUPPORT_USERNAME, is_support=True).first()
    same = support is not None and passwords.verify_password(password, support.password)
    return [
        f"URL: http://localhost:{port}/",
        f"Kantoor: {administrator.office.name}",
        f"Gebruikersnaam: {administrator.username}",
        f"Wachtwoord: {_describe_password(password, administrator)}",
        f"Two-factor: {authenticator.get_key(administrator) or '(verwijderd in de applicatie)'}",
        f"Webservice: {service.username} / {_describe_password(password, service)}",
        f"Postvak: http://localhost:{port}/demo/postvak/",
        *(
            [f"Support: http://localhost:{port}/admin/ als {office_users.SUPPORT_USERNAME}, met hetzelfde wachtwoord"]
            if same
            else []
        ),
        "Stoppen: Ctrl-C",
    ]


def _describe_password(password: str, user: User) -> str:
    return password if passwords.verify_password(password, user.password) else "(gewijzigd in de applicatie)"


@contextmanager
def _run_processes(port: int, log: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run web server and worker; stop them at the end of the block."""
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        with _open_output(log) as output:
            for name, arguments in _build_commands(port).items():
                children[name] = subprocess.Popen(  # noqa: S603
                    [sys.executable, *arguments],
                    stdin=None if settings.DEBUG and name == "web server" else subprocess.DEVNULL,  # breakpoint()
                    stdout=output,
                    stderr=output,
                    cwd=settings.BASE_DIR,
                    start_new_session=True,  # Ctrl-C reaches this process only, which then stops them
                    preexec_fn=terminate_with_parent,  # noqa: PLW1509 no thread is left, see `_prepare_database`
                )
        yield children
    finally:
        _stop_processes(children)


def _open_output(log: Path) -> AbstractContextManager[IO[bytes] | None]:
    """Return the log as the output of the processes; `make dev` shows it on the terminal."""
    if settings.DEBUG:
        return nullcontext()
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _build_commands(port: int) -> dict[str, list[str]]:
    """Return the Python arguments of each process; with DEBUG those of two that restart when a file changes."""
    if not settings.DEBUG:
        return {
            "web server": [*build_granian_arguments(port), "--workers-kill-timeout", "4"],
            "worker": ["-m", "loket", "worker"],
        }
    apps = sorted(path.parent.name for path in settings.BASE_DIR.glob("*/__init__.py"))
    worker = shlex.join([sys.executable, "manage.py", "worker"])
    return {
        "web server": ["manage.py", "runserver", f"127.0.0.1:{port}"],
        "worker": ["-m", "watchfiles", worker, *apps, "templates", "locale"],
    }


def _stop_processes(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for child in children.values():
        child.terminate()
    deadline = time.monotonic() + _STOP_SECONDS
    for child in children.values():
        try:
            child.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _require_running(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            raise CommandError(f"The {name} stopped with exit code {child.returncode}. See {_get_log_path()}.")


def _is_web_server_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/inloggen/")
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
