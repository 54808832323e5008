"""Columns of a user import: headers in Dutch and English, and parsing of their cells."""

import re
from collections.abc import Callable
from datetime import date
from functools import cache, partial
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import LoginMethod
from accounts.validators import validate_username
from core.ids import parse_uuid
from core.keys import compute_label_key
from core.sheets import split_names
from imports.files.cells import Cell, ConvertedCell, InvalidCell, NumberCell
from imports.files.wording import suggest_name
from invitations.phone_numbers import parse_mobile_number
from notifications.preference_text import parse_overrides as read_signals
from notifications.preferences import OverridesByType
from permissions.catalog import Right
from users.exports import USER_COLUMNS as EXPORTED
from users.forms.office import MicrosoftIdField
from users.forms.users import WebsiteUserForm

# Never exported and never stored in a plan: read from the file again when the plan is applied.
SECRET_COLUMNS = {"mobile_number": gettext_lazy("Mobile number"), "password": gettext_lazy("Password")}
USER_COLUMN_LABELS: dict[str, str | Promise] = (
    {name: label for name, (label, _width) in EXPORTED.items()}
    | SECRET_COLUMNS
    | {"authorization_set": gettext_lazy("User authorization set"), "signal_set": gettext_lazy("Notification set")}
)
IGNORED_COLUMNS = frozenset({"status", "two_factor", "created_at", "last_login", "fault"})
USER_COLUMN_LABELS["fault"] = gettext_lazy("error")
_HEADER_ALIASES = {
    "email": ["e-mail", "e-mailadres", "mail"],
    "mobile_number": ["mobiel", "mobiele telefoon", "mobile", "mobile phone", "gsm"],
    "first_name": ["given name", "roepnaam"],
    "prefix": ["tussenvoegsel", "tussenvoegsels", "voorvoegsels"],
    "last_name": ["surname", "family name", "familienaam"],
    "phone_number": ["telefoon", "phone"],
    "access_until": ["einddatum", "end date"],
    "external_tenant": ["azure ad tenant", "tenant"],
    "external_user_id": ["object id"],
    "authorization_set": ["autorisatieset", "authorization set"],
    "teams": ["team"],
    "signals": ["signalen ak", "signals ak"],
}
_TRUE_WORDS, _FALSE_WORDS = (
    {"ja", "j", "yes", "y", "true", "waar", "1", "x"},
    {"nee", "n", "no", "false", "onwaar", "0", ""},
)
_DATE_PATTERN = re.compile(r"(?:(\d{4})[-/](\d{1,2})[-/](\d{1,2})|(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}))")
_SCIENTIFIC_NOTATION = re.compile(r"[+-]?\d+(?:[.,]\d+)?E\+?\d+", re.I)


class CellProblem(NamedTuple):
    """What is wrong in a column, its letter if it has no heading: the value, masked if secret, and what to do."""

    column: str
    value: str
    what: str


@cache
def map_headers_to_columns() -> dict[str, str]:
    """Return column names by recognized header, normalized by `compute_label_key`."""
    found = {compute_label_key(head): name for name, heads in _HEADER_ALIASES.items() for head in heads}
    for language in ("en", "nl"):
        with translation.override(language):
            found |= {compute_label_key(str(label)): name for name, label in USER_COLUMN_LABELS.items()}
    return found | {compute_label_key(name): name for name in USER_COLUMN_LABELS}


@cache
def _map_names_to_choices(kind: type[LoginMethod] | type[Right]) -> dict[str, Any]:
    """Return the members of `kind` by code and by label in both languages, normalized by `compute_label_key`."""
    found: dict[str, Any] = {compute_label_key(member.value): member for member in kind}
    for language in ("en", "nl"):
        with translation.override(language):
            found |= {compute_label_key(str(member.label)): member for member in kind}
    return found


def parse_cell(column: str, cell: Cell) -> Any:
    """Parse `cell` for a column. Raises ValidationError that says what to do."""
    if isinstance(cell, InvalidCell):
        raise ValidationError(cell.advice)
    if _SCIENTIFIC_NOTATION.fullmatch(cell.strip()) and column in _TEXT_ONLY_COLUMNS | {"mobile_number"}:
        raise ValidationError(
            _("Your spreadsheet program rounded this number. Format the column as text and enter the value again.")
        )
    is_restorable = column == "phone_number" and _WITHOUT_ZERO.fullmatch(cell)
    if isinstance(cell, NumberCell) and column in _TEXT_ONLY_COLUMNS and not is_restorable:
        raise ValidationError(
            _(
                "This value is stored as a number, so leading zeros are lost. Format the column as text and enter it"
                " again."
            )
        )
    if column not in _CONVERTED_COLUMNS:
        validate_as_typed(cell)
    return _PARSERS[column](cell)


