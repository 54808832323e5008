"""CORS (Fetch standard) for browser clients, which call the endpoints for programs from their own origin."""

from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from oauth.models import Application

_WEB_SERVICE_PREFIX = "/v2/"
_ENDPOINTS = ("token", "revoke", "userinfo", "par")
_OPEN_ENDPOINTS = ("openid_configuration", "server_metadata", "jwks")  # the same for everyone
_PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": (
        "Accept, Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match"
    ),
    "Access-Control-Max-Age": "600",
}
_EXPOSED_HEADERS = (
    "Content-Language, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate"  # no others are read
)


def cors_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Let the origins of registered public clients read the endpoints and the web service, without cookies.

    Every origin may read the discovery documents and the public keys. A preflight request of any other origin is
    answered as any OPTIONS request.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        is_open = request.path in _list_paths(_OPEN_ENDPOINTS)
        is_service = request.path.startswith(_WEB_SERVICE_PREFIX) or request.path in _list_paths(_ENDPOINTS)
        if not is_open and not is_service:
            return get_response(request)
        origin = request.headers.get("Origin", "")
        is_allowed = is_open or is_registered_origin(origin)
        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if is_allowed and is_preflight:
            response = HttpResponse(status=204, headers=_PREFLIGHT_HEADERS)
        else:
            response = get_response(request)
        if is_allowed:
            response["Access-Control-Allow-Origin"] = "*" if is_open else origin
            response["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
        if not is_open:
            patch_vary_headers(response, ["Origin"])
        return response

    return middleware


@cache
def _list_paths(names: tuple[str, ...]) -> set[str]:
    return {reverse(f"oauth:{name}") for name in names}


def is_registered_origin(origin: str) -> bool:
    """Return whether an integration that is turned on runs in the browser at `origin`."""
    if not origin or "\x00" in origin:
        return False
    return bool(Application.objects.filter(origins__contains=[origin], switched_off_at=None).exists())
