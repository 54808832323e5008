"""Rows of a user import, and the users that they identify."""

import sqlite3
import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from core.text import compute_username_key, normalize_label
from imports.files import user_columns
from imports.files.budget import COMMAND_LIMITS, FileLimits, ReadBudget
from imports.files.cells import FileRow, UnreadableFile
from imports.files.readers import read_rows
from imports.files.user_columns import IGNORED_COLUMNS, SECRET_COLUMNS, USER_COLUMN_LABELS, CellProblem

BATCH_ROWS = 1000
TEMPLATE_EXAMPLE = {
    "login_method": "Via website en SSO",
    "initials": "P.",
    "prefix": "de",
    "last_name": "Voorbeeld",
    "email": "p.devoorbeeld@voorbeeld.invalid",
    "mobile_number": "06 12345678",
    "access_until": "31-12-2030",
    "two_factor_required": "nee",
}


@dataclass
class UserRow:
    """A row of a user import: parsed `values` by column name, without invalid ones."""

    row: int
    values: dict[str, Any]
    problems: list[CellProblem] = field(default_factory=list)

    def has_value(self, column: str) -> bool:
        """Return whether the row has a value for `column`."""
        return self.values.get(column) not in (None, "", [])

    def has_problem(self, column: str) -> bool:
        """Return whether `column` has a problem."""
        return any(problem.column == column for problem in self.problems)

    def add_problem(self, column: str, what: str) -> None:
        """Add a problem for a column; secret values are masked."""
        value = self.values.get(column)
        self.problems.append(CellProblem(column, _mask_value(column, value), what))


@dataclass
class ExistingUserRow(UserRow):
    """A row about an existing user, whose name is the value shown with each problem."""

    name: str = ""

    def add_problem(self, column: str, what: str) -> None:
        self.problems.append(CellProblem(column, self.name, what))


def _mask_value(column: str, value: Any) -> str:
    if value in (None, "", []):
        return ""
    return "…" if column in SECRET_COLUMNS else str(value)[:60]


@dataclass
class FileHeader:
    """The header of a file: column names, "" for each header that is not recognized."""

    names: list[str]
    unknown: list[str]


def parse_header(row: FileRow) -> FileHeader:
    """Parse the header. Raises UnreadableFile when a column occurs twice or no column is recognized."""
    known = user_columns.map_headers_to_columns()
    names = [known.get(normalize_label(cell), "") for cell in row.cells]
    for name in set(names) - {""}:
        if names.count(name) > 1:
            raise UnreadableFile(
                _("The column “%(head)s” appears twice. Keep one.") % {"head": USER_COLUMN_LABELS[name]}
            )
    if not any(names):
        message = _("Row %(number)s has no known column headings. Add headings such as Voorletters and Achternaam.")
        raise UnreadableFile(message % {"number": row.number})
    unknown = [cell for cell, name in zip(row.cells, names, strict=True) if cell.strip() and not name]
    return FileHeader(names, unknown)


def read_user_rows(
    file: IO[bytes], *, limits: FileLimits = COMMAND_LIMITS
) -> tuple[FileHeader, Iterator[list[UserRow]]]:
    """Return the header of a file and its rows in batches, without the example row of the template."""
    found = read_rows(file, budget=ReadBudget(limits))
    head = parse_header(next(found))
    return head, _split_into_batches(_parse_row(head, row) for row in found)


def _split_into_batches(found: Iterable[UserRow | None]) -> Iterator[list[UserRow]]:
    some = iter(one for one in found if one is not None)
    while batch := list(islice(some, BATCH_ROWS)):
        yield batch


def _parse_row(head: FileHeader, row: FileRow) -> UserRow | None:
    wanted = UserRow(row.number, {})
    cells = dict(zip(head.names, row.cells, strict=False))
    if cells.get("email", "").strip() == TEMPLATE_EXAMPLE["email"]:
        return None
    for name in head.names:
        if not name or name in IGNORED_COLUMNS:
            continue
        cell = cells.get(name, "")
        try:
            wanted.values[name] = user_columns.parse_cell(name, cell)
        except ValidationError as error:
            shown = "…" if name in SECRET_COLUMNS and cell else str(cell)[:60]
            wanted.problems.append(CellProblem(name, shown, " ".join(error.messages)))
    return wanted


