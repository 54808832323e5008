"""Pushed authorization requests (RFC 9126): the client sends the parameters here, the browser only a reference to them.

The reference that the client got works once. It is then replaced by another one, which stays in this browser while the
user signs in and reads the consent page.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.db import models
from django.http import QueryDict
from django.utils import timezone

from core import encryption
from core.ids import uuid7

if TYPE_CHECKING:
    from oauth.models import Application

LIFETIME = timedelta(seconds=90)
_OPENED_LIFETIME = timedelta(minutes=30)  # for signing in, with a second factor, and reading the consent page
_URI_PREFIX = "urn:ietf:params:oauth:request_uri:"
_CONTEXT = "pushed authorization request"
_ADDRESS_PARAMETERS = ("client_id", "request_uri", "interaction")  # all others stay on the server
_MAX_LENGTH = 16_000  # characters, form-encoded


class RequestUriError(Exception):
    """The reference is unknown, of another client, used or expired."""


class PushedParameters(QueryDict):
    """The parameters of a pushed request. In an address they are the reference only."""

    def urlencode(self, safe: str | None = None) -> str:
        return urlencode({name: self[name] for name in _ADDRESS_PARAMETERS if name in self}, safe=safe or "")


class PushedRequest(models.Model):
    """A pushed request, encrypted with its reference, of which only a hash is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    application = models.ForeignKey("oauth.Application", on_delete=models.CASCADE, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True)
    encrypted_parameters = models.BinaryField()
    opened_at = models.DateTimeField(null=True)  # when a browser came with the reference of the client
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.pk)


def is_pushed(parameters: QueryDict) -> bool:
    """Return whether an authorization request refers to a pushed one."""
    return parameters.get("request_uri", "").startswith(_URI_PREFIX)


def collect(body: QueryDict, application: Application, names: Iterable[str]) -> PushedParameters:
    """Return the parameters `names` of a request to push. Others are ignored (RFC 6749 section 3.1)."""
    parameters = PushedParameters(mutable=True)
    for name in names:
        if values := [value for value in body.getlist(name) if value]:
            parameters.setlist(name, values)
    parameters.setdefault("client_id", application.client_id)
    return parameters


def is_too_long(parameters: PushedParameters) -> bool:
    return len(_encode(parameters)) > _MAX_LENGTH


def push(parameters: PushedParameters, application: Application) -> str:
    """Store a request for `LIFETIME` and return its `request_uri`."""
    token = encryption.generate_token()
    row = PushedRequest(application=application, expires_at=timezone.now() + LIFETIME)
    row.token_hash, row.encrypted_parameters = encryption.hash_token(token), _encrypt(parameters, token)
    row.save()
    return _URI_PREFIX + token


def load(sent: QueryDict, *, may_open: bool) -> tuple[PushedParameters, bool]:
    """Return the parameters that a request refers to, and whether the browser must go on with their new reference.

    With `may_open`, a reference that a client got is replaced. Raises RequestUriError.
    """
    request_uri, client_id = str(sent["request_uri"]), sent.get("client_id", "").replace("\x00", "")
    token = request_uri.removeprefix(_URI_PREFIX)
    rows = PushedRequest.objects.filter(expires_at__gt=timezone.now(), application__client_id=client_id)
    row = rows.filter(token_hash=encryption.hash_token(token)).first()
    if row is None:
        raise RequestUriError
    parameters = _decrypt(row, token)
    must_open = may_open and row.opened_at is None
    parameters["request_uri"] = _open(row, parameters) if must_open else request_uri
    if "interaction" in sent:
        parameters["interaction"] = str(sent["interaction"])
    return parameters, must_open


def _open(row: PushedRequest, parameters: PushedParameters) -> str:
    """Replace the reference, and return the new one. Raises RequestUriError if another request was quicker."""
    token, now = encryption.generate_token(), timezone.now()
    values: dict[str, Any] = {
        "token_hash": encryption.hash_token(token),
        "encrypted_parameters": _encrypt(parameters, token),
        "opened_at": now,
        "expires_at": now + _OPENED_LIFETIME,
    }
    if not PushedRequest.objects.filter(pk=row.pk, opened_at=None).update(**values):
        raise RequestUriError
    return _URI_PREFIX + token


def _encode(parameters: PushedParameters) -> str:
    return urlencode(list(parameters.lists()), doseq=True)


def _encrypt(parameters: PushedParameters, token: str) -> bytes:
    return encryption.encrypt_with_token(_encode(parameters).encode(), token=token, context=_CONTEXT)


def _decrypt(row: PushedRequest, token: str) -> PushedParameters:
    text = encryption.decrypt_with_token(bytes(row.encrypted_parameters), token=token, context=_CONTEXT)
    return PushedParameters(text.decode(), mutable=True)
