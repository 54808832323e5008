"""Explain why a user has a right, and list who has a right."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from loket.replica import from_replica
from teams import explain
from teams.access import OfficeRequest, requires
from teams.forms.questions import RightForm
from teams.rights import Right
from teams.views.people import colleague
from teams.why import why as explanation


def _asked(request: OfficeRequest) -> RightForm:
    """Return the form, bound if the query string has a right."""
    return RightForm(request.GET if "right" in request.GET else None, user=request.user)


@requires(Right.VIEW_USERS)
@from_replica
@require_safe
def why(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show by which paths a user has a right or could have it, and the smallest change either way."""
    person, form = colleague(request, id), _asked(request)
    context = {"person": person, "form": form}
    if form.is_valid():
        right, employer = form.cleaned_data["right"], form.cleaned_data["employer"]
        context |= {"right": right, "employer": employer, "answer": explanation(person, right, employer)}
    return render(request, "teams/explain_access.html", context)


@requires(Right.VIEW_USERS)
@from_replica
@require_safe
def who(request: OfficeRequest) -> HttpResponse:
    """List the users who have a right, with its sources."""
    form = _asked(request)
    context: dict[str, object] = {"form": form, "may_see_teams": Right.VIEW_TEAMS in request.rights}
    if form.is_valid():
        right, employer = form.cleaned_data["right"], form.cleaned_data["employer"]
        found = explain.who(request.user.provider, right, employer)
        context |= {"right": right, "employer": employer, "rows": found}
        context["able"] = sum(holder.has_effect for holder in found)
    return render(request, "teams/who_has_access.html", context)
