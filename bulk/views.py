"""Pages for importing a file of people: send it, look at the plan, apply it."""

from io import BytesIO
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.exports import CONTENT_TYPES, Form
from audit.actors import on_page
from bulk import results, uploads
from bulk.cells import Unreadable
from bulk.forms import UploadForm
from bulk.models import Upload
from bulk.plan import Refused
from signin.recent import recently_confirmed
from teams.access import OfficeRequest, not_along, requires
from teams.rights import Right


def _one(request: OfficeRequest, id: UUID) -> Upload:
    """Return the upload with that id of this very person."""
    return get_object_or_404(Upload.objects.visible_to(request.user).select_related("provider"), pk=id)


@requires(Right.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
@recently_confirmed
def upload(request: OfficeRequest) -> HttpResponse:
    """Take a file of people; nothing is changed yet."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file, by = form.cleaned_data["file"], on_page(request, request.user)
        try:
            kept = uploads.keep(request.user, file.read(), name=file.name, invite=form.cleaned_data["invite"], by=by)
        except Unreadable as error:
            form.add_error("file", str(error))
        else:
            return redirect("bulk:plan", kept.pk)
    return render(request, "bulk/upload.html", {"form": form})


@requires(Right.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
@recently_confirmed
def plan(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show what a file would change, and do it."""
    kept = _one(request, id)
    error = ""
    if request.method == "POST":
        try:
            if uploads.apply(kept, by=on_page(request, request.user)):
                messages.success(request, _("The file has been applied."))
                return redirect("bulk:plan", kept.pk)
            error = _("The plan has faults now. Plan again and look at it.")
        except Refused as refused:
            error = str(refused)
    context = {"upload": kept, "plan": uploads.shown_plan(kept), "error": error, "shown": uploads.SHOWN}
    return render(request, "bulk/plan.html", context)


@requires(Right.MANAGE_USERS)
@require_POST
def plan_again(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Plan once more, as the office is now."""
    kept = _one(request, id)
    uploads.plan_again(kept, by=on_page(request, request.user))
    return redirect("bulk:plan", kept.pk)


@requires(Right.MANAGE_USERS)
@require_POST
def forget(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Throw a file away."""
    uploads.forget(_one(request, id))
    messages.success(request, _("The file has been thrown away. Nothing was changed by it any more."))
    return redirect("bulk:upload")


@requires(Right.MANAGE_USERS)
@require_safe
def template(request: OfficeRequest) -> FileResponse:
    """Send the workbook to fill in."""
    file = BytesIO()
    results.write_template(file)
    file.seek(0)
    name = _("users-template") + ".xlsx"
    return FileResponse(file, as_attachment=True, filename=name, content_type=CONTENT_TYPES[Form.XLSX])


@requires(Right.MANAGE_USERS)
@not_along
@require_safe
@recently_confirmed
def result(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Send the file that says what was done."""
    kept = _one(request, id)
    if not kept.is_applied:
        raise Http404
    return _csv(uploads.result(kept), _("result") + ".csv")


@requires(Right.MANAGE_USERS)
@not_along
@require_safe
@recently_confirmed
def faulty(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Send the rows that are to be mended."""
    kept = _one(request, id)
    if kept.is_applied:
        raise Http404
    return _csv(uploads.faulty_rows(kept, by=on_page(request, request.user)), _("faults") + ".csv")


def _csv(content: bytes, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=CONTENT_TYPES[Form.CSV], headers=headers)
