"""Cells for the tables of Django's admin."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()


@register.filter
def label_cells(cells: Sequence[str], headers: Sequence[Mapping[str, Any]]) -> Iterator[SafeString]:
    """Return the cells that the admin rendered and escaped: headings with scope="row", others labeled for a phone."""
    for cell, header in zip(cells, headers, strict=True):
        labeled = format_html('<td data-label="{}" ', capfirst(str(header["text"])))
        yield mark_safe(cell.replace("<th ", '<th scope="row" ', 1).replace("<td ", labeled, 1))  # noqa: S308
