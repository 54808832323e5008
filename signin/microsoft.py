"""Authorization code flow with PKCE at Microsoft, through msal, which is imported on use.

The state of the flow travels in an encrypted, single-use cookie. `arrivals.py` decides what the result gives access to.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial, wraps
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

import jwt
import structlog
from django.conf import settings
from django.urls import reverse

from loket import sealing
from signin import standin, throttle
from signin.id_tokens import LEEWAY, HttpClient, Identity, InvalidToken, Keys, validated
from signin.refusals import Page, Refused, of_token
from signin.throttle import Limit, Throttled

if TYPE_CHECKING:
    from msal import ConfidentialClientApplication

MINUTES = 10  # that the flow may take
_ONCE = Limit("microsoft state", burst=1, every=timedelta(minutes=MINUTES + 5))
_SECONDS = 10  # that Microsoft may take for an answer
_PLACES = BoundedSemaphore(2)  # of the four threads that answer pages: when Microsoft hangs, the others go on
_WAIT_SECONDS = 1  # for a place
_CONTEXT = "journey to microsoft"
_EXPIRED_CODE = frozenset({"invalid_grant"})
_OUR_FAULT = frozenset({"invalid_client", "unauthorized_client"})
log = structlog.get_logger("loket.signin")
_http_cache: dict[str, Any] = {}  # msal's metadata of the authority; it holds no tokens
_keys: dict[str, Keys] = {}


class Purpose(StrEnum):
    SIGN_IN = "sign_in"
    PROVE_TENANT = "prove_tenant"
    CONFIRM = "confirm"


@dataclass(frozen=True)
class Errand:
    """Purpose of the flow and the page to continue on.

    `user_id` is the user who is signed in, `tenant_id` the primary key of the tenant to confirm.
    """

    purpose: Purpose
    next: str
    user_id: str = ""
    tenant_id: str = ""


@dataclass(frozen=True)
class Arrival:
    """Result of a completed flow: the identity that Microsoft confirmed."""

    errand: Errand
    identity: Identity
    left_at: int  # seconds since 1970

    @property
    def is_fresh(self) -> bool:
        """Whether the user entered credentials at Microsoft during this flow; requires the claim `auth_time`."""
        auth_time = self.identity.auth_time
        return auth_time is not None and self.left_at - LEEWAY <= auth_time <= time.time() + LEEWAY


def is_configured() -> bool:
    """Return whether this installation can sign users in at Microsoft; the demo uses a fake Entra."""
    return settings.LOKET_DEMO or bool(settings.LOKET_ENTRA_CLIENT_ID and settings.LOKET_ENTRA_CLIENT_SECRET)


def leave(errand: Errand) -> tuple[str, str]:
    """Return the address at Microsoft to redirect to, and the cookie value for `arrive`. Raises Refused."""
    fresh = errand.purpose == Purpose.CONFIRM
    # msal warns that it prefers form_post, but a browser sends no SameSite=Lax cookie with that POST.
    warnings.filterwarnings("ignore", "response_mode=", UserWarning)
    flow = _client().initiate_auth_code_flow(
        [],
        redirect_uri=settings.LOKET_URL + reverse("signin:microsoft_back"),
        prompt="login" if fresh else "select_account",
        max_age=0 if fresh else None,
        response_mode="query",
    )
    address: str = flow.pop("auth_uri")
    flow.pop("max_age", None)  # we check `auth_time` ourselves
    kept = json.dumps({"errand": asdict(errand), "flow": flow, "left_at": int(time.time())})
    return address, base64.urlsafe_b64encode(sealing.seal(kept.encode(), context=_CONTEXT)).decode()


def arrive(kept: str, answer: Mapping[str, str]) -> Arrival:
    """Return the identity, given the cookie value `kept` and Microsoft's response parameters `answer`.

    The caller checks that the cookie is at most MINUTES old. Call this outside a transaction: a rollback would allow
    the flow a second time. Raises Refused.
    """
    journey = _opened(kept)
    flow: dict[str, Any] = journey["flow"]
    if not hmac.compare_digest(str(flow["state"]).encode(), answer.get("state", "").encode()):
        raise Refused(Page.START_AGAIN, "state")
    try:
        throttle.charge(_ONCE, flow["state"])
    except Throttled:
        raise Refused(Page.START_AGAIN, "replayed") from None
    if "error" in answer or not answer.get("code"):
        raise _refused_there(answer)
    token = _id_token(flow, {"state": flow["state"], "code": answer["code"]})
    errand = Errand(**{**journey["errand"], "purpose": Purpose(journey["errand"]["purpose"])})
    return Arrival(errand, _identity(token, flow["nonce"]), journey["left_at"])


def _opened(kept: str) -> dict[str, Any]:
    try:
        opened = sealing.unseal(base64.urlsafe_b64decode(kept), context=_CONTEXT)
    except (binascii.Error, sealing.Unreadable):
        raise Refused(Page.START_AGAIN, "no_journey") from None
    journey: dict[str, Any] = json.loads(opened)
    return journey


def _refused_there(answer: Mapping[str, str]) -> Refused:
    error = answer.get("error", "")
    if error == "access_denied":
        return Refused(Page.CANCELLED, "cancelled")
    if error in _OUR_FAULT:
        return Refused(Page.OUR_SECRET, "client")
    return Refused(Page.UNREACHABLE, "error_at_microsoft")


def _id_token(flow: dict[str, Any], answer: dict[str, str]) -> str:
    """Exchange the code for an ID token, not yet validated. Raises Refused."""
    from msal.exceptions import MsalError

    client = _client()
    try:
        result = client.acquire_token_by_auth_code_flow(flow, answer)
    except (OSError, MsalError):
        raise Refused(Page.UNREACHABLE, "unreachable") from None
    except (ValueError, RuntimeError, LookupError, TypeError, AttributeError):
        # The state was valid, so the token is wrong: msal found another nonce in it or could not decode it.
        raise Refused(Page.NOT_TRUSTED, "nonce_or_malformed") from None
    error = result.get("error")
    if error:
        codes = [code for code in result.get("error_codes") or [] if isinstance(code, int)]
        log.warning("microsoft_error", error=str(error)[:50], aadsts=codes)
    if error in _EXPIRED_CODE:
        raise Refused(Page.START_AGAIN, "code")
    if error in _OUR_FAULT:
        raise Refused(Page.OUR_SECRET, "client_secret")
    if error:
        raise Refused(Page.UNREACHABLE, "error_at_microsoft")
    token = result.get("id_token")
    if not isinstance(token, str):
        raise Refused(Page.NOT_TRUSTED, "no_token")
    return token


def _identity(token: str, nonce: str) -> Identity:
    keys = _keys.setdefault(_authority(), Keys(_authority()))
    # msal sends the hash of the nonce that it keeps (OpenID Connect Core 15.5.2).
    sent = hashlib.sha256(nonce.encode()).hexdigest()
    try:
        return validated(token, keys=keys, http=_http(), client_id=_credentials()[0], nonce=sent)
    except InvalidToken as error:
        raise of_token(error.reason) from None
    except (OSError, ValueError, LookupError, TypeError, jwt.PyJWTError):
        raise Refused(Page.UNREACHABLE, "unreachable") from None


def _client() -> "ConfidentialClientApplication":
    """Return a client for one flow only, because it caches the tokens of every user. Raises Refused."""
    import msal

    client_id, secret = _credentials()
    try:
        return msal.ConfidentialClientApplication(
            client_id,
            client_credential=secret,
            authority=_authority(),
            instance_discovery=False,  # the operator sets the authority; discovery would contact the public cloud
            exclude_scopes=["offline_access"],
            http_client=_http(),
            http_cache=_http_cache,
        )
    except (OSError, ValueError, RuntimeError, LookupError, msal.exceptions.MsalError):
        raise Refused(Page.UNREACHABLE, "unreachable") from None


def _authority() -> str:
    return standin.AUTHORITY if settings.LOKET_DEMO else settings.LOKET_ENTRA_AUTHORITY


def _credentials() -> tuple[str, str]:
    """Return client ID and secret."""
    if settings.LOKET_DEMO:
        return standin.CLIENT_ID, standin.client_secret()
    return settings.LOKET_ENTRA_CLIENT_ID, settings.LOKET_ENTRA_CLIENT_SECRET


def _http() -> HttpClient:
    """Return the HTTP client for Microsoft; in the demo the fake Entra itself."""
    if settings.LOKET_DEMO:
        return standin.of_demo()
    import requests

    session = requests.Session()
    session.trust_env = False  # variables of the environment would replace the certificates that are trusted
    session.request = _limited(partial(session.request, timeout=_SECONDS))  # type: ignore[method-assign]
    return session


def _limited(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Return `ask` with as many calls at once as there are places. Raises TimeoutError when none becomes free."""

    @wraps(ask)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not _PLACES.acquire(timeout=_WAIT_SECONDS):
            raise TimeoutError("Microsoft has not answered earlier calls yet.")
        try:
            return ask(*args, **kwargs)
        finally:
            _PLACES.release()

    return call
