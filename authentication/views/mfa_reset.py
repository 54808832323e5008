"""Two-factor reset for a colleague who lost all devices."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actors import build_page_actor
from authentication import reauthentication
from authentication.mfa import actions
from authentication.mfa.forms import ReasonForm
from core.access import ReauthenticationLevel, page
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right


@page(Right.MANAGE_USERS)
def reset_mfa(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Ask for a reason and reset; requires re-authentication with the administrator's own second factor."""
    person = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=pk)
    checks.require_authority_over(build_page_actor(request, request.user), person)
    if response := reauthentication.require_recent(request, ReauthenticationLevel.FIVE_MINUTES, with_factor=True):
        return response
    form = ReasonForm(request.POST or None)
    if person.second_factor_at is None:
        text = _("%(name)s has no second factor, so there is nothing to reset.")
        messages.info(request, text % {"name": person.full_name})
        return redirect("users:user_detail", person.pk)
    if form.is_valid():
        by = build_page_actor(request, request.user)
        if actions.reset_mfa(person, reason=form.cleaned_data["reason"], by=by):
            text = _("Two-factor for %(name)s has been reset, and all their sessions have ended.")
            messages.success(request, text % {"name": person.full_name})
        return redirect("users:user_detail", person.pk)
    return render(request, "authentication/mfa/reset.html", {"form": form, "person": person})
