"""Middleware for every request: correlation id, access log, language and a limit on the body."""

import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation

from loket import metrics
from loket.away import is_away
from loket.ids import uuid7

log = structlog.get_logger("loket.access")
_PART, _PARTS = 64 * 1024, 128  # bytes, and maximum number of reads
MOST_PASSED_OVER = _PART * _PARTS  # bytes read from a rejected body: 8 MB
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
GetResponse = Callable[[HttpRequest], HttpResponse]


def client_address(request: HttpRequest) -> str:
    """Return the network address of the client.

    A hop of `X-Forwarded-For` is believed only if the hop that reported it is one of LOKET_TRUSTED_PROXIES.
    """
    address = str(request.META.get("REMOTE_ADDR") or "")
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    while hops and _is_trusted(address):
        address = hops.pop()
    return address if _is_address(address) else ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(address: str) -> bool:
    if not _is_address(address):
        return False
    return any(ip_address(address) in ip_network(proxy, strict=False) for proxy in settings.LOKET_TRUSTED_PROXIES)


def request_context(get_response: GetResponse) -> GetResponse:
    """Set a correlation id and write one access log line with the name of the route, never the URL."""

    def middleware(request: HttpRequest) -> HttpResponse:
        correlation_id = str(uuid7())
        request.correlation_id = correlation_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        started = time.perf_counter()
        response = get_response(request)
        seconds = time.perf_counter() - started
        match, method = request.resolver_match, request.method if request.method in _METHODS else "other"
        route = (match.view_name or "unnamed") if match else "none"
        known = {"method": method, "route": route, "status": response.status_code, "ms": round(seconds * 1000)}
        read_from: str | None = getattr(request, "read_from", None)
        log.info("request", **known, **({"read_from": read_from} if read_from else {}))
        metrics.count(method, route, response.status_code, seconds)
        if read_from:
            metrics.count_read(read_from)
        response["X-Request-ID"] = correlation_id
        return response

    return middleware


def language(get_response: GetResponse) -> GetResponse:
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


def body(get_response: GetResponse) -> GetResponse:
    """Reject a body larger than any form, files included, before it is parsed; decode all others as UTF-8.

    Django's own limit excludes files, and Django writes those to disk before it knows the sender.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        request.encoding = "utf-8"  # as browsers send it; other encodings make Django fail with a 500
        length = str(request.META.get("CONTENT_LENGTH") or "0")
        if not length.isdecimal() or not _fits(request, int(length)):
            _pass_over(request)
            return render(request, "400.html", status=400)
        return get_response(request)

    return middleware


def _fits(request: HttpRequest, length: int) -> bool:
    """Return whether a body of `length` bytes is allowed; signed-in users may upload larger files to import."""
    if length <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return True
    return takes_files(request.path) and SESSION_KEY in request.session and length <= settings.LOKET_IMPORT_MAX_SIZE


def takes_files(path: str) -> bool:
    """Return whether files to import may be uploaded to this path."""
    return path in (reverse("bulk:upload"), reverse("bulk:upload_teams"))


def _pass_over(request: HttpRequest) -> None:
    """Read and discard part of the body: a browser that is cut off while sending does not show our response."""
    with suppress(UnreadablePostError):
        for _part in range(_PARTS):
            if not request.read(_PART):
                return


def _log_exception(sender: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Log an unexpected error with its origin but without values, which may be secrets."""
    match = request.resolver_match if request else None
    route, error = match.view_name if match else "none", sys.exception()
    if is_away(error):
        structlog.get_logger("loket.fault").error("database away", route=route, error=type(error).__name__)
    else:
        structlog.get_logger("loket.fault").error("fault", route=route, exception=_where(error))


def _where(error: BaseException | None) -> str:
    """Return the traceback of `error` and of its causes without messages: databases quote whole rows."""
    parts: list[str] = []
    while error is not None:
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
        kind = f"{type(error).__module__}.{type(error).__qualname__} {constraint or ''}".rstrip()
        parts.insert(0, "".join(traceback.format_tb(error.__traceback__)) + kind)
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


got_request_exception.connect(_log_exception, dispatch_uid="loket.fault")
