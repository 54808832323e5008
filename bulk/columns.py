"""Columns of a user import: headers in Dutch and English, and parsing of their cells."""

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.exports import COLUMNS as EXPORTED
from accounts.forms.kinds import username_field
from accounts.forms.office import MicrosoftIdField
from accounts.forms.people import WebsiteForm
from accounts.models import LoginMethod
from bulk.cells import Cell, Number, Odd
from invitations.drafts import named
from invitations.phones import mobile_number
from loket.sheets import parted
from loket.text import squeezed
from notifications.wishes import Owns
from notifications.written import read as read_signals
from teams.catalogue import Right

# Never exported and never stored in a plan: read from the file again when the plan is applied.
SECRET = {"mobile_number": gettext_lazy("Mobile number"), "password": gettext_lazy("Password")}
LABELS: dict[str, str | Promise] = (
    {name: label for name, (label, _width) in EXPORTED.items()}
    | SECRET
    | {"authorization_set": gettext_lazy("User authorization set"), "signal_set": gettext_lazy("Notification set")}
)
LEFT_ASIDE = frozenset({"status", "two_factor", "created_at", "last_login", "fault"})
LABELS["fault"] = gettext_lazy("error")
_ALSO = {
    "email": ["e-mail", "e-mailadres", "mail"],
    "mobile_number": ["mobiel", "mobiele telefoon", "mobile", "mobile phone"],
    "prefix": ["tussenvoegsel"],
    "phone_number": ["telefoon", "phone"],
    "access_until": ["einddatum", "end date"],
    "external_tenant": ["azure ad tenant", "tenant"],
    "external_user_id": ["object id"],
    "authorization_set": ["autorisatieset", "authorization set"],
    "teams": ["team"],
    "signals": ["signalen ak", "signals ak"],
}
_YES, _NO = {"ja", "j", "yes", "y", "true", "waar", "1", "x"}, {"nee", "n", "no", "false", "onwaar", "0", ""}
_DATE = re.compile(r"(?:(\d{4})[-/](\d{1,2})[-/](\d{1,2})|(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}))")
_ROUNDED = re.compile(r"\d+(?:[.,]\d+)?E\+?\d+", re.I)


class Problem(NamedTuple):
    """What is wrong in a column: the value, masked if it is secret, and what to do."""

    column: str
    value: str
    what: str


@cache
def heads() -> dict[str, str]:
    """Return column names by recognized header, normalized by `squeezed`."""
    found = {squeezed(head): name for name, heads in _ALSO.items() for head in heads}
    for language in ("en", "nl"):
        with translation.override(language):
            found |= {squeezed(str(label)): name for name, label in LABELS.items()}
    return found | {squeezed(name): name for name in LABELS}


@cache
def _named(kind: type[LoginMethod] | type[Right]) -> dict[str, Any]:
    """Return the members of `kind` by code and by label in both languages, normalized by `squeezed`."""
    found: dict[str, Any] = {squeezed(member.value): member for member in kind}
    for language in ("en", "nl"):
        with translation.override(language):
            found |= {squeezed(str(member.label)): member for member in kind}
    return found


def value_of(column: str, cell: Cell) -> Any:
    """Parse `cell` for a column. Raises ValidationError that says what to do."""
    if isinstance(cell, Odd):
        raise ValidationError(cell.fault)
    if _ROUNDED.fullmatch(cell) and column in _NEVER_NUMBERS:
        raise ValidationError(
            _("Your spreadsheet program rounded this number. Format the column as text and enter the value again.")
        )
    if isinstance(cell, Number) and column in _NEVER_NUMBERS:
        raise ValidationError(
            _(
                "This value is stored as a number, so leading zeros are lost. Format the column as text and enter it"
                " again."
            )
        )
    return _READERS[column](cell)


_NEVER_NUMBERS = frozenset({"username", "password", "phone_number"})


def _yes_or_no(cell: str) -> bool:
    word = squeezed(cell)
    if word not in _YES | _NO or (cell.strip() and not word):
        raise ValidationError(_("Enter yes or no."))
    return word in _YES


def _day(cell: str) -> date | None:
    if not cell.strip():
        return None
    found = _DATE.fullmatch(cell.strip())
    try:
        if found is not None:
            year, month, day, day_2, month_2, year_2 = found.groups()
            return date(int(year or year_2), int(month or month_2), int(day or day_2))
    except ValueError:
        pass
    if cell.strip().isdecimal() and len(cell.strip()) == 5:
        raise ValidationError(
            _("This date is stored as a number. Format the column as a date, or use the format 2030-12-31.")
        )
    raise ValidationError(_("This is not a valid date. Use the format 2030-12-31 or 31-12-2030."))


def _kind(cell: str) -> LoginMethod | None:
    if not cell.strip():
        return None
    found: LoginMethod | None = _named(LoginMethod).get(squeezed(cell))
    if found is None:
        names = ", ".join(f"“{kind.label}”" for kind in LoginMethod)
        raise ValidationError(_("This is not a valid login method. Use one of these: %(names)s.") % {"names": names})
    return found


def _several(cell: str) -> list[str]:
    try:
        return parted(cell)
    except ValueError:
        raise ValidationError(
            _(
                "Separate names with semicolons. Put a name that contains a semicolon or quotation mark between"
                " quotation marks."
            )
        ) from None


def _rights(cell: str) -> list[Right]:
    names = _named(Right)
    unknown = [name for name in _several(cell) if squeezed(name) not in names]
    if unknown:
        raise ValidationError(_("Right “%(name)s” does not exist.") % {"name": unknown[0]})
    return [names[squeezed(name)] for name in _several(cell)]


def _signals(cell: str) -> Owns:
    return read_signals(_several(cell))


def _id(cell: str) -> Any:
    if not cell.strip():
        return None
    found = named(cell.strip())
    if found is None:
        raise ValidationError(_("This is not a valid Loket ID. Leave the cell empty for a new user."))
    return found


def _optional(clean: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda cell: clean(cell) if cell.strip() else None


_DETAILS = (
    "initials", "prefix", "last_name", "first_name", "email", "phone_number", "place_of_employment"
)  # fmt: skip
_READERS: dict[str, Callable[[str], Any]] = {
    **{name: WebsiteForm.base_fields[name].clean for name in _DETAILS},
    **{name: _optional(WebsiteForm.base_fields[name].clean) for name in ("initials", "last_name", "email")},
    "id": _id,
    "login_method": _kind,
    "username": _optional(username_field().clean),
    "has_access_to_test_years": _yes_or_no,
    "two_factor_required": _yes_or_no,
    "blocked": _yes_or_no,
    "access_until": _day,
    "external_tenant": _optional(str.strip),
    "external_user_id": _optional(MicrosoftIdField().clean),
    "teams": _several,
    "individual_rights": _rights,
    "authorization_set": _optional(str.strip),
    "signals": _signals,
    "signal_set": _optional(str.strip),
    "mobile_number": _optional(mobile_number),
    "password": _optional(str),
}


def rights_by_name() -> dict[str, Right]:
    """Return the rights by code and by label in both languages, normalized by `squeezed`."""
    return _named(Right)
