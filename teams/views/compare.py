"""Compare two users, and copy the access of one to the other."""

from hashlib import sha256
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

import teams.actions
from accounts.models import User
from core.access import POST, SAFE, page
from core.errors import EditConflict
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.rights_grid import GridContents, RightsGrid
from permissions.shortcuts import get_colleague_or_404, report_refusal
from teams import deviations
from teams.deviations import UserComparison
from teams.forms.choices import ColleagueChoiceForm


def _fingerprint(comparison: UserComparison) -> str:
    parts = [[str(team.pk) for team in side] for side in (*comparison.teams, comparison.kept_teams)]
    parts += [[right.value for right in side] for side in comparison.individual]
    shown = "|".join(",".join(sorted(part)) for part in parts)
    return sha256(shown.encode()).hexdigest()


def _render_grid(comparison: UserComparison, user: User, other: User) -> SafeString:
    held, only = comparison.held, _("only %(name)s")
    differences = {right: only % {"name": user.full_name} for right in held.first}
    differences |= {right: only % {"name": other.full_name} for right in held.second}
    grid = RightsGrid()
    grid.contents = GridContents(differences=differences)
    return grid.render("rights", [right.value for side in held for right in side])


@page(Right.VIEW_USERS, methods=SAFE)
def compare_users(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    form = ColleagueChoiceForm(request.GET if "colleague" in request.GET else None, user=user)
    context: dict[str, object] = {"colleague": user, "form": form}
    if form.is_valid():
        other: User = form.cleaned_data["colleague"]
        found = deviations.compare_users(user, other)
        context |= {
            "other": other,
            "comparison": found,
            "parts": [
                (_("Teams"), [[team.name for team in side] for side in found.teams]),
                (_("Individual rights"), [[right.label for right in side] for side in found.individual]),
                (_("Employers"), [[str(employer) for employer in side] for side in found.employers]),
            ],
            "grid": _render_grid(found, user, other),
            "shown": _fingerprint(found),
            "may_change": {Right.MANAGE_TEAMS, Right.GRANT_RIGHTS} <= request.rights and user.pk != request.user.pk,
        }
    return render(request, "teams/compare_users.html", context)


@page(Right.GRANT_RIGHTS, methods=POST)
def copy_colleague_access(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    form = ColleagueChoiceForm(request.POST, user=user)
    if not form.is_valid():
        raise Http404
    other: User = form.cleaned_data["colleague"]
    with report_refusal(request):
        comparison = deviations.compare_users(user, other)
        if _fingerprint(comparison) != request.POST.get("shown"):
            raise EditConflict
        teams.actions.copy_colleague_access(user, other, by=request.actor)
        values = {"name": user.full_name, "other": other.full_name}
        text = _("%(name)s now has the same teams and individual rights as %(other)s.")
        if comparison.kept_teams:
            text = _("%(name)s now has the access of %(other)s, and stays in teams through the directory.")
        messages.success(request, text % values)
        return redirect("teams:user_rights", user.pk)
    return redirect("teams:compare_users", user.pk)
