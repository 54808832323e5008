"""The SCIM 2.0 endpoint of a connection: authentication, limits and errors around the protocol of the library."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.core.signals import got_request_exception
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from scim2_models import SCIMException
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse

from audit.actors import Actor, build_directory_actor
from core import encryption, throttle
from core.access import SAFE, Access, page
from core.db_errors import is_database_unavailable
from core.errors import EditConflict
from core.throttle import RateLimit, Throttled
from permissions.checks import LastAdministrator
from scim import journal
from scim.errors import CONTENT_TYPE, render_error
from scim.models import ConnectionToken, DirectoryConnection
from scim.service import DirectoryHandler, DirectoryService
from scim.storage import DirectoryStorage

CALL_LIMIT = RateLimit("directory", burst=3000, every=timedelta(milliseconds=20))
_FAILED_LIMIT = RateLimit("directory tokens", burst=100, every=timedelta(seconds=6))
# Names in use tell which exist, also in other offices.
CONFLICT_LIMIT = RateLimit("directory conflicts", burst=200, every=timedelta(seconds=18))
_UNIQUENESS_CODES = {"taken", "account_taken", "used"}
_NOTE_EVERY = timedelta(minutes=1)
_RETRY_AFTER_SECONDS = 5


class CallRefused(Exception):
    """The call is refused before the protocol starts."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def machine_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark a view for programs, which send a token and no cookie."""
    return csrf_exempt(page(Access.TOKEN, methods=None, before_second_factor=True, during_enrollment=True)(view))


@machine_view
def unknown_address(request: HttpRequest) -> HttpResponse:
    return render_error(404, "This address does not exist. Copy that of the connection from Loket.")


@machine_view
def endpoint(request: HttpRequest, connection_id: UUID, path: str = "") -> HttpResponse:
    """Answer a call; whatever goes wrong is an error in the form of the protocol."""
    connection: DirectoryConnection | None = None
    with translation.override("en"):
        try:
            token = _authenticate(request, connection_id)
            connection = token.connection
            response = _respond(request, token, path)
        except LastAdministrator as error:
            DirectoryConnection.objects.filter(pk=connection_id).update(alarm_at=timezone.now())
            response = render_error(409, str(error))
        except Exception as error:
            response = _render_exception(request, error)
    if connection is not None:
        if request.method == "POST" and response.status_code == HTTPStatus.CONFLICT:
            _count_conflict(connection)
        journal.note_call(connection, str(request.method), path, response)
    response["Vary"] = "Authorization"
    return response


def _respond(request: HttpRequest, token: ConnectionToken, path: str) -> HttpResponse:
    connection = token.connection
    throttle.consume_attempt(CALL_LIMIT, str(connection.pk))
    by = _authorize(request, connection)
    method = "GET" if request.method == "HEAD" else str(request.method)
    is_search = path.strip("/").lower().rpartition("/")[2] == ".search"
    writes = method not in SAFE and not is_search
    if method == "POST" and writes:
        _require_few_conflicts(connection)
    storage = DirectoryStorage(connection, by, reload=partial(_reload, request, token, by) if writes else None)
    service = DirectoryService()
    scim_request = ScimRequest(
        method,
        urljoin(settings.LOKET_URL, f"/scim/v2/{connection.pk}"),
        path,
        request.GET.dict(),
        dict(request.headers),
        _read_body(request),
    )
    try:
        answer = DirectoryHandler(service, storage).handle(scim_request)
    except (SCIMException, RecursionError) as error:
        answer = service.error_response(error)
    return _render(answer)


def _require_few_conflicts(connection: DirectoryConnection) -> None:
    """Raise Throttled once the names in use are used up."""
    for wait in throttle.get_exhausted_limits([(CONFLICT_LIMIT, str(connection.pk))]).values():
        raise Throttled(wait)


def _count_conflict(connection: DirectoryConnection) -> None:
    with suppress(Throttled, DatabaseError):  # the next call is refused
        throttle.consume_attempt(CONFLICT_LIMIT, str(connection.pk))


def _authorize(request: HttpRequest, connection: DirectoryConnection) -> Actor:
    """Return who acts. Raises CallRefused."""
    owner = connection.owner
    if not connection.answers_calls:
        raise CallRefused(403, "This connection is turned off. An administrator can turn it on in Loket.")
    if owner is None or not connection.has_able_owner:
        raise CallRefused(403, "The owner of this connection cannot manage users. Become its owner in Loket.")
    return build_directory_actor(owner, connection.name, request)


