"""Page for the office's settings."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

import accounts.actions
from accounts.actions import Stale
from accounts.forms.office import OfficeForm
from audit.actors import on_page
from teams.access import OfficeRequest, requires
from teams.rights import Right


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
def office(request: OfficeRequest) -> HttpResponse:
    """Show and change the office's settings."""
    provider = request.user.provider
    form = OfficeForm(request.POST or None, provider=provider)
    if request.method == "POST" and form.is_valid():
        by = on_page(request, request.user)
        try:
            accounts.actions.change_provider(provider, **form.cleaned_data, by=by)
        except Stale:
            form.now_based_on(provider)
        else:
            messages.success(request, _("The office settings have been saved."))
            return redirect("accounts:office")
    return render(request, "users/office_settings.html", {"form": form})