def validate_as_typed(cell: Cell) -> None:
    """Raise ValidationError for a cell of text that is no longer as it was typed, such as 1-2 that became a date."""
    if isinstance(cell, ConvertedCell):
        raise ValidationError(
            _(
                "Your spreadsheet program changed this value into a date, a time, or yes or no. Format the column as"
                " text and enter it again."
            )
        )


_WITHOUT_ZERO = re.compile(r"[1-9][0-9]{8}")  # a Dutch number of which a spreadsheet removed the zero
_TEXT_ONLY_COLUMNS = frozenset({"username", "password", "phone_number"})
_CONVERTED_COLUMNS = frozenset({"has_access_to_test_years", "two_factor_required", "blocked", "access_until"})


def _parse_boolean(cell: str) -> bool:
    word = compute_label_key(cell)
    if word not in _TRUE_WORDS | _FALSE_WORDS or (cell.strip() and not word):
        raise ValidationError(_("Enter yes or no."))
    return word in _TRUE_WORDS


def is_no(cell: Cell) -> bool:
    """Return whether a cell says no, as parse_cell takes it in a column with yes or no."""
    return compute_label_key(cell) in _FALSE_WORDS


def _parse_date(cell: str) -> date | None:
    if not cell.strip():
        return None
    found = _DATE_PATTERN.fullmatch(cell.strip())
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


def _parse_login_method(cell: str) -> LoginMethod | None:
    if not cell.strip():
        return None
    found: LoginMethod | None = _map_names_to_choices(LoginMethod).get(compute_label_key(cell))
    if found is None:
        names = ", ".join(f"“{kind.label}”" for kind in LoginMethod)
        raise ValidationError(_("This is not a valid login method. Use one of these: %(names)s.") % {"names": names})
    return found


def _parse_list(cell: str) -> list[str]:
    try:
        return split_names(cell)
    except ValueError:
        raise ValidationError(
            _(
                "Separate names with semicolons. Put a name that contains a semicolon or quotation mark between"
                " quotation marks."
            )
        ) from None


def _parse_rights(cell: str) -> list[Right]:
    names = _map_names_to_choices(Right)
    unknown = [name for name in _parse_list(cell) if compute_label_key(name) not in names]
    if unknown:
        raise ValidationError(
            [
                _("Right “%(name)s” does not exist.") % {"name": name}
                + suggest_name(name, (right.label for right in Right))
                for name in unknown
            ]
        )
    return [names[compute_label_key(name)] for name in _parse_list(cell)]


def _parse_notifications(cell: str) -> OverridesByType:
    return read_signals(_parse_list(cell))


def _parse_phone_number(cell: str) -> Any:
    return WebsiteUserForm.base_fields["phone_number"].clean(f"0{cell}" if _WITHOUT_ZERO.fullmatch(cell) else cell)


def _parse_id(cell: str) -> Any:
    if not cell.strip():
        return None
    found = parse_uuid(cell)
    if found is None:
        raise ValidationError(_("This is not a valid Loket ID. Leave the cell empty for a new user."))
    return found


def _make_optional(clean: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda cell: clean(cell) if cell.strip() else None


def _parse_username(cell: str) -> str:
    validate_username(cell)
    return cell


_FORM_COLUMNS = (
    "initials", "prefix", "last_name", "first_name", "email", "phone_number", "place_of_employment"
)  # fmt: skip
_PARSERS: dict[str, Callable[[str], Any]] = {
    **{name: WebsiteUserForm.base_fields[name].clean for name in _FORM_COLUMNS},
    **{name: _make_optional(WebsiteUserForm.base_fields[name].clean) for name in ("initials", "last_name", "email")},
    "id": _parse_id,
    "phone_number": _parse_phone_number,
    "login_method": _parse_login_method,
    "username": _make_optional(_parse_username),
    "has_access_to_test_years": _parse_boolean,
    "two_factor_required": _parse_boolean,
    "blocked": _parse_boolean,
    "access_until": _parse_date,
    "external_tenant": _make_optional(str.strip),
    "external_user_id": _make_optional(MicrosoftIdField().clean),
    "teams": _parse_list,
    "individual_rights": _parse_rights,
    "authorization_set": _make_optional(str.strip),
    "signals": _parse_notifications,
    "signal_set": _make_optional(str.strip),
    "mobile_number": _make_optional(partial(parse_mobile_number, confirmed=True)),
    "password": _make_optional(str),
}


def map_names_to_rights() -> dict[str, Right]:
    """Return the rights by code and by label in both languages, normalized by `compute_label_key`."""
    return _map_names_to_choices(Right)
