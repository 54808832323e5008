"""Authorization of calls: token, rate limit, version, scope of the client and right of the user, in that order.

Each operation declares one scope and one right (`api.operations`). An error states which check failed (domain.md
section 3.1).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.utils import translation
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.translation import gettext as _

from api import errors
from api.errors import ApiError
from api.schemas import API_VERSIONS, JSON_CONTENT_TYPE
from audit.actors import Actor, build_api_actor
from core import throttle
from core.access import Access, ReauthenticationLevel, page
from core.throttle import RateLimit, Throttled
from oauth import tokens
from oauth.rate_limit_headers import build_rate_limit_headers
from oauth.scopes import Scope
from oauth.tokens import Caller
from permissions import checks
from permissions.checks import Right
from permissions.duty_guard import collect_accepted_conflicts

_LIST_PARAMETERS = ("filter", "orderBy", "pageNumber", "pageSize")  # the fields of `api.listing.ListQuery`
CALL_LIMIT = RateLimit("web service", burst=600, every=timedelta(milliseconds=100))
_DATE_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}", re.A)


class ApiRequest(HttpRequest):
    """A request with a valid access token."""

    caller: Caller
    api_version: str
    rate_limit_headers: dict[str, str]
    by: Actor
    proof: ReauthenticationLevel


@dataclass(frozen=True)
class OperationAuth:
    """Authorization of one operation. Without `right` the operation concerns the user of the token."""

    scope: Scope
    right: Right | None

    def __call__(self, request: ApiRequest) -> Caller:
        """Authorize the request. Raises ApiError."""
        caller = tokens.authenticate_bearer(request)
        if caller is None:
            raise errors.build_invalid_token_error(is_sent=bool(request.headers.get("Authorization")))
        request.caller = caller
        _apply_rate_limit(request)
        request.api_version = negotiate_version(request.headers.get("Accept", ""))
        self._check(request)
        request.proof = caller.proof
        request.by = build_api_actor(request, caller.user)
        return caller

    def _check(self, request: ApiRequest) -> None:
        if self.scope not in request.caller.scopes:
            raise errors.build_scope_error(self.scope)
        if self.right is not None and not checks.has_right(request.caller.user, self.right):
            text = _("The user does not have the right “%(right)s”.") % {"right": self.right.label}
            raise ApiError(403, "user_right", text)


def _apply_rate_limit(request: ApiRequest) -> None:
    """Count the request for this client and user. Raises ApiError (429) above the limit."""
    try:
        left = throttle.consume_attempt(CALL_LIMIT, f"{request.caller.application.pk}:{request.caller.user.pk}")
    except Throttled as error:
        exhausted = throttle.AttemptsLeft(0, error.wait + (CALL_LIMIT.burst - 1) * CALL_LIMIT.every)
        request.rate_limit_headers = build_rate_limit_headers(CALL_LIMIT, exhausted)
        raise errors.build_rate_limit_error(error) from None
    request.rate_limit_headers = build_rate_limit_headers(CALL_LIMIT, left)


def negotiate_version(accept: str) -> str:
    """Return the newest version on or before the date in `accept`. Raises ApiError (406) without a known version."""
    for part in accept.split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind.lower() not in (JSON_CONTENT_TYPE, "application/*", "*/*"):
            continue
        for parameter in parameters:
            name, _equals, value = parameter.partition("=")
            known = [version for version in API_VERSIONS if version <= value.strip(' "')]
            if name.strip().lower() == "version" and _is_iso_date(value.strip(' "')) and known:
                return known[-1]
    text = _("Send “Accept: application/json;version=%(version)s”.") % {"version": API_VERSIONS[-1]}
    raise ApiError(406, "accept", text, field="Accept")


def _is_iso_date(text: str) -> bool:
    if not _DATE_PATTERN.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def require_office(request: ApiRequest, provider_id: UUID) -> None:
    """Raise ApiError (404) unless the caller belongs to that office: other offices do not exist for the caller."""
    if request.caller.user.provider_id != provider_id:
        raise errors.build_not_found_error()


def api_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark `view` as an API view, which authenticates by token and ignores the browser session.

    It responds in the language that the client accepts, treats HEAD as GET, rejects a wrong content type or method with
    an error of the API, and adds the headers of every response.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.GET = _normalize_list_parameters(request.GET)  # type: ignore[assignment]
        with translation.override(translation.get_language_from_request(request)):
            with collect_accepted_conflicts() as request.accepted_conflicts:  # type: ignore[attr-defined]
                response = _respond(view, request, *args, **kwargs)
            response["Content-Language"] = translation.get_language()
        patch_vary_headers(response, ["Accept", "Accept-Language", "Authorization"])
        response["Expires"] = "0"
        for name, value in getattr(request, "rate_limit_headers", {}).items():
            response[name] = value
        return response

    return page(Access.TOKEN, methods=None, before_second_factor=True, during_enrollment=True)(wrapper)


def _respond(view: Callable[..., HttpResponse], request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    if request.body and request.content_type != JSON_CONTENT_TYPE:
        fault = ApiError(415, "content_type", _("Send “Content-Type: application/json”."), field="Content-Type")
        return errors.render_exception(request, fault)
    method, request.method = request.method, "GET" if request.method == "HEAD" else request.method
    response = view(request, *args, **kwargs)
    request.method = method  # the server leaves out the body of HEAD
    if isinstance(response, HttpResponseNotAllowed):
        methods = f"{response['Allow'].replace('GET', 'GET, HEAD')}, OPTIONS"
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": methods})
        fault = ApiError(405, "method", _("This method is not allowed here."), Allow=methods)
        return errors.render_exception(request, fault)
    if request.method in ("GET", "HEAD") and response.has_header("ETag") and "If-Match" not in request.headers:
        unchanged = get_conditional_response(request, etag=response["ETag"], response=response)
        return cast(HttpResponse, unchanged)
    return response


def _normalize_list_parameters(query: QueryDict) -> QueryDict:
    """Spell the parameters of lists as declared: their names are read regardless of case."""
    known = {name.lower(): name for name in _LIST_PARAMETERS}
    found = QueryDict(mutable=True, encoding=query.encoding)
    for name, values in query.lists():
        for value in values:
            found.appendlist(known.get(name.lower(), name), value)
    return found
