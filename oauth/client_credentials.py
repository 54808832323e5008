"""Client credentials grant (RFC 6749 section 4.4): an SSO/Webservice user is its own OAuth client.

Bypasses the library, which needs many more queries per token: programs request tokens every second.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.settings import oauth2_settings
from oauthlib.oauth2.rfc6749 import errors

from accounts.models import LoginMethod, User
from audit.actions import record
from audit.actors import EventOrigin, build_anonymous_actor, build_api_actor
from audit.models import Verb
from authentication.actions import authenticate_password
from core import encryption
from oauth import credentials, resources
from oauth.models import AccessToken, Application
from oauth.scopes import API_SCOPES, sort_scopes

_ACCESS_TOKEN_SECONDS: int = oauth2_settings.ACCESS_TOKEN_EXPIRE_SECONDS
_SINGLE_PARAMETERS = ("grant_type", "scope", "client_id", "client_secret")  # parameters that may occur at most once


def issue_access_token(http: HttpRequest) -> dict[str, Any]:
    """Issue an access token to the SSO/Webservice user whose username and password are in `http`.

    Raises an error of `errors`, and Throttled.
    """
    if http.GET or any(len(http.POST.getlist(name)) > 1 for name in _SINGLE_PARAMETERS):
        raise errors.InvalidRequestError("Send each parameter once, in the body.")
    scope, names = _parse_scope(http.POST.get("scope", "")), http.POST.getlist("resource")
    username, password, _assertion = credentials.read_client_credentials(http)
    by = build_anonymous_actor(http, EventOrigin.API)
    user = authenticate_password(username, password, device="", by=by, kind=LoginMethod.SSO_WEBSERVICE)
    if user is None or not (application := Application.objects.get_built_in()).is_usable():
        raise errors.InvalidClientError
    if error := resources.find_error(names, user.provider_id):
        raise error
    token = encryption.generate_token()
    _store_token(http, user, application, token, scope, names)
    return {"access_token": token, "expires_in": _ACCESS_TOKEN_SECONDS, "token_type": "Bearer", "scope": scope}


def _parse_scope(text: str) -> str:
    """Return the requested scopes, all API scopes if none are named. Raises errors.InvalidScopeError."""
    scopes = set(text.split())
    if not scopes <= set(API_SCOPES):
        raise errors.InvalidScopeError
    return " ".join(sort_scopes(scopes) or API_SCOPES)


@transaction.atomic
def _store_token(
    http: HttpRequest, user: User, application: Application, token: str, scope: str, names: list[str]
) -> None:
    now = timezone.now()
    AccessToken.objects.create(
        user=user,
        application=application,
        token_checksum=encryption.hash_token(token),  # the token itself is not stored
        scope=scope,
        resource=names,
        expires=now + timedelta(seconds=_ACCESS_TOKEN_SECONDS),
    )
    if user.last_login is None or user.last_login < now - timedelta(minutes=1):  # programs ask every second
        User.objects.filter(pk=user.pk).update(last_login=now)
    record(Verb.SIGNED_IN, user, by=build_api_actor(http, user), provider_id=user.provider_id)
