"""Write the figures into docs/performance.md."""

import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

REPORT_PATH = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
_LISTED_LIBRARIES = ("Django", "psycopg", "django-oauth-toolkit", "django-ninja", "granian")
_PAGE_HEADER = """# Performance

`make bench` writes this page; do not edit it. Each part is measured in its own process, on the embedded PostgreSQL in a
temporary folder, without a web server in between. Compared measurements alternate in one run, so that a busy machine
slows both; the absolute figures are those of this machine on that day.

"""


class Verdict(NamedTuple):
    """Label, figure and limit of a measurement, and the page that explains why the limit is exceeded, if any."""

    what: str
    figure: float
    most: float
    why: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether the figure is within its limit."""
        return self.figure <= self.most


def describe_machine(postgresql: str) -> Iterable[tuple[str, str]]:
    """Yield the properties of the machine and the versions of its software."""
    cpu = [line.partition(":")[2].strip() for line in _read_lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield "day", datetime.now(tz=UTC).date().isoformat()
    yield "processor", f"{cpu[0] if cpu else platform.machine()}, {os.cpu_count()} cores"
    yield "memory", f"{memory:.0f} GiB"
    yield "system", f"{platform.system()} {platform.release()}"
    yield "Python", platform.python_version()
    yield "PostgreSQL", postgresql
    for library in _LISTED_LIBRARIES:
        yield library, version(library)


def _read_lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def write_report(
    verdicts: Iterable[Verdict],
    lists: Mapping[str, Mapping[str, Mapping[str, float]]],
    figures: Mapping[str, Mapping[str, float]],
    *,
    postgresql: str,
) -> None:
    """Write the page: machine and versions, verdicts, user lists, and all other figures."""
    targets = [(one.what, f"{one.figure:,.2f}", f"{one.most:,.2f}", _format_verdict(one)) for one in verdicts]
    rows = [(where, *_format_list_row(name, row)) for where, views in lists.items() for name, row in views.items()]
    others = [(part, what, f"{figure:,.2f}") for part, found in figures.items() for what, figure in found.items()]
    REPORT_PATH.write_text(
        _PAGE_HEADER
        + _render_table(("machine", ""), describe_machine(postgresql))
        + "\n## Targets\n\n"
        + _render_table(("measurement", "figure", "at most", "met"), targets)
        + "\n## Lists of users\n\nDjango admin's changelist shows the same users and columns. Like the bare view, it"
        " runs without sign-in and middleware; our list has both. Milliseconds.\n\n"
        + _render_table(("users", "view", "p50", "p95", "queries"), rows)
        + "\n## Other figures\n\nMedians in milliseconds unless stated otherwise.\n\n"
        + _render_table(("part", "what", "figure"), others)
    )


def _format_verdict(verdict: Verdict) -> str:
    if verdict.is_kept:
        return "yes"
    return f"no: [why]({verdict.why})" if verdict.why else "no"


def _format_list_row(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    return name, f"{row['p50']:.1f}", f"{row['p95']:.1f}", f"{row['queries']}"


def _render_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _column in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
