"""How a program says who it is: HTTP Basic with both halves form-encoded (RFC 6749 section 2.3.1), or in the body."""

import base64
import binascii
from typing import NamedTuple
from urllib.parse import unquote_plus

from django.http import HttpRequest


class Credentials(NamedTuple):
    """A name and a secret as somebody sent them."""

    name: str
    secret: str


def of(http: HttpRequest) -> Credentials:
    """Return what the header says, or without one what the body says; empty where nothing can be read."""
    authorization = http.headers.get("Authorization", "")
    if not authorization:
        return Credentials(http.POST.get("client_id", ""), http.POST.get("client_secret", ""))
    kind, _space, coded = authorization.partition(" ")
    try:
        text = base64.b64decode(coded, validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        text = ""
    first, _colon, second = text.partition(":")
    return Credentials(unquote_plus(first), unquote_plus(second))
