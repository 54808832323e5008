"""Token introspection (RFC 7662) for the client of a token, and for the resource servers that it is meant for."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from oauth import oidc, tokens
from oauth.authentication_context import MULTI_FACTOR, SINGLE_FACTOR
from oauth.backend import OAuthBackend
from oauth.models import AccessToken, Application
from oauth.scopes import Scope
from oauth.views.endpoints import oauth_endpoint, render_error


@oauth_endpoint
@require_POST
def introspect(request: HttpRequest) -> HttpResponse:
    """Describe a token of the calling client, or one for the calling resource server; all others are inactive."""
    core = OAuthBackend(request)
    application = core.authenticate_client(request)
    if application is None or application.is_public:  # anyone can send the ID of a public client
        return render_error(401, "invalid_client")
    found = tokens.find_access_token(request.POST.get("token", ""))
    if found is None or not core.validator.may_inspect(found.user):
        return JsonResponse({"active": False})
    is_audience = _is_audience(application, found)
    if found.application != application and not is_audience:
        return JsonResponse({"active": False})
    return JsonResponse(_describe(found, with_subject=is_audience))


def _is_audience(application: Application, found: AccessToken) -> bool:
    """Return whether the token is for this resource server, and of a user of an office that it serves."""
    is_named = bool(application.resource) and application.resource in found.resource
    return is_named and application.is_available_to(found.user)


def _describe(found: AccessToken, *, with_subject: bool) -> dict[str, Any]:
    content: dict[str, Any] = {
        "active": True,
        "iss": settings.LOKET_URL,
        "scope": " ".join(found.effective_scopes),
        "client_id": found.application.client_id,
        "token_type": "Bearer",
        "exp": int(found.expires.timestamp()),
        "iat": int(found.created.timestamp()),
    }
    if found.resource:
        content["aud"] = found.resource
    if found.authenticated_at is not None:  # RFC 9470 section 6.2
        content["auth_time"] = int(found.authenticated_at.timestamp())
        content["acr"] = MULTI_FACTOR if found.with_factor else SINGLE_FACTOR
    if with_subject or Scope.OPENID in found.effective_scopes:
        content["sub"] = oidc.compute_subject(found.user)
    if Scope.PROFILE in found.effective_scopes:
        content["username"] = found.user.username
    return content
