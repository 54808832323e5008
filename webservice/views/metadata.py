"""Discovery documents and public keys for clients."""

from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from signin.middleware import opens_before_factor, opens_while_enrolling
from teams.access import public
from webservice import keys
from webservice.identity import CLAIMS
from webservice.models import SigningKey
from webservice.scopes import Scope
from webservice.views.machines import GRANTS

_ENDPOINTS = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "revocation_endpoint": "revoke",
    "introspection_endpoint": "introspect",
    "userinfo_endpoint": "userinfo",
    "end_session_endpoint": "logout",
    "jwks_uri": "jwks",
}
_SECRETS = ["client_secret_basic", "client_secret_post"]


@public
@opens_before_factor
@opens_while_enrolling
@require_safe
def configuration(request: HttpRequest) -> HttpResponse:
    """Return the metadata of OpenID Connect Discovery 1.0 and RFC 8414, listing only what is supported."""
    told = {
        "issuer": settings.LOKET_URL,
        **{name: urljoin(settings.LOKET_URL, reverse(f"webservice:{view}")) for name, view in _ENDPOINTS.items()},
        "scopes_supported": list(Scope),
        "claims_supported": list(CLAIMS),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": _SECRETS,
        "revocation_endpoint_auth_methods_supported": _SECRETS,
        "introspection_endpoint_auth_methods_supported": _SECRETS,
        "prompt_values_supported": ["none", "login", "consent"],
        "ui_locales_supported": ["nl", "en"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
    }
    return _for_all(JsonResponse(told))


@public
@opens_before_factor
@opens_while_enrolling
@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """Return the public keys, including keys that will sign soon or signed recently."""
    return _for_all(JsonResponse({"keys": [keys.public(key.jwk) for key in SigningKey.objects.published()]}))


def _for_all(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = f"public, max-age={int(keys.CACHED.total_seconds())}"
    response["Access-Control-Allow-Origin"] = "*"
    return response
