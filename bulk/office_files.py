"""Schema of TOML files that declare offices, reporting all faults at once.

The format is described in docs/offices.md. Increase `FORMAT` when an older file would get another meaning.
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

from accounts.forms.office import KeepingForm, MicrosoftIdField, OfficeForm
from bulk import columns
from bulk.budget import FOR_COMMANDS, Budget
from bulk.cells import Unreadable
from loket.sheets import joined
from loket.text import refuse_control_characters, refuse_direction_marks
from signin.factors.forms import PolicyForm
from teams.catalogue import Right, known
from teams.products import Product

FORMAT = 1
USER = (
    "id", "login_method", "username", "initials", "prefix", "last_name", "first_name", "email", "phone_number",
    "place_of_employment", "has_access_to_test_years", "access_until", "two_factor_required", "external_tenant",
    "external_user_id", "teams", "authorization_set", "individual_rights", "signal_set", "signals", "blocked",
)  # fmt: skip


class Fault(TypedDict):
    """What is wrong, where, and what to do: `number` is the position in `table` of the office."""

    office: str
    table: str
    number: int
    key: str
    value: str
    what: str


@dataclass
class Entry:
    """A table of an office: parsed `values` by key, without invalid ones."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class Declared:
    """An office as declared in the file."""

    number: int
    name: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[Entry]] = field(default_factory=lambda: {name: [] for name in TABLES})
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, table: str, number: int, key: str, value: object, what: str) -> None:
        """Add a fault."""
        shown = "" if value in (None, "", []) else str(value)[:60]
        self.faults.append(Fault(office=self.name, table=table, number=number, key=key, value=shown, what=what))


def read(content: bytes) -> list[Declared]:
    """Return the offices declared in `content`, each with its faults. Raises Unreadable when it has another format."""
    try:
        Budget(FOR_COMMANDS).check_size(len(content))
        whole = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unreadable(_("Line %(number)s is not valid UTF-8. Save the file as UTF-8.") % {"number": line}) from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise Unreadable(_("This is not valid TOML: %(why)s.") % {"why": error}) from None
    if whole.get("format") != FORMAT:
        raise Unreadable(_("Put “format = 1” at the top to declare the file format."))
    if unknown := sorted(whole.keys() - {"format", "office"}):
        raise Unreadable(_("“%(name)s” does not exist in this format.") % {"name": unknown[0]})
    offices = whole.get("office", [])
    if not _are_tables(offices):
        raise Unreadable(_("Start each office with [[office]]."))
    found = [_office(number, values) for number, values in enumerate(offices, start=1)]
    _refuse_twice(found)
    return found


def _are_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _refuse_twice(offices: Iterable[Declared]) -> None:
    seen: set[str] = set()
    for one in offices:
        key = str(one.values.get("id", one.name))
        if one.name and key in seen:
            one.refuse("office", one.number, "name", one.name, _("This is in the file twice. Keep one."))
        seen.add(key)


def _office(number: int, values: dict[str, Any]) -> Declared:
    found = Declared(number)
    found.name = values["name"] if isinstance(values.get("name"), str) else ""
    plain = {key: value for key, value in values.items() if key not in TABLES}
    found.values = _values(found, "office", number, OFFICE, plain, ["name"])
    for table, (readers, needed) in TABLES.items():
        entries = values.get(table, [])
        if not _are_tables(entries):
            what = _("Start each one with [[office.%(table)s]].") % {"table": table}
            found.refuse("office", number, table, "", what)
            continue
        for place, entry in enumerate(entries, start=1):
            found.tables[table].append(Entry(place, _values(found, table, place, readers, entry, needed)))
    for table, key in (("tenant", "tenant_id"), ("set", "name")):  # the import reports other duplicates
        _refuse_same(found, table, key)
    return found


def _refuse_same(found: Declared, table: str, key: str) -> None:
    seen: set[str] = set()
    for entry in found.tables[table]:
        value = str(entry.values.get(key, "")).casefold()
        if value and value in seen:
            found.refuse(table, entry.number, key, value, _("This is in the file twice. Keep one."))
        seen.add(value)


def _values(
    found: Declared, table: str, number: int, readers: dict[str, Any], values: dict[str, Any], needed: list[str]
) -> dict[str, Any]:
    """Return the parsed values of a table; invalid ones are added as faults."""
    meant: dict[str, Any] = {}
    for key, value in values.items():
        try:
            if key in columns.SECRET:
                raise ValidationError(_("This file must not contain secrets. Use --secrets."))
            if key not in readers:
                raise ValidationError(_("Unknown key."))
            meant[key] = readers[key](value)
        except ValidationError as error:
            shown = "…" if key in columns.SECRET else value
            found.refuse(table, number, key, shown, " ".join(error.messages))
    for key in needed:
        if key not in values or meant.get(key) == "":
            found.refuse(table, number, key, "", _("This is required."))
    return meant


