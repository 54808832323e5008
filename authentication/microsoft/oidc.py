"""Authorization code flow with PKCE at Microsoft, through msal, which is imported on use.

Each flow travels in an encrypted, single-use cookie of its own, so that tabs do not disturb each other. `callback.py`
decides what the result gives access to.
"""

import hashlib
import hmac
import json
import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial, wraps
from importlib import import_module
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

import jwt
import structlog
from django.conf import settings
from django.urls import reverse

from authentication.microsoft.errors import ErrorPage, MicrosoftSignInError, build_token_error
from authentication.microsoft.id_tokens import (
    CLOCK_LEEWAY_SECONDS,
    HttpClient,
    InvalidIdToken,
    MicrosoftIdentity,
    SigningKeyCache,
    validate_id_token,
)
from core import encryption, throttle
from core.throttle import RateLimit, Throttled

if TYPE_CHECKING:
    from msal import ConfidentialClientApplication

FLOW_MINUTES = 10  # maximum duration of a flow
_SINGLE_USE_LIMIT = RateLimit("microsoft state", burst=1, every=timedelta(minutes=FLOW_MINUTES + 5))
_HTTP_TIMEOUT_SECONDS = 10  # per call to Microsoft
_CALL_SLOTS = BoundedSemaphore(2)  # of the four threads that serve pages: when Microsoft hangs, the others go on
_SLOT_TIMEOUT_SECONDS = 1  # for a place
_ENCRYPTION_CONTEXT = "journey to microsoft"
_EXPIRED_CODE_ERRORS = frozenset({"invalid_grant"})
_CLIENT_ERRORS = frozenset({"invalid_client", "unauthorized_client"})
# By the settings of the organization there, such as required consent or an account without access to the app.
_REFUSALS = frozenset({"access_denied", "consent_required", "interaction_required"})
_AADSTS_NUMBER = re.compile(r"AADSTS(\d{1,9})\b", re.ASCII)
log = structlog.get_logger("loket.signin")
_http_cache: dict[str, Any] = {}  # msal's metadata of the authority; it holds no tokens
_key_caches: dict[str, SigningKeyCache] = {}


class FlowPurpose(StrEnum):
    SIGN_IN = "sign_in"
    PROVE_TENANT = "prove_tenant"
    CONFIRM = "confirm"


@dataclass(frozen=True)
class FlowContext:
    """Purpose of the flow and the page to continue on.

    `user_id` is the user who is signed in, `tenant_id` the primary key of the tenant to confirm.
    """

    purpose: FlowPurpose
    next: str
    user_id: str = ""
    tenant_id: str = ""


@dataclass(frozen=True)
class FlowResult:
    """Result of a completed flow: the identity that Microsoft confirmed."""

    flow_context: FlowContext
    identity: MicrosoftIdentity
    started_at: int  # seconds since 1970

    @property
    def is_fresh(self) -> bool:
        """Whether the user entered credentials at Microsoft during this flow; requires the claim `auth_time`."""
        auth_time = self.identity.auth_time
        return (
            auth_time is not None
            and self.started_at - CLOCK_LEEWAY_SECONDS <= auth_time <= time.time() + CLOCK_LEEWAY_SECONDS
        )


def is_configured() -> bool:
    """Return whether this installation can sign users in at Microsoft; the demo uses a fake Entra."""
    return settings.LOKET_DEMO or bool(settings.LOKET_ENTRA_CLIENT_ID and settings.LOKET_ENTRA_CLIENT_SECRET)


