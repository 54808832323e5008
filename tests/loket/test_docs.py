"""README.md and the pages of docs/ match the code."""

import pkgutil
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.management import BaseCommand, call_command, get_commands, load_command_class

from loket.__main__ import COMMAND_GROUPS

ROOT = Path(__file__).parents[2]
FILES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in FILES}
README, OPERATING = PAGES["README.md"], PAGES["docs/operating.md"]
OFFICES, ARCHITECTURE = PAGES["docs/how-to/offices.md"], PAGES["docs/architecture.md"]
COMMANDS, ADRS = PAGES["docs/reference/commands.md"], PAGES["docs/adr/README.md"]
TABLE = OPERATING.partition("\n## Settings\n")[2].partition("\n## ")[0]
WHOLE = "\n".join(PAGES.values())
SCREEN = 40  # lines


class Adr(NamedTuple):
    """A row of the list of decisions."""

    number: str
    title: str
    file: str
    status: str
    date: str


def first_administrator() -> list[str]:
    """Return the command that creates an office, with the mobile number that it would ask for."""
    (line,) = re.findall(r"^    loket (create_provider .*)$", OFFICES, re.M)
    return [*shlex.split(line), "--admin-phone", "06 12345678"]


def own_commands() -> set[str]:
    """Return the names of the product's commands, without those of Django and other packages."""
    return {name for name, app in get_commands().items() if isinstance(app, str) and (ROOT / app).is_dir()}


def command_lines() -> list[str]:
    """Return every complete command line of `loket` or manage.py on a line of its own."""
    found = (re.findall(r"^    (?:.*[ /])?(?:manage\.py|loket) ([a-z].*)$", text, re.M) for text in PAGES.values())
    lines = [line for lines in found for line in lines]
    return [line for line in lines if "…" not in line.replace('"…"', "") and "'" not in line]


def links() -> list[tuple[str, str]]:
    """Return page and target of every link within this repository."""
    found = [(page, target) for page, text in PAGES.items() for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    return [(page, target) for page, target in found if "://" not in target]


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def adrs() -> list[Adr]:
    """Return the rows of the list of decisions."""
    return [Adr(*row) for row in re.findall(r"^\| (\d{4}) \| \[(.*?)\]\((.*?)\) \| (\w+) \| ([\d-]+) \|$", ADRS, re.M)]


def test_the_two_commands_are_on_top() -> None:
    top = README.split("\n## ")[0]
    assert "make demo" in top
    assert "make test" in top


def test_the_readme_is_one_screen() -> None:
    assert len(README.splitlines()) <= SCREEN


def test_the_readme_leads_to_every_page() -> None:
    """Except for single decisions, which their list links to."""
    pages = {page for page in PAGES if page.startswith("docs/") and not re.match(r"docs/adr/\d", page)}
    assert {page for page in pages if f"]({page})" not in README} == set()


def test_every_variable_of_the_settings_is_explained() -> None:
    settings = (ROOT / "loket" / "settings.py").read_text()
    variables = set(re.findall(r'env\.\w+\(\s*"(\w+)"', settings))
    assert len(variables) > 10
    assert {name for name in variables if f"| `{name}` |" not in TABLE} == set()
    elsewhere = {"ANYMAIL_…", "OTEL_…", "PORT", "WEB_CONCURRENCY"}  # prefixes, and what `serve` reads
    assert set(re.findall(r"^\| `([A-Z_…]+)` \|", TABLE, re.M)) - variables == elsewhere


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?:`|    )make ([a-z-]+)", WHOLE))
    assert {"demo", "test", "check", "test-guards", "audit"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_folder_is_named() -> None:
    apps = {path.parent.name for path in ROOT.glob("*/models.py")}
    assert apps
    assert {name for name in apps if f"`{name}/`" not in ARCHITECTURE} == set()


@pytest.mark.django_db
def test_the_first_administrator_is_invited_as_it_says() -> None:
    from accounts.models import User
    from authentication.mfa import must_enroll

    call_command(*first_administrator())
    user = User.objects.get(last_name="Jansen")
    assert user.invitation.state == "open"
    assert user.memberships.get().team.rights.get().right == "manage_provider"
    assert must_enroll(user)


def test_every_command_that_is_named_exists() -> None:
    named = set(re.findall(r"(?:manage\.py|[`/]loket|^    loket) ([a-z_]+)", WHOLE, re.M))
    assert {"rotate_encryption_key", "import_users", "review_dormant_accounts", "trim_history"} <= named
    assert named - set(get_commands()) == {"help"}


def test_every_command_is_in_the_reference_by_the_groups_of_the_help() -> None:
    own = own_commands()
    assert "rotate_encryption_key" in own
    parts = re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", COMMANDS, re.M)
    found = {group: list(dict.fromkeys(re.findall(r"^\| `([a-z_]+)[` ]", text, re.M))) for group, text in parts}
    assert found == {group: [name for name in names if name in own] for group, names in COMMAND_GROUPS.items()}
    assert {name for names in found.values() for name in names} == own


def options(command: BaseCommand) -> set[str]:
    """Return the long options of a command."""
    parser = command.create_parser("manage.py", "command")
    return {option for action in parser._actions for option in action.option_strings if option.startswith("--")}


def test_every_option_is_in_the_reference() -> None:
    for name in own_commands() - {"migrate"}:  # its options are Django's
        own = options(load_command_class(get_commands()[name], name)) - options(BaseCommand())
        row = " ".join(re.findall(rf"^\| `{name}[` ].*$", COMMANDS, re.M))
        assert {option for option in own if f"`{option}`" not in row} == set(), name


def test_every_command_line_is_understood() -> None:
    lines = command_lines()
    assert len(lines) > 15
    for line in lines:
        name, *arguments = shlex.split(line, comments=True)
        load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(arguments)


def test_every_curl_command_fails_with_the_answer() -> None:
    commands = re.findall(r"\bcurl -.*", WHOLE)
    assert len(commands) > 5
    assert [command for command in commands if "--fail-with-body" not in command] == []


def test_every_link_leads_somewhere() -> None:
    found = links()
    assert len(found) > 50
    for page, target in found:
        path, _hash, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), f"{page}: {target}"
        assert not anchor or anchor in anchors(file.read_text()), f"{page}: {target}"


def test_every_file_that_is_named_exists() -> None:
    named = {(page, name) for page, text in PAGES.items() for name in re.findall(r"`([\w-]+(?:/[\w.-]+)+\.py)`", text)}
    assert len(named) > 20
    assert {(page, name) for page, name in named if not (ROOT / name).exists()} == set()


def test_every_name_in_code_that_is_named_exists() -> None:
    apps = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    dotted = {name for text in PAGES.values() for name in re.findall(r"`(\w+(?:\.\w+)+)`", text)}
    found = {name for name in dotted if name.partition(".")[0] in apps}
    assert "permissions.checks.require_administrator" in found
    for name in found:
        assert pkgutil.resolve_name(name) is not None, name


def test_every_decision_has_its_parts_and_is_listed() -> None:
    rows = adrs()
    assert [row.file for row in rows] == sorted(path.name for path in (ROOT / "docs" / "adr").glob("0*.md"))
    assert [int(row.number) for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        text = PAGES[f"docs/adr/{row.file}"]
        assert text.startswith(f"# {int(row.number)}. {row.title}\n\n- Status: {row.status}\n- Date: {row.date}\n")
        assert re.findall(r"^## (.*)$", text, re.M) == ["Context", "Decision", "Consequences"], row.file
