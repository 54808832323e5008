"""Columns of the support admin, with translated labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import display_for_value
from django.db.models import Model
from django.template.defaultfilters import yesno
from django.urls import reverse
from django.utils.html import format_html

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

AdminColumn = Callable[[Any], Any]


def build_field_column(name: str, label: StrOrPromise, *, boolean: bool = False) -> AdminColumn:
    """Return a column with the field or property `name`; a choice shows its label."""

    def value(row: Model) -> Any:
        display = getattr(row, f"get_{name}_display", None)
        found = display() if display else getattr(row, name)
        return yesno(found) if boolean else display_for_value(found if found != "" else None, "–")

    value.__name__ = name
    return admin.display(value, description=label)


def build_related_column(name: str, label: StrOrPromise) -> AdminColumn:
    def value(row: Model) -> Any:
        other: Model = getattr(row, name)
        address = reverse(f"admin:accounts_{other._meta.model_name}_change", args=[other.pk])
        return format_html('<a href="{}">{}</a>', address, other)

    value.__name__ = name
    return admin.display(value, description=label)