def start_flow(flow_context: FlowContext) -> tuple[str, str, str]:
    """Return the address at Microsoft to redirect to, the state that it sends back, and the cookie for `finish_flow`.

    Raises MicrosoftSignInError.
    """
    confirms = flow_context.purpose == FlowPurpose.CONFIRM
    # msal warns that it prefers form_post, but a browser sends no SameSite=Lax cookie with that POST.
    warnings.filterwarnings("ignore", "response_mode=", UserWarning)
    flow = _create_client().initiate_auth_code_flow(
        [],
        redirect_uri=settings.LOKET_URL + reverse("authentication:microsoft_callback"),
        prompt="login" if confirms else "select_account",
        max_age=0 if confirms else None,
        response_mode="query",
    )
    address: str = flow.pop("auth_uri")
    flow.pop("max_age", None)  # we check `auth_time` ourselves
    state = json.dumps({"flow_context": asdict(flow_context), "flow": flow, "started_at": int(time.time())})
    return address, flow["state"], encryption.encrypt_text(state, context=_ENCRYPTION_CONTEXT)


def finish_flow(cookie: str, response: Mapping[str, str]) -> FlowResult:
    """Return the identity, given the value of the cookie and the parameters of Microsoft's `response`.

    The caller checks that the cookie is at most FLOW_MINUTES old. Call this outside a transaction: a rollback would
    allow the flow a second time. Raises MicrosoftSignInError.
    """
    state = _decrypt_state(cookie)
    if state is None:
        raise MicrosoftSignInError(ErrorPage.START_AGAIN, "no_journey")
    flow: dict[str, Any] = state["flow"]
    if not hmac.compare_digest(str(flow["state"]).encode(), response.get("state", "").encode()):
        raise MicrosoftSignInError(ErrorPage.START_AGAIN, "state")
    try:
        throttle.consume_attempt(_SINGLE_USE_LIMIT, flow["state"])
    except Throttled:
        raise MicrosoftSignInError(ErrorPage.START_AGAIN, "replayed") from None
    if "error" in response or not response.get("code"):
        raise _build_authorization_error(response)
    token = _fetch_id_token(flow, {"state": flow["state"], "code": response["code"]})
    flow_context = FlowContext(**state["flow_context"])
    return FlowResult(flow_context, _validate_identity(token, flow["nonce"]), state["started_at"])


def get_flow_target(cookie: str) -> str:
    """Return the page to continue on of the flow in the cookie, "" without one."""
    state = _decrypt_state(cookie)
    return FlowContext(**state["flow_context"]).next if state else ""


def _decrypt_state(cookie: str) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads(encryption.decrypt_text(cookie, context=_ENCRYPTION_CONTEXT))
    except encryption.DecryptionError:
        return None
    return state


def _build_authorization_error(response: Mapping[str, str]) -> MicrosoftSignInError:
    error, number = response.get("error", ""), _AADSTS_NUMBER.match(response.get("error_description", ""))
    log.warning("microsoft_error", error=error[:50], aadsts=[int(number[1])] if number else [])
    if error == "access_denied" and (response.get("error_subcode") == "cancel" or number is None):
        return MicrosoftSignInError(ErrorPage.CANCELLED, "cancelled")
    if error in _CLIENT_ERRORS:
        return MicrosoftSignInError(ErrorPage.OUR_SECRET, "client")
    if error in _REFUSALS:
        return MicrosoftSignInError(ErrorPage.REFUSED_THERE, "refused_at_microsoft")
    return MicrosoftSignInError(ErrorPage.UNREACHABLE, "error_at_microsoft")


