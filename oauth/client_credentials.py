"""Client credentials grant (RFC 6749 section 4.4): an SSO/Webservice user is its own OAuth client.

Bypasses the library, which needs many more queries per token: machines request tokens every second.
"""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.settings import oauth2_settings
from oauthlib.oauth2.rfc6749 import errors

import authentication.actions
from accounts.models import LoginMethod, User
from audit import insert
from audit.actions import draft_event
from audit.actors import EventOrigin, build_api_actor
from audit.models import Verb
from authentication.request_utils import build_anonymous_actor
from core import encryption
from core.ids import uuid7
from oauth import credentials
from oauth.models import Application
from oauth.scopes import API_SCOPES, sort_scopes

_ACCESS_TOKEN_SECONDS: int = oauth2_settings.ACCESS_TOKEN_EXPIRE_SECONDS
# One statement: apart from the password check, round trips to the database dominate the cost of a token. The commit is
# asynchronous: a crash may lose a token with its event, but no change made with that token, because the commit of a
# change waits until everything written before it is on disk as well.
_INSERT_TOKEN_SQL = """
WITH given AS (
    INSERT INTO oauth_accesstoken
        (id, user_id, provider_id, session_version, token, token_checksum, scope, created, updated, expires, resource,
         application_id)
    SELECT %s, %s, %s, %s, '', %s, %s, %s, %s, %s, '[]', id
    FROM oauth_application WHERE client_id = 'webservice' AND switched_off_at IS NULL
    RETURNING set_config('synchronous_commit', 'off', true)
),
"""  # noqa: S105 (a statement, no secret)
_SINGLE_PARAMETERS = ("grant_type", "scope", "client_id", "client_secret")  # parameters that may occur at most once


def issue_access_token(http: HttpRequest) -> dict[str, Any]:
    """Issue an access token to the SSO/Webservice user whose username and password are in `http`.

    Raises an error of `errors`, and Throttled.
    """
    if http.GET or any(len(http.POST.getlist(name)) > 1 for name in _SINGLE_PARAMETERS):
        raise errors.InvalidRequestError("Send each parameter once, in the body.")
    scope = _parse_scope(http.POST.get("scope", ""))
    said, by = credentials.read_client_credentials(http), build_anonymous_actor(http, EventOrigin.API)
    user = authentication.actions.verify_credentials(
        said.name, said.secret, LoginMethod.SSO_WEBSERVICE, device="", by=by
    )
    if user is None:
        raise errors.InvalidClientError
    token = encryption.generate_token()
    event = draft_event(Verb.SIGNED_IN, user, by=build_api_actor(http, user), provider_id=user.provider_id)
    _execute_statement(
        _build_token_insert(token, user, scope),
        authentication.actions.build_login_refund_cte(said.name, by=by),
        insert.build_insert_after("given", event),
    )
    _update_last_login(user)
    return {"access_token": token, "expires_in": _ACCESS_TOKEN_SECONDS, "token_type": "Bearer", "scope": scope}


def _parse_scope(asked: str) -> str:
    """Return the requested scopes, all API scopes if none are named. Raises errors.InvalidScopeError."""
    wanted = set(asked.split())
    if not wanted <= set(API_SCOPES):
        raise errors.InvalidScopeError
    return " ".join(sort_scopes(wanted) or API_SCOPES)


def _build_token_insert(token: str, user: User, scope: str) -> tuple[str, list[Any]]:
    now = timezone.now()
    values = [uuid7(), user.pk, user.provider_id, user.session_version, encryption.hash_token(token), scope]
    return _INSERT_TOKEN_SQL, [*values, now, now, now + timedelta(seconds=_ACCESS_TOKEN_SECONDS)]


def _execute_statement(*parts: tuple[str, list[Any]]) -> None:
    """Execute `parts` as one statement. Raises errors.InvalidClientError if the application is disabled."""
    statement = "".join(sql for sql, _values in parts)
    values = [value for _sql, own in parts for value in own]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        if cursor.rowcount == 0:
            Application.objects.get_built_in()
            cursor.execute(statement, values)
        if cursor.rowcount == 0:
            raise errors.InvalidClientError


def _update_last_login(user: User) -> None:
    """Update last_login, at most once a minute: clients may request tokens every second."""
    now = timezone.now()
    if user.last_login is None or user.last_login < now - timedelta(minutes=1):
        User.objects.filter(pk=user.pk).update(last_login=now)
