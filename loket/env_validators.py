"""Validators for environment variables, where those of environs do not suffice; the settings add the variable's name.

No message repeats the value: it may be a password.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ValidationError as NotAnAddress
from django.core.validators import DomainNameValidator, validate_email
from environs import FileAwareEnv, ValidationError, validate

_KEY_BYTES = 32  # bytes


class SettingsEnv(FileAwareEnv):
    """Environment in which `NAME_FILE` names a file with the value of `NAME`; an error names the variable."""

    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            return super()._get_value(env_key, default)
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"{env_key}_FILE must be the path of a readable text file.") from None


validate_secret_key = validate.Length(min=50, error="must have at least {min} random characters")
# Empty, or what a header can hold.
validate_token = validate.Regexp(
    r"\Z|[!-~]{32,}\Z", error="must have at least 32 random characters, letters and digits"
)
validate_positive = validate.Range(min=1, error="must be {min} or more")
validate_not_negative = validate.Range(min=0, error="must be {min} or more")
# A slow SMS gateway answers within 15 seconds.
validate_gateway_seconds = validate.Range(15, 60, error="must be a number of seconds from {min} to {max}")
# A day is the longest session that NIST SP 800-63B-4 advises at AAL2.
validate_session_minutes = validate.Range(5, 24 * 60, error="must be a number of minutes from {min} to {max}")


def validate_postgresql_url(text: str) -> None:
    """Require an empty text or the URL of a PostgreSQL database."""
    if text:
        url = _split_url(text)
        if url.scheme not in ("postgres", "postgresql") or not url.username or len(url.path) < 2:
            raise ValidationError("must be postgres://user:password@host:port/name")


def validate_key(text: str) -> None:
    """Require 32 bytes in URL-safe base64."""
    try:
        size = len(base64.b64decode(text, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != _KEY_BYTES:
        raise ValidationError(f"must be {_KEY_BYTES} random bytes in URL-safe base64")


def validate_keys(texts: Sequence[str]) -> None:
    """Require at least one key."""
    if not texts:
        raise ValidationError("must be one key at least")
    for text in texts:
        validate_key(text)


def validate_networks(texts: Sequence[str]) -> None:
    """Require addresses or networks."""
    for text in texts:
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise ValidationError("must be addresses or networks, such as 127.0.0.1,10.0.0.0/8") from None


def validate_site_url(text: str) -> None:
    """Require the URL of a site: scheme, host and an optional port."""
    url = _split_url(text)
    bare = not (url.path.strip("/") or url.query or url.fragment or url.username)
    if url.scheme not in ("http", "https") or not url.hostname or not bare:
        raise ValidationError("must be http:// or https:// with a host and perhaps a port, without a path")


def validate_authority_url(text: str) -> None:
    """Require an authority URL that msal accepts: https, a host and a path."""
    url = _split_url(text)
    if url.scheme != "https" or not url.hostname or not url.path.strip("/"):
        raise ValidationError("must be https://host/path")


def validate_mail_server_url(text: str) -> None:
    """Require the URL of a mail server."""
    url = _split_url(text)
    if url.scheme not in ("smtp", "submission") or not url.hostname:
        raise ValidationError("must be submission:// or smtp:// with a host")


def validate_sender(text: str) -> None:
    """Require an e-mail address with an optional name."""
    try:
        validate_email(parseaddr(text)[1])
    except NotAnAddress:
        raise ValidationError("must be a mail address") from None


def validate_domain(text: str) -> None:
    """Require an empty text or a domain in ASCII."""
    try:
        if text:
            DomainNameValidator(accept_idna=False)(text)
    except NotAnAddress:
        raise ValidationError("must be a domain, such as bounces.loket.example") from None


def validate_name_servers(texts: Sequence[str]) -> None:
    """Require IP addresses, each with an optional port after a #."""
    for text in texts:
        host, _hash, port = text.partition("#")
        try:
            ip_address(host)
            is_port = not port or 0 < int(port) < 65536
        except ValueError:
            is_port = False
        if not is_port:
            raise ValidationError("must be IP addresses, such as 127.0.0.1 or 127.0.0.1#5353")


def validate_sms_url(text: str) -> None:
    """Require an apprise URL with a placeholder for the number, or one that prints every SMS."""
    if text not in ("console:", "demo:") and ("://" not in text or "{to}" not in text):
        raise ValidationError("must be an address of apprise in which {to} stands for the number")


def validate_folder(text: str) -> None:
    """Require a folder or a path where one can be created; it holds metrics only, so it need not be writable."""
    if not _find_existing_parent(text).is_dir():
        raise ValidationError("must be a folder")


def validate_writable_folder(text: str) -> None:
    """Require a writable folder, or a path where one can be created, for a database and keys."""
    path = _find_existing_parent(text)
    if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        raise ValidationError("must be a folder that this process can make and write in")


def _find_existing_parent(text: str) -> Path:
    """Return the nearest existing parent of a path."""
    path = Path(text).resolve()
    while not path.exists():
        path = path.parent
    return path


def _split_url(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _port = url.port
    except ValueError:
        raise ValidationError("must be an address with a port from 1 to 65535") from None
    return url