def _fetch_id_token(flow: dict[str, Any], response: dict[str, str]) -> str:
    """Exchange the code for an ID token, not yet validated. Raises MicrosoftSignInError."""
    from msal.exceptions import MsalError

    client = _create_client()
    try:
        result = client.acquire_token_by_auth_code_flow(flow, response)
    except (OSError, MsalError):
        raise MicrosoftSignInError(ErrorPage.UNREACHABLE, "unreachable") from None
    except (ValueError, RuntimeError, LookupError, TypeError, AttributeError):
        # The state was valid, so the token is wrong: msal found another nonce in it or could not decode it.
        raise MicrosoftSignInError(ErrorPage.NOT_TRUSTED, "nonce_or_malformed") from None
    error = result.get("error")
    if error:
        codes = [code for code in result.get("error_codes") or [] if isinstance(code, int)]
        log.warning("microsoft_error", error=str(error)[:50], aadsts=codes)
    if error in _EXPIRED_CODE_ERRORS:
        raise MicrosoftSignInError(ErrorPage.START_AGAIN, "code")
    if error in _CLIENT_ERRORS:
        raise MicrosoftSignInError(ErrorPage.OUR_SECRET, "client_secret")
    if error:
        raise MicrosoftSignInError(ErrorPage.UNREACHABLE, "error_at_microsoft")
    token = result.get("id_token")
    if not isinstance(token, str):
        raise MicrosoftSignInError(ErrorPage.NOT_TRUSTED, "no_token")
    return token


def _validate_identity(token: str, nonce: str) -> MicrosoftIdentity:
    keys = _key_caches.setdefault(_get_authority(), SigningKeyCache(_get_authority()))
    # msal sends the hash of the nonce that it keeps (OpenID Connect Core 15.5.2).
    sent = hashlib.sha256(nonce.encode()).hexdigest()
    try:
        return validate_id_token(
            token, keys=keys, http=_create_http_client(), client_id=_get_credentials()[0], nonce=sent
        )
    except InvalidIdToken as error:
        raise build_token_error(error.reason) from None
    except (OSError, ValueError, LookupError, TypeError, jwt.PyJWTError):
        raise MicrosoftSignInError(ErrorPage.UNREACHABLE, "unreachable") from None


def _create_client() -> "ConfidentialClientApplication":
    """Return a client for one flow only, because it caches the tokens of every user. Raises MicrosoftSignInError."""
    import msal

    client_id, secret = _get_credentials()
    try:
        return msal.ConfidentialClientApplication(
            client_id,
            client_credential=secret,
            authority=_get_authority(),
            instance_discovery=False,  # the operator sets the authority; discovery would contact the public cloud
            exclude_scopes=["offline_access"],
            http_client=_create_http_client(),
            http_cache=_http_cache,
        )
    except (OSError, ValueError, RuntimeError, LookupError, msal.exceptions.MsalError):
        raise MicrosoftSignInError(ErrorPage.UNREACHABLE, "unreachable") from None


def _load_stand_in() -> Any:
    """Return the module that stands in for Microsoft in the demo, or None."""
    return import_module(settings.LOKET_DEMO_ENTRA) if settings.LOKET_DEMO else None


def _get_authority() -> str:
    stand_in = _load_stand_in()
    return str(stand_in.AUTHORITY) if stand_in else settings.LOKET_ENTRA_AUTHORITY


def _get_credentials() -> tuple[str, str]:
    """Return client ID and secret."""
    if stand_in := _load_stand_in():
        return stand_in.CLIENT_ID, stand_in.get_client_secret()
    return settings.LOKET_ENTRA_CLIENT_ID, settings.LOKET_ENTRA_CLIENT_SECRET


def _create_http_client() -> HttpClient:
    """Return the HTTP client for Microsoft; in the demo the fake Entra itself."""
    if stand_in := _load_stand_in():
        client: HttpClient = stand_in.get_fake_entra()
        return client
    import requests

    session = requests.Session()
    session.trust_env = False  # environment variables could replace the trusted certificates
    session.request = _limit_concurrency(partial(session.request, timeout=_HTTP_TIMEOUT_SECONDS))  # type: ignore[method-assign]
    return session


def _limit_concurrency(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Return `ask` with a limited number of concurrent calls. Raises TimeoutError if none becomes free."""

    @wraps(ask)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not _CALL_SLOTS.acquire(timeout=_SLOT_TIMEOUT_SECONDS):
            raise TimeoutError("Microsoft has not answered earlier calls yet.")
        try:
            return ask(*args, **kwargs)
        finally:
            _CALL_SLOTS.release()

    return call
