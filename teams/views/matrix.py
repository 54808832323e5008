"""The authorization matrix (users x rights), with its exports."""

from io import BytesIO

from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from core.access import SAFE, DuringImpersonation, page
from core.export_files import FileFormat, send_export
from core.paging import build_pager_context, paginate_queryset
from core.replica import allow_replica
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.duties import find_broken_rules_at
from permissions.effective import build_matrix, filter_matrix_users
from permissions.exports import grants, matrix
from teams.forms.choices import EmployerChoiceForm


@page(Right.VIEW_USERS, methods=SAFE)
@allow_replica
def authorization_matrix(request: OfficeRequest) -> HttpResponse:
    form = EmployerChoiceForm(request.GET, user=request.user)
    context: dict[str, object] = {"form": form, "now": timezone.now()}
    if form.is_valid():
        provider, employer = request.user.office, form.cleaned_data["employer"]
        users = paginate_queryset(filter_matrix_users(provider, employer), cursor=request.GET.get("page", ""))
        found = build_matrix(provider, employer, users.rows)
        reasons = found.inactive_reasons
        in_conflict = find_broken_rules_at(provider.pk, [user.pk for user in found.users], employer)
        rows = [
            (user, reasons.get(user.pk), matrix.build_marks(found, user), user.pk in in_conflict)
            for user in found.users
        ]
        context |= {"employer": employer, "columns": found.rights, "rows": rows}
        context |= build_pager_context(users, employer=str(employer.pk) if employer else "")
    return render(request, "teams/matrix.html", context)


@page(Right.VIEW_USERS, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def export_matrix(request: OfficeRequest) -> FileResponse:
    """Return the matrix as an XLSX file. The export is recorded, even for a HEAD request."""
    form = EmployerChoiceForm(request.GET, user=request.user)
    if not form.is_valid():
        raise Http404
    workbook = matrix.export_matrix(request.user.office, form.cleaned_data["employer"], by=request.actor)
    return send_export(BytesIO(workbook), "autorisatiematrix", FileFormat.XLSX)


@page(Right.VIEW_USERS, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def export_grants(request: OfficeRequest, form: FileFormat) -> FileResponse:
    """Return all granted rights as a file. The export is recorded, even for a HEAD request."""
    asked = EmployerChoiceForm(request.GET, user=request.user)
    if not asked.is_valid():
        raise Http404
    file = grants.export_grants(request.user.office, asked.cleaned_data["employer"], form=form, by=request.actor)
    return send_export(file, "rechten", form)
