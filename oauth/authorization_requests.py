"""Authorization requests (OpenID Connect Core 3.1.2.1), checked before the user is.

The OAuth library gets only the parameters that it handles as specified; the others are handled here.
"""

import re
from typing import Any, NamedTuple

from django.http import HttpRequest, QueryDict
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauthlib.oauth2.rfc6749 import errors
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error, InvalidRequestError, OAuth2Error

from oauth import authentication_context, oidc, resources
from oauth.backend import OAuthBackend
from oauth.models import Application
from oauth.pushed_requests import PushedParameters
from oauth.scopes import OFFLINE_ACCESS, normalize_scope, sort_scopes

RESPONSE_MODES = ("query", "form_post")
PROMPTS = ("none", "login", "consent", "select_account")
_LIBRARY_PARAMETERS = (
    "client_id", "response_type", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
)  # fmt: skip
PARAMETERS = (  # all that have an effect, or are refused
    *_LIBRARY_PARAMETERS, "response_mode", "prompt", "max_age", "login_hint", "id_token_hint", "acr_values", "claims",
    "resource", "request", "request_uri", "registration", "dpop_jkt",
)  # fmt: skip
_REPEATABLE_PARAMETERS = ("resource",)  # RFC 8707 section 2
_FORM_FIELDS = ("csrfmiddlewaretoken", "shown_version")  # of the consent page
_CODE_CHALLENGE_PATTERN = re.compile(r"[\w-]{43}", re.ASCII)
_MAX_AGE_PATTERN = re.compile(r"\d{1,20}", re.ASCII)
_MAX_AGE_SECONDS = 10**9  # longer than any session
_MAX_NONCE_LENGTH = 255


class AuthorizationRequest(NamedTuple):
    """A validated authorization request. Only the user remains to be checked."""

    core: OAuthBackend
    application: Application
    scopes: list[str]
    details: dict[str, Any]  # for the library, with the verified redirect URI
    parameters: QueryDict

    @property
    def prompt(self) -> set[str]:
        """The prompt values of OpenID Connect."""
        return get_prompt(self.parameters)

    @property
    def max_age(self) -> int | None:
        """The maximum age of the sign-in in seconds, None if any age is accepted."""
        seconds = self.parameters.get("max_age", "")
        return min(int(seconds), _MAX_AGE_SECONDS) if seconds else None

    @property
    def wanted_subjects(self) -> set[str]:
        """The `sub` of the ID token hint, and the one in the claims request: whom the client expects."""
        hint = oidc.read_id_token(self.parameters.get("id_token_hint", "")) or {}
        sub = (authentication_context.read_claims_request(self.parameters) or {}).get("sub")
        request = sub if isinstance(sub, dict) else {}
        return {str(value) for value in (hint.get("sub"), request.get("value")) if value is not None}


def get_prompt(parameters: QueryDict) -> set[str]:
    return set(parameters.get("prompt", "").split())


def read_parameters(http: HttpRequest) -> QueryDict:
    """Return the parameters of the query and the body. One without a value counts as omitted (RFC 6749 section 3.1)."""
    parameters = QueryDict(mutable=True)
    for source in (http.GET, http.POST):
        for name, values in source.lists():
            if name not in _FORM_FIELDS:
                parameters.setlistdefault(name).extend(value for value in values if value)
    return parameters


def showed_version(http: HttpRequest, application: Application) -> bool:
    """Return whether the consent page that is submitted showed the present version of `application`."""
    return http.POST.get("shown_version") == str(application.version)


