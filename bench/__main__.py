"""Measure the list page beside a bare Django view that runs an equal query and renders an equal table, and the time in
which the login page refuses somebody for each reason, who may do what among 1,000,000 users, how many tokens a second
the web service gives beside bare verifications of a password, the history, and importing people beside a bare
`bulk_create`.

Each size is measured in a process of its own, on the built-in PostgreSQL in a throw-away folder. Requests of the two
views alternate, so that a busy machine slows both. No network and no web server are in between: both are called as
WSGI applications. The list page goes through every middleware, session, sign-in and rights included, and writes its
access line; the bare view has neither middleware nor sign-in.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SIZES = (1_000, 100_000)
MOST_TIMES_BARE = 2.0
MOST_TIMES_BULK = 3.0
MOST_PER_CORE = 1.5  # a core does more than two thirds of what it does alone
MOST_GROWTH = 1.25  # times, of the median; what the machine itself varies
MOST_MAY, MOST_LIST, MOST_WHO_AM_I = 5.0, 300.0, 15.0  # milliseconds
LEAST_TOKENS = 0.8  # of the rate of bare verifications
MOST_APART = 1.10  # times, of the medians of two refused doors


def measure(size: int, folder: str) -> dict[str, Any]:
    """Return what `bench.measure` finds with `size` users."""
    environment = environment_in(f"{folder}/{size}")
    subprocess.run([sys.executable, "-m", "bench.people", str(size)], env=environment, check=True)
    done = subprocess.run([sys.executable, "-m", "bench.measure"], env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def environment_in(folder: str) -> dict[str, str]:
    """Return the environment of a process that keeps its data in `folder`."""
    return {**os.environ, "LOKET_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "bench.settings"}


def measure_alone(module: str, folder: str) -> dict[str, Any]:
    """Return what a module of `bench` finds in a database of its own, in milliseconds unless it says otherwise."""
    environment = environment_in(f"{folder}/{module}")
    done = subprocess.run([sys.executable, "-m", module], env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def rights_verdicts(found: dict[str, float]) -> list[tuple[str, float, float]]:
    """Return what was measured of rights in a database of 1,000,000 users: what, how much, and the most it may be."""
    print("  ".join(f"{what} {value:.2f}" for what, value in found.items()))
    return [
        ("may/bare SQL of the same joins (p50), 1,000,000 users", found["may"] / found["bare"], MOST_TIMES_BARE),
        ("may (p99, ms)", found["may_p99"], MOST_MAY),
        ("Who? in an office of 200 (slowest, ms)", max(found["who"], found["who_office"]), MOST_LIST),
        ("matrix of an office of 200 (slowest, ms)", max(found["matrix"], found["matrix_office"]), MOST_LIST),
        ("whole page of Who? (slowest, ms)", max(found["who_page"], found["who_office_page"]), MOST_LIST),
        ("whole page of the matrix (slowest, ms)", max(found["matrix_page"], found["matrix_office_page"]), MOST_LIST),
        ("search by support among 1,000,000 users (slowest, ms)", found["search"], MOST_LIST),
    ]


def webservice_verdicts(found: dict[str, float]) -> list[tuple[str, float, float]]:
    """Return what was measured of the web service: what, how much, and the most it may be."""
    print("  ".join(f"web service {what} {value:.2f} ms" for what, value in found.items()))
    return [
        ("GET /providers/{id}/users?pageSize=250 / bare JSON (p50)", found["list"] / found["bare"], MOST_TIMES_BARE),
        ("GET /user (p99, ms)", found["user_p99"], MOST_WHO_AM_I),
    ]


def history_verdicts(found: dict[str, float]) -> list[tuple[str, float, float]]:
    """Return what was measured of the history: what, how much, and the most it may be."""
    print("  ".join(f"{what} {value:.2f}" for what, value in found.items()))
    return [
        ("changing somebody with its event/without (p50)", 1 + found["event_share"], 1.20),
        ("history of 5,000,000 / 5,000 events (p50)", found["page_many_ms"] / found["page_few_ms"], MOST_GROWTH),
        ("verifying 1,000,000 events (s of one core)", found["verify_seconds"], 60.0),
        ("verifying 1,000,000 events (MiB)", found["verify_mib"], 200.0),
    ]


def importing_verdicts(found: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Return what was measured of importing people: what, how much, and the most it may be."""
    sizes = {int(size): times for size, times in found["sizes"].items()}
    for size, times in sizes.items():
        print(f"import of {size:,}: {times['imported']:.1f} s, bare {times['bare']:.1f} s, {times['MiB']:.0f} MiB")
    small, large = min(sizes), max(sizes)
    a_row = {size: times["imported"] / size for size, times in sizes.items()}
    return [
        (f"import of {large:,}/bare bulk_create", sizes[large]["imported"] / sizes[large]["bare"], MOST_TIMES_BULK),
        (f"a row of an import of {large:,}/{small:,}", a_row[large] / a_row[small], MOST_GROWTH),
        (f"memory of importing {large:,} (MiB)", sizes[large]["MiB"], 300.0),
        ("1,000 invitations (s)", found["invitations"], 10.0),
        ("cores/times as fast as one core all of them hash", found["cores"] / found["hashing"], MOST_PER_CORE),
    ]