def _of(kind: type | tuple[type, ...], value: Any, what: str) -> Any:
    """Return `value` if it has the type `kind`; a bool is not a number, and a datetime is not a date."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool) or isinstance(value, datetime):
        raise ValidationError(what)
    return value


def _text(most: int) -> Callable[[Any], str]:
    def read_text(value: Any) -> str:
        text: str = _of(str, value, _("This is not a string. Put it between quotation marks.")).strip()
        refuse_control_characters(text)
        refuse_direction_marks(text)
        if len(text) > most:
            raise ValidationError(_("Use at most %(count)d characters.") % {"count": most})
        return text

    return read_text


def _flag(value: Any) -> bool:
    flag: bool = _of(bool, value, _("Write true or false."))
    return flag


def _number(value: Any) -> int:
    number: int = _of(int, value, _("Write a number, without quotation marks."))
    if not 0 <= number < 2**31:
        raise ValidationError(_("This number is too large or negative."))
    return number


def _bounded(bounds: Field, *, nothing: bool = False) -> Callable[[Any], Any]:
    """Return a parser of numbers validated by `bounds`; with `nothing`, 0 means none."""
    return lambda value: None if nothing and _number(value) == 0 else bounds.clean(_number(value))


def _day(value: Any) -> date | None:
    if value == "":
        return None
    day: date = _of(date, value, _('Write a date as 2030-12-31, without quotation marks, or "" for none.'))
    return day


def _list(of: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda value: [of(one) for one in _of(list, value, _("Write a list: [ … ]."))]


def _right(value: Any) -> Right:
    found = known([_of(str, value, _("This is not a string. Put it between quotation marks."))])
    if not found:
        raise ValidationError(_("Right “%(name)s” does not exist.") % {"name": value})
    return next(iter(found))


def _product(value: Any) -> int:
    try:
        return int(Product[value.upper()])
    except (KeyError, AttributeError):
        raise ValidationError(_("Product “%(name)s” does not exist.") % {"name": value}) from None


def _addresses(value: Any) -> str:
    lines = "\n".join(_list(_text(254))(value))
    form = KeepingForm({"erase_after_months": 0, "checkpoint_addresses": lines})
    if not form.is_valid():
        raise ValidationError([message for messages in form.errors.values() for message in messages])
    return str(form.cleaned_data["checkpoint_addresses"])


def _uuid(value: Any) -> UUID:
    found: UUID = MicrosoftIdField().clean(_of(str, value, _("This is not a string. Put it between quotation marks.")))
    return found


def _cell(column: str) -> Callable[[Any], Any]:
    """Return the parser of a key of a user, which validates like the column of a user import."""
    kind: type = {
        **dict.fromkeys(("teams", "individual_rights", "signals"), list),
        **dict.fromkeys(("has_access_to_test_years", "two_factor_required", "blocked"), bool),
        "access_until": date,
    }.get(column, str)

    def read_cell(value: Any) -> Any:
        if kind is bool:
            return _flag(value)
        if kind is date:
            return _day(value)
        if kind is list:
            return columns.value_of(column, joined(_list(_text(100))(value)) if value != [] else "")
        text = _of(str, value, _("This is not a string. Put it between quotation marks."))
        return columns.value_of(column, text)

    return read_cell


OFFICE: dict[str, Callable[[Any], Any]] = {
    "id": lambda value: columns.value_of("id", _text(36)(value)),
    "name": lambda value: OfficeForm.base_fields["name"].clean(_text(100)(value)),
    "invitation_days": _bounded(OfficeForm.base_fields["invitation_days"]),
    "support_may_look": _flag,
    "erase_after_months": _bounded(KeepingForm.base_fields["erase_after_months"]),
    "checkpoint_addresses": _addresses,
    "two_factor_managers": _flag,
    "two_factor_from": _day,
    "two_factor_days": _bounded(PolicyForm.base_fields["two_factor_days"], nothing=True),
}
TABLES: dict[str, tuple[dict[str, Callable[[Any], Any]], list[str]]] = {
    "tenant": ({"tenant_id": _uuid, "name": _text(28), "confirmed": _text(500)}, ["tenant_id", "name"]),
    "set": ({"name": _text(50), "rights": _list(_right)}, ["name"]),
    "employer": ({"number": _number, "name": _text(70), "products": _list(_product)}, ["number"]),
    "team": (
        {"name": _text(50), "two_factor_required": _flag, "employers": _list(_number), "rights": _list(_right)},
        ["name"],
    ),
    "user": ({column: _cell(column) for column in USER}, []),
}