def parse_authorization_request(http: HttpRequest, parameters: QueryDict) -> AuthorizationRequest:
    """Validate an authorization request.

    Raises FatalClientError if the client or the redirect URI is not verified, OAuth2Error with the redirect URI for
    anything else, and Application.DoesNotExist if the application was deleted concurrently.
    """
    core = OAuthBackend(http, parameters=_select_library_parameters(parameters))
    details: dict[str, Any] = {}
    scopes: list[str] = []
    error: OAuth2Error | None = None
    try:
        scopes, details = core.validate_authorization_request(http)
    except FatalClientError:
        raise
    except OAuthToolkitError as raised:
        error = raised.oauthlib_error
    redirect_uri = details["redirect_uri"] if error is None else error.redirect_uri
    application = Application.objects.get(client_id=parameters["client_id"])
    if error := _find_error(parameters, application) or error:
        error.redirect_uri, error.client_id = redirect_uri, application.client_id
        error.state, error.response_mode = parameters.get("state"), parameters.get("response_mode")
        raise error
    details["resource"] = parameters.getlist("resource")
    known: list[str] = [scope.value for scope in sort_scopes(scopes)]
    granted = [*known, OFFLINE_ACCESS] if OFFLINE_ACCESS in scopes else known
    return AuthorizationRequest(core, application, granted, details, parameters)


def _select_library_parameters(parameters: QueryDict) -> QueryDict:
    selected = QueryDict(mutable=True)
    for name in _LIBRARY_PARAMETERS:
        for value in parameters.getlist(name):
            selected.appendlist(name, normalize_scope(value) if name == "scope" else value)
    return selected


def _find_error(parameters: QueryDict, application: Application) -> OAuth2Error | None:
    """Return what is wrong with a request apart from what the library checks. Texts are in English, for clients."""
    if error := _find_unsupported(parameters, application):
        return error
    for name, values in parameters.lists():
        if len(values) > 1 and name not in _REPEATABLE_PARAMETERS:
            return InvalidRequestError(description="A parameter occurs more than once.")
    if parameters.get("response_mode", "query") not in RESPONSE_MODES:
        return InvalidRequestError(description="The response_mode must be query or form_post.")
    if parameters.get("response_type", "code") != "code":
        return errors.UnsupportedResponseTypeError()
    if normalize_scope(parameters.get("scope", "")) == OFFLINE_ACCESS:  # there is nothing to consent to
        return errors.InvalidScopeError()
    prompt = get_prompt(parameters)
    if not prompt <= set(PROMPTS) or ("none" in prompt and len(prompt) > 1):
        return InvalidRequestError(description="The prompt is unknown, or none with another value.")
    if "id_token_hint" in parameters and oidc.read_id_token(parameters.get("id_token_hint", "")) is None:
        return InvalidRequestError(description="The id_token_hint is not an ID token of this server.")
    if authentication_context.read_claims_request(parameters) is None:
        return InvalidRequestError(description="The claims parameter is not a claims request in JSON.")
    return _find_format_error(parameters, application) or resources.find_error(
        parameters.getlist("resource"), application.provider_id
    )


def _find_format_error(parameters: QueryDict, application: Application) -> OAuth2Error | None:
    if not _MAX_AGE_PATTERN.fullmatch(parameters.get("max_age", "0")):
        return InvalidRequestError(description="The max_age is not a number of seconds.")
    if len(parameters.get("nonce", "")) > _MAX_NONCE_LENGTH:
        return InvalidRequestError(description="The nonce is too long.")
    return _find_challenge_error(parameters, application)


def _find_unsupported(parameters: QueryDict, application: Application) -> OAuth2Error | None:
    """Return the error for a way of sending a request that is not supported, or not accepted from this client."""
    is_pushed = isinstance(parameters, PushedParameters)
    for name in ("request", "request_uri", "registration"):
        if name in parameters and not (is_pushed and name == "request_uri"):
            return CustomOAuth2Error(error=f"{name}_not_supported")
    if application.pushed_requests_required and not is_pushed:
        return InvalidRequestError(description="This client must push its requests (RFC 9126).")
    if "dpop_jkt" in parameters:
        return InvalidRequestError(description="DPoP is not supported.")
    return None


def _find_challenge_error(parameters: QueryDict, application: Application) -> OAuth2Error | None:
    challenge, method = parameters.get("code_challenge", ""), parameters.get("code_challenge_method")
    if application.pkce_optional and not challenge and method is None:
        return None
    if method != "S256" or not _CODE_CHALLENGE_PATTERN.fullmatch(challenge):
        return InvalidRequestError(description="A code_challenge of method S256 is required.")
    return None
