"""The page with the rights of one person."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

import teams.actions
from accounts.models import LoginMethod, User
from audit.actors import on_page
from teams import rights
from teams.access import OfficeRequest, requires
from teams.forms.rights import RightsForm
from teams.rights import LastAdministrator, Right


@requires(Right.VIEW_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def user_rights(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show the rights of one person and, for who may give them, change them."""
    person = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=id)
    by = on_page(request, request.user)
    held, givable = rights.individual_rights(person), _givable(request, person)
    form = RightsForm(request.POST or None, held=held, givable=givable)
    if request.method == "POST":
        rights.require(by, Right.GRANT_RIGHTS)
        if form.is_valid():
            try:
                teams.actions.set_individual_rights(person, form.cleaned_data["rights"], by=by)
            except LastAdministrator as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, _("The rights of %(name)s have been saved.") % {"name": person.full_name})
                return redirect("teams:rights", person.pk)
    context = {
        "person": person,
        "form": form,
        "fixed": [right for right in Right if right in held - givable],
        "may_change": bool(givable),
        "is_self": person.pk == request.user.pk,
        "manages": Right.MANAGE_PROVIDER in held,
    }
    return render(request, "teams/rights.html", context)


def _givable(request: OfficeRequest, person: User) -> frozenset[Right]:
    """Return the rights that the signed-in person can give to and take from `person`."""
    if Right.GRANT_RIGHTS not in request.rights or person.pk == request.user.pk:
        return frozenset()
    kept = {Right.MANAGE_PROVIDER} if person.login_method == LoginMethod.SSO_WEBSERVICE else set()
    return rights.givable(request.user) - kept
