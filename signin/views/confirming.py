"""Step-up re-authentication for sensitive pages, and resubmission of the form that required it."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import LoginMethod
from signin import pending_forms, reauthentication, throttle
from signin.actions import PASSWORD
from signin.factors import actions
from signin.factors.forms import CodeForm, PasswordAndCodeForm
from signin.factors.passkeys import script_settings
from signin.forms import KnownPasswordForm
from signin.middleware import opens_while_enrolling
from signin.throttle import Throttled
from signin.visitors import wanted_page
from teams.access import OfficeRequest, own_account

_show_and_send = require_http_methods(["GET", "HEAD", "POST"])


@own_account
@opens_while_enrolling
@_show_and_send
@never_cache
def confirm(request: OfficeRequest) -> HttpResponse:
    """Ask a website user for the second factor or else the current password; send an Azure user to Microsoft.

    An SSO ticket does not count as authentication: in such a session the password is required in addition to the code.
    """
    target = wanted_page(request)
    page = {"next": target, "kept": _kept(request, target)}
    if request.user.login_method == LoginMethod.AZURE_AD:
        return render(
            request, "authentication/reauthenticate_microsoft.html", page | {"query": urlencode({"next": target})}
        )
    if not request.user.is_website_user:
        return render(request, "authentication/reauthenticate_unavailable.html")
    if request.user.second_factor_at is not None:
        return _confirm_factor(request, page)
    form = KnownPasswordForm(request.POST or None, user=request.user)
    if form.is_valid():
        throttle.forgive(PASSWORD, str(request.user.pk))
        return confirmed(request, with_factor=False)
    status = 429 if form.has_error("current_password", "throttled") else 200
    _focus(form)
    return render(request, "authentication/reauthenticate.html", page | {"form": form}, status=status)


def _focus(form: Form) -> None:
    next(iter(form.fields.values())).widget.attrs["autofocus"] = True


def _kept(request: OfficeRequest, target: str) -> pending_forms.Kept | None:
    """Return the pending form that the user resubmits after re-authentication, or None."""
    parts = urlsplit(target)
    path = parse_qs(parts.query).get("next", [""])[0] if parts.path == reverse("signin:go_on") else ""
    return pending_forms.find(request, request.user, path)


def _confirm_factor(request: OfficeRequest, page: dict[str, Any]) -> HttpResponse:
    asks_password = reauthentication.proves_nothing(request)
    form: Form
    if asks_password:
        form = PasswordAndCodeForm(request.POST or None, user=request.user)
    else:
        form = CodeForm(request.POST or None)
    status = 200
    if form.is_valid():
        try:
            if actions.try_code(request.user, form.cleaned_data["code"]):
                throttle.forgive(PASSWORD, str(request.user.pk))
                return confirmed(request, with_factor=True)
            form.add_error(
                "code", ValidationError(_("This is not the code that your app currently shows."), code="wrong")
            )
        except Throttled as error:
            form.add_error("code", ValidationError(str(error), code="throttled"))
    if any(form.has_error(name, "throttled") for name in form.fields):
        status = 429
    _focus(form)
    page |= {
        "form": form,
        "asks_password": asks_password,
        "has_app": request.user.authenticator_apps.exists(),
        "has_passkey": actions.has_passkey(request.user),
        "passkey": script_settings(request),
    }
    return render(request, "authentication/mfa/reauthenticate.html", page, status=status)


def confirmed(request: OfficeRequest, *, with_factor: bool) -> HttpResponse:
    """Record the re-authentication and redirect to the requested page."""
    request.session.cycle_key()
    reauthentication.note(request, with_factor=with_factor)
    return HttpResponseRedirect(wanted_page(request))


@own_account
@opens_while_enrolling
@require_safe
@never_cache
def go_on(request: OfficeRequest) -> HttpResponse:
    """Offer to resubmit the pending form. Nothing is submitted before the user presses the button."""
    target = wanted_page(request)
    kept = pending_forms.find(request, request.user, target)
    if kept is None:
        messages.warning(request, _("Your entries were not kept. Enter them again."))
        return HttpResponseRedirect(reverse("home"))
    pairs = [(name, value) for name, values in kept.fields.items() for value in values]
    return render(request, "authentication/resume_form.html", {"target": target, "pairs": pairs, "kept": kept})
