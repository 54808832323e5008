"""`make audit` reports nothing as checked that was not; reports are as pip-audit 2.10 and npm 11 write them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools import dependency_audit as audit
from tests.tools.dependency_audit import Report

PINS = {"django": "5.2.1", "colorama": "0.4.6"}
LOCK = {"packages": {"": {}, "node_modules/a": {}, "node_modules/b": {}}}


def dependency(name: str, *found: dict[str, Any], version: str | None = None) -> dict[str, Any]:
    return {"name": name, "version": version or PINS[name], "vulns": list(found)}


def python(*dependencies: dict[str, Any]) -> Report:
    return audit.read_pip_audit("x.txt", PINS, json.dumps({"dependencies": dependencies, "fixes": []}), "")


def node(advisories: dict[str, Any], total: int = 2) -> Report:
    said = {"vulnerabilities": advisories, "metadata": {"dependencies": {"total": total}}}
    return audit.read_npm_audit(LOCK, json.dumps(said), "")


def test_every_pin_of_the_project_is_read() -> None:
    for file in audit.FILES:
        text = (Path(audit.ROOT) / file).read_text()
        assert len(audit.pinned(text)) == sum(
            "==" in line and line[0] not in " #" for line in text.splitlines() if line
        )
    assert audit.pinned('a-b[c]==1.0 ; x == "y" \\\n    --hash=sha256:0\n# d==2\n    # via e\nf.G==3 \\') == {
        "a-b": "1.0", "f-g": "3",
    }  # fmt: skip


def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.conclude([python(dependency("django"), dependency("colorama")), node({})]) == 0
    assert "Not everything" not in capsys.readouterr().out


def test_a_vulnerable_package_fails(capsys: pytest.CaptureFixture[str]) -> None:
    hole = {"id": "PYSEC-1", "fix_versions": ["5.2.2"], "aliases": [], "description": ""}
    assert audit.conclude([python(dependency("django", hole), dependency("colorama"))]) == 1
    assert "VULNERABLE   django 5.2.1: PYSEC-1, fixed in 5.2.2" in capsys.readouterr().out
    advisory = {"name": "a", "range": "<2", "via": [{"title": "A hole", "url": "https://x.example"}, "b"]}
    assert audit.conclude([node({"a": advisory})]) == 1
    assert "VULNERABLE   a <2: A hole (https://x.example), by b" in capsys.readouterr().out


@pytest.mark.parametrize(
    "other",
    [
        [
            {
                "name": "colorama",
                "skip_reason": "Dependency not found on PyPI and could not be audited: colorama (0.4.6)",
            }
        ],
        [dependency("colorama", version="0.4.7")],
        [],
    ],
)
def test_a_package_that_was_skipped_fails(other: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.conclude([python(dependency("django"), *other)]) == 2
    said = capsys.readouterr().out
    assert "NOT CHECKED  colorama 0.4.6: " in said
    assert "could not be reached" not in said


def test_npm_skips_nothing() -> None:
    assert audit.conclude([node({}, total=1)]) == 2


@pytest.mark.parametrize(
    "report",
    [
        python(*({"name": name, "skip_reason": "Dependency not found on PyPI"} for name in PINS)),
        audit.read_pip_audit("x.txt", PINS, "", "Traceback\nrequests.exceptions.ConnectionError: no route\n"),
        audit.read_npm_audit(LOCK, '{"message": "405", "statusCode": 405}', "npm error audit endpoint\n"),
        audit.read_npm_audit(LOCK, "", ""),
    ],
)
def test_a_database_that_is_away_is_not_called_vulnerable(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.conclude([report]) == 2
    said = capsys.readouterr().out
    assert "the advisory database could not be reached, none of 2 packages was checked." in said
    assert "VULNERABLE" not in said.upper().replace("VULNERABILITIES", "")
