"""What is installed is pinned, and comes from where pip is told to look on the machine itself."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINE = re.compile(
    r"(?P<name>[a-z0-9.-]+)(\[[a-z0-9,_-]+\])?==[^ ]+( ; [^\\]+)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?|\s*#.*|-c \S+|"
)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-audit.txt"])
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    pinned = [number for number, line in enumerate(lines) if "==" in line and not line.lstrip().startswith("#")]
    assert len(pinned) > 20
    assert [lines[number] for number in pinned if "--hash=" not in lines[number + 1]] == []


def test_what_is_declared_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for declared, file in (
        (project["dependencies"], "requirements.txt"),
        (project["optional-dependencies"]["dev"], "requirements-dev.txt"),
        (project["optional-dependencies"]["audit"], "requirements-audit.txt"),
    ):
        pinned = {
            found["name"]
            for line in (ROOT / file).read_text().splitlines()
            if (found := LINE.fullmatch(line)) and found["name"]
        }
        names = {re.match(r"[a-zA-Z0-9.-]+", one)[0].lower() for one in declared}
        assert names - pinned == set()


def test_no_file_names_a_registry() -> None:
    for name in (
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-audit.txt",
        "pyproject.toml",
        "Makefile",
        ".ci/run",
    ):
        text = (ROOT / name).read_text()
        assert not re.search(
            r"index-url|find-links|trusted-host|\[\[?tool\.\w+\.index|(?<!git\+)https?://(?!loket\.example)", text
        ), name
