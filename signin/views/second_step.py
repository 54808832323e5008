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
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import User
from audit.actors import on_page
from signin import devices, sessions
from signin.actions import record_refusal
from signin.factors import actions, passing
from signin.factors.forms import CodeForm, RecoveryForm
from signin.factors.passing import Factor
from signin.factors.passkeys import script_settings
from signin.middleware import opens_before_factor
from signin.throttle import Throttled
from signin.visitors import wanted_page
from teams.access import public

_show_and_send = require_http_methods(["GET", "HEAD", "POST"])


@public
@opens_before_factor
@_show_and_send
@never_cache
def second_step(request: HttpRequest) -> HttpResponse:
    if (user := passing.awaited(request)) is None:
        return _start_again(request)
    form, status = CodeForm(request.POST or None), 200
    if form.is_valid():
        try:
            if actions.try_code(user, form.cleaned_data["code"]):
                return let_in(request, user, Factor.APP)
            _refuse(request, user, form, _("This is not the code that your app currently shows."))
        except Throttled as error:
            form.add_error("code", ValidationError(str(error), code="throttled"))
            status = 429
    return render(request, "authentication/mfa/second_step.html", _context(request, user, form), status=status)


@public
@opens_before_factor
@_show_and_send
@never_cache
def recovery(request: HttpRequest) -> HttpResponse:
    if (user := passing.awaited(request)) is None:
        return _start_again(request)
    form, status = RecoveryForm(request.POST or None), 200
    if form.is_valid():
        try:
            if actions.try_recovery_code(user, form.cleaned_data["code"], by=on_page(request, user)):
                return _recovered(request, user)
            _refuse(request, user, form, _("This is not one of your unused recovery codes."))
        except Throttled as error:
            form.add_error("code", ValidationError(str(error), code="throttled"))
            status = 429
    return render(request, "authentication/mfa/recovery_code.html", _context(request, user, form), status=status)


def let_in(request: HttpRequest, user: User, factor: Factor) -> HttpResponse:
    """Sign in `user`, who passed `factor`, and redirect to the requested page."""
    target = wanted_page(request)
    sessions.start(request, user, factor=factor)
    response = HttpResponseRedirect(target)
    devices.remember(response, user)
    return response


def _recovered(request: HttpRequest, user: User) -> HttpResponse:
    response = let_in(request, user, Factor.RECOVERY_CODE)
    left = actions.codes_left(user)
    text = ngettext(
        "You used a recovery code; you have %(left)d left. If you lost a device, remove it under Profile, Two-factor.",
        "You used a recovery code; you have %(left)d left. If you lost a device, remove it under Profile, Two-factor.",
        left,
    )
    messages.warning(request, text % {"left": left})
    return response


def _refuse(request: HttpRequest, user: User, form: Form, text: str) -> None:
    record_refusal(user, "wrong_code", by=on_page(request, user))
    form.add_error("code", ValidationError(text, code="wrong"))


def _start_again(request: HttpRequest) -> HttpResponse:
    """Redirect to the login page after a timeout, or if the user is already signed in; it handles both."""
    if not isinstance(request.user, User):
        messages.info(request, _("Log in again: this took too long or was completed elsewhere."))
    return redirect(f"{reverse('signin:login')}?{urlencode({'next': wanted_page(request)})}")


def _context(request: HttpRequest, user: User, form: Form) -> dict[str, object]:
    target = wanted_page(request)
    return {
        "form": form,
        "next": target,
        "query": urlencode({"next": target}),
        "office_name": user.office_name,
        "person": user,
        "has_passkey": actions.has_passkey(user),
        "passkey": script_settings(request),
        "has_app": user.authenticator_apps.exists(),
    }
