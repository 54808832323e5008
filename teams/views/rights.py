"""The page with the rights of one user."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

import teams.actions
from accounts.models import User
from audit.actors import on_page
from invitations.views.notes import warn
from teams import explain, rights
from teams.access import OfficeRequest, requires
from teams.catalogue import ordered
from teams.forms.rights import RightsForm
from teams.models import AuthorizationSet
from teams.rights import LastAdministrator, Right
from teams.views.people import colleague, givable


@requires(Right.VIEW_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def user_rights(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show every right of a user with its sources, and edit the individual ones if the viewer may grant rights."""
    person = colleague(request, id)
    by = on_page(request, request.user)
    held, may_give = rights.individual_rights(person), givable(request, person)
    form = RightsForm(request.POST or None, held=held, givable=may_give)
    if request.method == "POST":
        rights.require(by, Right.GRANT_RIGHTS)
        if form.is_valid():
            try:
                teams.actions.set_individual_rights(person, form.cleaned_data["rights"], by=by)
            except LastAdministrator as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, _("The rights of %(name)s have been saved.") % {"name": person.full_name})
                warn(request, User.objects.filter(pk=person.pk))
                return redirect("teams:rights", person.pk)
    context = {
        "person": person,
        "form": form,
        "resting": rights.resting(person),
        "origins": explain.origins(person),
        "fixed": ordered(held - may_give),
        "may_change": bool(may_give),
        "may_see_teams": Right.VIEW_TEAMS in request.rights,
        "sets": AuthorizationSet.objects.visible_to(request.user).order_by("name", "pk") if may_give else [],
        "is_self": person.pk == request.user.pk,
        "manages": Right.MANAGE_PROVIDER in held,
    }
    return render(request, "teams/user_rights.html", context)
