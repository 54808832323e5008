"""Errors of the API, and the conversion of exceptions to errors."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.errors import ValidationError as RequestValidationError
from pydantic.alias_generators import to_camel

from api.schemas import ApiMessage, build_error_message, render_error
from audit.actors import ReauthenticationRequired
from core.errors import EditConflict
from core.throttle import Throttled
from invitations.actions import InvitationNotOpen
from oauth.authentication_context import MULTI_FACTOR
from oauth.scopes import Scope
from oauth.tokens import Caller, MissingEvidence
from permissions.checks import LastAdministrator

if TYPE_CHECKING:
    from api.auth import ApiRequest

FormT = TypeVar("FormT", bound=BaseForm)
RowT = TypeVar("RowT", bound=Model)

# Paths of form and action fields in the API; other fields keep their name, in camelCase.
_FIELD_PATHS = {
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
    "external_tenant": "externalTenant.id",
    "external_user_id": "externalUser.id",
}
_MOMENT_TEXT = gettext_lazy("This must be a moment with its time zone, such as 2027-12-31T17:00:00Z.")
# By error type of pydantic, whose own texts are English and name classes.
_SCHEMA_TEXTS = {
    "missing": gettext_lazy("This field is required."),
    "extra_forbidden": gettext_lazy("This field does not exist."),
    "string_type": gettext_lazy("This must be a string."),
    "string_unicode": gettext_lazy("This must be a string."),
    "bool_type": gettext_lazy("This must be true or false."),
    "bool_parsing": gettext_lazy("This must be true or false."),
    "int_type": gettext_lazy("This must be an integer."),
    "int_parsing": gettext_lazy("This must be an integer."),
    "int_parsing_size": gettext_lazy("This must be an integer."),
    "int_from_float": gettext_lazy("This must be an integer."),
    "list_type": gettext_lazy("This must be a list."),
    "model_type": gettext_lazy("This must be an object."),
    "model_attributes_type": gettext_lazy("This must be an object."),
    "dict_type": gettext_lazy("This must be an object."),
    "uuid_type": gettext_lazy("This must be a UUID, such as 0196b2f0-7c1e-7d3a-9b57-2a6f0c1f8e11."),
    "uuid_parsing": gettext_lazy("This must be a UUID, such as 0196b2f0-7c1e-7d3a-9b57-2a6f0c1f8e11."),
    "date_type": gettext_lazy("This must be a date, such as 2027-12-31."),
    "date_parsing": gettext_lazy("This must be a date, such as 2027-12-31."),
    "date_from_datetime_parsing": gettext_lazy("This must be a date, such as 2027-12-31."),
    "date_from_datetime_inexact": gettext_lazy("This must be a date, such as 2027-12-31."),
    "datetime_type": _MOMENT_TEXT,
    "datetime_parsing": _MOMENT_TEXT,
    "datetime_from_date_parsing": _MOMENT_TEXT,
    "datetime_object_invalid": _MOMENT_TEXT,
    "timezone_aware": _MOMENT_TEXT,
    "none_required": gettext_lazy("This is not kept here: send null, or leave it out."),
    "string_too_long": gettext_lazy("This is too long: at most %(max_length)s characters."),
    "string_too_short": gettext_lazy("This is too short: at least %(min_length)s characters."),
    "too_long": gettext_lazy("This list is too long: at most %(max_length)s items."),
    "greater_than_equal": gettext_lazy("This must be %(ge)s or more."),
    "less_than_equal": gettext_lazy("This must be %(le)s or less."),
    "literal_error": gettext_lazy("This must be one of %(expected)s."),
    "other": gettext_lazy("This value is not allowed here."),
}
# RFC 9470 section 3
_STEP_UP_CHALLENGE = 'Bearer realm="loket", error="insufficient_user_authentication", max_age="300"'


class ApiError(Exception):
    """An error response with its status; `headers` are added to the response."""

    def __init__(self, status: int, reason: str, description: str, *, field: str | None = None, **headers: str) -> None:
        super().__init__(reason)
        self.status, self.messages = status, [build_error_message(status, reason, description, field)]
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class ApiValidationError(ApiError):
    """Several errors in the request, in one response."""

    def __init__(self, messages: Iterable[ApiMessage]) -> None:
        super().__init__(400, "several", "")
        self.messages = list(messages)


def validate_form(form: FormT, *, field_prefix: str = "") -> FormT:
    """Return `form` if it is valid. Raises ApiValidationError with the field paths of the API."""
    if form.is_valid():
        return form
    raise ApiValidationError(_build_field_messages(form.errors.as_data(), field_prefix))


def convert_validation_error(error: ValidationError, field: str | None = None) -> ApiValidationError:
    """Convert a ValidationError; `field` applies where the error names no field."""
    if hasattr(error, "error_dict"):
        return ApiValidationError(_build_field_messages(error.error_dict, ""))
    return ApiValidationError(_build_messages(error.error_list, field))


def _build_field_messages(errors: dict[str, list[ValidationError]], field_prefix: str) -> list[ApiMessage]:
    paths = {name: field_prefix + _FIELD_PATHS.get(name, to_camel(name)) for name in errors if name != "__all__"}
    return [message for name, found in errors.items() for message in _build_messages(found, paths.get(name))]


def _build_messages(errors: Iterable[ValidationError], field: str | None) -> list[ApiMessage]:
    return [build_error_message(400, error.code or "invalid", " ".join(error.messages), field) for error in errors]


def get_or_404(rows: QuerySet[RowT, Any], pk: UUID) -> RowT:
    """Return the row `pk`. Raises ApiError (404) if it is not among `rows`."""
    row: RowT | None = rows.filter(pk=pk).first()
    if row is None:
        raise build_not_found_error()
    return row


def get_or_400(rows: QuerySet[RowT, Any], pk: UUID, reason: str, field: str) -> RowT:
    """Return the row that `field` of the body refers to. Raises ApiError (400) if it is not among `rows`."""
    row: RowT | None = rows.filter(pk=pk).first()
    if row is None:
        raise ApiError(400, reason, _("This does not exist, or not in your office."), field=field)
    return row


def build_invalid_token_error(*, is_sent: bool = True) -> ApiError:
    """Return the error for an invalid token, or a missing one: that has no error code (RFC 6750 section 3.1)."""
    text = _("Send “Authorization: Bearer …” with an access token that has not expired.")
    challenge = 'Bearer realm="loket"' + (', error="invalid_token"' if is_sent else "")
    return ApiError(401, "token", text, WWW_Authenticate=challenge)


def build_scope_error(scope: Scope) -> ApiError:
    """Return the error for a token without `scope`."""
    text = _("The client does not have the scope “%(scope)s”: request a token with this scope.") % {
        "scope": scope.value
    }
    header = f'Bearer realm="loket", error="insufficient_scope", scope="{scope.value}"'
    return ApiError(403, "client_scope", text, WWW_Authenticate=header)


def build_not_found_error() -> ApiError:
    """Return the error for what does not exist, or belongs to another office."""
    return ApiError(404, "not_found", _("This does not exist, or not in your office."))


def build_edit_conflict_error(*, is_conditional: bool = True) -> ApiError:
    """Return the error for a concurrent change: 412 for a request with `If-Match`, else 409 (RFC 9110)."""
    text = _("This has been changed in the meantime. Read it again and repeat your change.")
    return ApiError(412, "stale", text, field="If-Match") if is_conditional else ApiError(409, "stale", text)


def build_rate_limit_error(error: Throttled) -> ApiError:
    return ApiError(429, "too_many_requests", str(error), Retry_After=str(error.seconds))


def build_step_up_error(caller: Caller) -> ApiError:
    """Return the step-up error: the token does not allow changes to how users sign in."""
    texts = {
        MissingEvidence.INTERACTIVE: _(
            "This change requires a logged-in user: use a token from the authorization code grant."
        ),
        MissingEvidence.RECENT: _(
            "The user must log in again: this requires a token from a login within the last 5 minutes."
        ),
        MissingEvidence.FACTOR: _("The user must log in with a second factor."),
    }
    missing = caller.list_missing_proof()
    challenge = _STEP_UP_CHALLENGE
    if MissingEvidence.FACTOR in missing:
        challenge += f', acr_values="{MULTI_FACTOR}"'
    header = {} if MissingEvidence.INTERACTIVE in missing else {"WWW_Authenticate": challenge}
    fault = ApiError(403, "proof", "", **header)
    fault.messages = [build_error_message(403, proof.value, texts[proof]) for proof in missing]
    return fault


def build_login_again_error() -> ApiError:
    """Return the step-up error for what takes a user who logged in within half an hour."""
    text = _("The user must log in again: this requires a token from a login within the last half hour.")
    fault = ApiError(403, "proof", "", WWW_Authenticate=_STEP_UP_CHALLENGE.replace('"300"', '"1800"'))
    fault.messages = [build_error_message(403, MissingEvidence.RECENT.value, text)]
    return fault


def _build_schema_message(error: dict[str, Any]) -> ApiMessage:
    """Describe an error of pydantic. The value is omitted: it may be a password."""
    kind, place = error["type"], [str(part) for part in error["loc"][1:]]
    limits = {name: error.get("ctx", {}).get(name, "") for name in ("min_length", "max_length", "ge", "le", "expected")}
    limits["expected"] = str(limits["expected"]).replace(" or ", ", ")
    text = str(_SCHEMA_TEXTS.get(kind, _SCHEMA_TEXTS["other"])) % limits
    return build_error_message(400, kind, text, ".".join(part for part in place if part != "body") or None)


_CONVERTERS: dict[type[Exception], Callable[[Any], ApiError]] = {
    ApiError: lambda error: error,
    RequestValidationError: lambda error: ApiValidationError(_build_schema_message(part) for part in error.errors),
    ValidationError: convert_validation_error,
    PermissionDenied: lambda error: ApiError(403, "reach", str(error)),
    Throttled: build_rate_limit_error,
    LastAdministrator: lambda error: ApiError(400, "last_administrator", str(error)),
    InvitationNotOpen: lambda error: ApiError(
        400, "not_open", _("There is no open invitation: it was accepted or revoked.")
    ),
    HttpError: lambda error: ApiError(error.status_code, "unreadable", _("The body is not valid JSON.")),
    EditConflict: lambda error: build_edit_conflict_error(),
    Http404: lambda error: build_not_found_error(),
}


def render_exception(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """Return the response for a request that raised `error`, one of the expected exceptions."""
    if isinstance(error, ReauthenticationRequired):
        fault = build_step_up_error(cast("ApiRequest", request).caller)
    elif isinstance(error, EditConflict):
        fault = build_edit_conflict_error(is_conditional="If-Match" in request.headers)
    else:
        fault = next(convert for kind, convert in _CONVERTERS.items() if isinstance(error, kind))(error)
    response = render_error(request, fault.status, fault.messages)
    for name, value in fault.headers.items():
        response[name] = value
    return response


def register_exception_handlers(api: NinjaAPI) -> None:
    """Register the handlers of expected exceptions; others remain server errors."""
    for kind in _CONVERTERS:
        api.add_exception_handler(kind, render_exception)
