"""Login, logout, password reset and password change."""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actions import Stale
from accounts.models import User
from audit.actors import Proof, on_page
from loket import cookies, sealing
from loket.middleware import client_address
from signin import actions, devices, microsoft, sessions, signed_out, throttle
from signin.factors import passing
from signin.factors.passkeys import script_settings
from signin.forms import ChangePasswordForm, ForgottenForm, LoginForm, ResetForm
from signin.middleware import opens_before_factor, opens_while_enrolling
from signin.models import RESET_MINUTES, PasswordReset
from signin.reauthentication import reauthenticated
from signin.throttle import Throttled
from signin.visitors import stranger, wanted_page
from teams.access import OfficeRequest, as_oneself, of_website_user, own_account, public

_COOKIE, _SALT = "reset", "signin reset"
_show_and_send = require_http_methods(["GET", "HEAD", "POST"])


@public
@_show_and_send
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """Log a website user in with username and password."""
    target, status = wanted_page(request), 200
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    form = LoginForm(request.POST or None)
    if form.is_valid():
        username, password = form.cleaned_data["username"], form.cleaned_data["password"]
        try:
            user = actions.prove(username, password, device=devices.find(request, username), by=stranger(request))
        except Throttled as error:
            form.add_error(None, ValidationError(str(error), code="throttled"))
            status = 429
        else:
            if user is not None:
                return _let_in(request, user, target)
            form.add_error(None, ValidationError(_("The username and password do not match."), code="refused"))
    context = {
        "form": form,
        "next": target,
        "query": urlencode({"next": target}),
        "with_microsoft": microsoft.is_configured(),
        "passkey": script_settings(request),
    }
    return render(request, "authentication/login.html", context, status=status)


def _let_in(request: HttpRequest, user: User, target: str) -> HttpResponse:
    if user.second_factor_at is not None:
        passing.begin(request, user)
        return redirect(f"{reverse('signin:second_step')}?{urlencode({'next': target})}")
    sessions.start(request, user)
    response = HttpResponseRedirect(target)
    devices.remember(response, user)
    return response


@public
@as_oneself
@opens_before_factor
@opens_while_enrolling
@_show_and_send
@never_cache
def logout(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        return redirect("signin:login")
    if request.method != "POST":
        return render(request, "authentication/logout.html", {"office_name": request.user.office_name})
    sessions.end(request, request.user)
    messages.success(request, _("You have been logged out."))
    return signed_out.clear_browser(request, redirect("signin:login"))


@public
@_show_and_send
@never_cache
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for an e-mail address and request a password reset."""
    form, status = ForgottenForm(request.POST or None), 200
    if form.is_valid():
        try:
            actions.ask_reset(form.cleaned_data["email"], address=client_address(request))
        except Throttled as error:
            form.add_error(None, ValidationError(str(error), code="throttled"))
            status = 429
        else:
            return redirect("signin:forgotten_sent")
    return render(request, "authentication/password_reset.html", {"form": form}, status=status)


@public
@require_safe
def forgotten_sent(request: HttpRequest) -> HttpResponse:
    """Say what happens next, whether or not anybody has the address."""
    return render(request, "authentication/password_reset_sent.html", {"minutes": RESET_MINUTES})


@public
@require_safe
@never_cache
def reset_enter(request: HttpRequest, token: str) -> HttpResponse:
    """Move the token of the e-mailed link from the URL to a cookie, and redirect to the form."""
    response = redirect("signin:reset")
    value = token if token.isascii() and token.isprintable() else ""
    cookies.put(response, _COOKIE, value, salt=_SALT, max_age=RESET_MINUTES * 60)
    return response


@public
@_show_and_send
@never_cache
def reset(request: HttpRequest) -> HttpResponse:
    """Set a new password with the token in the cookie."""
    try:
        throttle.charge(actions.LINK, throttle.network(client_address(request)))
    except Throttled as error:
        return render(request, "authentication/throttled.html", {"message": str(error)}, status=429)
    opened = _opened_reset(request)
    if opened is None:
        return _reset_closed(request)
    form = ResetForm(request.POST or None, reset=opened)
    if form.is_valid():
        by = on_page(request, opened.user)
        try:
            user = actions.reset_password(opened, password=form.cleaned_data["password"], by=by)
        except actions.NotOpen:
            return _reset_closed(request)
        return _back_to_login(request, user)
    context = {"form": form, "person": opened.user, "office_name": opened.user.office_name}
    return render(request, "authentication/password_reset_confirm.html", context)


def _opened_reset(request: HttpRequest) -> PasswordReset | None:
    token = cookies.read(request, _COOKIE, salt=_SALT, max_age=RESET_MINUTES * 60)
    found = PasswordReset.objects.select_related("user__provider").filter(token_hash=sealing.token_hash(token)).first()
    return found if found is not None and found.is_open() else None


def _reset_closed(request: HttpRequest) -> HttpResponse:
    return render(request, "authentication/password_reset_link_expired.html", status=404)


def _back_to_login(request: HttpRequest, user: User) -> HttpResponse:
    messages.success(request, _("Your password has been changed. Log in with your new password."))
    response = redirect("signin:login")
    cookies.remove(response, _COOKIE)
    devices.remember(response, user)  # the user has proved access to the mailbox
    return response


@own_account
@_show_and_send
@never_cache
@of_website_user
@reauthenticated(Proof.FIVE_MINUTES)
def password(request: OfficeRequest) -> HttpResponse:
    form = ChangePasswordForm(request.POST or None, user=request.user)
    if form.is_valid():
        by = on_page(request, request.user)
        try:
            user = actions.change_password(request.user, password=form.cleaned_data["password"], by=by)
        except (Stale, actions.NotOpen):
            return redirect("signin:password")
        update_session_auth_hash(request, user)
        messages.success(request, _("Your password has been changed. You have been logged out everywhere else."))
        return redirect("accounts:profile")
    status = 429 if form.has_error("current_password", "throttled") else 200
    return render(request, "authentication/password_change.html", {"form": form}, status=status)
