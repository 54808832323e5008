"""`loket help`: the commands by purpose."""

import re
import sys

import pytest
from django.core.management import get_commands

import core
from loket.__main__ import COMMAND_GROUPS, LoketUtility, main
from tests.loket.test_docs import own_commands


def help_of(*arguments: str, program: str = "loket") -> str:
    return LoketUtility([program, *arguments]).main_help_text()


def test_every_command_of_the_product_is_in_exactly_one_group() -> None:
    grouped = [name for names in COMMAND_GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert own_commands() - set(grouped) == set()
    assert set(grouped) - set(get_commands()) == set()


def test_every_command_that_exists_is_listed_once() -> None:
    listed = re.findall(r"^  (\w+)", help_of().partition("\nFor developers\n")[0], re.M)
    others = re.findall(r"\w+", help_of().partition("\nFor developers\n")[2])
    assert sorted(listed + others) == sorted(get_commands())
    assert "runserver" in others


def test_it_fits_a_terminal_and_describes_each_command() -> None:
    lines = help_of().splitlines()
    assert max(map(len, lines)) <= 80
    assert "  serve                    Run the web server until SIGTERM or Ctrl-C" in lines
    described = lines[: lines.index("For developers")]
    assert [line for line in described if re.match(r"  [a-z_]+\s*$", line)] == [], "a command without a description"


def test_a_command_that_is_not_installed_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo, where the database is one of the operator's own."""
    left = {name: app for name, app in get_commands().items() if name != "demo"}
    assert re.search(r"^  demo ", help_of(), re.M)
    monkeypatch.setattr("loket.__main__.get_commands", lambda: left)
    assert not re.search(r"^  demo ", help_of(), re.M)


def test_each_way_to_run_it_names_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'loket help <command>'" in help_of(program="/srv/loket/bin/loket")
    assert "'manage.py help <command>'" in help_of(program="manage.py")
    assert "'python -m loket help <command>'" in help_of(program="/srv/loket/__main__.py")
    with pytest.raises(SystemExit):
        LoketUtility(["/srv/loket/__main__.py", "serve", "--port", "0"]).execute()
    assert "\npython -m loket serve: error: argument --port: The port (PORT) is" in capsys.readouterr().err


def test_without_valid_settings_it_says_why() -> None:
    utility = LoketUtility(["loket"])
    utility.settings_exception = ValueError("LOKET_URL is wrong")
    assert "LOKET_URL is wrong" in utility.main_help_text()


@pytest.mark.parametrize("argument", ["version", "--version"])
def test_it_prints_the_version_of_the_product(
    argument: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["loket", argument])
    main()
    assert capsys.readouterr().out.startswith(f"Loket {core.__version__}, Django 5.2")
