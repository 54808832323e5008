"""Confirmation page before something is removed, with the consequences."""

from collections.abc import Iterable
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class Confirmation(NamedTuple):
    """The texts of a confirmation page: `names` are the objects concerned, `consequences` the consequences.

    `back_label` and `back_url` are the name and the URL of the page where the action started.
    """

    title: str
    names: Iterable[str]
    consequences: Iterable[str]
    button: str
    back_label: str
    back_url: str


def is_confirmed(request: HttpRequest) -> bool:
    """Return whether the form was submitted by the confirmation page."""
    return "sure" in request.POST


def render_confirmation(request: HttpRequest, confirmation: Confirmation, **chosen: Iterable[object]) -> HttpResponse:
    """Render the confirmation page; its form posts `chosen` to the same URL again."""
    fields = [(name, value) for name, values in chosen.items() for value in values]
    return render(request, "teams/confirm.html", {"confirmation": confirmation, "fields": fields})
