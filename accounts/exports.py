"""Export of users: CSV and XLSX for spreadsheets, JSONL for programs."""

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import StrEnum
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import Provider, User
from accounts.status import Status, TwoFactor
from audit.actions import SEARCHED, record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from loket import sheets
from loket.sheets import joined
from notifications import wishes, written
from teams import rights
from teams.catalogue import known, ordered
from teams.evaluator import Resting
from teams.rights import Right

_IN_MEMORY = 2**20  # bytes; larger files are written to disk
_ROWS = 1000  # fetched at a time


Columns = dict[str, tuple[str | Promise, int]]  # heading and width in characters by name
Row = dict[str, Any]  # values by column name, in column order


class Form(StrEnum):
    """Format of an exported file."""

    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"


CONTENT_TYPES = {Form.CSV: "text/csv; charset=utf-8", Form.XLSX: sheets.XLSX, Form.JSONL: "application/jsonl"}


def _label(name: str) -> str | Promise:
    label: str | Promise = User._meta.get_field(name).verbose_name  # type: ignore[union-attr]
    return label


# Names as in the model, `with_status` and domain.md.
COLUMNS: Columns = {
    "id": ("Id", 38),
    "login_method": (_label("login_method"), 24),
    "username": (_label("username"), 24),
    "initials": (_label("initials"), 12),
    "prefix": (_label("prefix"), 12),
    "last_name": (_label("last_name"), 26),
    "first_name": (_label("first_name"), 20),
    "email": (_label("email"), 34),
    "phone_number": (_label("phone_number"), 16),
    "place_of_employment": (_label("place_of_employment"), 20),
    "has_access_to_test_years": (_label("has_access_to_test_years"), 12),
    "access_until": (_label("access_until"), 14),
    "two_factor_required": (_label("two_factor_required"), 12),
    "external_tenant": (gettext_lazy("Azure AD Tenant ID"), 38),
    "external_user_id": (_label("external_user_id"), 38),
    "teams": (gettext_lazy("Teams"), 40),
    "individual_rights": (gettext_lazy("Individual rights"), 40),
    "signals": (pgettext_lazy("told", "Notifications"), 40),
    "blocked": (gettext_lazy("Blocked"), 12),
    "status": (gettext_lazy("Status"), 20),
    "two_factor": (gettext_lazy("Two-factor"), 20),
    "created_at": (gettext_lazy("Created on"), 18),
    "last_login": (gettext_lazy("Last login"), 18),
}


@asks(Proof.HALF_HOUR)
@transaction.atomic
def export(provider: Provider, users: QuerySet[User], *, form: Form, filters: dict[str, str], by: Actor) -> IO[bytes]:
    """Return a file with `users` of the office, who come from `with_status`, and record an event with `filters`.

    The file is rewound; large files are on disk. Raises PermissionDenied without view_users.
    """
    rights.require_office(by, provider.pk)
    rights.require(by, Right.VIEW_USERS)
    used = {name: SEARCHED if name == "q" else value for name, value in filters.items() if value}
    people = users.filter(provider=provider).order_by("sort_name", "pk")
    rows = people.prefetch_related("memberships__team", "individual_rights", "signal_settings").iterator(_ROWS)
    file = write(map(_values, rows), COLUMNS, title=_("Users"), form=form)
    record(Verb.EXPORTED, provider, by=by, provider_id=provider.pk, changes={"users": [None, {"form": form, **used}]})
    return file


def write(rows: Iterable[Row], columns: Columns, *, title: str, form: Form) -> IO[bytes]:
    """Return a file with `rows`, each with a value for every column; `title` names the sheet of a workbook.

    The file is rewound; large files are on disk.
    """
    file: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (the response closes it)
    if form is Form.JSONL:
        file.writelines(_json_lines(rows))
    elif form is Form.CSV:
        file.writelines(sheets.csv_lines(_table(rows, columns)))
    else:
        sheets.write_xlsx(file, title, _table(rows, columns), [width for _head, width in columns.values()])
    file.seek(0)
    return file


def _values(user: User) -> dict[str, Any]:
    teams = sorted(member.team.name for member in user.memberships.all())
    codes = known(row.right for row in user.individual_rights.all())
    made = {
        "external_tenant": user.external_tid,
        "teams": teams,
        "individual_rights": ordered(codes),
        "signals": wishes.read(user.signal_settings.all()),
        "blocked": user.blocked_at is not None,
    }
    return {name: made[name] if name in made else getattr(user, name) for name in COLUMNS}


def _json_lines(rows: Iterable[Row]) -> Iterator[bytes]:
    for row in rows:
        values = {name: _plain(value) for name, value in row.items()}
        yield json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return written.coded(value)
    return value if isinstance(value, str | bool | int | list) or value is None else _iso(value)


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _table(rows: Iterable[Row], columns: Columns) -> Iterator[list[str]]:
    yield [str(head) for head, _width in columns.values()]
    for row in rows:
        yield [_shown(name, value) for name, value in row.items()]


def _shown(name: str, value: Any) -> str:
    """Return a value as text for a spreadsheet cell."""
    if value is None or value == "":
        return ""
    if name == "login_method":
        return str(User(login_method=value).get_login_method_display())
    if name in ("status", "two_factor"):
        return str((Status if name == "status" else TwoFactor)(value).label)
    if isinstance(value, Right | Resting):
        return str(value.label)
    if isinstance(value, dict):
        return joined(written.written(value))
    if isinstance(value, list):
        return joined(_shown(name, item) for item in value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
    return _iso(value)