def main() -> int:
    """Print the measurements and whether they are good enough; return 1 when they are not."""
    for name in ("DATABASE_URL", "LOKET_DEMO"):
        os.environ.pop(name, None)
    folder = tempfile.mkdtemp(prefix="loket-bench-")
    try:
        found = {size: measure(size, folder) for size in SIZES}
        doors = measure_alone("bench.doors", folder)
        rights = measure_alone("bench.rights", folder)
        webservice = measure_alone("bench.webservice", folder)
        tokens = measure_alone("bench.tokens", folder)
        history = measure_alone("bench.history", folder)
        importing = measure_alone("bench.importing", folder)
    finally:
        shutil.rmtree(Path(folder))
    print(f"{'users':>8}  {'view':<12} {'pages/s':>8} {'p50 ms':>8} {'p95 ms':>8} {'queries':>8} {'peak MiB':>9}")
    for size, views in found.items():
        for name in ("/gebruikers/", "bare"):
            row = views[name]
            numbers = f"{row['rate']:>8.0f} {row['p50']:>8.2f} {row['p95']:>8.2f} {row['queries']:>8}"
            print(f"{size:>8,}  {name:<12} {numbers} {views['peak']:>9.0f}")
    verdicts = [
        (f"list/bare at {size:,} users (p50)", views["/gebruikers/"]["p50"] / views["bare"]["p50"], MOST_TIMES_BARE)
        for size, views in found.items()
    ]
    small, large = (found[size]["/gebruikers/"]["p50"] for size in SIZES)
    verdicts.append((f"list at {SIZES[1]:,} / {SIZES[0]:,} users (p50)", large / small, MOST_GROWTH))
    print("  ".join(f"{door} {median:.1f} ms" for door, median in doors.items()))
    verdicts.append(
        ("slowest/quickest refused door (p50 of 200)", max(doors.values()) / min(doors.values()), MOST_APART)
    )
    verdicts += rights_verdicts(rights) + webservice_verdicts(webservice) + history_verdicts(history)
    verdicts += importing_verdicts(importing)
    print("  ".join(f"{what} {rate:.1f}/s" for what, rate in tokens.items()))
    verdicts.append(
        ("bare verifications/tokens a second (1/0.8)", tokens["verifications"] / tokens["tokens"], 1 / LEAST_TOKENS)
    )
    for what, ratio, most in verdicts:
        print(f"{'PASS' if ratio <= most else 'FAIL'}  {what}: {ratio:.2f}, at most {most:.2f}")
    return int(any(ratio > most for _what, ratio, most in verdicts))


if __name__ == "__main__":
    sys.exit(main())
