"""POST of a form to an address that an office chose. Only public addresses are reached, and no redirect is followed.

The address is checked after connecting, so that a name that changes its address in between gets nothing.
"""

from socket import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from core.public_addresses import is_public_ip


class AddressNotPublic(Exception):
    """The address leads into a private network."""


def post_form(address: str, form: dict[str, str], *, timeout: float) -> int:
    """Return the status of the response. Raises AddressNotPublic, or requests.RequestException without a response."""
    with requests.Session() as session:
        session.trust_env = False  # variables of the environment would replace the certificates that are trusted
        for scheme in ("http://", "https://"):
            session.mount(scheme, _PublicAdapter())
        with session.post(address, form, timeout=timeout, allow_redirects=False, stream=True) as response:
            return response.status_code


def _require_public(connected: socket) -> socket:
    if not is_public_ip(str(connected.getpeername()[0])):
        connected.close()
        raise AddressNotPublic
    return connected


class _PublicHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket:
        return _require_public(super()._new_conn())


class _PublicHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket:
        return _require_public(super()._new_conn())


class _PublicHTTPPool(HTTPConnectionPool):
    ConnectionCls = _PublicHTTPConnection


class _PublicHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPSConnection


class _PublicAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicHTTPPool, "https": _PublicHTTPSPool}
