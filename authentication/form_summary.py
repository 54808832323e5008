"""What a user typed into a form of any app, under the labels of that form."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _


class TypedValue(NamedTuple):
    label: str | Promise
    text: str


def summarize_fields(fields: Mapping[str, Sequence[str]]) -> list[TypedValue]:
    """Return the values that the page showed, in the order of the form; hidden ones and IDs are left out.

    The form is not known: it is the one that has most of the fields, and few others.
    """
    found = max(_iter_forms(forms.Form), key=lambda form: _rate_form(form, fields))
    typed = ((field, _describe_values(field, fields.get(name, ()))) for name, field in found.base_fields.items())
    return [TypedValue(field.label or "", text) for field, text in typed if text]


def _iter_forms(base: type[forms.Form]) -> Iterator[type[forms.Form]]:
    for form in base.__subclasses__():
        yield form
        yield from _iter_forms(form)


def _rate_form(form: type[forms.Form], fields: Mapping[str, Sequence[str]]) -> tuple[int, int]:
    return len(fields.keys() & form.base_fields.keys()), -len(form.base_fields)


def _describe_values(field: forms.Field, values: Sequence[str]) -> str:
    if field.widget.is_hidden or isinstance(field, forms.ModelChoiceField):
        return ""
    if isinstance(field, forms.BooleanField):
        return _("yes") if any(values) else ""
    if isinstance(field, forms.ChoiceField):
        choices = cast("Iterable[tuple[object, object]]", field.choices)
        labels = {str(value): str(label) for value, label in choices if not isinstance(label, list | tuple)}
        return ", ".join(labels[value] for value in values if value and value in labels)
    return ", ".join(filter(None, values))
