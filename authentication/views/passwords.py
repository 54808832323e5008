"""Login, logout, password reset and password change."""

import re
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.logos import build_office_context
from accounts.models import User
from audit.actors import build_anonymous_actor, build_page_actor
from authentication import actions, ended_sessions, last_user, sessions, trusted_devices
from authentication.forms import ChangePasswordForm, ForgotPasswordForm, LoginForm, PasswordResetForm
from authentication.mfa import session_state
from authentication.mfa.passkeys import build_script_settings
from authentication.microsoft import oidc
from authentication.models import RESET_LINK_MINUTES, PasswordResetToken
from authentication.next_url import get_long_url, get_next_url
from authentication.rate_limits import LINK_LIMIT
from core import cookies, encryption, throttle
from core.access import SAFE, Access, DuringImpersonation, ReauthenticationLevel, page
from core.client_address import get_client_address
from core.errors import EditConflict
from core.ids import parse_uuid
from permissions.access import OfficeRequest
from permissions.shortcuts import render_form, show_errors

_COOKIE_NAME, _COOKIE_SALT = "reset", "signin reset"
_TOKEN_PATTERN, _MAX_LINKS = re.compile(r"[\w-]{43}", re.ASCII), 5


@page(Access.PUBLIC)
def login(request: HttpRequest) -> HttpResponse:
    target = get_next_url(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    form = LoginForm(request.POST or None, initial={"username": request.GET.get("login_hint", "")})
    if form.is_valid():
        username, password = form.cleaned_data["username"], form.cleaned_data["password"]
        device, by = trusted_devices.get_device_id(request, username), build_anonymous_actor(request)
        with show_errors(form):
            user = actions.authenticate_password(username, password, device=device, by=by)
            if user is not None:
                return _complete_login(request, user, target)
            form.add_error(None, ValidationError(_("The username and password do not match."), code="refused"))
    context = _build_known_office_context(request) | {
        "next": target,
        "query": urlencode({"next": target}),
        "with_microsoft": oidc.is_configured(),
        "passkey": build_script_settings(request, step=session_state.ANY_USER),
    }
    return render_form(request, "authentication/login.html", form, **context)


def _build_known_office_context(request: HttpRequest) -> dict[str, object]:
    """Return name and logo of the office whose user was last signed in with this browser."""
    user_id = parse_uuid(last_user.get_last_user_id(request))
    known = User.objects.select_related("provider").filter(pk=user_id).first() if user_id else None
    return {} if known is None or known.is_support else build_office_context(known)


def _complete_login(request: HttpRequest, user: User, target: str) -> HttpResponse:
    if user.second_factor_at is not None:
        step = session_state.start_second_step(request, user)
        return redirect(f"{reverse('authentication:second_step')}?{urlencode({'next': target, **step})}")
    sessions.start_session(request, user)
    response = HttpResponseRedirect(target)
    trusted_devices.trust_device(request, response, user)
    return response


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
def follow_long_url(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponseRedirect(get_long_url(request, name))


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
def login_help(request: HttpRequest) -> HttpResponse:
    return render(request, "authentication/help.html")


@page(Access.PUBLIC, impersonation=DuringImpersonation.AS_SUPPORT, before_second_factor=True, during_enrollment=True)
def logout(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        return redirect("authentication:login")
    if request.method != "POST":
        return render(request, "authentication/logout.html", build_office_context(request.user))
    sessions.log_out(request, request.user)
    messages.success(request, _("You have been logged out."))
    return ended_sessions.set_clear_site_data(request, redirect("authentication:login"))


@page(Access.PUBLIC)
def forgot_password(request: HttpRequest) -> HttpResponse:
    form = ForgotPasswordForm(request.POST or None)
    if form.is_valid():
        with show_errors(form):
            actions.request_password_reset(form.cleaned_data["email"], address=get_client_address(request))
            return redirect("authentication:forgot_password_sent")
    return render_form(request, "authentication/password_reset.html", form)


@page(Access.PUBLIC, methods=SAFE)
def forgot_password_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "authentication/password_reset_sent.html", {"minutes": RESET_LINK_MINUTES})


@page(Access.PUBLIC, methods=SAFE)
def open_password_link(request: HttpRequest, token: str) -> HttpResponse:
    """Move the token of the e-mailed link from the URL to a cookie, with those of other tabs; redirect to the form."""
    value = token if _TOKEN_PATTERN.fullmatch(token) else "invalid"
    return _set_tokens(redirect("authentication:reset_password"), [value, *_read_tokens(request)])


@page(Access.PUBLIC)
def reset_password(request: HttpRequest) -> HttpResponse:
    """Ask for the new password of the link that the form names, else of the link that was opened last."""
    throttle.consume_attempt(LINK_LIMIT, throttle.build_network_key(get_client_address(request)))
    hashes = {encryption.hash_token(token): token for token in _read_tokens(request)}
    resets = PasswordResetToken.objects.select_related("user__provider").filter(token_hash__in=hashes)
    by_hash = {reset.token_hash: reset for reset in resets}
    reset = by_hash.get(next(iter(hashes), ""))
    reset = next((one for one in by_hash.values() if str(one.pk) == request.POST.get("reset")), reset)
    if reset is None or not reset.is_open():
        return _render_reset_closed(request)
    form, user = PasswordResetForm(request.POST or None, reset=reset), reset.user
    if not form.is_valid():
        context = {"form": form, "owner": user, **build_office_context(user)}
        return render(request, "authentication/password_reset_confirm.html", context)
    try:
        actions.reset_password(reset, password=form.cleaned_data["password"], by=build_page_actor(request, user))
    except actions.PasswordChangeNotAllowed:
        return _render_reset_closed(request)
    messages.success(request, _("Your password has been changed. Log in with your new password."))
    used = hashes[reset.token_hash]
    response = _set_tokens(redirect("authentication:login"), [token for token in hashes.values() if token != used])
    trusted_devices.trust_device(request, response, user)  # the user has proved access to the mailbox
    return response


def _read_tokens(request: HttpRequest) -> list[str]:
    """Return the tokens of the links opened in this browser, the last one first."""
    joined = cookies.get_signed_cookie(request, _COOKIE_NAME, salt=_COOKIE_SALT, max_age=RESET_LINK_MINUTES * 60)
    return joined.split(".") if joined else []


def _set_tokens(response: HttpResponse, tokens: list[str]) -> HttpResponse:
    if tokens:
        joined = ".".join(list(dict.fromkeys(tokens))[:_MAX_LINKS])
        cookies.set_signed_cookie(response, _COOKIE_NAME, joined, salt=_COOKIE_SALT, max_age=RESET_LINK_MINUTES * 60)
    else:
        cookies.delete_cookie(response, _COOKIE_NAME)
    return response


def _render_reset_closed(request: HttpRequest) -> HttpResponse:
    return render(request, "authentication/password_reset_link_expired.html", status=404)


@page(Access.OWN_ACCOUNT, website_users_only=True, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def change_password(request: OfficeRequest) -> HttpResponse:
    form = ChangePasswordForm(request.POST or None, user=request.user)
    if form.is_valid():
        try:
            user = actions.change_password(request.user, password=form.cleaned_data["password"], by=request.actor)
        except (EditConflict, actions.PasswordChangeNotAllowed):
            return redirect("authentication:change_password")
        update_session_auth_hash(request, user)
        messages.success(request, _("Your password has been changed. You have been logged out everywhere else."))
        return redirect("users:profile")
    return render_form(request, "authentication/password_change.html", form)
