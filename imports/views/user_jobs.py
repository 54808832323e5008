"""Pages of a job that changes users: review the plan, execute it, see the result, revert it."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from core.access import POST, SAFE, DuringImpersonation, ReauthenticationLevel, page
from imports import actions
from imports.models import ImportJob
from imports.views import job_pages
from permissions.access import OfficeRequest
from permissions.checks import Right


def _get_job(request: OfficeRequest, pk: UUID) -> ImportJob:
    return job_pages.get_job_or_404(request, pk, about_teams=False)


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def show_plan(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Show the plan, or have the worker execute it."""
    return job_pages.handle_plan(request, _get_job(request, pk))


@page(Right.MANAGE_USERS, methods=POST)
def replan(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Plan again for the current state of the office."""
    return job_pages.handle_replan(request, _get_job(request, pk))


@page(Right.MANAGE_USERS, methods=POST)
def discard(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Discard a plan."""
    return job_pages.handle_discard(request, _get_job(request, pk))


@page(Right.MANAGE_USERS, methods=POST)
def revert(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Plan the revert of a job; nothing is changed yet."""
    return job_pages.handle_revert(request, _get_job(request, pk))


@page(
    Right.MANAGE_USERS,
    methods=SAFE,
    impersonation=DuringImpersonation.FORBIDDEN,
    reauthentication=ReauthenticationLevel.HALF_HOUR,
)
def download_result(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Download the result as CSV."""
    return job_pages.send_result(_get_job(request, pk))


@page(
    Right.MANAGE_USERS,
    methods=SAFE,
    impersonation=DuringImpersonation.FORBIDDEN,
    reauthentication=ReauthenticationLevel.HALF_HOUR,
)
def download_faulty_rows(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Download the rows with faults as CSV."""
    job = _get_job(request, pk)
    if job.is_done or job.kind != ImportJob.Kind.USERS:
        raise Http404
    return job_pages.send_csv(actions.export_faulty_rows(job), _("errors") + ".csv")
