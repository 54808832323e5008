"""Second step of logging in: a code, passkey or recovery code after the password."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.logos import build_office_context
from accounts.models import User
from audit.actors import build_page_actor
from authentication import sessions, trusted_devices
from authentication.actions import record_failed_sign_in
from authentication.mfa import actions, session_state
from authentication.mfa.forms import RecoveryCodeForm, TotpCodeForm
from authentication.mfa.passkeys import build_script_settings
from authentication.mfa.session_state import STEP_PARAMETER
from authentication.models import MfaDevice, RecoveryCodes
from authentication.next_url import get_next_url
from core.access import Access, page
from permissions.shortcuts import render_form, show_errors


@page(Access.PUBLIC, before_second_factor=True)
def enter_totp_code(request: HttpRequest) -> HttpResponse:
    if (user := session_state.get_pending_user(request)) is None:
        return _redirect_to_login(request)
    has_app = user.authenticator_apps.exists()
    form = TotpCodeForm(request.POST or None if has_app else None)
    wrong = _("This is not the code that your app currently shows.")
    if response := _check_code(request, form, user, partial(actions.verify_totp_code, user), wrong):
        return response
    passkey = build_script_settings(request, step=session_state.get_step_name(request))
    context = {"has_app": has_app, "has_passkey": user.passkeys.exists(), "passkey": passkey}
    return _render_form(request, "authentication/mfa/second_step.html", form, user, context)


@page(Access.PUBLIC, before_second_factor=True)
def enter_recovery_code(request: HttpRequest) -> HttpResponse:
    if (user := session_state.get_pending_user(request)) is None:
        return _redirect_to_login(request)
    form, verify = RecoveryCodeForm(request.POST or None), partial(actions.verify_recovery_code, user)
    wrong = _("This is not one of your unused recovery codes.")
    if response := _check_code(request, form, user, partial(verify, by=build_page_actor(request, user)), wrong):
        return response
    return _render_form(request, "authentication/mfa/recovery_code.html", form, user, {})


def _check_code(
    request: HttpRequest, form: Form, user: User, verify: Callable[[str], MfaDevice | None], wrong: str
) -> HttpResponse | None:
    if not form.is_valid():
        return None
    with show_errors(form, "code"):
        device = verify(form.cleaned_data["code"])
        if device is not None:
            return complete_login(request, user, device)
        record_failed_sign_in(user, "wrong_code", by=build_page_actor(request, user))
        form.add_error("code", ValidationError(wrong, code="wrong"))
    return None


def _render_form(
    request: HttpRequest, template: str, form: Form, user: User, context: dict[str, object]
) -> HttpResponse:
    target = {"next": get_next_url(request), STEP_PARAMETER: session_state.get_step_name(request)}
    context |= {**target, "query": urlencode(target), "owner": user, **build_office_context(user)}
    return render_form(request, template, form, **context)


def complete_login(request: HttpRequest, user: User, device: MfaDevice) -> HttpResponse:
    target = get_next_url(request)
    sessions.start_session(request, user, device=device)
    response = HttpResponseRedirect(target)
    trusted_devices.trust_device(request, response, user)
    if isinstance(device, RecoveryCodes):
        messages.warning(request, _format_codes_left(len(device.code_hashes)))
    return response


def _format_codes_left(left: int) -> str:
    return ngettext(
        "You used a recovery code; you have %(left)d left. If you lost a device, remove it under Profile, Two-factor.",
        "You used a recovery code; you have %(left)d left. If you lost a device, remove it under Profile, Two-factor.",
        left,
    ) % {"left": left}


def _redirect_to_login(request: HttpRequest) -> HttpResponse:
    """Redirect to the login page after a timeout, or if the user is already signed in; it handles both."""
    if not isinstance(request.user, User):
        messages.info(request, _("Log in again: this took too long or was completed elsewhere."))
    return redirect(f"{reverse('authentication:login')}?{urlencode({'next': get_next_url(request)})}")
