"""Proving once more who one is, before something dangerous."""

from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import LoginMethod
from signin import recent, throttle
from signin.actions import PASSWORD
from signin.forms import KnownPasswordForm
from signin.visitors import wanted_page
from teams.access import OfficeRequest, signed_in


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def confirm(request: OfficeRequest) -> HttpResponse:
    """Ask a website user for the current password; send an Azure user to Microsoft."""
    target = wanted_page(request)
    if request.user.login_method == LoginMethod.AZURE_AD:
        return render(request, "signin/confirm_microsoft.html", {"query": urlencode({"next": target})})
    if not request.user.is_website_user:
        return render(request, "signin/confirm_elsewhere.html")
    form = KnownPasswordForm(request.POST or None, user=request.user)
    if form.is_valid():
        throttle.forgive(PASSWORD, str(request.user.pk))
        request.session.cycle_key()
        recent.note(request)
        return HttpResponseRedirect(target)
    status = 429 if form.has_error("current_password", "throttled") else 200
    return render(request, "signin/confirm.html", {"form": form, "next": target}, status=status)
