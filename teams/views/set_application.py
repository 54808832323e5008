"""Preview and apply an authorization set to a user or a team."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

import teams.sets
from accounts.models import User
from core.access import POST, SAFE, page
from invitations.views.resend_warnings import add_resend_warnings
from permissions import checks
from permissions.access import OfficeRequest
from permissions.action_helpers import get_team_employer_ids
from permissions.checks import Right
from permissions.models import Team
from permissions.shortcuts import get_colleague_or_404, report_refusal
from teams.forms.sets import ApplySetForm, SetChoiceForm
from teams.views.teams import get_team_or_404, is_own_team
from teams.views.undo import add_undo_message


def _build_difference_context(request: OfficeRequest, target: Team | User) -> dict[str, Any]:
    form = SetChoiceForm(request.GET if "set" in request.GET else None, user=request.user)
    if not form.is_valid():
        return {"form": form}
    chosen = form.cleaned_data["set"]
    held = teams.sets.get_target_rights(target)
    missing, extra, given = teams.sets.compare_target_with_set(chosen, target)
    reached = (
        [employer.pk for employer in checks.list_reachable_employers(target)]
        if isinstance(target, User)
        else get_team_employer_ids(target)
    )
    return {
        "form": form,
        "set": chosen,
        "missing": missing,
        "extra": extra,
        "given": given,
        "before": ",".join(sorted(held)),
        "lacking": checks.find_missing_right(request.actor, missing, reached),
        "lacking_to_take": checks.find_missing_right(request.actor, missing + extra, reached),
    }


@page(Right.GRANT_RIGHTS, methods=SAFE)
def preview_user_set(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    is_self = user.pk == request.user.pk
    context = _build_difference_context(request, user) | {
        "colleague": user,
        "is_self": is_self,
        "may_apply": not is_self,
    }
    return render(request, "teams/apply_set_to_user.html", context)


@page(Right.MANAGE_TEAMS, methods=SAFE)
def preview_team_set(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team = get_team_or_404(request, pk)
    is_own = is_own_team(request, team)
    context = _build_difference_context(request, team) | {"team": team, "is_own": is_own, "may_apply": not is_own}
    return render(request, "teams/apply_set_to_team.html", context)


def _copy_set(request: OfficeRequest, target: Team | User, copy: Callable[..., None], back: str) -> HttpResponse:
    form = ApplySetForm(request.POST, user=request.user)
    if not form.is_valid():
        raise Http404
    chosen = form.cleaned_data["set"]
    with report_refusal(request):
        copy(chosen, target, by=request.actor, shown=form.shown)
        name = target.name if isinstance(target, Team) else target.full_name
        text = _("The set %(set)s has been applied to %(name)s.")
        add_undo_message(request, text % {"set": chosen.name, "name": name})
        mine = {"memberships__team": target} if isinstance(target, Team) else {"pk": target.pk}
        add_resend_warnings(request, User.objects.filter(**mine))
    return redirect(back, target.pk)


@page(Right.GRANT_RIGHTS, methods=POST)
def copy_set_to_user(request: OfficeRequest, pk: UUID, copy: Callable[..., None]) -> HttpResponse:
    return _copy_set(request, get_colleague_or_404(request, pk), copy, "teams:user_rights")


@page(Right.MANAGE_TEAMS, methods=POST)
def copy_set_to_team(request: OfficeRequest, pk: UUID, copy: Callable[..., None]) -> HttpResponse:
    return _copy_set(request, get_team_or_404(request, pk), copy, "teams:team_detail")
