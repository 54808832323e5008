"""Confirmation page before something is removed, with the consequences."""

from collections.abc import Iterable
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class Question(NamedTuple):
    """The texts of a confirmation page: `names` are the objects concerned, `happens` the consequences.

    `where` and `back` are the name and the URL of the page where the action started.
    """

    title: str
    names: Iterable[str]
    happens: Iterable[str]
    button: str
    where: str
    back: str


def is_sure(request: HttpRequest) -> bool:
    """Return whether the form was submitted by the confirmation page."""
    return "sure" in request.POST


def ask(request: HttpRequest, question: Question, **chosen: Iterable[object]) -> HttpResponse:
    """Render the confirmation page; its form posts `chosen` to the same URL again."""
    fields = [(name, value) for name, values in chosen.items() for value in values]
    return render(request, "teams/confirm.html", {"question": question, "fields": fields})
