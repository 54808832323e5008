"""Page for the office's settings."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

import users.actions
from audit.actors import build_page_actor
from core.access import page
from core.errors import EditConflict
from permissions.access import OfficeRequest
from permissions.checks import Right
from users.forms.office import OfficeSettingsForm


@page(Right.MANAGE_PROVIDER)
def office_settings(request: OfficeRequest) -> HttpResponse:
    """Show and change the office's settings."""
    provider = request.user.office
    form = OfficeSettingsForm(request.POST or None, provider=provider)
    if request.method == "POST" and form.is_valid():
        by = build_page_actor(request, request.user)
        try:
            users.actions.change_provider(provider, **form.cleaned_data, by=by)
        except EditConflict:
            form.report_conflict(provider)
        else:
            messages.success(request, _("The office settings have been saved."))
            return redirect("users:office_settings")
    return render(request, "users/office_settings.html", {"form": form})
