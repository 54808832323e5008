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

import signin.actions
from accounts.models import LoginMethod, User
from audit import storing
from audit.actions import draft
from audit.actors import Origin, through_api
from audit.models import Verb
from loket import sealing
from loket.ids import uuid7
from signin.visitors import stranger
from webservice import credentials
from webservice.models import Application
from webservice.scopes import API, known

_SECONDS: int = oauth2_settings.ACCESS_TOKEN_EXPIRE_SECONDS
# One statement: apart from the password check, round trips to the database dominate the cost of a token. The commit is
# asynchronous: a crash may lose a token with its event, but no change made with that token, because the commit of a
# change waits until everything written before it is on disk as well.
_STORE = """
WITH given AS (
    INSERT INTO webservice_accesstoken
        (id, user_id, provider_id, session_version, token, token_checksum, scope, created, updated, expires, resource,
         application_id)
    SELECT %s, %s, %s, %s, '', %s, %s, %s, %s, %s, '[]', id
    FROM webservice_application WHERE client_id = 'webservice' AND switched_off_at IS NULL
    RETURNING set_config('synchronous_commit', 'off', true)
),
"""
_ONCE = ("grant_type", "scope", "client_id", "client_secret")  # parameters that may occur at most once


def give(http: HttpRequest) -> dict[str, Any]:
    """Issue an access token to the SSO/Webservice user whose username and password are in `http`.

    Raises an error of `errors`, and Throttled.
    """
    if http.GET or any(len(http.POST.getlist(name)) > 1 for name in _ONCE):
        raise errors.InvalidRequestError("Send each parameter once, in the body.")
    scope = _scope(http.POST.get("scope", ""))
    said, by = credentials.of(http), stranger(http, Origin.API)
    user = signin.actions.match(said.name, said.secret, LoginMethod.SSO_WEBSERVICE, device="", by=by)
    if user is None:
        raise errors.InvalidClientError
    token = sealing.new_token()
    event = draft(Verb.SIGNED_IN, user, by=through_api(http, user), provider_id=user.provider_id)
    _give(_stored(token, user, scope), signin.actions.settling(said.name, by=by), storing.after("given", event))
    _note_sign_in(user)
    return {"access_token": token, "expires_in": _SECONDS, "token_type": "Bearer", "scope": scope}


def _scope(asked: str) -> str:
    """Return the requested scopes, all API scopes if none are named. Raises errors.InvalidScopeError."""
    wanted = set(asked.split())
    if not wanted <= set(API):
        raise errors.InvalidScopeError
    return " ".join(known(wanted) or API)


def _stored(token: str, user: User, scope: str) -> tuple[str, list[Any]]:
    now = timezone.now()
    values = [uuid7(), user.pk, user.provider_id, user.session_version, sealing.token_hash(token), scope]
    return _STORE, [*values, now, now, now + timedelta(seconds=_SECONDS)]


def _give(*parts: tuple[str, list[Any]]) -> None:
    """Execute `parts` as one statement. Raises errors.InvalidClientError if the application is disabled."""
    statement = "".join(sql for sql, _values in parts)
    values = [value for _sql, own in parts for value in own]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        if cursor.rowcount == 0:
            Application.objects.built_in()
            cursor.execute(statement, values)
        if cursor.rowcount == 0:
            raise errors.InvalidClientError


def _note_sign_in(user: User) -> None:
    """Update last_login, at most once a minute: clients may request tokens every second."""
    now = timezone.now()
    if user.last_login is None or user.last_login < now - timedelta(minutes=1):
        User.objects.filter(pk=user.pk).update(last_login=now)
