"""Pages for importing users and teams: download the template, upload files for planning by the worker."""

from collections.abc import Callable
from io import BytesIO

from django.forms import Form
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from core.access import SAFE, ReauthenticationLevel, page
from core.export_files import CONTENT_TYPES, FileFormat
from core.throttle import Throttled
from imports import actions
from imports.files import result_files
from imports.forms import TeamUploadForm, UserUploadForm
from imports.models import ImportJob
from imports.views import jobs
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import mark_as_throttled


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def upload_users(request: OfficeRequest) -> HttpResponse:
    """Upload a file of users; nothing is changed yet."""
    form = UserUploadForm(request.POST or None, request.FILES or None)

    def create_job() -> ImportJob:
        file, invite = form.cleaned_data["file"], form.cleaned_data["invite"]
        return actions.create_user_import(request.user, file.read(), name=file.name, invite=invite, by=request.actor)

    return _handle_upload(request, form, create_job, about_teams=False)


@page(Right.MANAGE_TEAMS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def upload_teams(request: OfficeRequest) -> HttpResponse:
    """Upload a workbook or several files of teams, employers and team rights; nothing is changed yet."""
    form = TeamUploadForm(request.POST or None, request.FILES or None)

    def create_job() -> ImportJob:
        files = [(file.name, file.read()) for file in form.cleaned_data["file"]]
        name = ", ".join(name for name, _content in files)
        return actions.create_team_import(request.user, files, name=name, by=request.actor)

    return _handle_upload(request, form, create_job, about_teams=True)


def _handle_upload(
    request: OfficeRequest, form: Form, create_job: Callable[[], ImportJob], *, about_teams: bool
) -> HttpResponse:
    """Create the job of a valid form and redirect to it, otherwise render the form."""
    throttled: Throttled | None = None
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(jobs.get_job_links(create_job())["plan"])
        except Throttled as error:
            throttled = error
            form.add_error(None, str(error))
    context = {
        "form": form,
        "title": _("Import teams") if about_teams else _("Import users"),
        "list_url": reverse("teams:team_list" if about_teams else "users:user_list"),
        "list_title": _("Teams") if about_teams else _("Users"),
        "recent_jobs": jobs.list_recent_jobs(request, about_teams=about_teams),
    }
    response = render(request, f"imports/upload_{'teams' if about_teams else 'users'}.html", context)
    return mark_as_throttled(response, throttled) if throttled else response


@page(Right.MANAGE_USERS, methods=SAFE)
def download_template(request: OfficeRequest) -> FileResponse:
    file = BytesIO()
    result_files.write_template(file)
    file.seek(0)
    name = _("users-template") + ".xlsx"
    return FileResponse(file, as_attachment=True, filename=name, content_type=CONTENT_TYPES[FileFormat.XLSX])
