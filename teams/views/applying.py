"""Preview and apply an authorization set to a user or a team."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

import teams.sets
from accounts.actions import Stale
from accounts.models import User
from audit.actors import on_page
from invitations.views.notes import warn
from teams import rights
from teams.access import OfficeRequest, requires
from teams.catalogue import ordered
from teams.changes import employer_ids
from teams.forms.sets import ApplySetForm, ChooseSetForm
from teams.models import Team
from teams.rights import LastAdministrator, Right
from teams.views.people import colleague
from teams.views.teams import is_member, one


def _difference(request: OfficeRequest, target: Team | User) -> dict[str, Any]:
    """Return the context of a preview: the rights that applying the set adds, and that replacing would remove."""
    form = ChooseSetForm(request.GET if "set" in request.GET else None, user=request.user)
    if not form.is_valid():
        return {"form": form}
    chosen, by = form.cleaned_data["set"], on_page(request, request.user)
    missing, extra = teams.sets.difference(chosen, target)
    reached = [employer.pk for employer in rights.reach(target)] if isinstance(target, User) else employer_ids(target)
    return {
        "form": form,
        "set": chosen,
        "missing": ordered(missing),
        "extra": ordered(extra),
        "before": ",".join(sorted(teams.sets.held(target))),
        "lacking": rights.lacking(by, missing, reached),
        "lacking_to_take": rights.lacking(by, missing | extra, reached),
    }


@requires(Right.GRANT_RIGHTS)
@require_safe
def user_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Preview applying a set to the individual rights of a user."""
    person = colleague(request, id)
    is_self = person.pk == request.user.pk
    context = _difference(request, person) | {"person": person, "is_self": is_self, "may_apply": not is_self}
    return render(request, "teams/apply_set_to_user.html", context)


@requires(Right.MANAGE_TEAMS)
@require_safe
def team_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Preview applying a set to the rights of a team."""
    team = one(request, id)
    is_own = is_member(request, team)
    context = _difference(request, team) | {"team": team, "is_own": is_own, "may_apply": not is_own}
    return render(request, "teams/apply_set_to_team.html", context)


def _copy(request: OfficeRequest, target: Team | User, copy: Callable[..., None], back: str) -> HttpResponse:
    """Call `copy` with the set of the form, unless something changed since the preview."""
    form = ApplySetForm(request.POST, user=request.user)
    if not form.is_valid():
        raise Http404
    chosen = form.cleaned_data["set"]
    try:
        copy(chosen, target, by=on_page(request, request.user), shown=form.shown)
    except Stale:
        messages.error(
            request, _("Something changed in the meantime, so nothing was done. Review the differences again.")
        )
    except LastAdministrator as error:
        messages.error(request, str(error))
    else:
        name = target.name if isinstance(target, Team) else target.full_name
        text = _("The set %(set)s has been applied to %(name)s.")
        messages.success(request, text % {"set": chosen.name, "name": name})
        mine = {"memberships__team": target} if isinstance(target, Team) else {"pk": target.pk}
        warn(request, User.objects.filter(**mine))
    return redirect(back, target.pk)


@requires(Right.GRANT_RIGHTS)
@require_POST
def apply_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Add the rights of a set to the individual rights of a user."""
    return _copy(request, colleague(request, id), teams.sets.apply, "teams:rights")


@requires(Right.GRANT_RIGHTS)
@require_POST
def make_equal(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Replace the individual rights of a user by those of a set."""
    return _copy(request, colleague(request, id), teams.sets.make_equal, "teams:rights")


@requires(Right.MANAGE_TEAMS)
@require_POST
def apply_set_to_team(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Add the rights of a set to those of a team."""
    return _copy(request, one(request, id), teams.sets.apply, "teams:team")


@requires(Right.MANAGE_TEAMS)
@require_POST
def make_team_equal(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Replace the rights of a team by those of a set."""
    return _copy(request, one(request, id), teams.sets.make_equal, "teams:team")
