"""Pages for importing teams, employers and team rights: upload, review the plan, execute it, revert it."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.actors import Proof, on_page
from bulk import operations
from bulk.forms import TeamFilesForm
from bulk.models import Operation
from bulk.views import pages
from signin.reauthentication import reauthenticated
from signin.throttle import Throttled
from teams.access import OfficeRequest, not_along, requires
from teams.rights import Right


def _one(request: OfficeRequest, id: UUID) -> Operation:
    return pages.one(request, id, about_teams=True)


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def upload(request: OfficeRequest) -> HttpResponse:
    """Upload a workbook or several files for planning by the worker; nothing is changed yet."""
    form = TeamFilesForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        files = [(file.name, file.read()) for file in form.cleaned_data["file"]]
        name, by = ", ".join(name for name, _content in files), on_page(request, request.user)
        try:
            kept = operations.keep_team_files(request.user, files, name=name, by=by)
        except Throttled as error:
            form.add_error(None, str(error))
            return pages.not_now(_form(request, form), error)
        return redirect("bulk:teams_plan", kept.pk)
    return _form(request, form)


def _form(request: OfficeRequest, form: TeamFilesForm) -> HttpResponse:
    context = {"form": form, "title": _("Import teams")} | pages.around_upload(request, about_teams=True)
    return render(request, "imports/upload_teams.html", context)


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def plan(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show the plan, or have the worker execute it."""
    return pages.plan(request, _one(request, id))


@requires(Right.MANAGE_TEAMS)
@require_POST
def plan_again(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Plan again for the current state of the office."""
    return pages.plan_again(request, _one(request, id))


@requires(Right.MANAGE_TEAMS)
@require_POST
def forget(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Discard a plan."""
    return pages.forget(request, _one(request, id))


@requires(Right.MANAGE_TEAMS)
@require_POST
def undo(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Plan the revert of a job; nothing is changed yet."""
    return pages.undo(request, _one(request, id))


@requires(Right.MANAGE_TEAMS)
@not_along
@require_safe
@reauthenticated(Proof.HALF_HOUR)
def result(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Download the result as CSV."""
    return pages.result_of(_one(request, id))
