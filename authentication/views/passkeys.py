"""Passkey pages and the JSON endpoints that the library's scripts call."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse, RawPostDataException
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.i18n import JavaScriptCatalog

from accounts.models import User
from audit.actors import build_anonymous_actor
from authentication.actions import record_failed_sign_in
from authentication.mfa import actions, session_state
from authentication.mfa.actions import TooManyDevices
from authentication.mfa.passkeys import Ceremony, PasskeyRejected, build_script_settings
from authentication.rate_limits import PASSKEY_LIMIT
from authentication.views.mfa_devices import build_context, complete_enrollment
from authentication.views.reauthentication import complete_reauthentication
from authentication.views.second_step import complete_login
from core import throttle
from core.access import POST, SAFE, Access, ReauthenticationLevel, page
from core.client_address import get_client_address
from core.throttle import Throttled
from permissions.access import OfficeRequest
from permissions.shortcuts import mark_as_throttled

passkey_translations = page(Access.PUBLIC, methods=None, before_second_factor=True, during_enrollment=True)(
    JavaScriptCatalog.as_view(packages=["django_otp_webauthn"])
)


@page(
    Access.OWN_ACCOUNT,
    methods=SAFE,
    during_enrollment=True,
    website_users_only=True,
    reauthentication=ReauthenticationLevel.FIVE_MINUTES,
)
def add_passkey(request: OfficeRequest) -> HttpResponse:
    context = build_context(request, passkey=build_script_settings(request))
    return render(request, "authentication/mfa/add_passkey.html", context)


@page(Access.OWN_ACCOUNT, methods=POST, during_enrollment=True, website_users_only=True)
def begin_registration(request: OfficeRequest) -> HttpResponse:
    if request.proof < ReauthenticationLevel.FIVE_MINUTES:
        return _build_error_response(_("This took too long. Try again."), 403)
    return JsonResponse(Ceremony.begin_registration(request, request.user))


@page(Access.OWN_ACCOUNT, methods=POST, during_enrollment=True, website_users_only=True)
def complete_registration(request: OfficeRequest) -> HttpResponse:
    if request.proof < ReauthenticationLevel.FIVE_MINUTES:
        return _build_error_response(_("This took too long. Try again."), 403)
    user = request.user
    name = _("Passkey of %(date)s") % {"date": date_format(timezone.localtime(), "j F Y")}
    try:
        credential = _parse_browser_response(request)
        ceremony = Ceremony.pop_pending(request, "make", user, credential)
        passkey = actions.add_passkey(user, credential, ceremony=ceremony, name=name, by=request.actor)
    except PasskeyRejected:
        return _build_error_response(_("This passkey could not be added. Try again."))
    except TooManyDevices as error:
        return _build_error_response(str(error))
    return JsonResponse({"id": str(passkey.pk), "redirect_url": complete_enrollment(request, passkey)})


@page(Access.PUBLIC, methods=POST, before_second_factor=True)
def begin_authentication(request: HttpRequest) -> HttpResponse:
    """Return the options to authenticate with a passkey: of the (half) signed-in user, else of any user."""
    try:
        throttle.consume_attempt(PASSKEY_LIMIT, throttle.build_network_key(get_client_address(request)))
    except Throttled as error:
        return mark_as_throttled(_build_error_response(str(error)), error)
    return JsonResponse(Ceremony.begin_authentication(request, _get_expected_user(request)))


@page(Access.PUBLIC, methods=POST, before_second_factor=True)
def complete_authentication(request: HttpRequest) -> HttpResponse:
    user = _get_expected_user(request)
    try:
        response_data = _parse_browser_response(request)
        ceremony = Ceremony.pop_pending(request, "show", user, response_data)
        passkey = ceremony.complete_authentication(response_data, user)
    except PasskeyRejected:
        record_failed_sign_in(user, "passkey", by=build_anonymous_actor(request))
        return _build_error_response(_("This passkey does not work here. Choose another method."))
    owner = User.objects.select_related("provider").get(pk=passkey.user_id)
    if not (owner.is_website_user and owner.may_sign_in):
        record_failed_sign_in(owner, owner.denial_reason or "ended", by=build_anonymous_actor(request))
        return _build_error_response(_("This passkey does not work here. Choose another method."))
    if isinstance(request.user, User) and session_state.get_pending_user(request) is None:
        response = complete_reauthentication(request, passkey)  # type: ignore[arg-type]
    else:
        response = complete_login(request, owner, passkey)
    json_response = JsonResponse({"id": str(passkey.pk), "redirect_url": response["Location"]})
    json_response.cookies.update(response.cookies)
    return json_response


def _get_expected_user(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else session_state.get_pending_user(request)


def _parse_browser_response(request: HttpRequest) -> Any:
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError, RawPostDataException) as error:  # the last: a form with files
        raise PasskeyRejected("not JSON") from error


def _build_error_response(detail: str, status: int = 400) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status)
