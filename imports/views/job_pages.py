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

from audit.actors import Actor, build_page_actor
from authentication import sessions
from core.export_files import CONTENT_TYPES, FileFormat
from core.paging import build_query_string
from core.throttle import Throttled
from imports import actions, storage
from imports.models import ImportJob, ImportJobPage, ImportJobProgress
from imports.plans import rendering
from imports.plans.plan import PlanItem
from permissions.access import OfficeRequest

_REFRESH_SECONDS = "1"  # seconds until the page of a running job reloads
_LINK_NAMES = ("plan", "replan", "discard", "revert", "result", "faulty_rows")
JobType = ImportJob.Kind


def get_job_or_404(request: OfficeRequest, pk: UUID, *, about_teams: bool) -> ImportJob:
    """Return the job of the signed-in user with this id, or respond with 404."""
    kinds = (
        (JobType.TEAMS, JobType.REVERT_TEAMS)
        if about_teams
        else (JobType.USERS, JobType.BULK_ACTION, JobType.REVERT_USERS)
    )
    own = ImportJob.objects.visible_to(request.user).filter(kind__in=kinds)
    return get_object_or_404(own.select_related("provider", "user__provider", "undoes"), pk=pk)


def handle_plan(request: OfficeRequest, job: ImportJob) -> HttpResponse:
    """Show the plan, or have the worker execute it."""
    if request.method == "POST":
        return _act_and_redirect(request, job, lambda by: actions.request_execution(job, by=by))
    return _render_job(request, job)


def _act_and_redirect(request: OfficeRequest, job: ImportJob, act: Callable[[Actor], ImportJob | None]) -> HttpResponse:
    """Call `act` and redirect to the job that it returns, or show why it is throttled."""
    try:
        there = act(build_page_actor(request, request.user)) or job
    except Throttled as error:
        return mark_as_throttled(_render_job(request, job, throttled_message=str(error)), error)
    return redirect(get_job_links(there)["plan"])


def mark_as_throttled(response: HttpResponse, error: Throttled) -> HttpResponse:
    """Turn `response` into a 429 with a Retry-After header."""
    response.status_code = HTTPStatus.TOO_MANY_REQUESTS
    response["Retry-After"] = str(error.seconds)
    return response


def handle_replan(request: OfficeRequest, job: ImportJob) -> HttpResponse:
    """Plan again for the current state of the office."""
    return _act_and_redirect(request, job, lambda by: actions.replan_job(job, by=by))


def handle_discard(request: OfficeRequest, job: ImportJob) -> HttpResponse:
    """Discard a plan, unless it is being executed."""
    there = get_job_links(job)["plan"]
    if not actions.discard_job(job):
        return redirect(there)
    messages.success(request, _("The plan has been discarded. Nothing was changed."))
    return redirect(_get_start_url_name(job))


def handle_revert(request: OfficeRequest, job: ImportJob) -> HttpResponse:
    """Plan the revert of a job; nothing is changed yet."""
    if not actions.can_revert(job):
        raise Http404
    return _act_and_redirect(request, job, lambda by: actions.create_revert(job, by=by))


def _render_job(request: OfficeRequest, job: ImportJob, *, throttled_message: str = "") -> HttpResponse:
    """Render the plan of a job, its progress while the worker has it, or its result."""
    context = {
        "job": job,
        "title": _get_title(job),
        "summary": storage.load_summary(job),
        "throttled_message": throttled_message,
        "links": get_job_links(job),
        "start_url": reverse(_get_start_url_name(job)),
        "list_url": reverse("teams:team_list" if job.is_about_teams else "users:user_list"),
    }
    if job.is_queued:
        sessions.exclude_from_activity(request)
        context["progress"] = ImportJobProgress.objects.filter(operation=job).first()
        response = render(request, "imports/progress.html", context)
        response["Refresh"] = _REFRESH_SECONDS  # a header, so that no script is needed
        return response
    items, faults = _get_page_number(request, "page"), _get_page_number(request, "faults")
    context |= {
        "items": _build_list(job, ImportJobPage.ListName.ITEMS, page=items, faults=faults),
        "faults": _build_list(job, ImportJobPage.ListName.FAULTS, page=items, faults=faults),
        "has_skipped_failures": job.skips_failures,
        "can_revert": actions.can_revert(job),
        "revert": job.reverted_by.filter(state=ImportJob.State.DONE).first(),
    }
    return render(request, "imports/plan.html", context)


