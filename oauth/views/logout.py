"""OpenID Connect RP-Initiated Logout 1.0."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from oauthlib.common import add_params_to_uri

from accounts.models import User
from authentication import ended_sessions, sessions
from core.access import Access, page
from oauth import consents, oidc, redirects
from oauth.models import Application


@page(Access.PUBLIC, before_second_factor=True, during_enrollment=True)
def logout(request: HttpRequest) -> HttpResponse:
    """Ask for confirmation, sign out, and return to the application if it registered the URI.

    An ID token hint does not make the URI trusted, because anyone who registers an application can obtain one (RFC 9700
    section 4.11.2): users without a session see the target first.
    """
    application = _find_application(request)
    address = _get_post_logout_redirect(request, application)
    trusted = redirects.is_trusted_redirect(request, application, address)
    if isinstance(request.user, User):
        if request.method != "POST":
            return _render_confirmation(request, request.user, application, address if trusted else "")
        if application is not None:
            consents.delete_tokens(application, user=request.user)
        sessions.log_out(request, request.user)
        return ended_sessions.set_clear_site_data(request, _redirect_after_logout(request, address, trusted=trusted))
    return _redirect_after_logout(request, address, trusted=trusted)


def _redirect_after_logout(request: HttpRequest, address: str, *, trusted: bool) -> HttpResponse:
    return (
        redirects.redirect_to_application(request, address, trusted=trusted)
        if address
        else redirect("authentication:login")
    )


def _render_confirmation(
    request: HttpRequest, user: User, application: Application | None, address: str
) -> HttpResponse:
    """Render the confirmation page, which names the target. Applications of other offices are not named."""
    known = application if application is not None and application.is_available_to(user) else None
    context = {"application": known, "host": urlsplit(address).netloc, "office_name": user.office_name}
    page = render(request, "oauth/logout.html", context)
    return redirects.allow_form_redirect(address, request, page) if address else page


def _find_application(request: HttpRequest) -> Application | None:
    """Return the requesting application by ID token hint or client ID, None if these contradict."""
    name, hint = request.GET.get("client_id", ""), request.GET.get("id_token_hint", "")
    id_token = oidc.find_id_token(hint) if hint else None
    if id_token is not None:
        same: Application = id_token.application
        return same if name in ("", same.client_id) else None
    if hint or not name or "\x00" in name:
        return None
    named: Application | None = Application.objects.filter(client_id=name).first()
    return named


def _get_post_logout_redirect(request: HttpRequest, application: Application | None) -> str:
    """Return the post-logout redirect URI, "" unless the application registered it."""
    address, state = request.GET.get("post_logout_redirect_uri", ""), request.GET.get("state", "")
    if application is None or not application.post_logout_redirect_uri_allowed(address):
        return ""
    return str(add_params_to_uri(address, [("state", state)])) if state else address
