"""Authorization of calls: token, rate limit, version, scope of the client and right of the user, in that order.

Each operation declares one scope and one right with `needs`. A refusal states which check failed (domain.md section
3.1).
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.translation import gettext as _

from audit.actors import Actor, Proof, through_api
from signin import throttle
from signin.middleware import opens_before_factor, opens_while_enrolling
from signin.throttle import Limit, Throttled
from teams import rights
from teams.access import token
from teams.rights import Right
from webservice import tokens
from webservice.api import faults
from webservice.api.envelopes import JSON, VERSIONS
from webservice.api.faults import Fault
from webservice.scopes import Scope
from webservice.tokens import Caller

CALLS = Limit("web service", burst=600, every=timedelta(milliseconds=100))
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.A)


class ApiRequest(HttpRequest):
    """A request with a valid access token."""

    caller: Caller
    api_version: str
    limit_headers: dict[str, str]
    by: Actor
    proof: Proof


@dataclass(frozen=True)
class Door:
    """Authorization of one operation. Without `right` the operation concerns the user of the token."""

    scope: Scope
    right: Right | None

    def __call__(self, request: ApiRequest) -> Caller:
        """Authorize the request. Raises Fault."""
        caller = tokens.bearer(request)
        if caller is None:
            raise faults.no_token()
        request.caller = caller
        _charge(request)
        request.api_version = wanted_version(request.headers.get("Accept", ""))
        self._check(request)
        request.proof = caller.proof
        request.by = through_api(request, caller.user)
        return caller

    def _check(self, request: ApiRequest) -> None:
        if self.scope not in request.caller.scopes:
            text = _("The client does not have the scope “%(scope)s”: request a token with this scope.") % {
                "scope": self.scope.value
            }
            header = f'Bearer realm="loket", error="insufficient_scope", scope="{self.scope.value}"'
            raise Fault(403, "client_scope", text, WWW_Authenticate=header)
        if self.right is not None and not rights.may(request.caller.user, self.right):
            text = _("The user does not have the right “%(right)s”.") % {"right": self.right.label}
            raise Fault(403, "user_right", text)


def needs(scope: Scope, right: Right | None) -> dict[str, Any]:
    """Return the declaration of an operation that requires `scope` and `right`."""
    extra = {"security": [{"token": [scope.value]}], "x-right": None if right is None else right.value}
    return {"auth": Door(scope, right), "openapi_extra": extra}


def _charge(request: ApiRequest) -> None:
    """Count the request for this client and user. Raises Fault (429) above the limit."""
    headers = {"RateLimit-Limit": str(CALLS.burst), "RateLimit-Remaining": "0"}
    try:
        left = throttle.charge(CALLS, f"{request.caller.application.pk}:{request.caller.user.pk}")
    except Throttled as error:
        request.limit_headers = headers | {"RateLimit-Reset": "1"}
        raise faults.too_often(error.wait.total_seconds()) from None
    reset = math.ceil(left.full_in.total_seconds())
    request.limit_headers = headers | {"RateLimit-Remaining": str(left.tries), "RateLimit-Reset": str(reset)}


def wanted_version(accept: str) -> str:
    """Return the newest version on or before the date in `accept`. Raises Fault (406) without a known version."""
    for part in accept.split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind.lower() not in (JSON, "application/*", "*/*"):
            continue
        for parameter in parameters:
            name, _equals, value = parameter.partition("=")
            known = [version for version in VERSIONS if version <= value.strip(' "')]
            if name.strip().lower() == "version" and _is_day(value.strip(' "')) and known:
                return known[-1]
    text = _("Send “Accept: application/json;version=%(version)s”.") % {"version": VERSIONS[-1]}
    raise Fault(406, "accept", text, field="Accept")


def _is_day(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def require_office(request: ApiRequest, provider_id: UUID) -> None:
    """Raise Fault (404) unless the caller belongs to that office: other offices do not exist for the caller."""
    if request.caller.user.provider_id != provider_id:
        raise faults.not_found()


def opened(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark `view` as an API view, which authenticates by token and ignores the browser session.

    Also answers a wrong content type or method with an error of the API, and adds the rate limit headers.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.body and request.content_type != JSON:
            fault = Fault(415, "content_type", _("Send “Content-Type: application/json”."), field="Content-Type")
            return faults.answered(request, fault)
        response = view(request, *args, **kwargs)
        if isinstance(response, HttpResponseNotAllowed):
            fault = Fault(405, "method", _("This method is not allowed here."), Allow=response["Allow"])
            return faults.answered(request, fault)
        for name, value in getattr(request, "limit_headers", {}).items():
            response[name] = value
        return response

    return token(opens_before_factor(opens_while_enrolling(wrapper)))
