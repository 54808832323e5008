"""The authorization matrix (users x rights), with its exports."""

from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.exports import CONTENT_TYPES, Form
from audit.actors import on_page
from loket.replica import from_replica
from loket.sheets import XLSX
from teams import grants, rights, sheets
from teams.access import OfficeRequest, not_along, requires
from teams.forms.questions import EmployerForm
from teams.rights import Right


@requires(Right.VIEW_USERS)
@from_replica
@require_safe
def matrix(request: OfficeRequest) -> HttpResponse:
    """Show the matrix at office level or at one employer."""
    form = EmployerForm(request.GET, user=request.user)
    context: dict[str, object] = {"form": form, "now": timezone.now()}
    if form.is_valid():
        employer = form.cleaned_data["employer"]
        found = rights.matrix(request.user.provider, employer)
        shown = sheets.columns(found)
        rows = [(user, found.resting.get(user.pk), sheets.marks(found, user, shown)) for user in found.users]
        context |= {"employer": employer, "columns": shown, "rows": rows}
    return render(request, "teams/matrix.html", context)


@requires(Right.VIEW_USERS)
@not_along
@require_safe
def matrix_sheet(request: OfficeRequest) -> HttpResponse:
    """Return the matrix as an XLSX file. The export is recorded, also for a HEAD request."""
    form = EmployerForm(request.GET, user=request.user)
    if not form.is_valid():
        raise Http404
    by = on_page(request, request.user)
    made = sheets.export_matrix(request.user.provider, form.cleaned_data["employer"], by=by)
    name = f"autorisatiematrix-{timezone.localdate().isoformat()}.xlsx"
    return HttpResponse(made, XLSX, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@requires(Right.VIEW_USERS)
@not_along
@require_safe
def grants_file(request: OfficeRequest, form: Form) -> FileResponse:
    """Return all granted rights as a file. The export is recorded, also for a HEAD request."""
    asked = EmployerForm(request.GET, user=request.user)
    if not asked.is_valid():
        raise Http404
    by = on_page(request, request.user)
    file = grants.export(request.user.provider, asked.cleaned_data["employer"], form=form, by=by)
    name = f"rechten-{timezone.localdate().isoformat()}.{form}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=CONTENT_TYPES[form])
