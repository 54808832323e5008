"""OpenID Connect RP-Initiated Logout 1.0."""

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from oauthlib.common import add_params_to_uri

from accounts.logos import build_office_context
from accounts.models import User
from authentication import ended_sessions, sessions
from core.access import Access, page
from oauth import consents, oidc, redirects
from oauth.authorization_requests import read_parameters
from oauth.models import Application

_PARAMETERS = {"id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}


@page(Access.PUBLIC, before_second_factor=True, during_enrollment=True)
@csrf_exempt
def logout(request: HttpRequest) -> HttpResponse:
    """Ask for confirmation, sign out, and return to the application if it registered the URI.

    A POST with the parameters in its body is a request of the application, any other the confirmation of the user. An
    ID token hint of the user, however old, makes the page confirm itself. It does not make the URI trusted, because
    anyone who registers an application can obtain one (RFC 9700 section 4.11.2): users without a session see the target
    first.
    """
    parameters = read_parameters(request)
    if request.method == "POST" and not _PARAMETERS & set(request.POST):
        return _log_out(request, parameters)
    if request.method == "POST" and not isinstance(request.user, User):
        return redirects.redirect_as_get(reverse("oauth:logout"), parameters)
    application, claims = _identify_sender(parameters)
    address = _get_post_logout_redirect(parameters, application)
    trusted = redirects.is_trusted_redirect(request, application, address)
    if not isinstance(request.user, User):
        return _redirect_after_logout(request, address, trusted=trusted)
    is_certain = claims.get("sub") == oidc.compute_subject(request.user)
    return _render_confirmation(
        request, request.user, application, address if trusted else "", parameters, is_certain=is_certain
    )


@csrf_protect
def _log_out(request: HttpRequest, parameters: QueryDict) -> HttpResponse:
    application, _claims = _identify_sender(parameters)
    address = _get_post_logout_redirect(parameters, application)
    trusted = redirects.is_trusted_redirect(request, application, address)
    if application is not None and address and trusted:
        response = redirects.render_continue(request, application, address)
    else:
        response = _redirect_after_logout(request, address, trusted=trusted)
    if not isinstance(request.user, User):
        return response
    if application is not None:
        consents.delete_tokens(application, user=request.user)
    sessions.log_out(request, request.user)
    return ended_sessions.set_clear_site_data(request, response)


def _redirect_after_logout(request: HttpRequest, address: str, *, trusted: bool) -> HttpResponse:
    return (
        redirects.redirect_to_application(request, address, trusted=trusted)
        if address
        else redirect("authentication:login")
    )


def _render_confirmation(
    request: HttpRequest,
    user: User,
    application: Application | None,
    address: str,
    parameters: QueryDict,
    *,
    is_certain: bool,
) -> HttpResponse:
    """Render the confirmation page, which names the target. Applications of other offices are not named."""
    known = application if application is not None and application.serves_office_of(user) else None
    context = {
        "application": known,
        "host": redirects.get_target_name(address),
        **build_office_context(user),
        "is_certain": is_certain,
        "confirm_url": f"{reverse('oauth:logout')}?{parameters.urlencode()}",
    }
    page = render(request, "oauth/logout.html", context)
    return redirects.allow_form_redirect(address, request, page) if address else page


def _identify_sender(parameters: QueryDict) -> tuple[Application | None, dict[str, Any]]:
    """Return the requesting application, None if ID token hint and client ID contradict, and the claims of the hint."""
    name, hint = parameters.get("client_id", ""), parameters.get("id_token_hint", "")
    claims = oidc.read_id_token(hint) if hint else None
    if claims is not None and name not in ("", claims.get("aud")):
        return None, {}
    if (hint and claims is None) or "\x00" in name:
        return None, {}
    client_id = str(claims.get("aud")) if claims else name
    return Application.objects.filter(client_id=client_id).first(), claims or {}


def _get_post_logout_redirect(parameters: QueryDict, application: Application | None) -> str:
    """Return the post-logout redirect URI, "" unless the application registered it."""
    address, state = parameters.get("post_logout_redirect_uri", ""), parameters.get("state", "")
    if application is None or not application.post_logout_redirect_uri_allowed(address):
        return ""
    return str(add_params_to_uri(address, [("state", state)])) if state else address
