"""Run the benchmarks, compare them with their limits, and write docs/performance.md.

The user list is compared with a bare Django view that runs an equal query and renders an equal table, and with Django
admin's own changelist. Other parts: the time in which the login page rejects users for each reason; permissions among
1,000,000 users, 20,000 offices and 200,000 employers; conflicts of duties beside the bare grants; an access review
beside bare statements; access tokens beside bare password verifications; the audit log; imports of users beside a bare
`bulk_create`.

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

from bench import history, report
from bench.report import Verdict

OFFICE_SIZES = (1_000, 100_000)
BENCH_MODULES = (
    "login_refusals", "permissions", "duties", "reviews", "rest_api", "tokens", "history", "import_jobs",
    "bulk_actions", "directories",
)  # fmt: skip
MAX_RATIO_TO_BARE = 2.0
MAX_HOME_RATIO_TO_LIST = 1.5
MAX_MAY_RATIO_TO_BARE = 1.5
MAX_RATIO_TO_BULK_CREATE = 2.5
MAX_CONFLICTS_MS, MAX_CONFLICTS_RATIO_TO_BARE, MAX_STARTS_MS = 500.0, 3.0, 2_000.0
MAX_REVIEW_START_MS, MAX_RATIO_OF_REVIEW_START, MAX_DECISION_MS, MAX_RATIO_OF_DECISION = 10_000.0, 20.0, 30.0, 6.0
MAX_CORES_PER_SPEEDUP = 1.5  # each core reaches more than two thirds of its speed alone
MAX_RATIO_OF_BULK_ACTION, MAX_BULK_ACTION_MS = 5.0, 5000.0  # times; milliseconds
MAX_GROWTH = 1.25  # ratio of medians; the variation of the machine itself
MAX_FILTER_GROWTH = 1.5  # ratio of medians, the largest of many
MAX_CHECK_MS, MAX_LIST_MS, MAX_PAGE_MS, MAX_OWN_USER_MS = 5.0, 300.0, 400.0, 15.0  # milliseconds
MIN_CREATES = 50.0  # users a second that one process creates for a directory
MIN_TOKEN_RATIO = 0.72  # of the rate of bare verifications
_AUDIT_CHAIN_DOC = "adr/0012-audit-chain.md"  # explains its statements, and why keys are not cached
_TOKENS_DOC = "adr/0019-client-credentials.md"  # explains why there are fewer, and the alternatives tried
MAX_REFUSAL_RATIO = 1.10  # between the median times of two ways to refuse a sign-in


def measure_user_list(size: int, folder: str) -> dict[str, Any]:
    """Return the figures of `bench.user_list` with `size` users."""
    environment = build_environment(f"{folder}/{size}")
    subprocess.run([sys.executable, "-m", "bench.office_data", str(size)], env=environment, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "bench.user_list"], env=environment, stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def build_environment(folder: str) -> dict[str, str]:
    """Return the environment of a process with its data in `folder`."""
    return {**os.environ, "LOKET_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "bench.settings"}


def run_module(module: str, folder: str, *, database: str = "") -> dict[str, Any]:
    """Return the figures of a module of `bench`, by default in a database of its own, in milliseconds."""
    environment = build_environment(f"{folder}/{database or module}")
    done = subprocess.run([sys.executable, "-m", module], env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def build_permission_verdicts(found: dict[str, float]) -> list[Verdict]:
    """Return the verdicts on permissions in a database of 1,000,000 users."""
    return [
        Verdict(
            "may/bare SQL of the same joins (p50), 1,000,000 users", found["may"] / found["bare"], MAX_MAY_RATIO_TO_BARE
        ),
        Verdict("may (p99, ms)", found["may_p99"], MAX_CHECK_MS),
        Verdict("Who? in an office of 2,000 (slowest, ms)", max(found["who"], found["who_office"]), MAX_LIST_MS),
        Verdict(
            "matrix of an office of 2,000 (slowest, ms)", max(found["matrix"], found["matrix_office"]), MAX_LIST_MS
        ),
        Verdict("page of Who? (slowest, ms)", max(found["who_page"], found["who_office_page"]), MAX_PAGE_MS),
        Verdict(
            "page of the matrix (slowest, ms)", max(found["matrix_page"], found["matrix_office_page"]), MAX_PAGE_MS
        ),
        Verdict("search by support among 1,000,000 users (slowest, ms)", found["search"], MAX_LIST_MS),
    ]


def build_review_verdicts(found: dict[str, float]) -> list[Verdict]:
    """Return the verdicts on an access review of 5,000 users."""
    return [
        Verdict("starting an access review of 5,000 users (ms)", found["start"], MAX_REVIEW_START_MS),
        Verdict(
            "starting it/storing its paths by one bare statement",
            found["start"] / found["bare_start"],
            MAX_RATIO_OF_REVIEW_START,
        ),
        Verdict("decision in an access review (p50, ms)", found["decision"], MAX_DECISION_MS),
        Verdict("decision/bare statements (p50)", found["decision"] / found["bare_decision"], MAX_RATIO_OF_DECISION),
    ]


def build_api_verdicts(found: dict[str, float]) -> list[Verdict]:
    """Return the verdicts on the REST API."""
    return [
        Verdict("REST list of 250/bare JSON (p50)", found["list"] / found["bare"], MAX_RATIO_TO_BARE),
        Verdict("GET /user (p99, ms)", found["user_p99"], MAX_OWN_USER_MS),
    ]


def build_directory_verdicts(found: dict[str, float]) -> list[Verdict]:
    """Return the verdicts on directories."""
    return [
        Verdict("50/users a second that a directory creates in its first cycle", MIN_CREATES / found["creates"], 1.0),
        Verdict("SCIM list of 100/bare JSON (p50)", found["list"] / found["bare_list"], MAX_RATIO_TO_BARE),
    ]


def build_history_verdicts(found: dict[str, float]) -> list[Verdict]:
    """Return the verdicts on the audit log."""
    return [
        Verdict("changing a user with its event/without (p50)", 1 + found["event_share"], 1.20, _AUDIT_CHAIN_DOC),
        Verdict(
            "history of 5,000,000 / 5,000 events, the filter that grows most (p50)",
            max(history.compute_growth(found).values()),
            MAX_FILTER_GROWTH,
        ),
        Verdict(
            "search of 5,000,000 events/bare (p50)", found["search_many_ms"] / found["bare_many_ms"], MAX_RATIO_TO_BARE
        ),
        Verdict("verifying 1,000,000 events (s of one core)", found["verify_seconds"], 60.0),
        Verdict("verifying 1,000,000 events (MiB)", found["verify_mib"], 200.0),
    ]


def build_import_verdicts(found: dict[str, Any]) -> list[Verdict]:
    """Return the verdicts on imports of users."""
    sizes = {int(size): times for size, times in found["sizes"].items()}
    small, large = min(sizes), max(sizes)
    a_row = {size: times["imported"] / size for size, times in sizes.items()}
    return [
        Verdict(
            f"import of {large:,}/bulk_create",
            sizes[large]["imported"] / sizes[large]["bare"],
            MAX_RATIO_TO_BULK_CREATE,
        ),
        Verdict(f"time per row, import of {large:,}/{small:,}", a_row[large] / a_row[small], MAX_GROWTH),
        Verdict(f"memory of an import of {large:,} (MiB)", sizes[large]["MiB"], 300.0),
        Verdict("1,000 invitations (s)", found["invitations"], 10.0),
        Verdict(
            "cores/speed-up of password hashing on all cores", found["cores"] / found["hashing"], MAX_CORES_PER_SPEEDUP
        ),
    ]


def build_bulk_verdicts(found: dict[str, dict[str, float]]) -> list[Verdict]:
    """Return the verdicts on bulk actions on 1,000 users, by action."""
    return [
        Verdict(
            "bulk action/bare statements, 1,000 users (largest)",
            max(times["executing"] / times["bare"] for times in found.values()),
            MAX_RATIO_OF_BULK_ACTION,
        ),
        Verdict(
            "bulk action on 1,000 users, planned and executed (slowest, ms)",
            max(times["planning"] + times["executing"] for times in found.values()),
            MAX_BULK_ACTION_MS,
        ),
    ]


def build_list_verdicts(found: dict[str, Any]) -> list[Verdict]:
    """Return the verdicts on the user list and the home page, by size of the office."""
    verdicts = [
        Verdict(f"list/bare, {size} (p50)", views["/gebruikers/"]["p50"] / views["bare"]["p50"], MAX_RATIO_TO_BARE)
        for size, views in found.items()
    ] + [
        Verdict(f"home/list, {size} (p50)", views["/"]["p50"] / views["/gebruikers/"]["p50"], MAX_HOME_RATIO_TO_LIST)
        for size, views in found.items()
    ]
    small, large = (found[f"{size:,} users"]["/gebruikers/"]["p50"] for size in OFFICE_SIZES)
    return [
        *verdicts,
        Verdict(f"list of {OFFICE_SIZES[1]:,}/{OFFICE_SIZES[0]:,} users (p50)", large / small, MAX_GROWTH),
    ]


def main() -> int:
    """Run all benchmarks, print the verdicts and write docs/performance.md; return 1 if a limit is exceeded."""
    for name in ("DATABASE_URL", "LOKET_DEMO"):
        os.environ.pop(name, None)
    folder = tempfile.mkdtemp(prefix="loket-bench-")
    try:
        lists = {f"{size:,} users": measure_user_list(size, folder) for size in OFFICE_SIZES}
        policy = run_module("bench.mfa_policy", folder, database=str(OFFICE_SIZES[1]))
        found = {part: run_module(f"bench.{part}", folder) for part in BENCH_MODULES} | {"mfa_policy": policy}
    finally:
        shutil.rmtree(Path(folder))
    peaks = {size: {"peak (MiB)": views.pop("peak")} for size, views in lists.items()}
    everybody = found["permissions"].pop("lists")
    lists["2,000 users of 1,000,000"] = {name: everybody[name] for name in ("/", "/gebruikers/", "bare", "admin")}
    postgresql = found["permissions"].pop("postgresql")
    verdicts = build_verdicts(lists, found)
    lists["all of 1,000,000"] = {"admin": everybody["everybody"]}
    report.write_report(verdicts, lists, peaks | flatten_figures(found), postgresql=postgresql)
    for verdict in verdicts:
        word = "PASS" if verdict.is_kept else "FAIL"
        print(f"{word}  {verdict.what}: {verdict.figure:.2f}, at most {verdict.most:.2f}")
    print(f"Every figure: {report.REPORT_PATH}")
    return int(not all(verdict.is_kept for verdict in verdicts))


def build_verdicts(lists: dict[str, Any], found: dict[str, dict[str, Any]]) -> list[Verdict]:
    """Return the verdict on every limit."""
    policy = found["mfa_policy"]
    return [
        *build_list_verdicts(lists),
        Verdict(
            "slowest/fastest refusal of a sign-in (p50 of 200)",
            compute_spread(found["login_refusals"]),
            MAX_REFUSAL_RATIO,
        ),
        Verdict(
            f"preview of a two-factor policy/bare count, {OFFICE_SIZES[1]:,} users",
            policy["preview"] / policy["bare"],
            MAX_RATIO_TO_BARE,
        ),
        *build_permission_verdicts(found["permissions"]),
        Verdict("conflicts of duties, 2,000 users, 20 rules (p50, ms)", found["duties"]["conflicts"], MAX_CONFLICTS_MS),
        Verdict(
            "conflicts of duties/bare join of the grants (p50)",
            found["duties"]["conflicts"] / found["duties"]["bare"],
            MAX_CONFLICTS_RATIO_TO_BARE,
        ),
        Verdict("since when a page of users conflicts, 20,000 events (ms)", found["duties"]["starts"], MAX_STARTS_MS),
        *build_review_verdicts(found["reviews"]),
        *build_api_verdicts(found["rest_api"]),
        *build_directory_verdicts(found["directories"]),
        *build_history_verdicts(found["history"]),
        *build_import_verdicts(found["import_jobs"]),
        *build_bulk_verdicts(found["bulk_actions"]),
        Verdict(
            "bare verifications/tokens (1/0.72)", compute_token_ratio(found["tokens"]), 1 / MIN_TOKEN_RATIO, _TOKENS_DOC
        ),
    ]


def compute_spread(medians: dict[str, float]) -> float:
    """Return the ratio of the slowest rejection to the quickest."""
    return max(medians.values()) / min(medians.values())


def compute_token_ratio(tokens: dict[str, float]) -> float:
    """Return how many passwords are verified in the time of one token."""
    return tokens["verifications"] / tokens["tokens"]


def flatten_figures(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return all figures by part, including those per size of imports."""
    figures: dict[str, dict[str, float]] = {}
    for part, values in found.items():
        figures[part] = {what: value for what, value in values.items() if isinstance(value, float | int)}
        for size, times in values.get("sizes", {}).items():
            figures[f"{part} of {int(size):,}"] = times
        figures |= {f"{part}: {name}": times for name, times in values.items() if part == "bulk_actions"}
    return figures


if __name__ == "__main__":
    sys.exit(main())
