"""Pages of notification preferences: of the office (Signaal AK), of a user, and of the user's own."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

import notifications.actions
import notifications.sets
from core.access import POST, SAFE, Access, page
from core.errors import EditConflict
from notifications import preferences
from notifications.forms import (
    ApplyNotificationSetForm,
    EmailPreferencesForm,
    NotificationSetChoiceForm,
    OfficePreferencesForm,
    UserOverridesForm,
)
from notifications.models import NotificationSet
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import get_colleague_or_404, report_refusal


@page(Right.MANAGE_SIGNALS)
def office_preferences(request: OfficeRequest) -> HttpResponse:
    provider = request.user.office
    form = OfficePreferencesForm(request.POST or None, now=preferences.get_office_preferences(provider))
    if request.method == "POST" and form.is_valid():
        seen = form.cleaned_data["seen"]
        try:
            notifications.actions.set_office_preferences(provider, form.get_preferences(), seen=seen, by=request.actor)
        except EditConflict:
            form.report_conflict()
        else:
            messages.success(request, _("The office notifications have been saved."))
            return redirect("notifications:office_preferences")
    return render(request, "notifications/office_preferences.html", {"form": form})


@page(Right.VIEW_USERS)
def user_preferences(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    own, office = preferences.get_user_overrides(user), preferences.get_office_preferences(user.office)
    form = UserOverridesForm(request.POST or None, now=own, office=office)
    if request.method == "POST":
        checks.require_right(request.actor, Right.MANAGE_SIGNALS)
        if form.is_valid():
            try:
                notifications.actions.set_user_overrides(
                    user, form.get_overrides(), seen=form.cleaned_data["seen"], by=request.actor
                )
            except EditConflict:
                form.report_conflict()
            else:
                messages.success(
                    request, _("The notifications of %(name)s have been saved.") % {"name": user.full_name}
                )
                return redirect("notifications:user_preferences", user.pk)
    now = preferences.apply_overrides(own, office)
    may_change = Right.MANAGE_SIGNALS in request.rights
    context = {
        "colleague": user,
        "form": form,
        "may_change": may_change,
        "deviates": bool(own),
        "rows": [
            (type_, preferences.describe_preference(type_, preference), type_ in own)
            for type_, preference in now.items()
        ],
        "sets": NotificationSet.objects.visible_to(request.user).order_by("name", "pk") if may_change else [],
        "reaches": checks.list_reachable_employers(user).exists(),
    }
    return render(request, "notifications/user_preferences.html", context)


@page(Right.MANAGE_SIGNALS, methods=POST)
def clear_user_overrides(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    notifications.actions.clear_user_overrides(user, by=request.actor)
    messages.success(request, _("%(name)s now follows the office notifications.") % {"name": user.full_name})
    return redirect("notifications:user_preferences", user.pk)


@page(Right.MANAGE_SIGNALS, methods=SAFE)
def preview_set(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    form = NotificationSetChoiceForm(request.GET if "signal_set" in request.GET else None, user=request.user)
    context: dict[str, object] = {"colleague": user, "form": form}
    if form.is_valid():
        chosen = form.cleaned_data["signal_set"]
        context |= {
            "set": chosen,
            "seen": preferences.fingerprint_preferences(preferences.get_user_preferences(user)),
            "differences": notifications.sets.get_set_differences(chosen, user),
        }
    return render(request, "notifications/apply_set_to_user.html", context)


@page(Right.MANAGE_SIGNALS, methods=POST)
def apply_set(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    form = ApplyNotificationSetForm(request.POST, user=request.user)
    if not form.is_valid():
        raise Http404
    chosen = form.cleaned_data["signal_set"]
    with report_refusal(request):
        if not form.matches(preferences.get_user_preferences(user)):
            raise EditConflict
        notifications.sets.apply_set(chosen, user, by=request.actor)
        values = {"set": chosen.name, "name": user.full_name}
        messages.success(request, _("The set %(set)s has been applied to %(name)s.") % values)
    return redirect("notifications:user_preferences", user.pk)


@page(Access.OFFICE_USER)
def own_preferences(request: OfficeRequest) -> HttpResponse:
    now = preferences.get_user_preferences(request.user)
    form = EmailPreferencesForm(request.POST if request.method == "POST" else None, now=now)
    if request.method == "POST" and form.is_valid():
        notifications.actions.set_own_email_preferences(request.user, form.get_email_choices(), by=request.actor)
        messages.success(request, _("Your preferences have been saved."))
        return redirect("notifications:own_preferences")
    return render(
        request, "notifications/own_preferences.html", {"form": form, "off": [t for t in now if not now[t].is_on]}
    )
