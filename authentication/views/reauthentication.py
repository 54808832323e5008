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

from authentication import pending_forms, reauthentication
from authentication.form_summary import summarize_fields
from authentication.forms import CurrentPasswordForm
from authentication.mfa import actions, session_state
from authentication.mfa.forms import PasswordAndTotpCodeForm, TotpCodeForm
from authentication.mfa.passkeys import build_script_settings
from authentication.models import MfaDevice
from authentication.next_url import get_next_url
from core.access import SAFE, Access, page
from permissions.access import OfficeRequest
from permissions.shortcuts import render_form, show_errors


@page(Access.OWN_ACCOUNT, during_enrollment=True)
def reauthenticate(request: OfficeRequest) -> HttpResponse:
    """Ask a website user for the second factor or else the current password; send an Azure user to Microsoft.

    An SSO ticket does not count as authentication: in such a session the password is required in addition to the code.
    """
    target = get_next_url(request)
    context = {"next": target, "pending_form": _get_pending_form(request, target)}
    if request.user.is_azure_user:
        context["query"] = urlencode({"next": target})
        return render(request, "authentication/reauthenticate_microsoft.html", context)
    if not request.user.is_website_user:
        return render(request, "authentication/reauthenticate_unavailable.html")
    if request.user.second_factor_at is not None:
        return _reauthenticate_with_factor(request, context)
    form = CurrentPasswordForm(request.POST or None, user=request.user)
    if form.is_valid():
        return complete_reauthentication(request, None)
    _autofocus_first_field(form)
    return render_form(request, "authentication/reauthenticate.html", form, **context)


def _autofocus_first_field(form: Form) -> None:
    next(iter(form.fields.values())).widget.attrs["autofocus"] = True


def _get_pending_form(request: OfficeRequest, target: str) -> pending_forms.PendingForm | None:
    parts = urlsplit(target)
    query = parse_qs(parts.query) if parts.path == reverse("authentication:resubmit_form") else {}
    form_id, path = (query.get(name, [""])[0] for name in ("form", "next"))
    return pending_forms.get_pending_form(request, request.user, form_id, path)


def _reauthenticate_with_factor(request: OfficeRequest, context: dict[str, Any]) -> HttpResponse:
    user, asks_password = request.user, reauthentication.is_unconfirmed_sso_session(request)
    data = request.POST or None
    form: Form = PasswordAndTotpCodeForm(data, user=user) if asks_password else TotpCodeForm(data)
    if form.is_valid():
        with show_errors(form, "code"):
            if app := actions.verify_totp_code(user, form.cleaned_data["code"]):
                return complete_reauthentication(request, app)
            form.add_error(
                "code", ValidationError(_("This is not the code that your app currently shows."), code="wrong")
            )
    _autofocus_first_field(form)
    context |= {
        "asks_password": asks_password,
        "has_app": user.authenticator_apps.exists(),
        "has_passkey": user.passkeys.exists(),
        "passkey": build_script_settings(request),
    }
    return render_form(request, "authentication/mfa/reauthenticate.html", form, **context)


def complete_reauthentication(request: OfficeRequest, device: MfaDevice | None) -> HttpResponse:
    request.session.cycle_key()
    if device is not None:
        session_state.set_verified_device(request, device)
    reauthentication.record_reauthentication(request, with_factor=device is not None)
    return HttpResponseRedirect(get_next_url(request))


@page(Access.OWN_ACCOUNT, methods=SAFE, during_enrollment=True)
def resubmit_form(request: OfficeRequest) -> HttpResponse:
    """Offer to resubmit the pending form. Nothing is submitted before the user presses the button."""
    target = get_next_url(request)
    form = pending_forms.get_pending_form(request, request.user, request.GET.get("form", ""), target)
    if form is None:
        messages.warning(request, _("Your entries were not kept. Enter them again."))
        return HttpResponseRedirect(reverse("home"))
    pairs = [(name, value) for name, values in form.fields.items() for value in values]
    context = {"target": target, "pairs": pairs, "typed": summarize_fields(form.fields), "pending_form": form}
    return render(request, "authentication/resume_form.html", context)