def get_job_links(job: ImportJob) -> dict[str, str]:
    """Return the URLs of the pages of a job by name."""
    space = "imports:teams_" if job.is_about_teams else "imports:"
    return {name: reverse(f"{space}{name}", args=[job.pk]) for name in _LINK_NAMES if _has_link(job, name)}


def _has_link(job: ImportJob, name: str) -> bool:
    return name != "faulty_rows" or job.kind == JobType.USERS


def _get_start_url_name(job: ImportJob) -> str:
    if job.is_about_teams:
        return "imports:upload_teams"
    return "imports:upload_users" if job.kind == JobType.USERS else "users:user_list"


def _get_title(job: ImportJob) -> str:
    if job.is_queued:
        return _("In progress") if job.state == ImportJob.State.EXECUTION_REQUESTED else _("Preparing the plan")
    if job.is_revert:
        return _("Undone") if job.is_done else _("Undo plan")
    if job.kind == JobType.BULK_ACTION:
        return _("Bulk action applied") if job.is_done else _("Bulk action plan")
    return _("Import applied") if job.is_done else _("Import plan")


def _get_page_number(request: OfficeRequest, name: str) -> int:
    """Return the requested page of a list, 1 if it is not a number."""
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 7 else 1


def _build_list(job: ImportJob, list_name: ImportJobPage.ListName, **numbers: int) -> dict[str, Any]:
    """Return a page of a list with links to its neighbors, which leave the other list on its page."""
    name = "page" if list_name == ImportJobPage.ListName.ITEMS else "faults"
    number = numbers[name]
    rows, has_next = storage.load_page(job, list_name, number)
    if list_name == ImportJobPage.ListName.ITEMS:
        rows = [_build_item(job, item) for item in rows]
    asked = {key: str(value) for key, value in numbers.items() if value > 1}
    return {
        "rows": rows,
        "previous_url": build_query_string(**(asked | {name: str(number - 1)})) if rows and number > 1 else "",
        "next_url": build_query_string(**(asked | {name: str(number + 1)})) if has_next else "",
    }


def _build_item(job: ImportJob, item: PlanItem) -> dict[str, Any]:
    title = rendering.render_name(item) if job.skips_failures else rendering.render_title(item)
    return {"title": title, "details": rendering.render_details(item), "takes": bool(item.get("takes"))}


def build_upload_context(request: OfficeRequest, *, about_teams: bool) -> dict[str, Any]:
    """Return the context of an upload page besides its form: link to the list, recent jobs."""
    return {
        "list_url": reverse("teams:team_list" if about_teams else "users:user_list"),
        "list_title": _("Teams") if about_teams else _("Users"),
        "recent_jobs": list_recent_jobs(request, about_teams=about_teams),
    }


def list_recent_jobs(request: OfficeRequest, *, about_teams: bool) -> list[tuple[ImportJob, str, str]]:
    """Return the recent jobs of the user, newest first, each with title and URL."""
    own = ImportJob.objects.visible_to(request.user).exclude(state=ImportJob.State.PLANNED)
    rows = [one for one in own.order_by("-asked_at")[:50] if one.is_about_teams is about_teams]
    return [(one, _get_title(one), get_job_links(one)["plan"]) for one in rows[:10]]


def send_result(job: ImportJob) -> HttpResponse:
    """Return the result of a job as CSV."""
    if not job.is_done:
        raise Http404
    return send_csv(actions.export_result(job), _("result") + ".csv")


def send_csv(content: bytes, name: str) -> HttpResponse:
    """Return a CSV file as a download."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=CONTENT_TYPES[FileFormat.CSV], headers=headers)
