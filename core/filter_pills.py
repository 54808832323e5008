"""The filters of a list as pills: each says what it filters on, and opens its fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.forms import BoundField, DateField, Form
from django.utils.translation import ngettext

from core.dates import format_short_day
from core.paging import build_query_string

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Pill:
    key: str
    label: "StrOrPromise"
    fields: list[BoundField]
    value: str  # what it filters on, '' for nothing
    clear_query: str


def build_pills(
    form: Form,
    values: Mapping[str, Any],
    pills: "Mapping[str, tuple[StrOrPromise, Sequence[str]]]",
    **others: str,
) -> list[Pill]:
    """Return the pills, each with the names of its fields in `form`; `others` is the rest of the query."""
    return [
        Pill(
            key,
            label,
            [form[name] for name in names],
            _describe(form, names, values),
            build_query_string(**{name: value for name, value in values.items() if name not in names}, **others),
        )
        for key, (label, names) in pills.items()
    ]


def _describe(form: Form, names: Sequence[str], values: Mapping[str, Any]) -> str:
    if isinstance(form.fields[names[0]], DateField):
        days = [format_short_day(values[name] or None) for name in names]
        return " – ".join(dict.fromkeys(days)).strip() if any(days) else ""
    labels = []
    for name in names:
        choices: dict[str, str] = dict(form[name].field.choices)  # type: ignore[attr-defined]
        value = values[name]
        labels += [str(choices[one]) for one in ([value] if isinstance(value, str) else value) if one]
    if len(labels) <= 1:
        return "".join(labels)
    return ngettext("%(count)d chosen", "%(count)d chosen", len(labels)) % {"count": len(labels)}
