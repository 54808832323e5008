"""POST of a form to an address that an office chose. Only public addresses are reached, and no redirect is followed.

A name is resolved once, and all its addresses are checked before one of them is connected to. A receiver has a limited
time in all, however slowly it answers, and the body of its response is not read.
"""

from contextlib import closing, suppress
from socket import SHUT_RDWR, SOCK_STREAM, getaddrinfo, socket
from threading import Timer
from time import monotonic
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from core.public_addresses import is_public_ip


class AddressNotPublic(Exception):
    """The address leads into a private network."""


def post_form(address: str, form: dict[str, str], *, timeout: float) -> int:
    """Return the status of the response. Raises AddressNotPublic, or requests.RequestException without a response.

    `timeout` is in seconds: as many to connect, for TLS, to send and to wait for the response.
    """
    request = requests.Request("POST", address, data=form).prepare()
    # Without a session, which takes settings from the environment and reads the body of a redirect.
    with closing(_PublicAdapter()) as adapter, adapter.send(request, stream=True, timeout=timeout) as response:
        return response.status_code


def _connect(host: str, port: int, seconds: float) -> socket:
    """Connect to one of the addresses of `host`, all within `seconds`. Raises AddressNotPublic or OSError."""
    try:
        found = dict.fromkeys(str(entry[4][0]) for entry in getaddrinfo(host, port, type=SOCK_STREAM))
    except UnicodeError:  # a part of the name is too long
        raise OSError("The name is invalid.") from None
    if not all(is_public_ip(address) for address in found):
        raise AddressNotPublic
    failure = OSError("The name has no address.")
    for address in found:
        try:
            options = HTTPConnection.default_socket_options
            return create_connection((address, port), seconds / len(found), socket_options=options)
        except OSError as error:
            failure = error
    raise failure


def _shut_down(connected: socket) -> None:
    with suppress(OSError):  # already closed
        socket.shutdown(connected, SHUT_RDWR)  # not the method of a TLS socket, which then reads on without TLS


class _PublicHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket:
        return _connect(self._dns_host, self.port, cast("float", self.timeout))

    def getresponse(self) -> Any:
        """Return the response. Raises TimeoutError if it takes longer than the timeout, which is for one read only."""
        seconds = cast("float", self.timeout)
        end = monotonic() + seconds
        timer = Timer(seconds, _shut_down, [self.sock])
        timer.daemon = True
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()
            if monotonic() >= end:  # what was read until then may look like a whole response
                raise TimeoutError


class _PublicHTTPSConnection(_PublicHTTPConnection, HTTPSConnection):
    """The same with TLS."""


class _PublicHTTPPool(HTTPConnectionPool):
    ConnectionCls = _PublicHTTPConnection


class _PublicHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPSConnection


class _PublicAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicHTTPPool, "https": _PublicHTTPSPool}
