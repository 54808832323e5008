"""Passkey pages and the JSON endpoints that the library's scripts call."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import JavaScriptCatalog

from accounts.models import User
from audit.actors import Proof, on_page
from loket.middleware import client_address
from signin import throttle
from signin.actions import LINK, record_refusal
from signin.factors import actions, passing
from signin.factors.actions import TooManyDevices
from signin.factors.passing import Factor
from signin.factors.passkeys import Ceremony, NotAccepted, script_settings
from signin.middleware import opens_before_factor, opens_while_enrolling
from signin.reauthentication import reauthenticated
from signin.throttle import Throttled
from signin.views.confirming import confirmed
from signin.views.factors import context, enrolled
from signin.views.second_step import let_in
from signin.visitors import stranger
from teams.access import OfficeRequest, of_website_user, own_account, public

texts = public(opens_before_factor(opens_while_enrolling(JavaScriptCatalog.as_view(packages=["django_otp_webauthn"]))))


@own_account
@opens_while_enrolling
@require_safe
@never_cache
@of_website_user
@reauthenticated(Proof.FIVE_MINUTES)
def add_passkey(request: OfficeRequest) -> HttpResponse:
    page = context(request, passkey=script_settings(request))
    return render(request, "authentication/mfa/add_passkey.html", page)


@own_account
@opens_while_enrolling
@require_POST
@never_cache
@of_website_user
def add_begin(request: OfficeRequest) -> HttpResponse:
    """Return the options for the browser to create a passkey."""
    if request.proof < Proof.FIVE_MINUTES:
        return _refused(_("This took too long. Try again."), 403)
    return JsonResponse(Ceremony.begin_making(request, request.user))


@own_account
@opens_while_enrolling
@require_POST
@never_cache
@of_website_user
def add_complete(request: OfficeRequest) -> HttpResponse:
    """Add the passkey that the browser created."""
    if request.proof < Proof.FIVE_MINUTES:
        return _refused(_("This took too long. Try again."), 403)
    user, by = request.user, on_page(request, request.user)
    name = _("Passkey of %(date)s") % {"date": date_format(timezone.localtime(), "j F Y")}
    try:
        ceremony = Ceremony.take(request, "make", user)
        passkey = actions.add_passkey(user, _answer(request), ceremony=ceremony, name=name, by=by)
    except NotAccepted:
        return _refused(_("This passkey could not be added. Try again."))
    except TooManyDevices as error:
        return _refused(str(error))
    return JsonResponse({"id": str(passkey.pk), "redirect_url": enrolled(request, Factor.PASSKEY)})


@public
@opens_before_factor
@require_POST
@never_cache
def show_begin(request: HttpRequest) -> HttpResponse:
    """Return the options to authenticate with a passkey: of the (half) signed-in user, else of any user."""
    try:
        throttle.charge(LINK, throttle.network(client_address(request)))
    except Throttled as error:
        return _refused(str(error), 429)
    return JsonResponse(Ceremony.begin_showing(request, _expected(request)))


@public
@opens_before_factor
@require_POST
@never_cache
def show_complete(request: HttpRequest) -> HttpResponse:
    """Sign in with the passkey, or record the re-authentication of a user who is already signed in."""
    user = _expected(request)
    try:
        passkey = Ceremony.take(request, "show", user).shown(_answer(request), user)
    except NotAccepted:
        record_refusal(user, "passkey", by=stranger(request))
        return _refused(_("This passkey does not work here. Choose another method."))
    owner = User.objects.select_related("provider").get(pk=passkey.user_id)
    if not (owner.is_website_user and owner.may_sign_in):
        record_refusal(owner, owner.refusal or "ended", by=stranger(request))
        return _refused(_("This passkey does not work here. Choose another method."))
    if isinstance(request.user, User) and passing.awaited(request) is None:
        response = confirmed(request, with_factor=True)  # type: ignore[arg-type]
    else:
        response = let_in(request, owner, Factor.PASSKEY)
    answer = JsonResponse({"id": str(passkey.pk), "redirect_url": response["Location"]})
    answer.cookies.update(response.cookies)
    return answer


def _expected(request: HttpRequest) -> User | None:
    """Return the user whose passkey is required, None for any user."""
    return request.user if isinstance(request.user, User) else passing.awaited(request)


def _answer(request: HttpRequest) -> Any:
    """Return the JSON body. Raises NotAccepted if it is malformed."""
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise NotAccepted("not JSON") from error


def _refused(detail: str, status: int = 400) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status)
