"""What `make audit` runs: the known vulnerabilities of every package that is pinned, by pip-audit and npm.

Both call it a success when they could look up nothing, so that their reports are read here. Exit code 0: every package
was checked and nothing is known. 1: at least one is vulnerable. 2: at least one was not checked. Arguments go to
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
FILES = ("requirements.txt", "requirements-demo.txt", "requirements-dev.txt", "requirements-audit.txt")
LOCK = "package-lock.json"
_PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")


class Report(NamedTuple):
    """What is known of the packages of one file: each line names a package and says what."""

    file: str
    packages: int
    vulnerable: list[str] = []
    unchecked: list[str] = []
    unreached: str = ""  # why the database did not answer at all


def pinned(text: str) -> dict[str, str]:
    """Return the version of each package in a requirements file, those for other platforms as well."""
    found = (_PIN.match(line) for line in text.splitlines())
    return {re.sub(r"[-_.]+", "-", one[1]).lower(): one[2] for one in found if one}


def read_pip_audit(file: str, pins: dict[str, str], output: str, errors: str) -> Report:
    """Return what pip-audit's JSON says of `pins`; a package that it does not name was not checked."""
    try:
        found = {one["name"]: one for one in json.loads(output)["dependencies"]}
    except (ValueError, KeyError, TypeError):
        return Report(file, len(pins), unreached=_last_line(errors) or "pip-audit said nothing")
    vulnerable, unchecked = list[str](), list[str]()
    for name, version in pins.items():
        one = found.get(name, {})
        if one.get("version") != version or "vulns" not in one:
            unchecked.append(f"{name} {version}: {one.get('skip_reason') or 'not in the report of pip-audit'}")
        for vulnerability in one.get("vulns", []):
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            vulnerable.append(f"{name} {version}: {vulnerability['id']}, fixed in {fixed}")
    if len(unchecked) == len(pins):  # as behind a mirror, which answers 404 to each
        return Report(file, len(pins), unreached=unchecked[0])
    return Report(file, len(pins), vulnerable, unchecked)


def read_npm_audit(lock: dict[str, Any], output: str, errors: str) -> Report:
    """Return what npm's JSON says of the packages of a lock file."""
    packages = len(lock["packages"]) - 1  # the first is this project
    try:
        found = json.loads(output)
        advisories, total = found["vulnerabilities"], found["metadata"]["dependencies"]["total"]
    except (ValueError, KeyError, TypeError):
        return Report(LOCK, packages, unreached=_last_line(errors) or "npm said nothing")
    vulnerable = [f"{name} {one['range']}: {', '.join(_titles(one))}" for name, one in sorted(advisories.items())]
    missing = packages - total
    return Report(LOCK, packages, vulnerable, [f"{missing} packages: not in the report of npm"] if missing else [])


def _titles(advisory: dict[str, Any]) -> Iterator[str]:
    for via in advisory["via"]:
        yield f"by {via}" if isinstance(via, str) else f"{via['title']} ({via['url']})"


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and "complete log" not in line]
    return lines[-1].strip() if lines else ""


def audit_python(file: str, options: list[str]) -> Report:
    """Return what pip-audit knows of the packages pinned in `file`, without installing or resolving anything."""
    pins = pinned((ROOT / file).read_text())
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "requirements.txt"  # without markers: pip-audit leaves out what is for other platforms
        plain.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner", "off"]
        command += ["--format", "json", "--requirement", str(plain), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return read_pip_audit(file, pins, done.stdout, done.stderr)


def audit_node() -> Report:
    """Return what the registry of npm knows of the packages in the lock file, of which none is installed."""
    lock = json.loads((ROOT / LOCK).read_text())
    command = ["npm", "audit", "--package-lock-only", "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    except FileNotFoundError:
        return Report(LOCK, len(lock["packages"]) - 1, unreached="npm is not installed")
    return read_npm_audit(lock, done.stdout, done.stderr)


def conclude(reports: Iterable[Report]) -> int:
    """Print what is known and return the exit code."""
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
