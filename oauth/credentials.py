"""Client credentials in a request: HTTP Basic, both parts form-encoded (RFC 6749 section 2.3.1), or the body."""

import base64
import binascii
import re
from typing import NamedTuple
from urllib.parse import unquote_plus

from django.http import HttpRequest

from oauth.client_assertions import ASSERTION_TYPE, read_client_id

_ESCAPE_PATTERN = re.compile(r"%[0-9A-Fa-f]{2}")
_ENCODED_PATTERN = re.compile(r"[A-Za-z0-9+*._~!'()-]*")  # what the encoders of the field leave as it is


class ClientCredentials(NamedTuple):
    """A client ID with a secret or a signed assertion as sent, not yet verified."""

    name: str
    secret: str
    assertion: str = ""


def read_client_credentials(http: HttpRequest) -> ClientCredentials:
    """Read the credentials from the Authorization header, or from the body without one. Unreadable values become "".

    So do the credentials of a request that uses two methods (RFC 6749 section 2.3).
    """
    authorization = http.headers.get("Authorization", "")
    if "client_assertion" in http.POST or "client_assertion_type" in http.POST:
        return _read_assertion(http) if not authorization else ClientCredentials("", "")
    if not authorization:
        return ClientCredentials(http.POST.get("client_id", ""), http.POST.get("client_secret", ""))
    kind, _space, coded = authorization.partition(" ")
    try:
        text = base64.b64decode(coded, validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        text = ""
    first, _colon, second = text.partition(":")
    if _is_unencoded(first, second):
        return ClientCredentials(first, second)
    return ClientCredentials(unquote_plus(first), unquote_plus(second))


def _read_assertion(http: HttpRequest) -> ClientCredentials:
    assertion = http.POST.get("client_assertion", "")
    if http.POST.get("client_assertion_type") != ASSERTION_TYPE or http.POST.get("client_secret"):
        return ClientCredentials("", "")
    return ClientCredentials(http.POST.get("client_id") or read_client_id(assertion), "", assertion)


def _is_unencoded(*parts: str) -> bool:
    """Return whether a client cannot have form-encoded `parts`, as many do not: then `+` and `%` stand for themselves.

    Either a `%` starts no escape, or there is no escape and a character that form encoding would have escaped. In all
    other cases the parts are read as encoded.
    """
    text = "".join(parts)
    escapes = _ESCAPE_PATTERN.findall(text)
    return len(escapes) != text.count("%") or not (escapes or _ENCODED_PATTERN.fullmatch(text))
