"""Discovery documents and public keys for clients."""

from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from core.access import SAFE, Access, page
from oauth import client_assertions, signing_keys
from oauth.authentication_context import ACR_VALUES
from oauth.authorization_requests import PROMPTS, RESPONSE_MODES
from oauth.oidc import CLAIM_NAMES
from oauth.scopes import OFFLINE_ACCESS, Scope
from oauth.signing_keys import SigningKey
from oauth.views.endpoints import GRANT_TYPES

_URL_NAMES = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "pushed_authorization_request_endpoint": "par",
    "revocation_endpoint": "revoke",
    "introspection_endpoint": "introspect",
    "userinfo_endpoint": "userinfo",
    "end_session_endpoint": "logout",
    "jwks_uri": "jwks",
    "service_documentation": "guide",
}
_CLIENT_AUTHENTICATION_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
_PUBLIC_CLIENT_METHODS = [*_CLIENT_AUTHENTICATION_METHODS, "none"]


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
def openid_configuration(request: HttpRequest) -> HttpResponse:
    """Return the metadata of OpenID Connect Discovery 1.0 and RFC 8414, listing only what is supported."""
    content = {
        "issuer": settings.LOKET_URL,
        **{name: urljoin(settings.LOKET_URL, reverse(f"oauth:{view}")) for name, view in _URL_NAMES.items()},
        "scopes_supported": [*Scope, OFFLINE_ACCESS],
        "claims_supported": list(CLAIM_NAMES),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(signing_keys.ALGORITHMS),
        "token_endpoint_auth_methods_supported": _PUBLIC_CLIENT_METHODS,
        "revocation_endpoint_auth_methods_supported": _PUBLIC_CLIENT_METHODS,
        "introspection_endpoint_auth_methods_supported": _CLIENT_AUTHENTICATION_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(client_assertions.ALGORITHMS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(client_assertions.ALGORITHMS),
        "introspection_endpoint_auth_signing_alg_values_supported": list(client_assertions.ALGORITHMS),
        "prompt_values_supported": list(PROMPTS),
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_pushed_authorization_requests": False,
        "claims_parameter_supported": True,
        "acr_values_supported": list(ACR_VALUES),
    }
    return _make_public(JsonResponse(content))


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
def jwks(request: HttpRequest) -> HttpResponse:
    """Return the public keys, including keys that will sign soon or signed recently."""
    keys = [signing_keys.export_public_jwk(key.jwk, key.algorithm) for key in SigningKey.objects.list_published()]
    return _make_public(JsonResponse({"keys": keys}))


def _make_public(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = f"public, max-age={int(signing_keys.JWKS_CACHE_LIFETIME.total_seconds())}"
    return response
