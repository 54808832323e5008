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

from accounts.models import LoginMethod
from authentication import pending_forms, reauthentication
from authentication.forms import CurrentPasswordForm
from authentication.mfa import actions
from authentication.mfa.forms import PasswordAndTotpCodeForm, TotpCodeForm
from authentication.mfa.passkeys import build_script_settings
from authentication.rate_limits import CURRENT_PASSWORD_LIMIT
from authentication.request_utils import get_next_url
from core import throttle
from core.access import SAFE, Access, page
from core.throttle import Throttled
from permissions.access import OfficeRequest


@page(Access.OWN_ACCOUNT, during_enrollment=True)
def reauthenticate(request: OfficeRequest) -> HttpResponse:
    """Ask a website user for the second factor or else the current password; send an Azure user to Microsoft.

    An SSO ticket does not count as authentication: in such a session the password is required in addition to the code.
    """
    target = get_next_url(request)
    page = {"next": target, "kept": _get_pending_form(request, target)}
    if request.user.login_method == LoginMethod.AZURE_AD:
        return render(
            request, "authentication/reauthenticate_microsoft.html", page | {"query": urlencode({"next": target})}
        )
    if not request.user.is_website_user:
        return render(request, "authentication/reauthenticate_unavailable.html")
    if request.user.second_factor_at is not None:
        return _reauthenticate_with_factor(request, page)
    form = CurrentPasswordForm(request.POST or None, user=request.user)
    if form.is_valid():
        throttle.reset_attempts(CURRENT_PASSWORD_LIMIT, str(request.user.pk))
        return complete_reauthentication(request, with_factor=False)
    status = 429 if form.has_error("current_password", "throttled") else 200
    _autofocus_first_field(form)
    return render(request, "authentication/reauthenticate.html", page | {"form": form}, status=status)


def _autofocus_first_field(form: Form) -> None:
    next(iter(form.fields.values())).widget.attrs["autofocus"] = True


def _get_pending_form(request: OfficeRequest, target: str) -> pending_forms.PendingForm | None:
    """Return the pending form that the user resubmits after re-authentication, or None."""
    parts = urlsplit(target)
    path = parse_qs(parts.query).get("next", [""])[0] if parts.path == reverse("authentication:resubmit_form") else ""
    return pending_forms.get_pending_form(request, request.user, path)


def _reauthenticate_with_factor(request: OfficeRequest, page: dict[str, Any]) -> HttpResponse:
    asks_password = reauthentication.is_unconfirmed_sso_session(request)
    form: Form
    if asks_password:
        form = PasswordAndTotpCodeForm(request.POST or None, user=request.user)
    else:
        form = TotpCodeForm(request.POST or None)
    status = 200
    if form.is_valid():
        try:
            if actions.verify_totp_code(request.user, form.cleaned_data["code"]):
                throttle.reset_attempts(CURRENT_PASSWORD_LIMIT, str(request.user.pk))
                return complete_reauthentication(request, with_factor=True)
            form.add_error(
                "code", ValidationError(_("This is not the code that your app currently shows."), code="wrong")
            )
        except Throttled as error:
            form.add_error("code", ValidationError(str(error), code="throttled"))
    if any(form.has_error(name, "throttled") for name in form.fields):
        status = 429
    _autofocus_first_field(form)
    page |= {
        "form": form,
        "asks_password": asks_password,
        "has_app": request.user.authenticator_apps.exists(),
        "has_passkey": actions.has_passkey(request.user),
        "passkey": build_script_settings(request),
    }
    return render(request, "authentication/mfa/reauthenticate.html", page, status=status)


def complete_reauthentication(request: OfficeRequest, *, with_factor: bool) -> HttpResponse:
    """Record the re-authentication and redirect to the requested page."""
    request.session.cycle_key()
    reauthentication.record_reauthentication(request, with_factor=with_factor)
    return HttpResponseRedirect(get_next_url(request))


@page(Access.OWN_ACCOUNT, methods=SAFE, during_enrollment=True)
def resubmit_form(request: OfficeRequest) -> HttpResponse:
    """Offer to resubmit the pending form. Nothing is submitted before the user presses the button."""
    target = get_next_url(request)
    kept = pending_forms.get_pending_form(request, request.user, target)
    if kept is None:
        messages.warning(request, _("Your entries were not kept. Enter them again."))
        return HttpResponseRedirect(reverse("home"))
    pairs = [(name, value) for name, values in kept.fields.items() for value in values]
    return render(request, "authentication/resume_form.html", {"target": target, "pairs": pairs, "kept": kept})
