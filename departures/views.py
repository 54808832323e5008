"""The page of a leaver: what depends on them, who takes over, and one confirmation of everything that happens."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actors import ReauthenticationRequired
from core.access import page
from core.confirmation import Confirmation, is_confirmed, render_confirmation
from core.errors import EditConflict
from departures import actions
from departures.forms import DepartureForm
from departures.plans import MAX_NAMES, DeparturePlan, build_plan, examine_departure, find_obstacle
from permissions.access import OfficeRequest
from permissions.checks import LastAdministrator, Right
from permissions.shortcuts import get_managed_user


@page(Right.MANAGE_USERS)
def departure(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_managed_user(request, pk)
    if Right.VIEW_USERS not in request.rights:
        raise PermissionDenied  # the page names teams, employers and colleagues
    if user.blocked_at is not None:
        messages.info(request, _("%(name)s is blocked already. Nothing was done.") % {"name": user.full_name})
        return redirect("users:user_detail", user.pk)
    situation = examine_departure(user)
    form = DepartureForm(request.POST or None, user=user, situation=situation, by=request.actor, rights=request.rights)
    obstacle = find_obstacle(user)
    if request.method == "POST" and not obstacle and form.is_valid():
        plan = build_plan(user, form.choices)
        if not is_confirmed(request):
            return _confirm(request, plan, form)
        if _execute(request, user, form):
            return redirect("users:user_detail", user.pk)
        return redirect("departures:departure", user.pk)
    context = {
        "colleague": user,
        "form": form,
        "situation": situation,
        "obstacle": obstacle,
        "most": MAX_NAMES,
        "minus_most": -MAX_NAMES,
    }
    return render(request, "departures/departure.html", context)


def _execute(request: OfficeRequest, user: User, form: DepartureForm) -> bool:
    try:
        plan = actions.complete_departure(user, form.choices, shown=request.POST.get("shown", ""), by=request.actor)
    except EditConflict:
        text = _("Something changed in the meantime, so nothing was done. Review the plan again.")
        messages.error(request, text)
    except ReauthenticationRequired:
        raise
    except (PermissionDenied, LastAdministrator) as error:
        messages.error(request, _("Nothing was done: %(reason)s") % {"reason": error})
    else:
        until = plan.choices.access_until
        text = _("The departure of %(name)s has been arranged.") if until else _("%(name)s has left and is blocked.")
        messages.success(request, text % {"name": user.full_name})
        return True
    return False


def _confirm(request: OfficeRequest, plan: DeparturePlan, form: DepartureForm) -> HttpResponse:
    name = {"name": plan.user.full_name}
    chosen: Mapping[str, Iterable[object]] = {
        "shown": [plan.digest],
        **{field: request.POST.getlist(field) for field in form.fields},
    }
    confirmation = Confirmation(
        _("Departure of %(name)s") % name,
        _("Carry out the departure"),
        reverse("departures:departure", args=[plan.user.pk]),
        plan.list_consequences(),
        heading=_("Carry out the departure of %(name)s?") % name,
        breadcrumb="users/_breadcrumb.html",
        note=_("All of this happens at once, or nothing does."),
        warning=" ".join(plan.list_gaps()),
    )
    return render_confirmation(request, confirmation, chosen=chosen, colleague=plan.user)
