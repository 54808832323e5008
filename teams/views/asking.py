"""Asking once more before something is taken away, and saying what will happen."""

from collections.abc import Iterable
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class Question(NamedTuple):
    """What is asked: `names` is what it is about, `happens` what will happen.

    `where` and `back` are the name and the address of the page where it began.
    """

    title: str
    names: Iterable[str]
    happens: Iterable[str]
    button: str
    where: str
    back: str


def is_sure(request: HttpRequest) -> bool:
    """Return whether the form comes from the page that asks."""
    return "sure" in request.POST


def ask(request: HttpRequest, question: Question, **chosen: Iterable[object]) -> HttpResponse:
    """Show the page that asks; its form sends `chosen` to the same address again."""
    fields = [(name, value) for name, values in chosen.items() for value in values]
    return render(request, "teams/sure.html", {"question": question, "fields": fields})
