"""Client credentials in a request: HTTP Basic, both parts form-encoded (RFC 6749 section 2.3.1), or the body."""

import base64
import binascii
import re
from typing import NamedTuple
from urllib.parse import unquote_plus

from django.http import HttpRequest

from oauth.client_assertions import ASSERTION_TYPE, read_client_id

_ESCAPE_PATTERN = re.compile(r"%[0-9A-Fa-f]{2}")
_ALPHANUMERIC_ESCAPE_PATTERN = re.compile(r"%(3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")
_ALPHANUMERIC_PATTERN = re.compile(r"[A-Za-z0-9]")
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

    Either there is no `%`, and a character that form encoding would have escaped. Or a `%` starts no escape, or one
    that makes no sense. In all other cases the parts are read as encoded.
    """
    text = "".join(parts)
    if "%" not in text:
        return not _ENCODED_PATTERN.fullmatch(text)
    try:
        unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        return True
    return "%" in _ESCAPE_PATTERN.sub("", text) or any(_is_partly_escaped(part) for part in parts)


def _is_partly_escaped(part: str) -> bool:
    """Return whether `part` has both an escaped and an unescaped letter or digit: no encoder does that."""
    rest = _ESCAPE_PATTERN.sub("", part)
    return bool(_ALPHANUMERIC_ESCAPE_PATTERN.search(part) and _ALPHANUMERIC_PATTERN.search(rest))
