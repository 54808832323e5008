"""The authorization matrix (users x rights), with its exports."""

from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from audit.actors import build_page_actor
from core.access import SAFE, DuringImpersonation, page
from core.export_files import CONTENT_TYPES, FileFormat
from core.replica import allow_replica
from core.sheets import XLSX_CONTENT_TYPE
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.exports import grants, matrix
from teams.forms.choices import EmployerChoiceForm


@page(Right.VIEW_USERS, methods=SAFE)
@allow_replica
def authorization_matrix(request: OfficeRequest) -> HttpResponse:
    """Show the matrix at office level or at one employer."""
    form = EmployerChoiceForm(request.GET, user=request.user)
    context: dict[str, object] = {"form": form, "now": timezone.now()}
    if form.is_valid():
        employer = form.cleaned_data["employer"]
        found = checks.build_matrix(request.user.office, employer)
        shown = matrix.list_matrix_rights(found)
        rows = [
            (user, found.inactive_reasons.get(user.pk), matrix.build_marks(found, user, shown)) for user in found.users
        ]
        context |= {"employer": employer, "columns": shown, "rows": rows}
    return render(request, "teams/matrix.html", context)


@page(Right.VIEW_USERS, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def export_matrix(request: OfficeRequest) -> HttpResponse:
    """Return the matrix as an XLSX file. The export is recorded, also for a HEAD request."""
    form = EmployerChoiceForm(request.GET, user=request.user)
    if not form.is_valid():
        raise Http404
    by = build_page_actor(request, request.user)
    made = matrix.export_matrix(request.user.office, form.cleaned_data["employer"], by=by)
    name = f"autorisatiematrix-{timezone.localdate().isoformat()}.xlsx"
    return HttpResponse(made, XLSX_CONTENT_TYPE, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@page(Right.VIEW_USERS, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def export_grants(request: OfficeRequest, form: FileFormat) -> FileResponse:
    """Return all granted rights as a file. The export is recorded, also for a HEAD request."""
    asked = EmployerChoiceForm(request.GET, user=request.user)
    if not asked.is_valid():
        raise Http404
    by = build_page_actor(request, request.user)
    file = grants.export_grants(request.user.office, asked.cleaned_data["employer"], form=form, by=by)
    name = f"rechten-{timezone.localdate().isoformat()}.{form}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=CONTENT_TYPES[form])
