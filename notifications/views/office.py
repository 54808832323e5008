"""Page for the office's preferences (Signaal AK)."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

import notifications.actions
from core.access import page
from core.errors import EditConflict
from notifications import preferences
from notifications.forms import OfficePreferencesForm
from permissions.access import OfficeRequest
from permissions.checks import Right


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
