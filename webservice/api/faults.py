"""Errors of the API, and the conversion of exceptions to errors."""

import math
from collections.abc import Iterable
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied, ValidationError
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as WrongShape
from pydantic.alias_generators import to_camel

from accounts.actions import Stale
from audit.actors import ProofRequired
from invitations.actions import NotOpen
from signin.throttle import Throttled
from teams.rights import LastAdministrator
from webservice.api.envelopes import Message, broken, refusal
from webservice.tokens import Caller, Lack

Form = TypeVar("Form", bound=BaseForm)

# Paths of form and action fields in the API; other fields keep their name, in camelCase.
_PLACES = {
    "initials": "personalDetails.initials",
    "first_name": "personalDetails.firstName",
    "prefix": "personalDetails.prefix",
    "last_name": "personalDetails.lastName",
    "email": "contactInformation.emailAddress",
    "phone_number": "contactInformation.phoneNumber",
    "place_of_employment": "contactInformation.placeOfEmployment",
    "has_access_to_test_years": "hasAccessToPayrollingTestData",
    "two_factor_required": "twoFactorAuthenticationRequired",
    "mobile_number": "destinationForSecret",
    "name": "description",
    "external_tenant": "tenant.id",
    "external_user_id": "externalUserId",
}


_STEP_UP = 'Bearer realm="loket", error="insufficient_user_authentication", max_age="300"'  # RFC 9470 section 3


class Fault(Exception):
    """An error response with its status; `headers` are added to the response."""

    def __init__(self, status: int, code: str, description: str, *, field: str | None = None, **headers: str) -> None:
        super().__init__(code)
        self.status, self.messages = status, [broken(code, description, field)]
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Faults(Fault):
    """Several errors in the request, in one response."""

    def __init__(self, messages: Iterable[Message]) -> None:
        super().__init__(400, "several", "")
        self.messages = list(messages)


def checked(form: Form, *, below: str = "") -> Form:
    """Return `form` if it is valid. Raises Faults with the field paths of the API."""
    if form.is_valid():
        return form
    raise Faults(_of_fields(form.errors.as_data(), below))


def about(error: ValidationError, field: str | None = None) -> Faults:
    """Convert a ValidationError; `field` applies where the error names no field."""
    if hasattr(error, "error_dict"):
        return Faults(_of_fields(error.error_dict, ""))
    return Faults(broken(one.code or "invalid", " ".join(one.messages), field) for one in error.error_list)


def _of_fields(faults: dict[str, list[ValidationError]], below: str) -> list[Message]:
    return [
        broken(one.code or "invalid", " ".join(one.messages), _place(name, below))
        for name, found in faults.items()
        for one in found
    ]


def _place(name: str, below: str) -> str | None:
    return None if name == "__all__" else below + _PLACES.get(name, to_camel(name))


def no_token() -> Fault:
    """Return the error for a missing or invalid token."""
    text = _("Send “Authorization: Bearer …” with an access token that has not expired.")
    return Fault(401, "token", text, WWW_Authenticate='Bearer realm="loket"')


def not_found() -> Fault:
    """Return the error for what does not exist, or belongs to another office."""
    return Fault(404, "not_found", _("This does not exist, or not in your office."))


def stale() -> Fault:
    """Return the error for a concurrent change."""
    return Fault(
        412,
        "stale",
        _("This has been changed in the meantime. Read it again and repeat your change."),
        field="If-Match",
    )


def too_often(wait: float) -> Fault:
    """Return the error for a caller that has to wait `wait` seconds."""
    seconds = max(1, math.ceil(wait))
    text = _("Too many requests. Try again in %(seconds)d seconds.") % {"seconds": seconds}
    return Fault(429, "too_many_requests", text, Retry_After=str(seconds))


def unproved(caller: Caller) -> Fault:
    """Return the step-up error: the token does not allow changes to how users sign in."""
    texts = {
        Lack.INTERACTIVE: _("This change requires a logged-in user: use a token from the authorization code grant."),
        Lack.RECENT: _("The user must log in again: this requires a token from a login at most 5 minutes ago."),
        Lack.FACTOR: _("The user must log in with a second factor."),
    }
    lacks = caller.lacks()
    header = {} if Lack.INTERACTIVE in lacks else {"WWW_Authenticate": _STEP_UP}
    fault = Fault(403, "proof", "", **header)
    fault.messages = [broken(lack.value, texts[lack]) for lack in lacks]
    return fault


def _shape(error: dict[str, Any]) -> Message:
    """Describe an error of pydantic. The value is omitted: it may be a password."""
    kind, place = error["type"], [str(part) for part in error["loc"][1:]]
    known = {
        "missing": _("This field is required."),
        "extra_forbidden": _("This field does not exist."),
        "string_type": _("This must be a string."),
        "bool_type": _("This must be true or false."),
        "int_type": _("This must be an integer."),
        "string_too_long": _("This is too long."),
        "string_too_short": _("This is too short."),
    }
    text = known.get(kind) or _("This is not allowed here: %(reason)s.") % {"reason": error["msg"]}
    return broken(kind, text, ".".join(part for part in place if part != "body") or None)


def _of(error: Exception) -> Fault:
    """Convert an exception to an error."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, WrongShape):
        return Faults(_shape(one) for one in error.errors)
    if isinstance(error, ValidationError):
        return about(error)
    if isinstance(error, PermissionDenied):
        return Fault(403, "reach", str(error))
    if isinstance(error, Throttled):
        return too_often(error.wait.total_seconds())
    if isinstance(error, LastAdministrator):
        return Fault(400, "last_administrator", str(error))
    if isinstance(error, NotOpen):
        return Fault(400, "not_open", _("There is no open invitation: it was accepted or revoked."))
    if isinstance(error, HttpError):
        return Fault(error.status_code, "unreadable", _("The body is not valid JSON."))
    return stale() if isinstance(error, Stale) else not_found()


def answered(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """Return the response for a request that raised `error`."""
    fault = unproved(request.caller) if isinstance(error, ProofRequired) else _of(error)  # type: ignore[attr-defined, arg-type]
    response = refusal(request, fault.status, fault.messages)
    for name, value in fault.headers.items():
        response[name] = value
    return response


def handle(api: NinjaAPI) -> None:
    """Register the handlers of expected exceptions; others remain server errors."""
    expected = (Fault, WrongShape, ValidationError, PermissionDenied, Throttled, LastAdministrator, NotOpen, HttpError)
    for kind in (*expected, Stale, Http404):
        api.add_exception_handler(kind, answered)
