"""The consent page and the redirect back to the application."""

import re
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidRequestError, OAuth2Error

from accounts.models import User
from audit.actors import build_page_actor
from authentication import ended_sessions, reauthentication
from core.access import POST, Access, page
from oauth import consents, redirects
from oauth.backend import OAuthBackend
from oauth.models import Application
from oauth.scopes import sort_scopes
from permissions.access import OfficeRequest

_CODE_CHALLENGE_PATTERN = re.compile(r"[\w-]{43}", re.ASCII)
_MAX_NONCE_LENGTH = 255
_JUST_NOW_SECONDS = 60  # seconds in which a sign-in or re-authentication counts as just done
_READING_SECONDS = 300  # extra seconds that the consent page may stay open


class AuthorizationRequest(NamedTuple):
    """A validated authorization request. Only the user remains to be checked."""

    core: OAuthBackend
    application: Application
    scopes: list[str]
    details: dict[str, Any]

    @property
    def prompt(self) -> set[str]:
        """The prompt values of OpenID Connect."""
        return set(self.details.get("prompt") or [])


class AuthorizationRequestError(Exception):
    """The authorization request is rejected; `response` reports it, to the application if it is known."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


@page(Access.PUBLIC)
def authorize(request: HttpRequest) -> HttpResponse:
    """Ask the user for consent and redirect to the application with a code.

    Existing consent skips the page, unless the application requests prompt=consent.
    """
    try:
        return _respond(request, _parse_authorization_request(request))
    except AuthorizationRequestError as error:
        return error.response


def _respond(request: HttpRequest, authorization: AuthorizationRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        ended_sessions.add_end_message(request)
        return redirect(f"{reverse('authentication:login')}?{urlencode({'next': request.get_full_path()})}")
    if not authorization.application.is_available_to(request.user):
        return _render_error(request, _("This integration is not available for your office."), 404)
    if not consents.can_consent(request):
        return _return_to_application(request, authorization, error=AccessDeniedError())
    seconds, spare = _get_max_age(request, authorization), _READING_SECONDS if request.method == "POST" else 0
    if seconds is not None and not _is_recently_authenticated(request, seconds + spare):
        return redirect(f"{reverse('authentication:reauthenticate')}?{urlencode({'next': request.get_full_path()})}")
    if request.method == "POST":
        by = build_page_actor(request, request.user)
        with transaction.atomic():
            consents.grant_consent(request.user, authorization.application, scopes=authorization.scopes, by=by)
            return _return_to_application(request, authorization)
    skips = request.method != "HEAD" and "consent" not in authorization.prompt  # HEAD issues no code
    if skips and consents.has_consented(request.user, authorization.application, authorization.scopes):
        return _return_to_application(request, authorization)
    return _render_consent_page(request, authorization)


@page(Access.OFFICE_USER, methods=POST)
def deny_authorization(request: OfficeRequest) -> HttpResponse:
    """Redirect back to the application with access_denied."""
    try:
        authorization = _parse_authorization_request(request)
        if not authorization.application.is_available_to(request.user):
            return _render_error(request, _("This integration is not available for your office."), 404)
        return _return_to_application(request, authorization, error=AccessDeniedError())
    except AuthorizationRequestError as error:
        return error.response


def _parse_authorization_request(request: HttpRequest) -> AuthorizationRequest:
    """Validate the authorization request. Raises AuthorizationRequestError."""
    lists = [*request.GET.lists(), *request.POST.lists()]
    if any("\x00" in value for _name, values in lists for value in values):
        raise AuthorizationRequestError(_render_error(request, _("The address contains invalid characters.")))
    core = OAuthBackend(request)
    try:
        scopes, details = core.validate_authorization_request(request)
    except FatalClientError as error:
        raise AuthorizationRequestError(_render_error(request, str(error.oauthlib_error.description or ""))) from error
    except OAuthToolkitError as error:
        raise AuthorizationRequestError(_report_error_to_application(request, error.oauthlib_error)) from error
    application = Application.objects.filter(client_id=details["client_id"]).first()
    if application is None:
        raise AuthorizationRequestError(_render_unavailable(request))
    if violation := _find_violation(details):
        request_error = InvalidRequestError(description=violation, state=details["state"])
        request_error.redirect_uri = details["redirect_uri"]
        request_error.client_id = details["client_id"]
        raise AuthorizationRequestError(_report_error_to_application(request, request_error))
    return AuthorizationRequest(core, application, [scope.value for scope in sort_scopes(scopes)], details)


def _report_error_to_application(request: HttpRequest, error: OAuth2Error) -> HttpResponse:
    """Report `error` to the application, by a redirect only if `redirects.is_trusted_redirect` allows it."""
    address = _build_error_redirect(error)
    application = Application.objects.filter(client_id=error.client_id or "").first()
    silent = "none" in request.GET.get("prompt", "").split()
    trusted = redirects.is_trusted_redirect(request, application, address, silent=silent)
    return redirects.redirect_to_application(request, address, trusted=trusted, reason=error.error or "error")


def _find_violation(details: dict[str, Any]) -> str:
    """Return what else is wrong with a request that the library accepts, in English for clients, or ""."""
    if details.get("code_challenge_method") != "S256" or not _CODE_CHALLENGE_PATTERN.fullmatch(
        details.get("code_challenge") or ""
    ):
        return "A code_challenge of method S256 is required."
    if len(details.get("nonce") or "") > _MAX_NONCE_LENGTH:
        return "The nonce is too long."
    return ""


def _get_max_age(request: HttpRequest, authorization: AuthorizationRequest) -> int | None:
    """Return the maximum age of the sign-in in seconds, None if any age is accepted.

    A max_age of 0 means the same as prompt=login (OpenID Connect Core section 3.1.2.1).
    """
    if "login" in authorization.prompt:
        return _JUST_NOW_SECONDS
    seconds = request.GET.get("max_age", "")
    return (int(seconds) or _JUST_NOW_SECONDS) if seconds.isascii() and seconds.isdigit() and len(seconds) < 9 else None


def _is_recently_authenticated(request: HttpRequest, seconds: int) -> bool:
    """Return whether the user authenticated within `seconds`. Microsoft may sign users in silently."""
    _at, with_factor = reauthentication.get_last_reauthentication(request)
    asked_at_microsoft = with_factor or not (isinstance(request.user, User) and request.user.is_azure_user)
    return asked_at_microsoft and reauthentication.was_reauthenticated_within(request, seconds)


def _render_consent_page(request: HttpRequest, authorization: AuthorizationRequest) -> HttpResponse:
    query = request.META.get("QUERY_STRING", "")
    context = {
        "application": authorization.application,
        "scopes": sort_scopes(authorization.scopes),
        "deny_url": f"{reverse('oauth:deny_authorization')}?{query}",
        "host": urlsplit(authorization.details["redirect_uri"]).netloc,
        "office_name": request.user.office.name if isinstance(request.user, User) else "",
    }
    return redirects.allow_form_redirect(
        authorization.details["redirect_uri"], request, render(request, "oauth/authorize.html", context)
    )


def _return_to_application(
    request: HttpRequest, authorization: AuthorizationRequest, *, error: OAuth2Error | None = None
) -> HttpResponse:
    """Return to the application, with a code unless there is an `error`.

    Raises AuthorizationRequestError if it was deleted.
    """
    if error is not None:
        error.state, error.redirect_uri = authorization.details["state"], authorization.details["redirect_uri"]
        address = _build_error_redirect(error)
    else:
        address = _build_code_redirect(request, authorization)
    if request.method == "POST" or "none" in authorization.prompt:
        return HttpResponseRedirect(address)
    # The request may come from the login form, whose CSP forbids redirects to other hosts.
    return render(request, "oauth/continue.html", {"address": address, "application": authorization.application})


@transaction.atomic
def _build_code_redirect(request: HttpRequest, authorization: AuthorizationRequest) -> str:
    """Return the redirect URI with a code.

    Raises AuthorizationRequestError if the application was deleted or disabled in the meantime.
    """
    usable = Application.objects.select_for_update(no_key=True).filter(switched_off_at=None)
    if usable.filter(pk=authorization.application.pk).first() is None:
        raise AuthorizationRequestError(_render_unavailable(request))
    details = authorization.details | {"ui_locales": None}
    response = authorization.core.create_authorization_response(request, authorization.scopes, details, allow=True)
    return str(response[0])


def _build_error_redirect(error: OAuth2Error) -> str:
    return str(add_params_to_uri(error.redirect_uri or "", [*error.twotuples, ("iss", settings.LOKET_URL)]))


def _render_unavailable(request: HttpRequest) -> HttpResponse:
    return _render_error(request, _("This integration can no longer be used."), 404)


def _render_error(request: HttpRequest, reason: str, status: int = 400) -> HttpResponse:
    """Render the error on this site: the redirect URI is not verified."""
    return render(request, "oauth/authorization_error.html", {"reason": reason}, status=status)
