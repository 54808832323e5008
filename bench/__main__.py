"""Run the benchmarks, compare them with their limits, and write docs/performance.md.

The user list is compared with a bare Django view that runs an equal query and renders an equal table, and with Django
admin's own changelist. Other parts: the time in which the login page rejects users for each reason; permissions among
1,000,000 users, 20,000 offices and 200,000 employers; access tokens beside bare password verifications; the audit log;
imports of users beside a bare `bulk_create`.

Each part runs in its own process on the embedded PostgreSQL in a temporary folder. Requests of compared views
alternate, so that a busy machine slows both. There is no network and no web server: pages are called as WSGI
applications. The user list passes all middleware, including session, sign-in and permissions, and writes its access
log; the bare view has neither middleware nor sign-in.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import report
from bench.report import Verdict

SIZES = (1_000, 100_000)
PARTS = ("doors", "rights", "webservice", "tokens", "history", "importing")
MOST_TIMES_BARE = 2.0
MOST_TIMES_BULK = 3.0
MOST_PER_CORE = 1.5  # each core reaches more than two thirds of its speed alone
MOST_GROWTH = 1.25  # ratio of medians; the variation of the machine itself
MOST_MAY, MOST_LIST, MOST_WHO_AM_I = 5.0, 300.0, 15.0  # milliseconds
LEAST_TOKENS = 0.8  # of the rate of bare verifications
_EVENT = "adr/0012-audit-chain.md"  # what its statements are, and why the first is not kept in memory
_TOKENS = "adr/0019-client-credentials.md"  # why they are fewer, and what was tried
MOST_APART = 1.10  # times, of the medians of two refused doors


def measure(size: int, folder: str) -> dict[str, Any]:
    """Return the figures of `bench.measure` with `size` users."""
    environment = environment_in(f"{folder}/{size}")
    subprocess.run([sys.executable, "-m", "bench.people", str(size)], env=environment, check=True)
    done = subprocess.run([sys.executable, "-m", "bench.measure"], env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def environment_in(folder: str) -> dict[str, str]:
    """Return the environment of a process with its data in `folder`."""
    return {**os.environ, "LOKET_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "bench.settings"}


def measure_alone(module: str, folder: str) -> dict[str, Any]:
    """Return the figures of a module of `bench` in its own database, in milliseconds unless stated otherwise."""
    environment = environment_in(f"{folder}/{module}")
    done = subprocess.run([sys.executable, "-m", module], env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def rights_verdicts(found: dict[str, float]) -> list[Verdict]:
    """Return the verdicts on permissions in a database of 1,000,000 users."""
    return [
        Verdict("may/bare SQL of the same joins (p50), 1,000,000 users", found["may"] / found["bare"], MOST_TIMES_BARE),
        Verdict("may (p99, ms)", found["may_p99"], MOST_MAY),
        Verdict("Who? in an office of 200 (slowest, ms)", max(found["who"], found["who_office"]), MOST_LIST),
        Verdict("matrix of an office of 200 (slowest, ms)", max(found["matrix"], found["matrix_office"]), MOST_LIST),
        Verdict("page of Who? (slowest, ms)", max(found["who_page"], found["who_office_page"]), MOST_LIST),
        Verdict("page of the matrix (slowest, ms)", max(found["matrix_page"], found["matrix_office_page"]), MOST_LIST),
        Verdict("search by support among 1,000,000 users (slowest, ms)", found["search"], MOST_LIST),
    ]


def webservice_verdicts(found: dict[str, float]) -> list[Verdict]:
    """Return the verdicts on the REST API."""
    return [
        Verdict("REST list of 250/bare JSON (p50)", found["list"] / found["bare"], MOST_TIMES_BARE),
        Verdict("GET /user (p99, ms)", found["user_p99"], MOST_WHO_AM_I),
    ]


def history_verdicts(found: dict[str, float]) -> list[Verdict]:
    """Return the verdicts on the audit log."""
    return [
        Verdict("changing somebody with its event/without (p50)", 1 + found["event_share"], 1.20, _EVENT),
        Verdict("history of 5,000,000 / 5,000 events (p50)", found["page_many_ms"] / found["page_few_ms"], MOST_GROWTH),
        Verdict("verifying 1,000,000 events (s of one core)", found["verify_seconds"], 60.0),
        Verdict("verifying 1,000,000 events (MiB)", found["verify_mib"], 200.0),
    ]


def importing_verdicts(found: dict[str, Any]) -> list[Verdict]:
    """Return the verdicts on imports of users."""
    sizes = {int(size): times for size, times in found["sizes"].items()}
    small, large = min(sizes), max(sizes)
    a_row = {size: times["imported"] / size for size, times in sizes.items()}
    return [
        Verdict(f"import of {large:,}/bulk_create", sizes[large]["imported"] / sizes[large]["bare"], MOST_TIMES_BULK),
        Verdict(f"a row of an import of {large:,}/{small:,}", a_row[large] / a_row[small], MOST_GROWTH),
        Verdict(f"memory of importing {large:,} (MiB)", sizes[large]["MiB"], 300.0),
        Verdict("1,000 invitations (s)", found["invitations"], 10.0),
        Verdict("cores/times as fast as one core all of them hash", found["cores"] / found["hashing"], MOST_PER_CORE),
    ]


def list_verdicts(found: dict[str, Any]) -> list[Verdict]:
    """Return the verdicts on the user list, by size of the office."""
    verdicts = [
        Verdict(f"list/bare, {people} (p50)", views["/gebruikers/"]["p50"] / views["bare"]["p50"], MOST_TIMES_BARE)
        for people, views in found.items()
    ]
    small, large = (found[f"{size:,} people"]["/gebruikers/"]["p50"] for size in SIZES)
    return [*verdicts, Verdict(f"list of {SIZES[1]:,}/{SIZES[0]:,} people (p50)", large / small, MOST_GROWTH)]


def main() -> int:
    """Run all benchmarks, print the verdicts and write docs/performance.md; return 1 if a limit is exceeded."""
    for name in ("DATABASE_URL", "LOKET_DEMO"):
        os.environ.pop(name, None)
    folder = tempfile.mkdtemp(prefix="loket-bench-")
    try:
        lists = {f"{size:,} people": measure(size, folder) for size in SIZES}
        found = {part: measure_alone(f"bench.{part}", folder) for part in PARTS}
    finally:
        shutil.rmtree(Path(folder))
    peaks = {people: {"peak (MiB)": views.pop("peak")} for people, views in lists.items()}
    everybody = found["rights"].pop("lists")
    lists["200 people of 1,000,000"] = {name: everybody[name] for name in ("/gebruikers/", "bare", "admin")}
    postgresql = found["rights"].pop("postgresql")
    verdicts = [
        *list_verdicts(lists),
        Verdict("slowest/quickest refused door (p50 of 200)", spread(found["doors"]), MOST_APART),
        *rights_verdicts(found["rights"]),
        *webservice_verdicts(found["webservice"]),
        *history_verdicts(found["history"]),
        *importing_verdicts(found["importing"]),
        Verdict("bare verifications/tokens (1/0.8)", bare_of(found["tokens"]), 1 / LEAST_TOKENS, _TOKENS),
    ]
    lists["all of 1,000,000"] = {"admin": everybody["everybody"]}
    report.write(verdicts, lists, peaks | flat(found), postgresql=postgresql)
    for verdict in verdicts:
        word = "PASS" if verdict.is_kept else "FAIL"
        print(f"{word}  {verdict.what}: {verdict.figure:.2f}, at most {verdict.most:.2f}")
    print(f"Every figure: {report.PAGE}")
    return int(not all(verdict.is_kept for verdict in verdicts))


def spread(doors: dict[str, float]) -> float:
    """Return the ratio of the slowest rejection to the quickest."""
    return max(doors.values()) / min(doors.values())


def bare_of(tokens: dict[str, float]) -> float:
    """Return how many passwords are verified in the time of one token."""
    return tokens["verifications"] / tokens["tokens"]


def flat(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return all figures by part, including those per size of imports."""
    figures: dict[str, dict[str, float]] = {}
    for part, values in found.items():
        figures[part] = {what: value for what, value in values.items() if isinstance(value, float | int)}
        for size, times in values.get("sizes", {}).items():
            figures[f"{part} of {int(size):,}"] = times
    return figures


if __name__ == "__main__":
    sys.exit(main())
