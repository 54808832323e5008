"""Validators for environment variables; the settings add the name of the variable to the error.

No message repeats the value: it may be a password.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ValidationError as NotAnAddress
from django.core.validators import validate_email
from environs import ValidationError

_KEY = 32  # bytes
_SECRET, _TOKEN = 50, 32  # characters


def postgresql(text: str) -> None:
    """Require an empty text or the URL of a PostgreSQL database."""
    if text:
        url = _split(text)
        if url.scheme not in ("postgres", "postgresql") or not url.username or len(url.path) < 2:
            raise ValidationError("must be postgres://user:password@host:port/name")


def secret(text: str) -> None:
    """Require a long text."""
    if len(text) < _SECRET:
        raise ValidationError(f"must have at least {_SECRET} random characters")


def token(text: str) -> None:
    """Require an empty text or a long one of characters that a header can hold."""
    if text and (len(text) < _TOKEN or not text.isascii() or not text.isprintable() or " " in text):
        raise ValidationError(f"must have at least {_TOKEN} random characters, letters and digits")


def key(text: str) -> None:
    """Require 32 bytes in URL-safe base64."""
    try:
        size = len(base64.b64decode(text, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != _KEY:
        raise ValidationError(f"must be {_KEY} random bytes in URL-safe base64")


def keys(texts: Sequence[str]) -> None:
    """Require at least one key."""
    if not texts:
        raise ValidationError("must be one key at least")
    for text in texts:
        key(text)


def networks(texts: Sequence[str]) -> None:
    """Require addresses or networks."""
    for text in texts:
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise ValidationError("must be addresses or networks, such as 127.0.0.1,10.0.0.0/8") from None


def site(text: str) -> None:
    """Require the URL of a site: scheme, host and an optional port."""
    url = _split(text)
    bare = not (url.path.strip("/") or url.query or url.fragment or url.username)
    if url.scheme not in ("http", "https") or not url.hostname or not bare:
        raise ValidationError("must be http:// or https:// with a host and perhaps a port, without a path")


def authority(text: str) -> None:
    """Require an authority URL as msal takes it: https, a host and a path."""
    url = _split(text)
    if url.scheme != "https" or not url.hostname or not url.path.strip("/"):
        raise ValidationError("must be https://host/path")


def mail_server(text: str) -> None:
    """Require the URL of a mail server."""
    url = _split(text)
    if url.scheme not in ("smtp", "submission") or not url.hostname:
        raise ValidationError("must be submission:// or smtp:// with a host")


def sender(text: str) -> None:
    """Require an email address with an optional name."""
    try:
        validate_email(parseaddr(text)[1])
    except NotAnAddress:
        raise ValidationError("must be a mail address") from None


def sms_gateway(text: str) -> None:
    """Require an apprise URL with a placeholder for the number, or one that prints every SMS."""
    if text not in ("console:", "demo:") and ("://" not in text or "{to}" not in text):
        raise ValidationError("must be an address of apprise in which {to} stands for the number")


def not_negative(number: int) -> None:
    """Require 0 or more."""
    if number < 0:
        raise ValidationError("must be 0 or more")


def gateway_seconds(number: int) -> None:
    """Require 15 to 60 seconds: a slow SMS gateway answers within 15."""
    if not 15 <= number <= 60:
        raise ValidationError("must be a number of seconds from 15 to 60")


def session_minutes(number: int) -> None:
    """Require 5 minutes to a day, the longest session that NIST SP 800-63B-4 advises at AAL2."""
    if not 5 <= number <= 24 * 60:
        raise ValidationError("must be a number of minutes from 5 to 1440")


def folder(text: str) -> None:
    """Require a folder or a path where one can be created; it holds metrics only, so it need not be writable."""
    if not _existing(text).is_dir():
        raise ValidationError("must be a folder")


def writable_folder(text: str) -> None:
    """Require a writable folder, or a path where one can be created, for a database and keys."""
    path = _existing(text)
    if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        raise ValidationError("must be a folder that this process can make and write in")


def _existing(text: str) -> Path:
    """Return the nearest existing parent of a path."""
    path = Path(text).resolve()
    while not path.exists():
        path = path.parent
    return path


def _split(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _port = url.port
    except ValueError:
        raise ValidationError("must be an address with a port from 1 to 65535") from None
    return url
