"""Pages of a job: review the plan, execute it, see the result, revert it. Each exists for users and for teams."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.db.models.functions import Coalesce
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from authentication import sessions
from core.access import POST, SAFE, DuringImpersonation, ReauthenticationLevel, page
from core.export_files import CONTENT_TYPES, FileFormat, attach
from core.paging import build_query_string
from core.throttle import Throttled
from imports import actions, storage
from imports.models import ImportJob, ImportJobPage, ImportJobProgress
from imports.plans import rendering
from imports.plans.plan import PlanItem
from outbox.message_limits import get_bulk_progress
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import mark_as_throttled

_REFRESH_SECONDS = "1"  # seconds until the page of a running job reloads
_LINK_NAMES = ("plan", "replan", "discard", "revert", "result", "faulty_rows")
JobType = ImportJob.Kind
JobView = Callable[[OfficeRequest, ImportJob], HttpResponse]


class JobPages(NamedTuple):
    """A page of jobs about users, which requires the right to manage users, and one of jobs about teams."""

    users: Callable[..., HttpResponse]
    teams: Callable[..., HttpResponse]


def _make_job_pages(**policy: Any) -> Callable[[JobView], JobPages]:
    """Return a decorator that makes both pages of a view; jobs of other users and of the other kind are a 404."""

    def build_page(view: JobView, right: Right, kinds: tuple[ImportJob.Kind, ...]) -> Callable[..., HttpResponse]:
        @page(right, **policy)
        @wraps(view)
        def show_page(request: OfficeRequest, pk: UUID) -> HttpResponse:
            jobs = ImportJob.objects.visible_to(request.user).filter(kind__in=kinds)
            return view(request, get_object_or_404(jobs.select_related("provider", "user__provider", "undoes"), pk=pk))

        return show_page

    return lambda view: JobPages(
        build_page(view, Right.MANAGE_USERS, (JobType.USERS, JobType.BULK_ACTION, JobType.REVERT_USERS)),
        build_page(view, Right.MANAGE_TEAMS, (JobType.TEAMS, JobType.REVERT_TEAMS)),
    )


_download_policy = {
    "methods": SAFE,
    "impersonation": DuringImpersonation.FORBIDDEN,
    "reauthentication": ReauthenticationLevel.HALF_HOUR,
}


@_make_job_pages(reauthentication=ReauthenticationLevel.HALF_HOUR)
def show_plan(request: OfficeRequest, job: ImportJob) -> HttpResponse:
    """Show the plan, or have the worker execute it."""
    if request.method == "POST":
        return _act_and_redirect(request, job, lambda: actions.request_execution(job, by=request.actor))
    return _render_job(request, job)


@_make_job_pages(methods=POST)
def replan(request: OfficeRequest, job: ImportJob) -> HttpResponse:
    return _act_and_redirect(request, job, lambda: actions.replan_job(job, by=request.actor))


@_make_job_pages(methods=POST)
def discard(request: OfficeRequest, job: ImportJob) -> HttpResponse:
    if not actions.discard_job(job):  # it was queued meanwhile
        return redirect(get_job_links(job)["plan"])
    messages.success(request, _("The plan has been discarded. Nothing was changed."))
    return redirect(_get_start_url_name(job))


@_make_job_pages(methods=POST)
def revert(request: OfficeRequest, job: ImportJob) -> HttpResponse:
    """Plan the revert of a job; nothing is changed yet."""
    if not actions.can_revert(job):
        raise Http404
    return _act_and_redirect(request, job, lambda: actions.create_revert(job, by=request.actor))


@_make_job_pages(**_download_policy)
def download_result(_request: OfficeRequest, job: ImportJob) -> HttpResponse:
    if not job.is_done:
        raise Http404
    return _send_csv(actions.export_result(job), _("result"))


@_make_job_pages(**_download_policy)
def download_faulty_rows(_request: OfficeRequest, job: ImportJob) -> HttpResponse:
    if job.is_done or job.kind != JobType.USERS:
        raise Http404
    return _send_csv(actions.export_faulty_rows(job), _("errors"))


def _send_csv(content: bytes, name: str) -> HttpResponse:
    return attach(HttpResponse(content, content_type=CONTENT_TYPES[FileFormat.CSV]), f"{name}.csv")


def _act_and_redirect(request: OfficeRequest, job: ImportJob, act: Callable[[], ImportJob | None]) -> HttpResponse:
    """Call `act` and redirect to the job that it returns, or show why it is throttled."""
    try:
        there = act() or job
    except Throttled as error:
        return mark_as_throttled(_render_job(request, job, throttled_message=str(error)), error)
    return redirect(get_job_links(there)["plan"])


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
        "invitations": str(get_bulk_progress(job.provider_id, job.correlation_id)) if job.is_done else "",
        "revert": job.reverted_by.filter(state=ImportJob.State.DONE).first(),
    }
    return render(request, "imports/plan.html", context)


def get_job_links(job: ImportJob) -> dict[str, str]:
    space = "imports:teams_" if job.is_about_teams else "imports:"
    names = _LINK_NAMES if job.kind == JobType.USERS else _LINK_NAMES[:-1]
    return {name: reverse(f"{space}{name}", args=[job.pk]) for name in names}


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
    query = {key: str(value) for key, value in numbers.items() if value > 1}
    return {
        "rows": rows,
        "previous_url": build_query_string(**(query | {name: str(number - 1)})) if rows and number > 1 else "",
        "next_url": build_query_string(**(query | {name: str(number + 1)})) if has_next else "",
    }


def _build_item(job: ImportJob, item: PlanItem) -> dict[str, Any]:
    title = rendering.render_name(item) if job.skips_failures else rendering.render_title(item)
    return {"title": title, "details": rendering.render_details(item), "has_losses": bool(item.get("has_losses"))}


def list_recent_jobs(request: OfficeRequest, *, about_teams: bool) -> list[tuple[ImportJob, str, str]]:
    """Return the recent jobs of the user, newest first, each with title and URL; plans that await them included."""
    own = ImportJob.objects.visible_to(request.user).annotate(since=Coalesce("asked_at", "created_at"))
    jobs = [job for job in own.order_by("-since")[:50] if job.is_about_teams is about_teams]
    return [(job, _get_title(job), get_job_links(job)["plan"]) for job in jobs[:10]]
