"""The page that asks for confirmation before something is deleted or ended: `templates/confirm.html`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@dataclass(frozen=True)
class Confirmation:
    """Texts of a confirmation page; what is empty is left out.

    `names` are the objects concerned, `consequences` what will happen, listed under `label`. The breadcrumb is the
    template `breadcrumb`, or `parents`: the labels and URLs of the pages above, "" without link.
    """

    title: str
    button: str
    cancel_url: str
    consequences: Iterable[str] = ()
    heading: str = ""  # the title if empty
    breadcrumb: str = ""
    parents: Sequence[tuple[str, str]] = ()
    label: str = ""  # "What happens:" if empty
    introduction: Sequence[str] = ()
    names: Iterable[str] = ()
    note: str = ""
    warning: str = ""
    error: str = ""  # why the action is not possible
    is_harmless: bool = False  # the button does not warn
    is_possible: bool = True  # False: the page shows why not, without the form


def is_confirmed(request: HttpRequest) -> bool:
    """Return whether the form was submitted by a confirmation page that `render_confirmation` was given `chosen`."""
    return "sure" in request.POST


def render_confirmation(
    request: HttpRequest,
    confirmation: Confirmation,
    *,
    chosen: Mapping[str, Iterable[object]] | None = None,
    template: str = "confirm.html",
    status: int = 200,
    **context: object,
) -> HttpResponse:
    """Render the confirmation page, with the fields of `form` if `context` has one.

    `chosen` is what the user selected on another page: the form posts it to the same URL again, as confirmed. A
    `template` that extends confirm.html may add notices.
    """
    hidden = [("sure", 1), *((name, value) for name, values in chosen.items() for value in values)] if chosen else []
    context |= {"confirmation": confirmation, "hidden": hidden}
    return render(request, template, context, status=status)
