"""Widgets for a choice from a long list: static/picker.js turns them into a field that filters while typing.

Their options are written here: Django includes two templates for each, and a list may have thousands.
"""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from core.paging import PAGE_SIZE

MAX_HITS = 8


def _render_picker(choices: str, **context: Any) -> SafeString:
    return mark_safe(render_to_string("django/forms/widgets/picker.html", {"choices": choices, **context}))  # noqa: S308


class PickerSelect(forms.Select):
    """A choice of one row: a `<select>` without JavaScript."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = self.format_value(value)
        groups = format_html_join("\n", "{}", ((_render_choice(key, label, chosen),) for key, label in self.choices))
        attributes = flatatt(self.build_attrs(self.attrs, attrs))
        return _render_picker(format_html('<select name="{}"{}>{}</select>', name, attributes, groups))


def _render_choice(key: Any, label: Any, chosen: Iterable[str]) -> SafeString:
    if isinstance(label, list | tuple):
        options = format_html_join("", "{}", ((_render_choice(key, text, chosen),) for key, text in label))
        return format_html('<optgroup label="{}">{}</optgroup>', key, options)
    selected = mark_safe(" selected") if str(key) in chosen else ""
    return format_html('<option value="{}"{}>{}</option>', key, selected, label)


class PickerCheckboxes(forms.CheckboxSelectMultiple):
    """A choice of several rows: checkboxes in a `<details>` without JavaScript, open when one is checked."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen, options = set(self.format_value(value)), list(self.choices)
        boxes = format_html_join(
            "\n",
            '<label><input type="checkbox" name="{}" value="{}"{}> {}</label>',
            ((name, key, mark_safe(" checked") if str(key) in chosen else "", label) for key, label in options),
        )
        return _render_picker(boxes, id=(attrs or {}).get("id"), count=len(options), is_open=bool(chosen))


def wants_options(request: HttpRequest) -> bool:
    """Return whether a page with a search and a list of hits is asked for its hits only, by static/picker.js."""
    return "options" in request.GET


def get_page_size(request: HttpRequest) -> int:
    return MAX_HITS if wants_options(request) else PAGE_SIZE


def render_options(form: forms.Form) -> HttpResponse:
    """Return the choices of a form with one field, without its page."""
    (field,) = form
    return HttpResponse(field.as_widget())
