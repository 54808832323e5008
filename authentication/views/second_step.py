"""Second step of logging in: a code, passkey or recovery code after the password."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audit.actors import build_page_actor
from authentication import sessions, trusted_devices
from authentication.actions import record_failed_sign_in
from authentication.mfa import actions, session_state
from authentication.mfa.forms import RecoveryCodeForm, TotpCodeForm
from authentication.mfa.passkeys import build_script_settings
from authentication.mfa.session_state import SecondFactor
from authentication.request_utils import get_next_url
from core.access import Access, page
from core.throttle import Throttled


@page(Access.PUBLIC, before_second_factor=True)
def enter_totp_code(request: HttpRequest) -> HttpResponse:
    if (user := session_state.get_pending_user(request)) is None:
        return _redirect_to_login(request)
    form, status = TotpCodeForm(request.POST or None), 200
    if form.is_valid():
        try:
            if actions.verify_totp_code(user, form.cleaned_data["code"]):
                return complete_login(request, user, SecondFactor.APP)
            _add_code_error(request, user, form, _("This is not the code that your app currently shows."))
        except Throttled as error:
            form.add_error("code", ValidationError(str(error), code="throttled"))
            status = 429
    return render(request, "authentication/mfa/second_step.html", _build_context(request, user, form), status=status)


@page(Access.PUBLIC, before_second_factor=True)
def enter_recovery_code(request: HttpRequest) -> HttpResponse:
    if (user := session_state.get_pending_user(request)) is None:
        return _redirect_to_login(request)
    form, status = RecoveryCodeForm(request.POST or None), 200
    if form.is_valid():
        try:
            if actions.verify_recovery_code(user, form.cleaned_data["code"], by=build_page_actor(request, user)):
                return _complete_recovery_login(request, user)
            _add_code_error(request, user, form, _("This is not one of your unused recovery codes."))
        except Throttled as error:
            form.add_error("code", ValidationError(str(error), code="throttled"))
            status = 429
    return render(request, "authentication/mfa/recovery_code.html", _build_context(request, user, form), status=status)


def complete_login(request: HttpRequest, user: User, factor: SecondFactor) -> HttpResponse:
    """Sign in `user`, who passed `factor`, and redirect to the requested page."""
    target = get_next_url(request)
    sessions.start_session(request, user, factor=factor)
    response = HttpResponseRedirect(target)
    trusted_devices.trust_device(response, user)
    return response


def _complete_recovery_login(request: HttpRequest, user: User) -> HttpResponse:
    response = complete_login(request, user, SecondFactor.RECOVERY_CODE)
    left = actions.count_recovery_codes(user)
    text = ngettext(
        "You used a recovery code; you have %(left)d left. If you lost a device, remove it under Profile, Two-factor.",
        "You used a recovery code; you have %(left)d left. If you lost a device, remove it under Profile, Two-factor.",
        left,
    )
    messages.warning(request, text % {"left": left})
    return response


def _add_code_error(request: HttpRequest, user: User, form: Form, text: str) -> None:
    record_failed_sign_in(user, "wrong_code", by=build_page_actor(request, user))
    form.add_error("code", ValidationError(text, code="wrong"))


def _redirect_to_login(request: HttpRequest) -> HttpResponse:
    """Redirect to the login page after a timeout, or if the user is already signed in; it handles both."""
    if not isinstance(request.user, User):
        messages.info(request, _("Log in again: this took too long or was completed elsewhere."))
    return redirect(f"{reverse('authentication:login')}?{urlencode({'next': get_next_url(request)})}")


def _build_context(request: HttpRequest, user: User, form: Form) -> dict[str, object]:
    target = get_next_url(request)
    return {
        "form": form,
        "next": target,
        "query": urlencode({"next": target}),
        "office_name": user.office_name,
        "person": user,
        "has_passkey": actions.has_passkey(user),
        "passkey": build_script_settings(request),
        "has_app": user.authenticator_apps.exists(),
    }
