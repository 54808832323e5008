"""Middleware for every request: its language and the size limit of its body. Also finds the client address."""

import re
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation

from core.access import SAFE
from core.db_errors import is_database_unavailable

_CHUNK_BYTES, _MAX_CHUNKS = 64 * 1024, 128  # bytes, and maximum number of reads
MAX_DISCARDED_BYTES = _CHUNK_BYTES * _MAX_CHUNKS  # bytes read from a rejected body: 8 MB
_ADDRESS_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([\d.]+):\d+")
GetResponse = Callable[[HttpRequest], HttpResponse]


def get_client_address(request: HttpRequest) -> str:
    """Return the network address of the client.

    A hop of `X-Forwarded-For` is trusted only if the hop that reported it is one of LOKET_TRUSTED_PROXIES.
    """
    address = _parse_address(str(request.META.get("REMOTE_ADDR") or ""))
    hops = [hop for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    while hops and _is_trusted(address):
        address = _parse_address(hops.pop())
    return address


def _parse_address(text: str) -> str:
    """Return an address without port, brackets and zone, or "" for anything else.

    Some proxies add the port (Azure Application Gateway), and a socket of both protocols shows IPv4 mapped to IPv6.
    """
    host = text.strip()
    if with_port := _ADDRESS_WITH_PORT.fullmatch(host):
        host = with_port[1] or with_port[2]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else str(address)


def _is_trusted(address: str) -> bool:
    if not address:
        return False
    return any(ip_address(address) in ip_network(proxy, strict=False) for proxy in settings.LOKET_TRUSTED_PROXIES)


def language_middleware(get_response: GetResponse) -> GetResponse:
    """Activate Dutch unless the user chose another language; the browser language is ignored."""

    def middleware(request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        code = chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
        with translation.override(code):
            request.LANGUAGE_CODE = code
            response = get_response(request)
            response.headers.setdefault("Content-Language", code)
        return response

    return middleware


class SlashMiddleware(CommonMiddleware):
    """Add a missing slash at the end of a URL, and keep the method and body of a request that has one.

    A client repeats a POST as a GET after Django's own 301, so that it would seem to have succeeded (RFC 9110, 15.4).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().process_response(request, response)
        if response.status_code == HTTPStatus.MOVED_PERMANENTLY and request.method not in SAFE:
            response.status_code = HTTPStatus.PERMANENT_REDIRECT
        return response


def body_limit_middleware(get_response: GetResponse) -> GetResponse:
    """Reject a body larger than any form, files included, before it is parsed; decode all others as UTF-8.

    Django's own limit excludes files, and Django writes those to disk before it knows the sender.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        request.encoding = "utf-8"  # as browsers send it; other encodings make Django fail with a 500
        length = str(request.META.get("CONTENT_LENGTH") or "0")
        if not length.isdecimal() or not _is_body_allowed(request, int(length)):
            _discard_body(request)
            return render(request, "400.html", status=400)
        return get_response(request)

    return middleware


def _is_body_allowed(request: HttpRequest, length: int) -> bool:
    """Return whether a body of `length` bytes is allowed; signed-in users may upload larger files to import."""
    if length <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return True
    return (
        accepts_import_file(request.path)
        and SESSION_KEY in request.session
        and length <= settings.LOKET_IMPORT_MAX_SIZE
    )


def accepts_import_file(path: str) -> bool:
    """Return whether files to import may be uploaded to this path."""
    return path in (reverse("imports:upload_users"), reverse("imports:upload_teams"))


def _discard_body(request: HttpRequest) -> None:
    """Read and discard part of the body: a browser that is cut off while sending does not show our response."""
    with suppress(UnreadablePostError):
        for _part in range(_MAX_CHUNKS):
            if not request.read(_CHUNK_BYTES):
                return


def _log_exception(sender: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Log an unexpected error with its origin but without values, which may be secrets."""
    match = request.resolver_match if request else None
    route, error = match.view_name if match else "none", sys.exception()
    if is_database_unavailable(error):
        structlog.get_logger("loket.fault").error("database away", route=route, error=type(error).__name__)
    else:
        structlog.get_logger("loket.fault").error("fault", route=route, exception=_format_traceback(error))


def _format_traceback(error: BaseException | None) -> str:
    """Return the traceback of `error` and of its causes without messages: databases quote whole rows."""
    parts: list[str] = []
    while error is not None:
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
        kind = f"{type(error).__module__}.{type(error).__qualname__} {constraint or ''}".rstrip()
        parts.insert(0, "".join(traceback.format_tb(error.__traceback__)) + kind)
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


got_request_exception.connect(_log_exception, dispatch_uid="loket.fault")
