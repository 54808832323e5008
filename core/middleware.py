"""Middleware for every request: scheme, static files, language, size limit of bodies. Also logs unexpected errors."""

import sys
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast

import structlog
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse
from django.utils import translation
from whitenoise.middleware import WhiteNoiseMiddleware

from core.access import SAFE
from core.client_address import comes_from_trusted_proxy
from core.db_errors import is_database_unavailable
from core.logs import format_traceback

_CHUNK_BYTES, _MAX_CHUNKS = 64 * 1024, 128  # bytes, and maximum number of reads
MAX_DISCARDED_BYTES = _CHUNK_BYTES * _MAX_CHUNKS  # bytes read from a rejected body: 8 MB
GetResponse = Callable[[HttpRequest], HttpResponse]


def forwarded_scheme_middleware(get_response: GetResponse) -> GetResponse:
    """Believe `X-Forwarded-Proto` of LOKET_TRUSTED_PROXIES only: Django believes it of every client."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not comes_from_trusted_proxy(request):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        return get_response(request)

    return middleware


def static_files_middleware(get_response: GetResponse) -> GetResponse:
    """Serve static files, compressed. Pages are not: their compressed length would reveal their content (BREACH)."""
    serve = WhiteNoiseMiddleware(get_response)
    compress = GZipMiddleware(serve)

    def middleware(request: HttpRequest) -> HttpResponse:
        is_whole_file = request.path.startswith(settings.STATIC_URL) and "Range" not in request.headers
        return cast(HttpResponse, (compress if is_whole_file else serve)(request))

    return middleware


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
        length = str(request.headers.get("Content-Length") or "0")
        if not length.isdecimal() or not _is_body_allowed(request, int(length)):
            if _has_own_limit(request):
                return get_response(request)
            _discard_body(request)
            return render(request, "400.html", status=400)
        return get_response(request)

    return middleware


def _has_own_limit(request: HttpRequest) -> bool:
    """Return whether the address has the same limit, and answers in its own form: that of directories."""
    with suppress(Resolver404):
        return resolve(request.path_info).namespace == "scim_v2"
    return False


def _is_body_allowed(request: HttpRequest, length: int) -> bool:
    """Return whether a body of `length` bytes is allowed; signed-in users may upload larger files at some addresses."""
    if length <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return True
    return accepts_file(request.path) and SESSION_KEY in request.session and length <= settings.LOKET_IMPORT_MAX_SIZE


def accepts_file(path: str) -> bool:
    """Return whether files may be uploaded to this path."""
    return path in (reverse("imports:upload_users"), reverse("imports:upload_teams"), reverse("users:office_logo"))


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
        structlog.get_logger("loket.fault").error("fault", route=route, traceback=format_traceback(error))


got_request_exception.connect(_log_exception, dispatch_uid="loket.fault")
