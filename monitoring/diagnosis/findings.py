"""A finding of the doctor, and how checks are run: each on its own, for a limited time."""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from threading import Thread
from typing import NamedTuple

from django.conf import settings
from django.db import Error, connection

from core import db_availability
from core.clock_skew import MAX_CLOCK_SKEW

CHECK_SECONDS = 10.0  # seconds for all checks of other systems together, which run at the same time
DATABASE_SECONDS = 5.0  # seconds for each check of the database
CONNECT_SECONDS = 4.0  # seconds to connect to another system, and as many for its response
CLOCK_WARNING_SECONDS = 5  # more than networks and the whole seconds of HTTP explain


class Level(StrEnum):
    OK = "ok"
    UNUSED = "not used"
    WARNING = "WARNING"
    PROBLEM = "PROBLEM"


class Finding(NamedTuple):
    """What one check found, and what to do about it. Neither text holds a secret or personal data."""

    name: str
    level: Level
    text: str = ""
    advice: str = ""


CheckFunction = Callable[[], Iterable[Finding]]


def uses_own_server() -> bool:
    """Return whether DATABASE_URL names a server: the embedded one is for the demo, development and tests."""
    return "DATA_DIR" not in settings.DATABASES["default"]


def judge(value: float, *, warning: float, problem: float) -> Level:
    """Return the level of a value of which less is worse."""
    return Level.PROBLEM if value < problem else Level.WARNING if value < warning else Level.OK


def run_database_checks(checks: Mapping[str, CheckFunction]) -> list[Finding]:
    """Run checks of the database one after another, in the connection of this thread."""
    findings: list[Finding] = []
    for name, check in checks.items():
        try:
            with db_availability.limit_database_wait(DATABASE_SECONDS):
                findings += check()
        except Error as error:
            connection.close_if_unusable_or_obsolete()
            text = f"not known: the database gave no answer ({type(error).__name__})"
            findings.append(Finding(name, Level.PROBLEM, text, "Solve the problems of the database first."))
    return findings


class _CheckThread(Thread):
    """A check that the end of the program does not wait for."""

    def __init__(self, name: str, check: CheckFunction) -> None:
        super().__init__(name=name, daemon=True)
        self.check, self.findings = check, [Finding(name, Level.PROBLEM, "no answer in time", "Try again.")]

    def run(self) -> None:
        try:
            self.findings = list(self.check())
        except Exception as error:  # its text may hold an address or a password
            text = f"could not be checked ({type(error).__name__})"
            self.findings = [Finding(self.name, Level.PROBLEM, text, "Check the setting, and try again.")]


def start_checks(checks: Mapping[str, CheckFunction]) -> Callable[[], list[Finding]]:
    """Start checks that do not use the database; return a function that waits for their findings."""
    threads = [_CheckThread(name, check) for name, check in checks.items()]
    for thread in threads:
        thread.start()
    end = time.monotonic() + CHECK_SECONDS

    def finish() -> list[Finding]:
        for thread in threads:
            thread.join(max(end - time.monotonic(), 0))
        return [finding for thread in threads for finding in thread.findings]

    return finish


def describe_network_error(error: Exception, host: str, port: int | None) -> tuple[str, str]:
    """Return what is wrong with a connection, and what to do."""
    where = f"{host}:{port}" if port else host
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"{host} has no address in DNS", "Check the name in the setting, and /etc/resolv.conf."
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {where} is not accepted: {error.verify_message}",
            "Renew it, or install the certificate of its issuer on this machine.",
        )
    if isinstance(error, ssl.SSLError):
        return f"{where} does not speak TLS as expected", "Check the port, and whether it expects TLS at once."
    if isinstance(error, TimeoutError):
        return (
            f"{where} does not answer within {CONNECT_SECONDS:.0f} seconds",
            "Check the firewall and the address.",
        )
    if isinstance(error, ConnectionRefusedError):
        return f"{where} refuses the connection", "Start what listens there, or correct the address."
    return f"{where} cannot be reached ({type(error).__name__})", "Check the network and the address."


def describe_clock(name: str, ahead: float, other: str) -> Finding:
    """Return the finding on this machine's clock, which is `ahead` of another one by these seconds."""
    text = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} {other}"
    level = judge(-abs(ahead), warning=-CLOCK_WARNING_SECONDS, problem=-MAX_CLOCK_SKEW.total_seconds())
    if level == Level.OK:
        return Finding(name, level, f"within {CLOCK_WARNING_SECONDS} s of {other}")
    return Finding(name, level, text, "Turn on NTP on both (timedatectl set-ntp true), and look at timedatectl.")
