"""Client credentials in a request: HTTP Basic, both parts form-encoded (RFC 6749 section 2.3.1), or the body."""

import base64
import binascii
from typing import NamedTuple
from urllib.parse import unquote_plus

from django.http import HttpRequest


class ClientCredentials(NamedTuple):
    """A client ID and secret as sent, not yet verified."""

    name: str
    secret: str


def read_client_credentials(http: HttpRequest) -> ClientCredentials:
    """Read the credentials from the Authorization header, or from the body without one. Unreadable values become ""."""
    authorization = http.headers.get("Authorization", "")
    if not authorization:
        return ClientCredentials(http.POST.get("client_id", ""), http.POST.get("client_secret", ""))
    kind, _space, coded = authorization.partition(" ")
    try:
        text = base64.b64decode(coded, validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        text = ""
    first, _colon, second = text.partition(":")
    return ClientCredentials(unquote_plus(first), unquote_plus(second))
