"""The page with the rights of one user."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

import teams.actions
from accounts.models import User
from core.access import page
from invitations.views.resend_warnings import add_resend_warnings
from permissions import checks, right_sources, team_reach
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.models import AuthorizationSet
from permissions.rights_grid import GridContents, describe_held_rights
from permissions.shortcuts import get_colleague_or_404, show_errors
from teams.forms.rights import IndividualRightsForm
from teams.views.undo import add_undo_message


@page(Right.VIEW_USERS)
def user_rights(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    grid, may_give = _build_grid(request, user), _get_grantable_rights(request, user)
    form = IndividualRightsForm(request.POST or None, grid=grid, givable=may_give)
    if request.method == "POST":
        checks.require_right(request.actor, Right.GRANT_RIGHTS)
        if form.is_valid():
            with show_errors(form):
                teams.actions.set_individual_rights(user, form.cleaned_data["rights"], by=request.actor)
                add_undo_message(request, _("The rights of %(name)s have been saved.") % {"name": user.full_name})
                add_resend_warnings(request, User.objects.filter(pk=user.pk))
                return redirect("teams:user_rights", user.pk)
    context = {
        "colleague": user,
        "form": form,
        "inactive_reason": checks.get_inactive_reason(user),
        "deviating_count": sum(held.individual and not held.superfluous for held in grid.held.values()),
        "has_rights": bool(grid.held),
        "may_change": bool(may_give),
        "sets": AuthorizationSet.objects.visible_to(request.user).order_by("name", "pk") if may_give else [],
        "is_self": user.pk == request.user.pk,
        "manages": Right.MANAGE_PROVIDER in grid.held,
    }
    return render(request, "teams/user_rights.html", context)


def _build_grid(request: OfficeRequest, user: User) -> GridContents:
    held = {held.right: held for held in right_sources.list_held_rights(user)}
    return GridContents(
        stored=frozenset(right for right, source in held.items() if source.individual),
        held=held,
        covered=team_reach.find_covered_rights(user),
        colleague=user,
        may_see_teams=Right.VIEW_TEAMS in request.rights,
        marks_changes=True,
        describe=describe_held_rights(held),
    )


def _get_grantable_rights(request: OfficeRequest, user: User) -> frozenset[Right]:
    if Right.GRANT_RIGHTS not in request.rights or user.pk == request.user.pk:
        return frozenset()
    return checks.get_grantable_rights(request.user) - checks.get_impossible_rights(user.login_method)