class UserFinder:
    """Finds the users that rows identify, in a few queries per batch."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        # A temporary database, on disk when large; the thread that collects this object closes it.
        self._seen = sqlite3.connect("", check_same_thread=False)
        self._seen.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID")
        weakref.finalize(self, self._seen.close)

    def find_users(self, batch: list[UserRow]) -> dict[int, User]:
        """Return the existing users by row number, and add problems to rows that match no or several users."""
        found: dict[int, User] = {}
        by_key = self._load_candidates(batch)
        for wanted in batch:
            key = get_row_identity(wanted)
            people = by_key.get(key, [])
            if len(people) > 1:
                wanted.add_problem(key[0], _("Several users match. Add the column Id, or the username."))
            elif people and people[0].provider_id != self._provider.pk:
                wanted.add_problem(key[0], _get_taken_message(key[0]))
            elif people:
                found[wanted.row] = people[0]
            elif key[0] == "id":
                wanted.add_problem("id", _("No user in this office has this ID. Check the ID."))
            self._refuse_duplicate(wanted, f"user {people[0].pk}" if people else f"{key}", key[0])
        self._refuse_taken(batch, found)
        return found

    def _refuse_taken(self, batch: list[UserRow], found: dict[int, User]) -> None:
        """Refuse usernames and Microsoft accounts of other users, in any office or in this file."""
        names = {compute_username_key(row.values["username"]): row for row in batch if row.has_value("username")}
        accounts = {get_microsoft_account(row): row for row in batch if get_microsoft_account(row) is not None}
        keys = User.objects.filter(username_key__in=names).values_list("pk", "username_key")
        ids = User.objects.filter(external_user_id__in=[key[1] for key in accounts if key])
        taken = [("username", names[name], pk) for pk, name in keys if name]
        for pk, tid, oid in ids.values_list("pk", "external_tid", "external_user_id"):
            if (tid, oid) in accounts:
                taken.append(("external_user_id", accounts[tid, oid], pk))
        for column, wanted, pk in taken:
            if not wanted.has_problem(column) and (wanted.row not in found or found[wanted.row].pk != pk):
                wanted.add_problem(column, _get_taken_message(column))
        for wanted in batch:
            if (
                get_microsoft_account(wanted) is not None
                and get_row_identity(wanted)[0] != "external_user_id"
                and not wanted.problems
            ):
                self._refuse_duplicate(wanted, f"account {get_microsoft_account(wanted)}", "external_user_id")

    def _refuse_duplicate(self, wanted: UserRow, key: str, column: str) -> None:
        short = blake2b(key.encode(), digest_size=12).digest()
        added = self._seen.execute("INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING", [short, wanted.row])
        if not added.rowcount:
            ((first,),) = self._seen.execute("SELECT number FROM seen WHERE key = ?", [short])
            message = _("Row %(row)s is about the same user. Keep one.") % {"row": first}
            wanted.add_problem(column, message)

    def _load_candidates(self, batch: list[UserRow]) -> dict[tuple[str, Any], list[User]]:
        keys: dict[str, set[Any]] = defaultdict(set)
        for wanted in batch:
            column, value = get_row_identity(wanted)
            keys[column].add(value)
        people = (
            User.objects.select_related("provider", "external_tenant", "invitation", "email_change")
            .prefetch_related("memberships__team", "individual_rights", "signal_settings")
            .order_by("pk")
        )
        own: QuerySet[User] = people.filter(provider=self._provider)
        found: dict[tuple[str, Any], list[User]] = defaultdict(list)
        if keys["id"]:
            for user in own.filter(pk__in=keys["id"]):
                found["id", user.pk].append(user)
        if keys["username"]:
            for user in people.filter(username_key__in=keys["username"]):
                found["username", user.username_key].append(user)
        if keys["external_user_id"]:
            for user in people.filter(external_user_id__in={oid for _tenant, oid in keys["external_user_id"]}):
                found["external_user_id", (user.external_tid, user.external_user_id)].append(user)
        if keys["email"]:
            for namesake in own.annotate(address=Lower("email")).filter(address__in=keys["email"]):
                found["email", namesake.address].append(namesake)
        return found


def _get_taken_message(column: str) -> str:
    if column == "username":
        return _("This username is taken. Choose another one.")
    return _("Another user already has this Microsoft account. Check the User ID.")


def get_microsoft_account(wanted: UserRow) -> tuple[Any, Any] | None:
    """Return the tenant ID and object ID of a row that has both, once its tenant is resolved."""
    if wanted.has_value("external_tenant") and wanted.has_value("external_user_id"):
        return wanted.values["external_tenant"].tenant_id, wanted.values["external_user_id"]
    return None


def get_row_identity(wanted: UserRow) -> tuple[str, Any]:
    """Return the column and value that identify the user of a row.

    The first of these that is present: id, username, Microsoft account, e-mail address.
    """
    if wanted.has_value("id"):
        return "id", wanted.values["id"]
    if wanted.has_value("username"):
        return "username", compute_username_key(wanted.values["username"])
    if get_microsoft_account(wanted) is not None:
        return "external_user_id", get_microsoft_account(wanted)
    return "email", (wanted.values.get("email") or "").lower()
