"""README.md and docs/operating.md say what is there."""

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
OPERATING = (ROOT / "docs" / "operating.md").read_text()
TABLE = OPERATING.partition("\n## Settings\n")[2].partition("\n## ")[0]


def first_administrator() -> list[str]:
    """Return the command with which an office begins, with the number that it would ask for."""
    (line,) = re.findall(r"^    python manage\.py (create_provider .*)$", README, re.M)
    return [*shlex.split(line), "--admin-phone", "06 12345678"]


def test_the_two_commands_are_on_top() -> None:
    top = README.split("\n## ")[0]
    assert "make demo" in top
    assert "make test" in top


def test_every_variable_of_the_settings_is_explained() -> None:
    settings = (ROOT / "loket" / "settings.py").read_text()
    variables = set(re.findall(r'env\.\w+\(\s*"(\w+)"', settings))
    assert len(variables) > 10
    assert {name for name in variables if f"| `{name}` |" not in TABLE} == set()
    elsewhere = {"ANYMAIL_…", "PORT"}  # a prefix, and the demo's
    assert set(re.findall(r"^\| `([A-Z_…]+)` \|", TABLE, re.M)) - variables == elsewhere


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|    )make ([a-z-]+)", README + OPERATING)):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_folder_is_named() -> None:
    apps = {path.parent.name for path in ROOT.glob("*/models.py")}
    assert apps
    assert {name for name in apps if f"`{name}/`" not in README} == set()


@pytest.mark.django_db
def test_the_first_administrator_is_invited_as_it_says() -> None:
    from accounts.models import User
    from signin.factors import must_enrol

    call_command(*first_administrator())
    user = User.objects.get(last_name="Jansen")
    assert user.invitation.state == "open"
    assert user.memberships.get().team.rights.get().right == "manage_provider"
    assert must_enrol(user)


def test_every_command_that_is_named_exists() -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", README + OPERATING))
    assert "reseal" in named
    assert named - set(get_commands()) == set()
