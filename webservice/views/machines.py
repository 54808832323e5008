"""OAuth endpoints for clients: token, revocation, introspection and userinfo."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from oauthlib.oauth2 import OAuth2Error

from signin.middleware import opens_before_factor, opens_while_enrolling
from signin.throttle import Throttled
from teams.access import public
from webservice import identity, limits, service_tokens, tokens
from webservice.protocol import Core
from webservice.scopes import Scope
from webservice.validator import CLIENT

GRANTS = ("authorization_code", "refresh_token", "client_credentials")  # the library supports more
_CHALLENGE = 'Basic realm="Loket", charset="UTF-8"'
View = Callable[[HttpRequest], HttpResponse]


def for_machines(view: View) -> View:
    """Mark an endpoint for clients: no browser session, no caching, and rate limit headers with a 429."""

    @wraps(view)
    def wrapper(request: HttpRequest) -> HttpResponse:
        try:
            response = view(request)
        except Throttled as error:
            response = _refused(429, "temporarily_unavailable", str(error))
            limits.refuse(response, error)
        if response.status_code == 401 and not response.has_header("WWW-Authenticate"):
            response["WWW-Authenticate"] = _CHALLENGE
        return response

    return public(opens_before_factor(opens_while_enrolling(csrf_exempt(never_cache(wrapper)))))


@for_machines
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Issue tokens for a code, a refresh token, or the credentials of an SSO/Webservice user."""
    grant = request.POST.get("grant_type")
    if grant not in GRANTS:
        return _refused(400, "unsupported_grant_type")
    return _service_token(request) if grant == "client_credentials" else _token_of_person(request)


def _service_token(request: HttpRequest) -> HttpResponse:
    try:
        return JsonResponse(service_tokens.give(request))
    except OAuth2Error as error:
        return _refused(error.status_code, error.error, error.description)


def _token_of_person(request: HttpRequest) -> HttpResponse:
    core = Core(request)
    _address, headers, body, status = core.create_token_response(request)
    headers.pop("WWW-Authenticate", None)  # it is a Bearer challenge, which makes no sense before a token exists
    response = HttpResponse(body, status=status, headers=headers)
    if core.validator.left is not None:
        limits.tell(response, CLIENT, core.validator.left)
    return response


@for_machines
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    """Revoke a token of the calling application (RFC 7009)."""
    core = Core(request)
    _address, headers, body, status = core.create_revocation_response(request)
    headers.pop("WWW-Authenticate", None)
    return HttpResponse(body or "", status=status, headers=headers)


@for_machines
@require_POST
def introspect(request: HttpRequest) -> HttpResponse:
    """Describe a token of the calling application (RFC 7662); all others are reported as inactive."""
    core = Core(request)
    program = core.program(request)
    if program is None:
        return _refused(401, "invalid_client")
    found = tokens.find(request.POST.get("token", ""))
    if found is None or found.application != program or not core.validator.is_about(found.user):
        return JsonResponse({"active": False})
    told = {
        "active": True,
        "scope": " ".join(found.working_scopes),
        "client_id": program.client_id,
        "token_type": "Bearer",
        "exp": int(found.expires.timestamp()),
        "iat": int(found.created.timestamp()),
    }
    if found.authenticated_at is not None:
        told["auth_time"] = int(found.authenticated_at.timestamp())  # RFC 9470 section 6.2
    if Scope.OPENID in found.working_scopes:
        told["sub"] = identity.subject(found.user)
    if Scope.PROFILE in found.working_scopes:
        told["username"] = found.user.username
    return JsonResponse(told)


@for_machines
@require_http_methods(["GET", "HEAD", "POST"])
def userinfo(request: HttpRequest) -> HttpResponse:
    """Return the claims about the user of the token (OpenID Connect Core 5.3)."""
    caller = tokens.bearer(request)
    if caller is None:
        return _without(401, "invalid_token")
    if Scope.OPENID not in caller.scopes:
        return _without(403, "insufficient_scope")
    return JsonResponse(identity.claims(caller.user, caller.scopes))


def _without(status: int, error: str) -> HttpResponse:
    response = _refused(status, error)
    response["WWW-Authenticate"] = f'Bearer realm="Loket", error="{error}"'
    return response


def _refused(status: int, error: str, description: str = "") -> HttpResponse:
    told: dict[str, Any] = {"error": error}
    if description:
        told["error_description"] = description
    return HttpResponse(json.dumps(told), status=status, content_type="application/json")
