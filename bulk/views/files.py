"""Pages for importing users: download the template, upload a file."""

from io import BytesIO

from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.exports import CONTENT_TYPES, Form
from audit.actors import Proof, on_page
from bulk import operations, results
from bulk.forms import UploadForm
from bulk.views import pages
from signin.reauthentication import reauthenticated
from signin.throttle import Throttled
from teams.access import OfficeRequest, requires
from teams.rights import Right


@requires(Right.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def upload(request: OfficeRequest) -> HttpResponse:
    """Upload a file of users for planning by the worker; nothing is changed yet."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file, invite, by = form.cleaned_data["file"], form.cleaned_data["invite"], on_page(request, request.user)
        try:
            kept = operations.keep_file(request.user, file.read(), name=file.name, invite=invite, by=by)
        except Throttled as error:
            form.add_error(None, str(error))
            return pages.not_now(_form(request, form), error)
        return redirect("bulk:plan", kept.pk)
    return _form(request, form)


def _form(request: OfficeRequest, form: UploadForm) -> HttpResponse:
    context = {"form": form, "title": _("Import users")} | pages.around_upload(request, about_teams=False)
    return render(request, "imports/upload_users.html", context)


@requires(Right.MANAGE_USERS)
@require_safe
def template(request: OfficeRequest) -> FileResponse:
    """Download the template workbook."""
    file = BytesIO()
    results.write_template(file)
    file.seek(0)
    name = _("users-template") + ".xlsx"
    return FileResponse(file, as_attachment=True, filename=name, content_type=CONTENT_TYPES[Form.XLSX])
