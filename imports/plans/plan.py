"""Plans: items and faults, spooled to disk, that can be displayed, saved, compared and applied."""

import hashlib
import json
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, TypedDict
from uuid import UUID

from django.utils.translation import gettext as _

from audit.changes import Changes

PLAN_FORMAT = 1
_MAX_IN_MEMORY_BYTES = 2**20  # bytes; larger plans are spooled to disk
ProgressCallback = Callable[[int], object]  # called after each batch with its number of rows


def ignore_progress(_count: int) -> None:
    """Ignore progress."""


class PlanRefused(Exception):
    """The plan is not applied and nothing was written; the message says why."""


class PlanFault(TypedDict):
    """What is wrong in a row, and what to do; `column` is its header, or empty for the whole row."""

    row: int
    column: str
    value: str
    what: str


class PlanItem(TypedDict, total=False):
    """What changes for one user or object: `changes` maps a field to [old, new], without secrets."""

    row: int
    id: str | None  # of an existing user or object, and after applying of every one
    name: str
    is_new: bool
    kind: str  # kind of object, absent for users
    changes: Changes
    effect: dict[str, Any]
    takes: bool
    mails: list[str]
    notes: list[str]


class JsonLinesFile:
    """JSON values spooled to a temporary file, so that a large plan takes little memory."""

    def __init__(self) -> None:
        self._file: IO[bytes] = SpooledTemporaryFile(_MAX_IN_MEMORY_BYTES)  # noqa: SIM115 (it lives as long as the plan)
        weakref.finalize(self, self._file.close)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        place = 0
        while True:
            self._file.seek(place)
            part = self._file.readlines(2**20)
            place = self._file.tell()
            if not part:
                return
            yield from map(json.loads, part)

    def add(self, values: Iterable[Any]) -> bytes:
        """Append `values`; return the bytes that were written."""
        kept = [json.dumps(value, ensure_ascii=False, sort_keys=True).encode() + b"\n" for value in values]
        self._file.seek(0, 2)
        self._file.write(b"".join(kept))
        self._count += len(kept)
        return b"".join(kept)


class Plan:
    """What applying a file to an office does: `items` in file order, and every fault."""

    def __init__(self, provider_id: UUID, what: str, *, invite: bool = False) -> None:
        self.provider_id, self.what, self.invite = provider_id, what, invite
        self.items, self.faults = JsonLinesFile(), JsonLinesFile()
        self.notices: Counter[str] = Counter()
        self.mails: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.refusal = ""
        self._digest = hashlib.sha256(f"{PLAN_FORMAT} {what} {provider_id} {invite}".encode())

    def add(self, items: list[PlanItem], faults: list[PlanFault]) -> None:
        """Add the items and faults of the next rows of the file."""
        self._digest.update(self.items.add(items))
        self.faults.add(faults)
        for item in items:
            self.mails.update(item.get("mails", ()))
            if item["changes"]:
                self.counts["new" if item["is_new"] else "changed"] += 1
            self.counts["takes"] += bool(item.get("takes"))

    @property
    def digest(self) -> str:
        """Hash of all items, with old and new values: the plan is the same while this is."""
        return self._digest.hexdigest()

    @property
    def is_empty(self) -> bool:
        return not len(self.items)

    def header(self) -> dict[str, Any]:
        """Return the first line of a saved plan."""
        return {
            "format": PLAN_FORMAT,
            "what": self.what,
            "provider": str(self.provider_id),
            "invite": self.invite,
            "digest": self.digest,
            "counts": dict(self.counts),
            "mails": dict(self.mails),
            "faults": len(self.faults),
        }

    def write(self, file: IO[bytes], *, applied: Iterable[PlanItem] | None = None) -> None:
        """Write the plan as JSON Lines; `applied` are its items with the IDs assigned when they were applied."""
        _write_line(file, self.header() | {"applied": applied is not None})
        for item in self.items if applied is None else applied:
            _write_line(file, item)
        for fault in self.faults:
            _write_line(file, {"fault": fault})


def _write_line(file: IO[bytes], value: Any) -> None:
    file.write(json.dumps(value, ensure_ascii=False, sort_keys=True).encode() + b"\n")


def read_plan_header(path: Path, provider_id: UUID, what: str) -> dict[str, Any]:
    """Return the first line of a saved plan. Raises PlanRefused when it is not a plan for this office."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(2**20))
        fits = (header["format"], header["what"], header["provider"]) == (PLAN_FORMAT, what, str(provider_id))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        fits, header = False, {}
    if not fits:
        raise PlanRefused(_("%(path)s is not a plan for this office.") % {"path": path})
    return dict(header)


def read_plan_items(path: Path) -> Iterator[PlanItem]:
    """Yield the items of a saved plan."""
    with path.open("rb") as file:
        next(file)
        for line in file:
            value = json.loads(line)
            if "fault" not in value:
                yield value
