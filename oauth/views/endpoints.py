"""OAuth endpoints for clients: token, revocation, introspection and userinfo."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from oauthlib.oauth2 import OAuth2Error

from core.access import Access, page
from core.throttle import Throttled
from oauth import client_credentials, oidc, tokens
from oauth.backend import OAuthBackend
from oauth.rate_limit_headers import CLIENT_TOKEN_LIMIT, build_rate_limit_headers
from oauth.scopes import Scope

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")  # the library supports more
_BASIC_CHALLENGE = 'Basic realm="Loket", charset="UTF-8"'
EndpointView = Callable[[HttpRequest], HttpResponse]


def oauth_endpoint(view: EndpointView) -> EndpointView:
    """Mark an endpoint for clients: no browser session, no caching, and `Retry-After` with a 429."""

    @wraps(view)
    def wrapper(request: HttpRequest) -> HttpResponse:
        try:
            response = view(request)
        except Throttled as error:
            response = render_error(429, "temporarily_unavailable", str(error))
            response["Retry-After"] = str(error.seconds)
        if response.status_code == 401 and not response.has_header("WWW-Authenticate"):
            response["WWW-Authenticate"] = _BASIC_CHALLENGE
        return response

    return page(Access.PUBLIC, methods=None, before_second_factor=True, during_enrollment=True)(csrf_exempt(wrapper))


@oauth_endpoint
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Issue tokens for a code, a refresh token, or the credentials of an SSO/Webservice user."""
    if "DPoP" in request.headers:  # the client would take a bearer token for one that is bound to its key (RFC 9449)
        return render_error(400, "invalid_request", "DPoP is not supported.")
    grant = request.POST.get("grant_type")
    if grant not in GRANT_TYPES:
        return render_error(400, "unsupported_grant_type")
    if grant == "client_credentials":
        return _respond_to_client_credentials(request)
    return _respond_with_user_token(request)


def _respond_to_client_credentials(request: HttpRequest) -> HttpResponse:
    try:
        return JsonResponse(client_credentials.issue_access_token(request))
    except OAuth2Error as error:
        return render_error(error.status_code, error.error, error.description)


def _respond_with_user_token(request: HttpRequest) -> HttpResponse:
    core = OAuthBackend(request)
    _address, found, body, status = core.create_token_response(request)
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **found}  # errors may lack them
    headers.pop("WWW-Authenticate", None)  # it is a Bearer challenge, which makes no sense before a token exists
    if core.validator.rate_limit_state is not None:
        headers |= build_rate_limit_headers(CLIENT_TOKEN_LIMIT, core.validator.rate_limit_state)
    return HttpResponse(body, status=status, headers=headers)


@oauth_endpoint
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    """Revoke a token of the calling application (RFC 7009)."""
    core = OAuthBackend(request)
    _address, headers, body, status = core.create_revocation_response(request)
    headers.pop("WWW-Authenticate", None)
    return HttpResponse(body or "", status=status, headers=headers)


@oauth_endpoint
@require_http_methods(["GET", "HEAD", "POST"])
def userinfo(request: HttpRequest) -> HttpResponse:
    """Return the claims about the user of the token (OpenID Connect Core 5.3)."""
    caller = tokens.authenticate_bearer(request)
    if caller is None:
        return _bearerrender_error(401, "invalid_token")
    if Scope.OPENID not in caller.scopes:
        return _bearerrender_error(403, "insufficient_scope")
    return JsonResponse(oidc.build_claims(caller.user, caller.scopes))


def _bearerrender_error(status: int, error: str) -> HttpResponse:
    response = render_error(status, error)
    response["WWW-Authenticate"] = f'Bearer realm="Loket", error="{error}"'
    return response


def render_error(status: int, error: str, description: str = "") -> HttpResponse:
    content = {"error": error} | ({"error_description": description} if description else {})
    return JsonResponse(content, status=status)
