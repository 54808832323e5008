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
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2.rfc6749.errors import AccessDeniedError, InvalidRequestError, OAuth2Error

from accounts.models import User
from audit.actors import on_page
from signin import reauthentication, signed_out
from teams.access import OfficeRequest, public, signed_in
from webservice import consents, leaving
from webservice.models import Application
from webservice.protocol import Core
from webservice.scopes import known

_CHALLENGE = re.compile(r"[\w-]{43}", re.ASCII)
_LONGEST_NONCE = 255
_NOW = 60  # seconds in which a sign-in or re-authentication counts as just done
_READING = 300  # extra seconds that the consent page may stay open


class Asked(NamedTuple):
    """A validated authorization request. Only the user remains to be checked."""

    core: Core
    application: Application
    scopes: list[str]
    details: dict[str, Any]

    @property
    def prompt(self) -> set[str]:
        """The prompt values of OpenID Connect."""
        return set(self.details.get("prompt") or [])


class Wrong(Exception):
    """The authorization request is rejected; `response` reports it, to the application if it is known."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


@public
@require_http_methods(["GET", "POST"])
@never_cache
def authorize(request: HttpRequest) -> HttpResponse:
    """Ask the user for consent and redirect to the application with a code.

    Existing consent skips the page, unless the application requests prompt=consent.
    """
    try:
        return _answer(request, _asked(request))
    except Wrong as wrong:
        return wrong.response


def _answer(request: HttpRequest, asked: Asked) -> HttpResponse:
    if not isinstance(request.user, User):
        signed_out.explain(request)
        return redirect(f"{reverse('signin:login')}?{urlencode({'next': request.get_full_path()})}")
    if not asked.application.serves(request.user):
        return _refuse(request, _("This integration is not available for your office."), 404)
    if not consents.can_consent(request):
        return _back(request, asked, error=AccessDeniedError())
    seconds, spare = _max_age(request, asked), _READING if request.method == "POST" else 0
    if seconds is not None and not _is_recent(request, seconds + spare):
        return redirect(f"{reverse('signin:confirm')}?{urlencode({'next': request.get_full_path()})}")
    if request.method == "POST":
        by = on_page(request, request.user)
        with transaction.atomic():
            consents.allow(request.user, asked.application, scopes=asked.scopes, by=by)
            return _back(request, asked)
    if "consent" not in asked.prompt and consents.covers(request.user, asked.application, asked.scopes):
        return _back(request, asked)
    return _ask(request, asked)


@signed_in
@require_POST
@never_cache
def deny(request: OfficeRequest) -> HttpResponse:
    """Redirect back to the application with access_denied."""
    try:
        asked = _asked(request)
        if not asked.application.serves(request.user):
            return _refuse(request, _("This integration is not available for your office."), 404)
        return _back(request, asked, error=AccessDeniedError())
    except Wrong as wrong:
        return wrong.response


def _asked(request: HttpRequest) -> Asked:
    """Validate the authorization request. Raises Wrong."""
    if any(
        "\x00" in value for given in (request.GET, request.POST) for _name, values in given.lists() for value in values
    ):
        raise Wrong(_refuse(request, _("The address contains invalid characters.")))
    core = Core(request)
    try:
        scopes, details = core.validate_authorization_request(request)
    except FatalClientError as error:
        raise Wrong(_refuse(request, str(error.oauthlib_error.description or ""))) from error
    except OAuthToolkitError as error:
        raise Wrong(_wrong(request, error.oauthlib_error)) from error
    application = Application.objects.filter(client_id=details["client_id"]).first()
    if application is None:
        raise Wrong(_gone(request))
    if fault := _fault(details):
        refusal = InvalidRequestError(description=fault, state=details["state"])
        refusal.redirect_uri = details["redirect_uri"]
        refusal.client_id = details["client_id"]
        raise Wrong(_wrong(request, refusal))
    return Asked(core, application, [scope.value for scope in known(scopes)], details)


def _wrong(request: HttpRequest, error: OAuth2Error) -> HttpResponse:
    """Report `error` to the application, by a redirect only if `leaving.is_trusted` allows it."""
    address = _error_address(error)
    application = Application.objects.filter(client_id=error.client_id or "").first()
    silent = "none" in request.GET.get("prompt", "").split()
    trusted = leaving.is_trusted(request, application, address, silent=silent)
    return leaving.leave(request, address, trusted=trusted, reason=error.error or "error")


def _fault(details: dict[str, Any]) -> str:
    """Return what else is wrong with a request that the library accepts, in English for clients, or ""."""
    if details.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(details.get("code_challenge") or ""):
        return "A code_challenge of method S256 is required."
    if len(details.get("nonce") or "") > _LONGEST_NONCE:
        return "The nonce is too long."
    return ""


def _max_age(request: HttpRequest, asked: Asked) -> int | None:
    """Return the maximum age of the sign-in in seconds, None if any age is accepted.

    A max_age of 0 means the same as prompt=login (OpenID Connect Core section 3.1.2.1).
    """
    if "login" in asked.prompt:
        return _NOW
    seconds = request.GET.get("max_age", "")
    return (int(seconds) or _NOW) if seconds.isascii() and seconds.isdigit() and len(seconds) < 9 else None


def _is_recent(request: HttpRequest, seconds: int) -> bool:
    """Return whether the user authenticated within `seconds`. Microsoft may sign users in without asking anything."""
    _at, with_factor = reauthentication.evidence(request)
    asked_at_microsoft = with_factor or not (isinstance(request.user, User) and request.user.is_azure_user)
    return asked_at_microsoft and reauthentication.is_within(request, seconds)


def _ask(request: HttpRequest, asked: Asked) -> HttpResponse:
    query = request.META.get("QUERY_STRING", "")
    context = {
        "application": asked.application,
        "scopes": known(asked.scopes),
        "deny_url": f"{reverse('webservice:deny')}?{query}",
        "host": urlsplit(asked.details["redirect_uri"]).netloc,
        "office_name": request.user.provider.name if isinstance(request.user, User) else "",
    }
    return leaving.may_lead_to(asked.details["redirect_uri"], request, render(request, "oauth/authorize.html", context))


def _back(request: HttpRequest, asked: Asked, *, error: OAuth2Error | None = None) -> HttpResponse:
    """Return to the application, with a code unless there is an `error`. Raises Wrong if it was deleted."""
    if error is not None:
        error.state, error.redirect_uri = asked.details["state"], asked.details["redirect_uri"]
        address = _error_address(error)
    else:
        address = _address_with_code(request, asked)
    if request.method == "POST" or "none" in asked.prompt:
        return HttpResponseRedirect(address)
    # The request may come from the login form, whose CSP forbids redirects to other hosts.
    return render(request, "oauth/continue.html", {"address": address, "application": asked.application})


@transaction.atomic
def _address_with_code(request: HttpRequest, asked: Asked) -> str:
    """Return the redirect URI with a code. Raises Wrong if the application was deleted or disabled meanwhile."""
    kept = Application.objects.select_for_update(no_key=True).filter(pk=asked.application.pk, switched_off_at=None)
    if kept.first() is None:
        raise Wrong(_gone(request))
    details = asked.details | {"ui_locales": None}
    address: str = asked.core.create_authorization_response(request, asked.scopes, details, allow=True)[0]
    return address


def _error_address(error: OAuth2Error) -> str:
    told = [*error.twotuples, ("iss", settings.LOKET_URL)]
    address: str = add_params_to_uri(error.redirect_uri or "", told)
    return address


def _gone(request: HttpRequest) -> HttpResponse:
    return _refuse(request, _("This integration can no longer be used."), 404)


def _refuse(request: HttpRequest, reason: str, status: int = 400) -> HttpResponse:
    """Render the error on this site: the redirect URI is not verified."""
    return render(request, "oauth/authorization_error.html", {"reason": reason}, status=status)
