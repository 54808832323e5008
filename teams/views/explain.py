"""Explain why a user has a right, and list who has a right."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from core.access import SAFE, page
from core.paging import build_pager_context, paginate_queryset
from core.replica import allow_replica
from permissions import right_sources
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.duties import explain_conflicts
from permissions.effective import filter_right_holders
from permissions.explain import explain_access
from permissions.shortcuts import get_colleague_or_404
from teams.access_diagram import draw_access, list_checks
from teams.forms.choices import RightChoiceForm


def _get_form(request: OfficeRequest) -> RightChoiceForm:
    return RightChoiceForm(request.GET if "right" in request.GET else None, user=request.user)


@page(Right.VIEW_USERS, methods=SAFE)
@allow_replica
def explain_user_right(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Show by which paths a user has a right or could have it, and the smallest change either way."""
    user, form = get_colleague_or_404(request, pk), _get_form(request)
    context = {"colleague": user, "form": form}
    if form.is_valid():
        right, employer = form.cleaned_data["right"], form.cleaned_data["employer"]
        explanation = explain_access(user, right, employer)
        context |= {
            "right": right,
            "employer": employer,
            "explanation": explanation,
            "diagram": draw_access(explanation, user, right, employer),
            "checks": list_checks(explanation, user, right, employer),
            "duties": explain_conflicts(user, right, employer),
        }
    return render(request, "teams/explain_access.html", context)


@page(Right.VIEW_USERS, methods=SAFE)
@allow_replica
def right_holders(request: OfficeRequest) -> HttpResponse:
    form = _get_form(request)
    context: dict[str, object] = {"form": form, "may_see_teams": Right.VIEW_TEAMS in request.rights}
    if form.is_valid():
        right, employer = form.cleaned_data["right"], form.cleaned_data["employer"]
        holders = filter_right_holders(request.user.office, right, employer)
        users = paginate_queryset(holders, cursor=request.GET.get("page", ""))
        works = employer is None or right.works_with(employer.products)
        context |= {
            "right": right,
            "employer": employer,
            "able": holders.filter(inactive_reason=None).count() if works else 0,
            "rows": right_sources.list_right_holders(request.user.office, right, employer, users.rows),
        } | build_pager_context(users, right=right.value, employer=str(employer.pk) if employer else "")
    return render(request, "teams/who_has_access.html", context)
