"""Pages of a job, shared by users and teams; the calling views check access."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.exports import CONTENT_TYPES, Form
from audit.actors import Actor, on_page
from bulk import kept, operations, showing
from bulk.models import Operation, Page, Progress
from bulk.plan import Item
from loket.paging import query
from signin import sessions
from signin.throttle import Throttled
from teams.access import OfficeRequest

_REFRESH = "1"  # seconds until the page of a running job reloads
_ACTS = ("plan", "plan_again", "forget", "undo", "result", "faulty")
Kind = Operation.Kind


def one(request: OfficeRequest, id: UUID, *, about_teams: bool) -> Operation:
    """Return the job of the signed-in user with this id, or respond with 404."""
    kinds = (Kind.TEAMS, Kind.UNDO_TEAMS) if about_teams else (Kind.USERS, Kind.SEVERAL, Kind.UNDO)
    own = Operation.objects.visible_to(request.user).filter(kind__in=kinds)
    return get_object_or_404(own.select_related("provider", "user__provider", "undoes"), pk=id)


def plan(request: OfficeRequest, operation: Operation) -> HttpResponse:
    """Show the plan, or have the worker execute it."""
    if request.method == "POST":
        return _asked(request, operation, lambda by: operations.ask(operation, by=by))
    return _show(request, operation)


def _asked(request: OfficeRequest, operation: Operation, act: Callable[[Actor], Operation | None]) -> HttpResponse:
    """Call `act` and redirect to the job that it returns, or show why it is throttled."""
    try:
        there = act(on_page(request, request.user)) or operation
    except Throttled as error:
        return not_now(_show(request, operation, why_not=str(error)), error)
    return redirect(links(there)["plan"])


def not_now(response: HttpResponse, error: Throttled) -> HttpResponse:
    """Turn `response` into a 429 with a Retry-After header."""
    response.status_code = HTTPStatus.TOO_MANY_REQUESTS
    response["Retry-After"] = str(error.seconds)
    return response


def plan_again(request: OfficeRequest, operation: Operation) -> HttpResponse:
    """Plan again for the current state of the office."""
    return _asked(request, operation, lambda by: operations.plan_again(operation, by=by))


def forget(request: OfficeRequest, operation: Operation) -> HttpResponse:
    """Discard a plan, unless it is being executed."""
    there = links(operation)["plan"]
    if not operations.forget(operation):
        return redirect(there)
    messages.success(request, _("The plan has been discarded. Nothing was changed."))
    return redirect(_start(operation))


def undo(request: OfficeRequest, operation: Operation) -> HttpResponse:
    """Plan the revert of a job; nothing is changed yet."""
    if not operations.may_undo(operation):
        raise Http404
    return _asked(request, operation, lambda by: operations.keep_undo(operation, by=by))


def _show(request: OfficeRequest, operation: Operation, *, why_not: str = "") -> HttpResponse:
    """Render the plan of a job, its progress while the worker has it, or its result."""
    context = {
        "operation": operation,
        "title": _title(operation),
        "summary": kept.summary_of(operation),
        "why_not": why_not,
        "links": links(operation),
        "start_url": reverse(_start(operation)),
        "list_url": reverse("teams:list" if operation.is_about_teams else "accounts:list"),
    }
    if operation.is_at_the_worker:
        sessions.leave_uncounted(request)
        context["progress"] = Progress.objects.filter(operation=operation).first()
        response = render(request, "imports/progress.html", context)
        response["Refresh"] = _REFRESH  # a header, so that no script is needed
        return response
    items, faults = _number(request, "page"), _number(request, "faults")
    context |= {
        "items": _list(operation, Page.What.ITEMS, page=items, faults=faults),
        "faults": _list(operation, Page.What.FAULTS, page=items, faults=faults),
        "has_left": operation.passes_over,
        "may_undo": operations.may_undo(operation),
        "undone": operation.undoings.filter(state=Operation.State.DONE).first(),
    }
    return render(request, "imports/plan.html", context)


def links(operation: Operation) -> dict[str, str]:
    """Return the URLs of the pages of a job by name."""
    space = "bulk:teams_" if operation.is_about_teams else "bulk:"
    return {name: reverse(f"{space}{name}", args=[operation.pk]) for name in _ACTS if _has(operation, name)}


def _has(operation: Operation, name: str) -> bool:
    return name != "faulty" or operation.kind == Kind.USERS


def _start(operation: Operation) -> str:
    if operation.is_about_teams:
        return "bulk:upload_teams"
    return "bulk:upload" if operation.kind == Kind.USERS else "accounts:list"


def _title(operation: Operation) -> str:
    if operation.is_at_the_worker:
        return _("In progress") if operation.state == Operation.State.ASKED else _("Preparing the plan")
    if operation.is_undoing:
        return _("Undone") if operation.is_done else _("Undo plan")
    if operation.kind == Kind.SEVERAL:
        return _("Bulk action applied") if operation.is_done else _("Bulk action plan")
    return _("Import applied") if operation.is_done else _("Import plan")


def _number(request: OfficeRequest, name: str) -> int:
    """Return the requested page of a list, 1 if it is not a number."""
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 7 else 1


def _list(operation: Operation, what: Page.What, **numbers: int) -> dict[str, Any]:
    """Return a page of a list with links to its neighbors, which leave the other list on its page."""
    name = "page" if what == Page.What.ITEMS else "faults"
    number = numbers[name]
    rows, has_next = kept.page_of(operation, what, number)
    if what == Page.What.ITEMS:
        rows = [_shown(operation, item) for item in rows]
    asked = {key: str(value) for key, value in numbers.items() if value > 1}
    return {
        "rows": rows,
        "previous_url": query(**(asked | {name: str(number - 1)})) if rows and number > 1 else "",
        "next_url": query(**(asked | {name: str(number + 1)})) if has_next else "",
    }


def _shown(operation: Operation, item: Item) -> dict[str, Any]:
    title = showing.name(item) if operation.passes_over else showing.title(item)
    return {"title": title, "details": showing.details(item), "takes": bool(item.get("takes"))}


def around_upload(request: OfficeRequest, *, about_teams: bool) -> dict[str, Any]:
    """Return the context of an upload page besides its form: link to the list, recent jobs."""
    return {
        "list_url": reverse("teams:list" if about_teams else "accounts:list"),
        "list_title": _("Teams") if about_teams else _("Users"),
        "earlier": earlier(request, about_teams=about_teams),
    }


def earlier(request: OfficeRequest, *, about_teams: bool) -> list[tuple[Operation, str, str]]:
    """Return the recent jobs of the user, newest first, each with title and URL."""
    own = Operation.objects.visible_to(request.user).exclude(state=Operation.State.PLANNED)
    rows = [one for one in own.order_by("-asked_at")[:50] if one.is_about_teams is about_teams]
    return [(one, _title(one), links(one)["plan"]) for one in rows[:10]]


def result_of(operation: Operation) -> HttpResponse:
    """Return the result of a job as CSV."""
    if not operation.is_done:
        raise Http404
    return csv(operations.result(operation), _("result") + ".csv")


def csv(content: bytes, name: str) -> HttpResponse:
    """Return a CSV file as a download."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=CONTENT_TYPES[Form.CSV], headers=headers)
