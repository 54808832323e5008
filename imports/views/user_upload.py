"""Pages for importing users: download the template, upload a file."""

from io import BytesIO

from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from audit.actors import build_page_actor
from core.access import SAFE, ReauthenticationLevel, page
from core.export_files import CONTENT_TYPES, FileFormat
from core.throttle import Throttled
from imports import actions
from imports.files import result_files
from imports.forms import UserUploadForm
from imports.views import job_pages
from permissions.access import OfficeRequest
from permissions.checks import Right


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def upload_users(request: OfficeRequest) -> HttpResponse:
    """Upload a file of users for planning by the worker; nothing is changed yet."""
    form = UserUploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file, invite, by = (
            form.cleaned_data["file"],
            form.cleaned_data["invite"],
            build_page_actor(request, request.user),
        )
        try:
            job = actions.create_user_import(request.user, file.read(), name=file.name, invite=invite, by=by)
        except Throttled as error:
            form.add_error(None, str(error))
            return job_pages.mark_as_throttled(_render_form(request, form), error)
        return redirect("imports:plan", job.pk)
    return _render_form(request, form)


def _render_form(request: OfficeRequest, form: UserUploadForm) -> HttpResponse:
    context = {"form": form, "title": _("Import users")} | job_pages.build_upload_context(request, about_teams=False)
    return render(request, "imports/upload_users.html", context)


@page(Right.MANAGE_USERS, methods=SAFE)
def download_template(request: OfficeRequest) -> FileResponse:
    """Download the template workbook."""
    file = BytesIO()
    result_files.write_template(file)
    file.seek(0)
    name = _("users-template") + ".xlsx"
    return FileResponse(file, as_attachment=True, filename=name, content_type=CONTENT_TYPES[FileFormat.XLSX])
