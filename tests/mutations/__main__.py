"""Remove each guard in a copy of the tree and run the tests that must fail.

`python -m tests.mutations` does this for all guards, `python -m tests.mutations "secrets" …` for those whose name
starts with an argument. The tests first run on the unchanged copy: a test that fails anyway shows nothing. Exit code 0
if every removal is noticed.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutations.guards import GUARDS, Guard

ROOT = Path(__file__).parent.parent.parent
LEFT_OUT = shutil.ignore_patterns(".git", ".loket", ".venv*", "__pycache__", ".*_cache", "screenshots")
SECONDS = 600
TABLES = (
    "core/composite_keys.py",
    "audit/append_only.py",
    "accounts/migrations/",
    "authentication/migrations/",
    "permissions/migrations/",
)  # then they are created again
NOTICED = 1  # pytest: some tests failed; every other code means that they did not run


@contextmanager
def copied() -> Iterator[Path]:
    """Yield a copy of the tree with its own database, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="guards") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        try:
            yield tree
        finally:
            subprocess.run([sys.executable, "manage.py", "database", "stop"], cwd=tree, check=False)


def run(tree: Path, files: tuple[str, ...], *, anew: bool = False) -> int:
    """Return pytest's exit code for these files, stopping at the first failure; `anew` creates the tables again."""
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-p", "no:cacheprovider"]
    command += [] if anew else ["--reuse-db"]
    paths = [f"tests/{name}" for name in files]
    done = subprocess.run([*command, *paths], cwd=tree, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode not in (0, NOTICED):
        print(done.stdout[-2000:], done.stderr[-2000:])
    return done.returncode


def without(tree: Path, guard: Guard) -> str:
    """Return the result of removing a guard, as one word."""
    path = tree / guard.file
    whole = path.read_text()
    if whole.count(guard.text) != 1:
        return "NOT FOUND"
    path.write_text(whole.replace(guard.text, guard.instead))
    try:
        return {0: "SURVIVED", NOTICED: "noticed"}.get(
            run(tree, guard.tests, anew=guard.file.startswith(TABLES)), "DID NOT RUN"
        )
    except subprocess.TimeoutExpired:
        return "TOO LONG"
    finally:
        path.write_text(whole)


def main(names: list[str]) -> int:
    """Print a line for each guard and return the exit code."""
    chosen = [guard for guard in GUARDS if not names or guard.name.startswith(tuple(names))]
    with copied() as tree:
        files = tuple(sorted({name for guard in chosen for name in guard.tests}))
        if run(tree, files) != 0:
            print("The tests fail without any removal.")
            return 2
        results = []
        for guard in chosen:
            started = time.monotonic()
            results.append(without(tree, guard))
            seconds = round(time.monotonic() - started)
            print(f"{results[-1]:11} rule {guard.rule:2} {guard.name} ({guard.file}) {seconds} s", flush=True)
    noticed = results.count("noticed")
    print(f"{noticed} of {len(results)} removals noticed")
    return 0 if noticed == len(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
