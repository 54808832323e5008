"""Schema of TOML files that declare offices, reporting all faults at once.

The format is described in docs/how-to/offices-as-a-file.md. Increase `SCHEMA_VERSION` when an older file would change
its meaning.
"""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypedDict
from uuid import UUID

from django.core.exceptions import ValidationError
from django.forms import Field
from django.utils.translation import gettext as _

from authentication.mfa.forms import MfaPolicyForm
from core.keys import compute_name_key
from core.sheets import join_names
from core.text import validate_no_control_characters, validate_no_direction_marks
from imports.files import user_columns
from imports.files.budget import COMMAND_LIMITS, ReadBudget
from imports.files.cells import UnreadableFile
from imports.files.encoding_detection import is_damaged
from imports.files.readers import build_damage_message
from imports.files.wording import format_value
from permissions.catalog import Right, rights_from_codes
from permissions.products import Product
from users.forms.office import MicrosoftIdField, OfficeSettingsForm, RetentionForm

SCHEMA_VERSION = 1
USER_KEYS = (
    "id", "login_method", "username", "initials", "prefix", "last_name", "first_name", "email", "phone_number",
    "place_of_employment", "has_access_to_test_years", "access_until", "two_factor_required", "external_tenant",
    "external_user_id", "teams", "authorization_set", "individual_rights", "signal_set", "signals", "blocked",
)  # fmt: skip


class OfficeFault(TypedDict):
    """What is wrong, where, and what to do: `number` is the position in `table` of the office."""

    office: str
    table: str
    number: int
    key: str
    value: str
    what: str


@dataclass
class DeclaredEntry:
    """A table of an office: parsed `values` by key, without invalid ones."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class DeclaredOffice:
    """An office as declared in the file."""

    number: int
    name: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[DeclaredEntry]] = field(default_factory=lambda: {name: [] for name in TABLE_PARSERS})
    faults: list[OfficeFault] = field(default_factory=list)

    def add_fault(self, table: str, number: int, key: str, value: object, what: str) -> None:
        fault = OfficeFault(office=self.name, table=table, number=number, key=key, value=format_value(value), what=what)
        self.faults.append(fault)


def parse_offices(content: bytes) -> list[DeclaredOffice]:
    """Return the offices declared in `content`, each with its faults.

    Raises UnreadableFile when it has another format.
    """
    try:
        ReadBudget(COMMAND_LIMITS).check_size(len(content))
        whole = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UnreadableFile(
            _("Line %(number)s is not valid UTF-8. Save the file as UTF-8.") % {"number": line}
        ) from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise UnreadableFile(_("This is not valid TOML: %(why)s.") % {"why": error}) from None
    if whole.get("format") != SCHEMA_VERSION:
        raise UnreadableFile(_("Put “format = 1” at the top to declare the file format."))
    if unknown := sorted(whole.keys() - {"format", "office"}):
        raise UnreadableFile(_("“%(name)s” does not exist in this format.") % {"name": unknown[0]})
    offices = whole.get("office", [])
    if not _is_list_of_tables(offices):
        raise UnreadableFile(_("Start each office with [[office]]."))
    declared = [_parse_office(number, values) for number, values in enumerate(offices, start=1)]
    _refuse_duplicate_offices(declared)
    return declared


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(table, dict) for table in value)


def _refuse_duplicate_offices(offices: Iterable[DeclaredOffice]) -> None:
    seen: set[str] = set()
    for office in offices:
        key = str(office.values.get("id") or compute_name_key(office.name))
        if office.name and key in seen:
            office.add_fault("office", office.number, "name", office.name, _("This is in the file twice. Keep one."))
        seen.add(key)


def _parse_office(number: int, values: dict[str, Any]) -> DeclaredOffice:
    office = DeclaredOffice(number)
    office.name = values["name"] if isinstance(values.get("name"), str) else ""
    plain = {key: value for key, value in values.items() if key not in TABLE_PARSERS}
    office.values = _parse_values(office, "office", number, OFFICE_PARSERS, plain, ["name"])
    for table, (readers, needed) in TABLE_PARSERS.items():
        entries = values.get(table, [])
        if not _is_list_of_tables(entries):
            what = _("Start each one with [[office.%(table)s]].") % {"table": table}
            office.add_fault("office", number, table, "", what)
            continue
        for place, entry in enumerate(entries, start=1):
            parsed = _parse_values(office, table, place, readers, entry, needed)
            office.tables[table].append(DeclaredEntry(place, parsed))
    for table, key in (("tenant", "tenant_id"), ("set", "name")):  # the import reports other duplicates
        _refuse_duplicate_entries(office, table, key)
    return office


def _refuse_duplicate_entries(office: DeclaredOffice, table: str, key: str) -> None:
    seen: set[str] = set()
    for entry in office.tables[table]:
        value = compute_name_key(str(entry.values.get(key, "")))
        if value and value in seen:
            office.add_fault(table, entry.number, key, value, _("This is in the file twice. Keep one."))
        seen.add(value)


def _parse_values(
    office: DeclaredOffice, table: str, number: int, readers: dict[str, Any], values: dict[str, Any], needed: list[str]
) -> dict[str, Any]:
    """Return the parsed values of a table; invalid ones are added as faults."""
    parsed: dict[str, Any] = {}
    for key, value in values.items():
        try:
            if key in user_columns.SECRET_COLUMNS:
                raise ValidationError(_("This file must not contain secrets. Use --secrets."))
            if key not in readers:
                raise ValidationError(_("Unknown key."))
            if any(
                isinstance(text, str) and is_damaged(text) for text in (value if isinstance(value, list) else [value])
            ):
                raise ValidationError(build_damage_message())
            parsed[key] = readers[key](value)
        except ValidationError as error:
            shown = "…" if key in user_columns.SECRET_COLUMNS else value
            office.add_fault(table, number, key, shown, " ".join(error.messages))
    for key in needed:
        if key not in values or parsed.get(key) == "":
            office.add_fault(table, number, key, "", _("This is required."))
    return parsed


def _require_type(kind: type | tuple[type, ...], value: Any, what: str) -> Any:
    """Return `value` if it has the type `kind`; a bool is not a number, and a datetime is not a date."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool) or isinstance(value, datetime):
        raise ValidationError(what)
    return value


