"""Rows of a user import, and the users that they identify."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypedDict

from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from accounts.models import LoginMethod, Provider, User
from accounts.validators import build_account_taken_error, build_username_taken_error
from core.keys import compute_email_key, compute_label_key, compute_username_key
from imports.files import user_columns
from imports.files.budget import COMMAND_LIMITS, FileLimits, ReadBudget
from imports.files.cells import FileRow, UnreadableFile
from imports.files.file_notes import FileNotes, RowNote, build_headless_fault
from imports.files.readers import read_rows, require_rows
from imports.files.user_columns import IGNORED_COLUMNS, SECRET_COLUMNS, USER_COLUMN_LABELS, CellProblem
from imports.files.wording import format_value
from invitations.phone_numbers import is_known_mobile_number
from notifications.models import NotificationSetting
from permissions.models import IndividualRight, TeamMember

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

BATCH_ROWS = 1000
# Columns that lists fill with a default value on rows that are about no user.
_DEFAULT_COLUMNS = frozenset({
    "login_method", "two_factor_required", "has_access_to_test_years", "blocked", "external_tenant",
    "authorization_set", "signal_set",
})  # fmt: skip
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


@dataclass(slots=True)
class UserRow:
    """A row of a user import: parsed `values` by column name, without invalid ones."""

    row: int
    values: dict[str, Any]
    problems: list[CellProblem] = field(default_factory=list)

    def has_value(self, column: str) -> bool:
        return self.values.get(column) not in (None, "", [])

    def has_problem(self, column: str) -> bool:
        return any(problem.column == column for problem in self.problems)

    def add_problem(self, column: str, what: str, *, value: Any = None) -> None:
        """Add a problem for a column, with `value` in place of its own; secret values are masked."""
        shown = self.values.get(column) if value is None else value
        self.problems.append(CellProblem(column, _mask_value(column, shown), what))

    def require_value(self, column: str, what: str) -> None:
        """Add a problem when a column has no value, unless its value was invalid."""
        if not self.has_value(column) and not self.has_problem(column):
            self.add_problem(column, what)

    def validate(self, column: str, validator: Callable[..., object], *args: Any, **options: Any) -> None:
        """Add the problem for which `validator` refuses the value of a column."""
        try:
            validator(self.values.get(column), *args, **options)
        except ValidationError as error:
            self.add_problem(column, " ".join(error.messages))


@dataclass(slots=True)
class ExistingUserRow(UserRow):
    """A row about an existing user without a file; the name is the value shown with each problem."""

    name: str = ""

    def add_problem(self, column: str, what: str, *, value: Any = None) -> None:
        self.problems.append(CellProblem(column, self.name, what))


def _mask_value(column: str, value: Any) -> str:
    shown = format_value(value)
    return "…" if shown and column in SECRET_COLUMNS else shown


_NO_IDENTITY = ("email", "")
IDENTITY_COLUMNS = ("id", "username", "external_tenant", "external_user_id", "email")


@dataclass
class FileHeader:
    """The header of a file: column names, "" for each header that is not recognized."""

    row: FileRow
    names: list[str]
    unknown: list[str]


def parse_header(row: FileRow) -> FileHeader:
    """Parse the header. Raises UnreadableFile when a column occurs twice or no column is recognized."""
    known = user_columns.map_headers_to_columns()
    names = [known.get(compute_label_key(cell), "") for cell in row.cells]
    for name in set(names) - {""}:
        if names.count(name) > 1:
            raise UnreadableFile(
                _("The column “%(head)s” appears twice. Keep one.") % {"head": USER_COLUMN_LABELS[name]}
            )
    if not any(names):
        message = _("Row %(number)s has no known column headings. Add headings such as Voorletters and Achternaam.")
        raise UnreadableFile(message % {"number": row.number})
    unknown = [cell for cell, name in zip(row.cells, names, strict=True) if cell.strip() and not name]
    return FileHeader(row, names, unknown)


def read_user_rows(
    file: IO[bytes], *, limits: FileLimits = COMMAND_LIMITS, notes: FileNotes | None = None
) -> tuple[FileHeader, Iterator[list[UserRow]]]:
    """Return the header of a file and its rows in batches, without the example row of the template.

    What is guessed, hidden or skipped goes to `notes`. Raises UnreadableFile, also when there is no row.
    """
    notes = notes or FileNotes()
    file_rows = read_rows(file, budget=ReadBudget(limits), notes=notes)
    try:
        header = parse_header(next(file_rows))
    except UnreadableFile as error:  # perhaps of another sheet than the one with users
        raise UnreadableFile(" ".join([str(error), *notes.sentences])) from None
    file_rows = require_rows(file_rows)

    def iterate_batches() -> Iterator[list[UserRow]]:
        rows = (row for file_row in file_rows if (row := _parse_row(header, file_row, notes)) is not None)
        while batch := list(islice(rows, BATCH_ROWS)):
            yield batch

    return header, iterate_batches()


def _parse_row(header: FileHeader, file_row: FileRow, notes: FileNotes) -> UserRow | None:
    """Return the row, None when it is the example of the template or is about no user."""
    cells = dict(zip(header.names, file_row.cells, strict=False))
    if cells.get("email", "").strip() == TEMPLATE_EXAMPLE["email"]:
        notes.add_row(RowNote.EXAMPLE, file_row.number)
        return None
    row = UserRow(file_row.number, {})
    for column in notes.find_headless_columns(header.row, file_row):
        row.problems.append(CellProblem(column, "…", build_headless_fault()))
    if not row.problems and {name for name, cell in cells.items() if cell} <= _DEFAULT_COLUMNS | IGNORED_COLUMNS | {""}:
        notes.add_row(RowNote.DEFAULTS_ONLY, file_row.number)
        return None
    for name in header.names:
        if name and name not in IGNORED_COLUMNS:
            cell = cells.get(name, "")
            try:
                row.values[name] = user_columns.parse_cell(name, cell)
            except ValidationError as error:
                row.problems.append(CellProblem(name, _mask_value(name, cell), " ".join(error.messages)))
    notes.add_sample(" ".join(row.values.get(name) or "" for name in ("first_name", "last_name")).strip())
    if row.has_value("mobile_number") and not is_known_mobile_number(row.values["mobile_number"]):
        notes.add_row(RowNote.UNKNOWN_MOBILE_NUMBER, row.row)
    return row


class _AccessRows(TypedDict):
    """The rows of a user that planning compares."""

    membership_rows: list[TeamMember]
    right_rows: list[IndividualRight]
    setting_rows: list[NotificationSetting]


if TYPE_CHECKING:
    UserWithAccess: TypeAlias = WithAnnotations[User, _AccessRows]
else:
    UserWithAccess = User


def select_with_access(users: QuerySet[User]) -> QuerySet[UserWithAccess]:
    """Select everything about users that planning compares, as lists: thousands of related managers take long.

    Office and teams are prefetched, not joined: users then share one object for each.
    """
    return users.select_related("external_tenant", "invitation", "email_change").prefetch_related(
        "provider",
        Prefetch("memberships", TeamMember.objects.prefetch_related("team"), to_attr="membership_rows"),
        Prefetch("individual_rights", to_attr="right_rows"),
        Prefetch("notification_settings", to_attr="setting_rows"),
    )


class UserFinder:
    """Finds the users that rows identify, in a few queries per batch."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._seen: dict[tuple[Any, ...], int] = {}  # the row of each user and Microsoft account in the file

    def find_users(self, batch: list[UserRow]) -> dict[int, UserWithAccess]:
        """Return the existing users by row number, and add problems to rows that match no or several users."""
        users_by_row: dict[int, UserWithAccess] = {}
        by_key = self._load_candidates(batch)
        for row in batch:
            key = get_row_identity(row)
            if key == _NO_IDENTITY:
                continue
            users = by_key.get(key, [])
            if key[0] == "email" and row.values.get("login_method") == LoginMethod.WEBSITE_SSO:
                users = [user for user in users if not user.is_webservice_user]  # never becomes a website user
            if len(users) > 1:
                row.add_problem(key[0], _("Several users match. Add the column Id, or the username."))
            elif users and users[0].provider_id != self._provider.pk:
                row.add_problem(key[0], _get_taken_message(key[0]))
            elif users:
                users_by_row[row.row] = users[0]
            elif key[0] == "id":
                row.add_problem("id", _("No user in this office has this ID. Check the ID."))
            if users or key[1]:  # rows without an address are not about the same user
                self._refuse_duplicate(row, ("user", users[0].pk) if users else key, key[0])
        self._refuse_taken(batch, users_by_row)
        return users_by_row

    def _refuse_taken(self, batch: list[UserRow], users_by_row: dict[int, UserWithAccess]) -> None:
        """Refuse usernames and Microsoft accounts of other users, in any office or in this file."""
        names = {compute_username_key(row.values["username"]): row for row in batch if row.has_value("username")}
        accounts = {get_microsoft_account(row): row for row in batch if get_microsoft_account(row) is not None}
        keys = User.objects.filter(username_key__in=names).values_list("pk", "username_key")
        ids = User.objects.filter(external_user_id__in=[key[1] for key in accounts if key])
        taken = [("username", names[name], pk) for pk, name in keys if name]
        for pk, tid, oid in ids.values_list("pk", "external_tid", "external_user_id"):
            if (tid, oid) in accounts:
                taken.append(("external_user_id", accounts[tid, oid], pk))
        for column, row, pk in taken:
            if not row.has_problem(column) and (row.row not in users_by_row or users_by_row[row.row].pk != pk):
                row.add_problem(column, _get_taken_message(column))
        for row in batch:
            account = get_microsoft_account(row)
            if account is not None and get_row_identity(row)[0] != "external_user_id" and not row.problems:
                self._refuse_duplicate(row, ("account", *account), "external_user_id")

    def _refuse_duplicate(self, row: UserRow, key: tuple[Any, ...], column: str) -> None:
        first = self._seen.setdefault(key, row.row)
        if first != row.row:
            row.add_problem(column, _("Row %(row)s is about the same user. Keep one.") % {"row": first})

    def _load_candidates(self, batch: list[UserRow]) -> dict[tuple[str, Any], list[UserWithAccess]]:
        keys: dict[str, set[Any]] = defaultdict(set)
        for row in batch:
            column, value = get_row_identity(row)
            keys[column].add(value)
        users = select_with_access(User.objects.order_by("pk"))
        own = users.filter(provider=self._provider)
        candidates: dict[tuple[str, Any], list[UserWithAccess]] = defaultdict(list)
        if keys["id"]:
            for user in own.filter(pk__in=keys["id"]):
                candidates["id", user.pk].append(user)
        if keys["username"]:
            for user in users.filter(username_key__in=keys["username"]):
                candidates["username", user.username_key].append(user)
        if keys["external_user_id"]:
            for user in users.filter(external_user_id__in={oid for _tenant, oid in keys["external_user_id"]}):
                candidates["external_user_id", (user.external_tid, user.external_user_id)].append(user)
        if keys["email"]:
            for namesake in own.filter(email_key__in=keys["email"]):
                candidates["email", namesake.email_key].append(namesake)
        return candidates


def _get_taken_message(column: str) -> str:
    error = build_username_taken_error() if column == "username" else build_account_taken_error()
    return str(error.message)


def get_microsoft_account(row: UserRow) -> tuple[Any, Any] | None:
    """Return the tenant ID and object ID of a row that has both, once its tenant is resolved."""
    if row.has_value("external_tenant") and row.has_value("external_user_id"):
        return row.values["external_tenant"].tenant_id, row.values["external_user_id"]
    return None


def get_row_identity(row: UserRow) -> tuple[str, Any]:
    """Return the column and value that identify the user of a row.

    The first of these that is present: id, username, Microsoft account, e-mail address; _NO_IDENTITY without any.
    """
    if row.has_value("id"):
        return "id", row.values["id"]
    if row.has_value("username"):
        return "username", compute_username_key(row.values["username"])
    if get_microsoft_account(row) is not None:
        return "external_user_id", get_microsoft_account(row)
    return "email", compute_email_key(row.values.get("email") or "")
