"""Two-factor reset for a colleague who lost all devices."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from authentication import reauthentication
from authentication.mfa import actions
from authentication.mfa.forms import ReasonForm
from core.access import ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import get_managed_user


@page(Right.MANAGE_USERS)
def reset_mfa(request: OfficeRequest, pk: UUID) -> HttpResponse:
    owner = get_managed_user(request, pk)
    if response := reauthentication.require_recent(request, ReauthenticationLevel.FIVE_MINUTES, with_factor=True):
        return response
    form = ReasonForm(request.POST or None)
    if owner.second_factor_at is None:
        text = _("%(name)s has no second factor, so there is nothing to reset.")
        messages.info(request, text % {"name": owner.full_name})
        return redirect("users:user_detail", owner.pk)
    if form.is_valid():
        if actions.reset_mfa(owner, reason=form.cleaned_data["reason"], by=request.actor):
            text = _("Two-factor for %(name)s has been reset, and all their sessions have ended.")
            messages.success(request, text % {"name": owner.full_name})
        return redirect("users:user_detail", owner.pk)
    values = {"name": owner.full_name, "email": owner.email}
    confirmation = Confirmation(
        _("Reset the two-factor of %(name)s") % values,
        _("Reset two-factor"),
        reverse("users:user_detail", args=[owner.pk]),
        [
            _("All devices and recovery codes of %(name)s stop working.") % values,
            _("All sessions end immediately, on every device."),
            _("Two-factor must be set up again at the next login, if it is still required."),
            _("%(name)s receives an e-mail about this at %(email)s.") % values,
        ],
        heading=_("Reset the two-factor of %(name)s?") % values,
        breadcrumb="users/_breadcrumb.html",
        warning=_("After this, the password alone is enough. Make sure that it is really %(name)s who is asking.")
        % values,
    )
    return render_confirmation(request, confirmation, form=form, colleague=owner)