def _reload(request: HttpRequest, token: ConnectionToken, by: Actor) -> tuple[DirectoryConnection, Actor]:
    """Return the connection and the actor once the office is locked: either may have changed since the call arrived."""
    known = token.connection
    same = {name: getattr(known, name) for name in ("version", "state", "owner_id", "tenant_id", "warned_at")}
    if ConnectionToken.objects.filter(pk=token.pk, **{f"connection__{name}": same[name] for name in same}).exists():
        return known, by  # each action asks for the rights of the owner again
    found = _find_token(pk=token.pk)
    if found is None:
        raise CallRefused(401, "This token has been removed.")
    return found.connection, _authorize(request, found.connection)


def _find_token(**conditions: Any) -> ConnectionToken | None:
    rows = ConnectionToken.objects.select_related("connection__tenant", "connection__owner", "connection__provider")
    try:
        token = rows.get(**conditions)
    except ConnectionToken.DoesNotExist:
        return None
    if token.connection.owner is not None:
        token.connection.owner.provider = token.connection.provider
    return token


def _authenticate(request: HttpRequest, connection_id: UUID) -> ConnectionToken:
    """Return the token of the connection. Raises CallRefused, Throttled."""
    kind, _space, secret = request.headers.get("Authorization", "").partition(" ")
    hashed = encryption.hash_token(secret.strip())
    token = _find_token(token_hash=hashed, connection=connection_id) if kind.lower() == "bearer" else None
    if token is None:
        throttle.consume_attempt(_FAILED_LIMIT, str(connection_id))
        raise CallRefused(401, "Send “Authorization: Bearer …” with a token of this connection.")
    if token.connection.provider.suspended_at is not None:
        raise CallRefused(403, "The office is suspended.")
    _note_use(token)
    return token


def _note_use(token: ConnectionToken) -> None:
    """Store that the token is used, at most once a minute."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - _NOTE_EVERY:
        ConnectionToken.objects.filter(pk=token.pk).update(last_used_at=now)
        DirectoryConnection.objects.filter(pk=token.connection_id).update(last_call_at=now)


def _read_body(request: HttpRequest) -> bytes:
    """Return the body. Raises RequestDataTooBig, UnreadablePostError."""
    length = str(request.headers.get("content-length") or "0")
    if not length.isdecimal():
        raise CallRefused(400, "The Content-Length is no number.")
    if int(length) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0):
        raise RequestDataTooBig
    return request.body


def _render(answer: ScimResponse) -> HttpResponse:
    content = b"" if answer.body is None else json.dumps(answer.body, ensure_ascii=False).encode()
    response = HttpResponse(content, content_type=CONTENT_TYPE, status=int(answer.status))
    for name, value in answer.headers.items():
        if name.lower() != "content-type":
            response[name] = value
    return response


def _render_exception(request: HttpRequest, error: Exception) -> HttpResponse:
    match error:
        case CallRefused():
            response = render_error(error.status, error.detail)
            if error.status == HTTPStatus.UNAUTHORIZED:
                response["WWW-Authenticate"] = 'Bearer realm="SCIM"'
            return response
        case RequestDataTooBig():
            return render_error(413, f"A body has at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes.")
        case UnreadablePostError():
            return render_error(400, "The body did not arrive.", "invalidSyntax")
        case Throttled():
            response = render_error(429, str(error))
            response["Retry-After"] = str(error.seconds)
            return response
        case PermissionDenied():
            return render_error(403, str(error))
        case EditConflict():
            return render_error(409, "The user changed in the meantime. Read it again.")
        case ValidationError():
            is_conflict = bool(_UNIQUENESS_CODES & set(_iter_codes(error)))
            scim_type = "uniqueness" if is_conflict else "invalidValue"
            return render_error(409 if is_conflict else 400, " ".join(error.messages), scim_type)
    got_request_exception.send(sender=None, request=request)
    if is_database_unavailable(error):
        response = render_error(503, "The database is temporarily unavailable. Try again in a few seconds.")
        response["Retry-After"] = str(_RETRY_AFTER_SECONDS)
        return response
    return render_error(500, "Something went wrong, and nothing was changed.")


def _iter_codes(error: ValidationError) -> list[Any]:
    found = error.error_dict.values() if hasattr(error, "error_dict") else [error.error_list]
    return [part.code for parts in found for part in parts]
