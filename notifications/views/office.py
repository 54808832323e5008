"""Page for the office's preferences (Signaal AK)."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

import notifications.actions
from accounts.actions import Stale
from audit.actors import on_page
from notifications import wishes
from notifications.forms import OfficeSignalsForm
from teams.access import OfficeRequest, requires
from teams.rights import Right


@requires(Right.MANAGE_SIGNALS)
@require_http_methods(["GET", "HEAD", "POST"])
def office(request: OfficeRequest) -> HttpResponse:
    """Show and change the office's preferences."""
    provider = request.user.provider
    form = OfficeSignalsForm(request.POST or None, now=wishes.office_wishes(provider))
    if request.method == "POST" and form.is_valid():
        seen, by = form.cleaned_data["seen"], on_page(request, request.user)
        try:
            notifications.actions.set_office(provider, form.wanted(), seen=seen, by=by)
        except Stale:
            form.again()
        else:
            messages.success(request, _("The office notifications have been saved."))
            return redirect("notifications:office")
    return render(request, "notifications/office_preferences.html", {"form": form})
