"""OpenID Connect RP-Initiated Logout 1.0."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from oauthlib.common import add_params_to_uri

from accounts.models import User
from signin import sessions, signed_out
from signin.middleware import opens_before_factor, opens_while_enrolling
from teams.access import public
from webservice import consents, identity, leaving
from webservice.models import Application


@public
@opens_before_factor
@opens_while_enrolling
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def logout(request: HttpRequest) -> HttpResponse:
    """Ask for confirmation, sign out, and return to the application if it registered the URI.

    An ID token hint does not make the URI trusted, because anyone who registers an application can obtain one (RFC 9700
    section 4.11.2): users without a session see the target first.
    """
    application = _application(request)
    address = _address(request, application)
    trusted = leaving.is_trusted(request, application, address)
    if isinstance(request.user, User):
        if request.method != "POST":
            return _ask(request, request.user, application, address if trusted else "")
        if application is not None:
            consents.end_tokens(request.user, application)
        sessions.end(request, request.user)
        return signed_out.clear_browser(request, _onward(request, address, trusted=trusted))
    return _onward(request, address, trusted=trusted)


def _onward(request: HttpRequest, address: str, *, trusted: bool) -> HttpResponse:
    return leaving.leave(request, address, trusted=trusted) if address else redirect("signin:login")


def _ask(request: HttpRequest, user: User, application: Application | None, address: str) -> HttpResponse:
    """Render the confirmation page, which names the target. Applications of other offices are not named."""
    known = application if application is not None and application.serves(user) else None
    context = {"application": known, "host": urlsplit(address).netloc, "office_name": user.office_name}
    page = render(request, "oauth/logout.html", context)
    return leaving.may_lead_to(address, request, page) if address else page


def _application(request: HttpRequest) -> Application | None:
    """Return the requesting application by ID token hint or client ID, None if these contradict."""
    name, hint = request.GET.get("client_id", ""), request.GET.get("id_token_hint", "")
    told = identity.read_id_token(hint) if hint else None
    if told is not None:
        same: Application = told.application
        return same if name in ("", same.client_id) else None
    if hint or not name or "\x00" in name:
        return None
    named: Application | None = Application.objects.filter(client_id=name).first()
    return named


def _address(request: HttpRequest, application: Application | None) -> str:
    """Return the post-logout redirect URI, "" unless the application registered it."""
    address, state = request.GET.get("post_logout_redirect_uri", ""), request.GET.get("state", "")
    if application is None or not application.post_logout_redirect_uri_allowed(address):
        return ""
    return str(add_params_to_uri(address, [("state", state)])) if state else address
