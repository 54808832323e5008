"""`loket serve`: what it becomes, and where its settings come from."""

import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from core.processes import build_granian_arguments
from tests.helpers.demo_process import ROOT


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that this process would have become."""
    found: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: found.append([program, *arguments[1:]]))
    for name in ("PORT", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    return found


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_it_becomes_the_web_server_of_the_tests_that_workers_outlive(became: list[list[str]]) -> None:
    call_command("serve", "--host", "0.0.0.0", "--port", "8123", "--workers", "3")  # noqa: S104
    ((program, *arguments),) = became
    ours = build_granian_arguments(8123, host="0.0.0.0", workers=3)  # noqa: S104
    assert (program, arguments[: len(ours)]) == (sys.executable, ours)
    assert arguments[len(ours) :] == ["--respawn-failed-workers", "--workers-kill-timeout", "30"]


def test_it_listens_on_loopback_with_a_process_for_each_core(became: list[list[str]]) -> None:
    call_command("serve")
    assert (option(became[0], "--host"), option(became[0], "--port")) == ("127.0.0.1", "8000")
    assert option(became[0], "--workers") == str(min(4, len(os.sched_getaffinity(0))))


def test_port_and_workers_come_from_the_environment(became: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8124")
    monkeypatch.setenv("WEB_CONCURRENCY", "7")
    call_command("serve")
    call_command("serve", "--port", "8125", "--workers", "1")
    assert [(option(one, "--port"), option(one, "--workers")) for one in became] == [("8124", "7"), ("8125", "1")]


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "0"), ("PORT", "http"), ("PORT", "65536"), ("WEB_CONCURRENCY", "many"), ("WEB_CONCURRENCY", "0")],
)
def test_an_invalid_setting_is_refused(
    name: str, value: str, became: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(CommandError, match=rf'\({name}\) is "{value}"\. Use a number from 1 to'):
        call_command("serve")
    option = "--port" if name == "PORT" else "--workers"
    monkeypatch.delenv(name)
    with pytest.raises(CommandError, match=rf'{option}: The (port|number of processes) .* is "{value}"'):
        call_command("serve", f"{option}={value}")
    assert became == []


def test_the_server_imports_nothing_from_the_current_folder() -> None:
    """Where an `api` or `users` of another program may be."""
    arguments = build_granian_arguments(8000)
    assert arguments[:3] == ["-P", "-m", "granian"]
    assert option(arguments, "--working-dir") == str(settings.BASE_DIR)
    assert Path(arguments[-1].removesuffix(":application")) == settings.BASE_DIR / "loket" / "rsgi.py"


def test_the_unit_starts_it(became: list[list[str]]) -> None:
    unit = (ROOT / "deploy" / "systemd" / "loket-web.service").read_text()
    (line,) = re.findall(r"^ExecStart=\S+/loket (serve .*)$", unit, re.M)
    call_command(*shlex.split(line))
    assert option(became[0], "--host") == "127.0.0.1", "nginx is in front of it"
    proxy = (ROOT / "deploy" / "nginx" / "loket.conf").read_text()
    assert f"proxy_pass http://127.0.0.1:{option(became[0], '--port')};" in proxy
