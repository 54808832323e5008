"""Proving once more who one is, before something dangerous."""

from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import LoginMethod
from signin import recent, throttle
from signin.actions import PASSWORD
from signin.factors import actions
from signin.factors.forms import CodeForm
from signin.factors.passkeys import script_settings
from signin.forms import KnownPasswordForm
from signin.middleware import opens_while_enrolling
from signin.recent import not_by_sso
from signin.throttle import Throttled
from signin.visitors import wanted_page
from teams.access import OfficeRequest, own_account

_show_and_send = require_http_methods(["GET", "HEAD", "POST"])


@own_account
@opens_while_enrolling
@_show_and_send
@never_cache
@not_by_sso
def confirm(request: OfficeRequest) -> HttpResponse:
    """Ask a website user for the current password; send who has a second factor, and an Azure user, to that."""
    target = wanted_page(request)
    if request.user.login_method == LoginMethod.AZURE_AD:
        return render(request, "signin/confirm_microsoft.html", {"query": urlencode({"next": target})})
    if not request.user.is_website_user:
        return render(request, "signin/confirm_elsewhere.html")
    if request.user.second_factor_at is not None:
        return _confirm_factor(request)
    form = KnownPasswordForm(request.POST or None, user=request.user)
    if form.is_valid():
        throttle.forgive(PASSWORD, str(request.user.pk))
        return confirmed(request, with_factor=False)
    status = 429 if form.has_error("current_password", "throttled") else 200
    return render(request, "signin/confirm.html", {"form": form, "next": target}, status=status)


def _confirm_factor(request: OfficeRequest) -> HttpResponse:
    """Ask for the code of an app."""
    form, status = CodeForm(request.POST or None), 200
    if form.is_valid():
        try:
            if actions.try_code(request.user, form.cleaned_data["code"]):
                return confirmed(request, with_factor=True)
            form.add_error("code", ValidationError(_("This is not the code that your app shows now."), code="wrong"))
        except Throttled as error:
            form.add_error("code", ValidationError(str(error), code="throttled"))
            status = 429
    page = {
        "form": form,
        "next": wanted_page(request),
        "has_app": request.user.authenticator_apps.exists(),
        "has_passkey": actions.has_passkey(request.user),
        "passkey": script_settings(request),
    }
    return render(request, "signin/factors/confirm.html", page, status=status)


def confirmed(request: OfficeRequest, *, with_factor: bool) -> HttpResponse:
    """Note that the person of this session has just proved who he is, and go on."""
    request.session.cycle_key()
    recent.note(request, with_factor=with_factor)
    return HttpResponseRedirect(wanted_page(request))
