"""Two-factor reset for a colleague who lost all devices."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import User
from audit.actors import Proof, on_page
from signin.factors import actions
from signin.factors.forms import ResetForm
from signin.reauthentication import reauthenticated
from teams import rights
from teams.access import OfficeRequest, requires
from teams.rights import Right


@requires(Right.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def reset_factors(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Ask for a reason and reset; requires re-authentication with the administrator's own second factor."""
    person = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=id)
    rights.require_authority_over(on_page(request, request.user), person)
    return _reset(request, person)


@reauthenticated(Proof.FIVE_MINUTES, with_factor=True)
def _reset(request: OfficeRequest, person: User) -> HttpResponse:
    form = ResetForm(request.POST or None)
    if person.second_factor_at is None:
        text = _("%(name)s has no second factor, so there is nothing to reset.")
        messages.info(request, text % {"name": person.full_name})
        return redirect("accounts:user", person.pk)
    if form.is_valid():
        by = on_page(request, request.user)
        if actions.reset(person, reason=form.cleaned_data["reason"], by=by):
            text = _("The two-factor of %(name)s has been reset. All sessions have ended.")
            messages.success(request, text % {"name": person.full_name})
        return redirect("accounts:user", person.pk)
    return render(request, "authentication/mfa/reset.html", {"form": form, "person": person})
