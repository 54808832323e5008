"""`make audit`: the known vulnerabilities of every pinned package, according to pip-audit and npm.

Both report success when they could not look up anything, so their reports are parsed here. Exit code 0: every package
was checked and none is vulnerable. 1: at least one is vulnerable. 2: at least one was not checked. Arguments go to
pip-audit: `--ignore-vuln ID`, or `-s osv` for another database.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
FILES = tuple(f"requirements{name}.txt" for name in ("", "-demo", "-otel", "-dev", "-audit", "-deploy", "-build"))
LOCK = "package-lock.json"
_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")


class Report(NamedTuple):
    """The findings for the packages of one file, one line per package."""

    file: str
    packages: int
    vulnerable: list[str] = []
    unchecked: list[str] = []
    unreached: str = ""  # why the database did not respond at all


def pinned(text: str) -> dict[str, str]:
    """Return the version of each package in a requirements file, including those for other platforms."""
    found = (_PIN.match(line) for line in text.splitlines())
    return {re.sub(r"[-_.]+", "-", entry[1]).lower(): entry[2] for entry in found if entry}


def read_pip_audit(file: str, pins: dict[str, str], output: str, errors: str) -> Report:
    """Return pip-audit's findings for `pins`; a package that the JSON does not name was not checked."""
    try:
        found = {entry["name"]: entry for entry in json.loads(output)["dependencies"]}
    except (ValueError, KeyError, TypeError):
        return Report(file, len(pins), unreached=_last_line(errors) or "pip-audit said nothing")
    vulnerable, unchecked = list[str](), list[str]()
    for name, version in pins.items():
        entry = found.get(name, {})
        if entry.get("version") != version or "vulns" not in entry:
            unchecked.append(f"{name} {version}: {entry.get('skip_reason') or 'not in the report of pip-audit'}")
        for vulnerability in entry.get("vulns", []):
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            vulnerable.append(f"{name} {version}: {vulnerability['id']}, fixed in {fixed}")
    if len(unchecked) == len(pins):  # as behind a mirror, which returns 404 for each
        return Report(file, len(pins), unreached=unchecked[0])
    return Report(file, len(pins), vulnerable, unchecked)


def read_npm_audit(lock: dict[str, Any], output: str, errors: str) -> Report:
    """Return npm's findings for the packages of a lock file."""
    packages = len(lock["packages"]) - 1  # the first is this project
    try:
        found = json.loads(output)
        advisories, total = found["vulnerabilities"], found["metadata"]["dependencies"]["total"]
    except (ValueError, KeyError, TypeError):
        return Report(LOCK, packages, unreached=_last_line(errors) or "npm said nothing")
    vulnerable = [f"{name} {entry['range']}: {', '.join(_titles(entry))}" for name, entry in sorted(advisories.items())]
    missing = packages - total
    return Report(LOCK, packages, vulnerable, [f"{missing} packages: not in the report of npm"] if missing else [])


def _titles(advisory: dict[str, Any]) -> Iterator[str]:
    for via in advisory["via"]:
        yield f"by {via}" if isinstance(via, str) else f"{via['title']} ({via['url']})"


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and "complete log" not in line]
    return lines[-1].strip() if lines else ""


def audit_python(file: str, options: list[str]) -> Report:
    """Return pip-audit's findings for the packages pinned in `file`, without installing or resolving anything."""
    pins = pinned((ROOT / file).read_text())
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "requirements.txt"  # without markers: pip-audit leaves out what is for other platforms
        plain.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner", "off"]
        command += ["--format", "json", "--requirement", str(plain), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return read_pip_audit(file, pins, done.stdout, done.stderr)


def audit_node() -> Report:
    """Return npm's findings for the packages in the lock file, without installing them."""
    lock = json.loads((ROOT / LOCK).read_text())
    command = ["npm", "audit", "--package-lock-only", "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except FileNotFoundError:
        return Report(LOCK, len(lock["packages"]) - 1, unreached="npm is not installed")
    return read_npm_audit(lock, done.stdout, done.stderr)


def conclude(reports: Iterable[Report]) -> int:
    """Print the findings and return the exit code."""
    vulnerable = unchecked = 0
    for report in reports:
        if report.unreached:
            print(f"{report.file}: the advisory database could not be reached, none of {report.packages} packages was"
                  f" checked. {report.unreached}")  # fmt: skip
        else:
            print(f"{report.file}: {report.packages} packages, {len(report.vulnerable)} known vulnerabilities,"
                  f" {len(report.unchecked)} not checked")  # fmt: skip
        for line in report.vulnerable:
            print(f"  VULNERABLE   {line}")
        for line in report.unchecked:
            print(f"  NOT CHECKED  {line}")
        vulnerable += len(report.vulnerable)
        unchecked += report.packages if report.unreached else len(report.unchecked)
    if vulnerable:
        print(f"Vulnerable: {vulnerable}. Update these packages.")
    if unchecked:
        print("Not everything was checked: this says nothing about what is missing. Run it where PyPI and npm answer.")
    return 1 if vulnerable else 2 if unchecked else 0


if __name__ == "__main__":
    sys.exit(conclude([*(audit_python(file, sys.argv[1:]) for file in FILES), audit_node()]))