def _make_text_parser(most: int) -> Callable[[Any], str]:
    def read_text(value: Any) -> str:
        text: str = _require_type(str, value, _("This is not a string. Put it between quotation marks.")).strip()
        validate_no_control_characters(text)
        validate_no_direction_marks(text)
        if len(text) > most:
            raise ValidationError(_("Use at most %(count)d characters.") % {"count": most})
        return text

    return read_text


def _parse_flag(value: Any) -> bool:
    flag: bool = _require_type(bool, value, _("Write true or false."))
    return flag


def _parse_number(value: Any) -> int:
    number: int = _require_type(int, value, _("Write a number, without quotation marks."))
    if not 0 <= number < 2**31:
        raise ValidationError(_("This number is too large or negative."))
    return number


def _make_bounded_parser(bounds: Field, *, nothing: bool = False) -> Callable[[Any], Any]:
    """Return a parser of numbers validated by `bounds`; with `nothing`, 0 means none."""
    return lambda value: None if nothing and _parse_number(value) == 0 else bounds.clean(_parse_number(value))


def _parse_date(value: Any) -> date | None:
    if value == "":
        return None
    day: date = _require_type(date, value, _('Write a date as 2030-12-31, without quotation marks, or "" for none.'))
    return day


def _make_list_parser(of: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda value: [of(item) for item in _require_type(list, value, _("Write a list: [ … ]."))]


def _parse_right(value: Any) -> Right:
    rights = rights_from_codes([_require_type(str, value, _("This is not a string. Put it between quotation marks."))])
    if not rights:
        raise ValidationError(_("Right “%(name)s” does not exist.") % {"name": value})
    return next(iter(rights))


def _parse_product(value: Any) -> int:
    try:
        return int(Product[value.upper()])
    except (KeyError, AttributeError):
        raise ValidationError(_("Product “%(name)s” does not exist.") % {"name": value}) from None


def _parse_addresses(value: Any) -> str:
    lines = "\n".join(_make_list_parser(_make_text_parser(254))(value))
    form = RetentionForm({"erase_after_months": 0, "checkpoint_addresses": lines})
    if not form.is_valid():
        raise ValidationError([message for messages in form.errors.values() for message in messages])
    return str(form.cleaned_data["checkpoint_addresses"])


def _parse_uuid(value: Any) -> UUID:
    parsed: UUID = MicrosoftIdField().clean(
        _require_type(str, value, _("This is not a string. Put it between quotation marks."))
    )
    return parsed


def _make_user_key_parser(column: str) -> Callable[[Any], Any]:
    """Return the parser of a key of a user, which validates like the column of a user import."""
    kind: type = {
        **dict.fromkeys(("teams", "individual_rights", "signals"), list),
        **dict.fromkeys(("has_access_to_test_years", "two_factor_required", "blocked"), bool),
        "access_until": date,
    }.get(column, str)

    def read_cell(value: Any) -> Any:
        if kind is bool:
            return _parse_flag(value)
        if kind is date:
            return _parse_date(value)
        if kind is list:
            return user_columns.parse_cell(
                column, join_names(_make_list_parser(_make_text_parser(100))(value)) if value != [] else ""
            )
        text = _require_type(str, value, _("This is not a string. Put it between quotation marks."))
        return user_columns.parse_cell(column, text)

    return read_cell


OFFICE_PARSERS: dict[str, Callable[[Any], Any]] = {
    "id": lambda value: user_columns.parse_cell("id", _make_text_parser(36)(value)),
    "name": lambda value: OfficeSettingsForm.base_fields["name"].clean(_make_text_parser(100)(value)),
    "invitation_days": _make_bounded_parser(OfficeSettingsForm.base_fields["invitation_days"]),
    "support_may_look": _parse_flag,
    "erase_after_months": _make_bounded_parser(RetentionForm.base_fields["erase_after_months"]),
    "checkpoint_addresses": _parse_addresses,
    "two_factor_managers": _parse_flag,
    "two_factor_from": _parse_date,
    "two_factor_days": _make_bounded_parser(MfaPolicyForm.base_fields["two_factor_days"], nothing=True),
}
TABLE_PARSERS: dict[str, tuple[dict[str, Callable[[Any], Any]], list[str]]] = {
    "tenant": (
        {"tenant_id": _parse_uuid, "name": _make_text_parser(28), "confirmed": _make_text_parser(500)},
        ["tenant_id", "name"],
    ),
    "set": ({"name": _make_text_parser(50), "rights": _make_list_parser(_parse_right)}, ["name"]),
    "employer": (
        {"number": _parse_number, "name": _make_text_parser(70), "products": _make_list_parser(_parse_product)},
        ["number"],
    ),
    "team": (
        {
            "name": _make_text_parser(50),
            "two_factor_required": _parse_flag,
            "employers": _make_list_parser(_parse_number),
            "rights": _make_list_parser(_parse_right),
        },
        ["name"],
    ),
    "user": ({column: _make_user_key_parser(column) for column in USER_KEYS}, []),
}
