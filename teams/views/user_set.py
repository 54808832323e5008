"""Applying an authorization set to one person, with what it does shown first."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

import teams.sets
from accounts.actions import Stale
from audit.actors import on_page
from teams import rights
from teams.access import OfficeRequest, requires
from teams.catalogue import ordered
from teams.forms.sets import ApplySetForm, ChooseSetForm
from teams.rights import LastAdministrator, Right
from teams.views.people import colleague


@requires(Right.GRANT_RIGHTS)
@require_safe
def user_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show what applying a set would add to somebody's individual rights, and what making equal would take away."""
    person = colleague(request, id)
    form = ChooseSetForm(request.GET if "set" in request.GET else None, user=request.user)
    context: dict[str, object] = {"person": person, "form": form, "is_self": person.pk == request.user.pk}
    if form.is_valid():
        chosen, by = form.cleaned_data["set"], on_page(request, request.user)
        missing, extra = teams.sets.difference(chosen, person)
        places = [employer.pk for employer in rights.reach(person)]
        context |= {
            "set": chosen,
            "missing": ordered(missing),
            "extra": ordered(extra),
            "before": ",".join(sorted(rights.individual_rights(person))),
            "lacking": rights.lacking(by, missing, places),
            "lacking_to_take": rights.lacking(by, missing | extra, places),
        }
    return render(request, "teams/user_set.html", context)


def _copy(request: OfficeRequest, id: UUID, copy: Callable[..., None]) -> HttpResponse:
    """Do `copy` with the set of the form when all is still as the page had shown it."""
    person = colleague(request, id)
    form = ApplySetForm(request.POST, user=request.user)
    if not form.is_valid():
        raise Http404
    try:
        if not form.matches(rights.individual_rights(person)):
            raise Stale
        copy(form.cleaned_data["set"], person, by=on_page(request, request.user))
    except Stale:
        messages.error(request, _("Something changed meanwhile, so nothing was done. Look at the difference again."))
        return redirect("teams:rights", person.pk)
    except LastAdministrator as error:
        messages.error(request, str(error))
        return redirect("teams:rights", person.pk)
    values = {"set": form.cleaned_data["set"].name, "name": person.full_name}
    messages.success(request, _("The set %(set)s has been applied to %(name)s.") % values)
    return redirect("teams:rights", person.pk)


@requires(Right.GRANT_RIGHTS)
@require_POST
def apply_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Add the rights of a set to somebody's individual rights."""
    return _copy(request, id, teams.sets.apply)


@requires(Right.GRANT_RIGHTS)
@require_POST
def make_equal(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Make somebody's individual rights those of a set."""
    return _copy(request, id, teams.sets.make_equal)
