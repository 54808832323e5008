"""Cells of a large table: a template loop over thousands of them would dominate the time of the page."""

from collections.abc import Iterable

from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
_CELL_HTML = {"": "<td></td>", "T": "<td>T</td>", "I": '<td><span class="chip warning">I</span></td>'}


@register.filter
def cells(marks: Iterable[str]) -> SafeString:
    """Return the cells of a row of the authorization matrix; `marks` come from `exports.matrix.build_marks`."""
    return mark_safe("".join(_CELL_HTML[mark] for mark in marks))  # noqa: S308 only what stands above
