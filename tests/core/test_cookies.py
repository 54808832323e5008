"""Our cookies: for one host and every path, signed, and under TLS with names that no other host can set."""

from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse
from pytest_django import Settings

from core import cookies
from tests.loket.test_env_validators import PRODUCTION, start

_NAMES = """
import loket.wsgi
from django.conf import settings
from core.cookies import PrefixedCookieStorage
print(settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME,
      PrefixedCookieStorage.cookie_name, settings.LOKET_COOKIE_PREFIX + "own")
"""


@pytest.mark.slow
@pytest.mark.parametrize(("url", "prefix"), [("https://loket.example", "__Host-"), ("http://localhost:8000", "")])
def test_under_tls_every_name_has_the_prefix(tmp_path: Path, url: str, prefix: str) -> None:
    names = start(PRODUCTION | {"LOKET_URL": url}, tmp_path, "-c", _NAMES).stdout.split()
    assert names == [f"{prefix}{name}" for name in ("sessionid", "csrftoken", "django_language", "messages", "own")]


def put(value: str = "geheim") -> tuple[HttpResponse, HttpRequest]:
    """Return a response with a cookie, and the next request of that browser."""
    response, request = HttpResponse(), HttpRequest()
    cookies.set_signed_cookie(response, "own", value, salt="test", max_age=60)
    request.COOKIES = {name: morsel.value for name, morsel in response.cookies.items()}
    return response, request


def test_browsers_take_it_with_the_prefix(settings: Settings) -> None:
    settings.LOKET_COOKIE_PREFIX, settings.SESSION_COOKIE_SECURE = "__Host-", True
    response, request = put()
    cookie = response.cookies["__Host-own"]
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 60)
    assert cookies.get_signed_cookie(request, "own", salt="test", max_age=60) == "geheim"
    cookies.delete_cookie(response, "own")
    gone = response.cookies["__Host-own"]
    assert (gone.value, gone["max-age"], gone["path"], gone["secure"]) == ("", 0, "/", True)


def test_only_what_was_signed_is_read() -> None:
    _response, request = put()
    assert cookies.get_signed_cookie(request, "own", salt="test", max_age=60) == "geheim"
    assert cookies.get_signed_cookie(request, "own", salt="other", max_age=60) == ""
    assert cookies.get_signed_cookie(request, "own", salt="test", max_age=-1) == ""
    assert cookies.get_signed_cookie(request, "other", salt="test", max_age=60) == ""
    request.COOKIES["own"] += "x"
    assert cookies.get_signed_cookie(request, "own", salt="test", max_age=60) == ""
