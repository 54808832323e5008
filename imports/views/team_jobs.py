"""Pages for importing teams, employers and team rights: upload, review the plan, execute it, revert it."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from audit.actors import build_page_actor
from core.access import POST, SAFE, DuringImpersonation, ReauthenticationLevel, page
from core.throttle import Throttled
from imports import actions
from imports.forms import TeamUploadForm
from imports.models import ImportJob
from imports.views import job_pages
from permissions.access import OfficeRequest
from permissions.checks import Right


def _get_job(request: OfficeRequest, pk: UUID) -> ImportJob:
    return job_pages.get_job_or_404(request, pk, about_teams=True)


@page(Right.MANAGE_TEAMS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def upload_teams(request: OfficeRequest) -> HttpResponse:
    """Upload a workbook or several files for planning by the worker; nothing is changed yet."""
    form = TeamUploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        files = [(file.name, file.read()) for file in form.cleaned_data["file"]]
        name, by = ", ".join(name for name, _content in files), build_page_actor(request, request.user)
        try:
            job = actions.create_team_import(request.user, files, name=name, by=by)
        except Throttled as error:
            form.add_error(None, str(error))
            return job_pages.mark_as_throttled(_render_form(request, form), error)
        return redirect("imports:teams_plan", job.pk)
    return _render_form(request, form)


def _render_form(request: OfficeRequest, form: TeamUploadForm) -> HttpResponse:
    context = {"form": form, "title": _("Import teams")} | job_pages.build_upload_context(request, about_teams=True)
    return render(request, "imports/upload_teams.html", context)


@page(Right.MANAGE_TEAMS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def show_plan(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Show the plan, or have the worker execute it."""
    return job_pages.handle_plan(request, _get_job(request, pk))


@page(Right.MANAGE_TEAMS, methods=POST)
def replan(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Plan again for the current state of the office."""
    return job_pages.handle_replan(request, _get_job(request, pk))


@page(Right.MANAGE_TEAMS, methods=POST)
def discard(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Discard a plan."""
    return job_pages.handle_discard(request, _get_job(request, pk))


@page(Right.MANAGE_TEAMS, methods=POST)
def revert(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Plan the revert of a job; nothing is changed yet."""
    return job_pages.handle_revert(request, _get_job(request, pk))


@page(
    Right.MANAGE_TEAMS,
    methods=SAFE,
    impersonation=DuringImpersonation.FORBIDDEN,
    reauthentication=ReauthenticationLevel.HALF_HOUR,
)
def download_result(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Download the result as CSV."""
    return job_pages.send_result(_get_job(request, pk))
