"""Plans: what a file, bulk action or revert changes, as typed commands that can be shown, saved and applied.

Applying goes through the same actions as the pages, in one transaction.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, ClassVar, NamedTuple, Self, TypedDict
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from structlog.contextvars import bound_contextvars

from accounts.locks import lock_provider
from accounts.models import Provider
from audit.actors import Actor
from audit.changes import Changes
from core.errors import EditConflict
from core.throttle import Throttled
from imports.files.file_notes import FileNotes
from invitations.actions import InvitationNotOpen
from outbox import message_limits
from outbox.message_limits import BulkProgress
from permissions.checks import LastAdministrator
from permissions.duty_guard import settle_duties_at_end

PLAN_FORMAT = 1
_BATCH_SIZE = 1000  # commands applied at once
ProgressCallback = Callable[[int], object]  # called after each batch with its number of rows


def ignore_progress(_count: int) -> None:
    """Ignore progress."""


class PlanRefused(Exception):
    """The plan is not applied and nothing was written; the message says why."""


@contextmanager
def refuse_on_error() -> Iterator[None]:
    """Raise PlanRefused in place of the errors by which actions refuse a change."""
    try:
        yield
    except (
        PermissionDenied, ValidationError, LastAdministrator, EditConflict, InvitationNotOpen, Throttled,
    ) as error:  # fmt: skip
        text = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        raise PlanRefused(text or _("Another user changed this in the meantime. Create the plan again.")) from error


class PlanFault(TypedDict):
    """What is wrong in a row, and what to do; `column` is its header, or its letter without one."""

    row: int
    column: str
    value: str
    what: str


class PlanItem(TypedDict, total=False):
    """What changes for one user or object, as stored: `changes` maps a field to [old, new], without secrets."""

    row: int
    id: str | None  # of an existing user or object, and after applying of every one
    name: str
    is_new: bool
    kind: str  # kind of object, absent for users
    changes: Changes
    effect: dict[str, Any]
    has_losses: bool
    mails: list[str]


@dataclass(frozen=True)
class ApplyContext:
    """The office, locked, and the actor for whom commands are applied."""

    provider: Provider
    by: Actor


class Command(ABC):
    """One change of an item, immutable. Commands may hold secrets, which items never do.

    Commands are applied in the order of `phase`, those of one class together: grants before revocations, so that the
    office always has an administrator.
    """

    phase: ClassVar[int]

    @classmethod
    @abstractmethod
    def apply_all(cls, pairs: Sequence[tuple[PlanItem, Self]], context: ApplyContext) -> None:
        """Apply commands, each to the object of its item; new objects set the id of theirs."""


class PlanStep(NamedTuple):
    """An item and its commands in order of application; none for a user whom only a change to a team affects."""

    item: PlanItem
    commands: Sequence[Command] = ()


class Plan:
    """What applying a file to an office does: `steps` in file order, and every fault."""

    def __init__(self, provider_id: UUID, what: str, *, invite: bool = False) -> None:
        self.provider_id, self.what, self.invite = provider_id, what, invite
        self.steps: list[PlanStep] = []
        self.faults: list[PlanFault] = []
        self.notices: Counter[str] = Counter()
        self.notes = FileNotes()  # on its rows, which become notices once all are read
        self.mails: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.refusal = ""
        self.send_forecast: BulkProgress | None = None  # when its invitations are sent
        self.is_applied = False
        self._conflicts: Counter[str] = Counter()
        self._digest = hashlib.sha256(f"{PLAN_FORMAT} {what} {provider_id} {invite}".encode())

    def add(self, steps: Iterable[PlanStep], faults: Iterable[PlanFault]) -> None:
        """Add the steps and faults of the next rows of the file."""
        self.faults += faults
        for step in steps:
            item = step.item
            self.steps.append(step)
            self._digest.update(_dump_line(item))
            self.mails.update(item.get("mails", ()))
            if item["changes"]:
                self.counts["new" if item["is_new"] else "changed"] += 1
            self.counts["has_losses"] += bool(item.get("has_losses"))

    def add_conflict(self, rule_name: str, text: str) -> None:
        """Add a notice that a user would conflict with a rule about duties that only warns."""
        self.notices[text] += 1
        self._conflicts[rule_name] += 1

    @property
    def items(self) -> list[PlanItem]:
        return [step.item for step in self.steps]

    @property
    def digest(self) -> str:
        """Hash of all items with old and new values, and of conflicts of duties: the same while the plan is."""
        digest = self._digest.copy()
        if self._conflicts:
            digest.update(_dump_line(dict(sorted(self._conflicts.items()))))
        return digest.hexdigest()

    @property
    def is_empty(self) -> bool:
        return not self.steps

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
            "notices": list(self.notices),
        }

    def write(self, file: IO[bytes]) -> None:
        """Write the plan as JSON Lines; after applying, with the assigned IDs."""
        file.write(_dump_line(self.header() | {"applied": self.is_applied}))
        file.writelines(_dump_line(item) for item in self.items)
        file.writelines(_dump_line({"fault": fault}) for fault in self.faults)


def _dump_line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True).encode() + b"\n"


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
    with path.open("rb") as file:
        next(file)
        for line in file:
            value = json.loads(line)
            if "fault" not in value:
                yield value


def plan_and_apply(
    provider: Provider,
    make_plan: Callable[[Provider], Plan],
    *,
    by: Actor,
    digest: str | None = None,
    skips_faults: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> Plan:
    """Lock the office, plan, and apply the plan; return it with the assigned IDs.

    `digest` identifies the plan that was reviewed: a different plan is refused. A plan with faults is returned without
    applying anything, unless `skips_faults`. `progress` is called with the items applied. Raises PlanRefused.
    """
    with refuse_on_error(), transaction.atomic():
        provider = lock_provider(provider.pk)
        plan = make_plan(provider)
        check_plan(plan, digest)
        if plan.faults and not skips_faults:
            return plan
        if plan.faults and plan.is_empty:
            raise PlanRefused(_("This is no longer possible for any of these users. Create the plan again to see why."))
        apply_plan(provider, plan, by=by, progress=progress)
    return plan


def check_plan(plan: Plan, digest: str | None) -> None:
    """Raise PlanRefused when the plan differs from the reviewed one with `digest`, or is refused itself."""
    if digest is not None and plan.digest != digest and not plan.is_empty:
        raise PlanRefused(
            _("The office or the file has changed since this plan was created. Create the plan again and review it.")
        )
    if plan.refusal:
        raise PlanRefused(plan.refusal)


def apply_plan(provider: Provider, plan: Plan, *, by: Actor, progress: ProgressCallback = ignore_progress) -> None:
    """Apply a plan to an office that the caller has locked, all or nothing. Raises PlanRefused."""
    by = by if by.correlation_id else replace(by, correlation_id=plan.digest[:36])
    pairs: dict[type[Command], list[tuple[PlanItem, Command]]] = defaultdict(list)
    for step in plan.steps:
        for command in step.commands:
            pairs[type(command)].append((step.item, command))
    last_commands = {id(step.commands[-1]) for step in plan.steps if step.commands}
    context = ApplyContext(provider, by)
    with (
        refuse_on_error(),
        transaction.atomic(),
        bound_contextvars(correlation_id=by.correlation_id),  # that of its messages
        message_limits.batch_charges(),
        settle_duties_at_end(),
    ):
        for kind in sorted(pairs, key=lambda kind: kind.phase):
            for start in range(0, len(pairs[kind]), _BATCH_SIZE):
                batch = pairs[kind][start : start + _BATCH_SIZE]
                kind.apply_all(batch, context)
                progress(sum(id(command) in last_commands for _item, command in batch))
    plan.is_applied = True
