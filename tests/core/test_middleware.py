"""Middleware for every request: correlation ID, access log line, language."""

import gzip
import json
import logging
import logging.config
import re
from io import BytesIO
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from accounts.models import User
from core import logs, middleware
from permissions.access import AccessMiddleware


@pytest.mark.django_db
def test_every_response_has_its_own_correlation_id(client: Client) -> None:
    first, second = client.get("/inloggen/"), client.get("/inloggen/")
    assert len(first["X-Request-ID"]) == 36
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert client.get("/inloggen/", headers={"X-Request-ID": "mine"})["X-Request-ID"] != "mine"


def access_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [record.msg for record in caplog.records if record.name == "loket.access"]


@pytest.mark.django_db
def test_the_access_line_names_the_route_and_never_the_address(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/inloggen/?next=/geheim-1/")
        client.get("/uitnodiging/geheim-2/")
        client.get("/er-is-niets/geheim-3/")
        client.generic("GEHEIM-4", "/inloggen/")
    lines = access_lines(caplog)
    assert [line["route"] for line in lines] == [
        "authentication:login",
        "invitations:open_link",
        "none",
        "authentication:login",
    ]
    assert lines[0]["status"] == 200
    assert lines[2]["status"] == 404
    assert lines[3]["method"] == "other"
    assert "geheim" not in repr([record.__dict__ for record in caplog.records]).lower()


@pytest.mark.django_db
def test_a_line_is_one_json_object_with_the_correlation_id(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        response = client.get("/inloggen/")
    formatter = logging.config.DictConfigurator(logs.LOGGING).configure_formatter(
        dict(logs.LOGGING["formatters"]["json"])
    )
    record = next(record for record in caplog.records if record.name == "loket.access")
    line = json.loads(formatter.format(record))
    assert line["correlation_id"] == response["X-Request-ID"]
    assert line["event"] == "request"


def test_a_fault_is_logged_without_values(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        password = "Geheim-5"
        try:
            int(password)
        except ValueError as error:
            raise RuntimeError(f"no number: {password}") from error

    try:
        fail()
    except RuntimeError:
        middleware._log_exception(None, RequestFactory().get("/uitnodiging/geheim-6/"))
    text = caplog.text
    assert "fault" in text
    assert "builtins.ValueError" in text
    assert "builtins.RuntimeError" in text
    assert re.search(r"tests/core/test_middleware.py:\d+ fail\b", text)
    assert "geheim-" not in text.lower()


@pytest.mark.django_db
def test_a_fault_of_the_database_is_logged_without_the_row(bob: User, caplog: pytest.LogCaptureFixture) -> None:
    try:
        with transaction.atomic():
            User.objects.filter(pk=bob.pk).update(accepted_at=None)
    except IntegrityError:
        middleware._log_exception(None)
    assert "user_kind_is_whole" in caplog.text
    assert bob.email not in caplog.text
    assert bob.password not in caplog.text


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["utf-16", "utf8", "UTF-7", "latin-1", "nonsense"])
def test_a_form_is_read_as_utf_8_whatever_it_claims(charset: str) -> None:
    client, form = Client(enforce_csrf_checks=True), f"application/x-www-form-urlencoded; charset={charset}"
    client.get("/inloggen/")
    token = client.cookies["csrftoken"].value
    data = f"username=%C3%A9l%C3%A8ve&password=&csrfmiddlewaretoken={token}".encode()
    response = client.generic("POST", "/inloggen/", data, content_type=form)
    assert response.status_code == 200
    assert response.context["form"]["username"].value() == "élève"


@pytest.mark.django_db
def test_large_body_without_a_session_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.get("/inloggen/")
    with patch("django.http.request.HttpRequest.parse_file_upload", side_effect=AssertionError("it was read")):
        assert client.post("/inloggen/", {"file": BytesIO(b"x" * 600_000)}).status_code == 400


@pytest.mark.parametrize(("sent", "read"), [(524_289, 524_289), (20_000_000, 8 * 1024 * 1024)])
def test_refused_body_is_read_up_to_a_limit(sent: int, read: int) -> None:
    request = RequestFactory().post("/", b"x" * sent, content_type="text/plain")
    stream = request._stream
    assert middleware.body_limit_middleware(lambda request: HttpResponse())(request).status_code == 400
    assert len(stream.read()) == sent - read


@pytest.mark.parametrize(("length", "status"), [("", 200), ("0", 200), ("-1", 400), ("²", 400)])
def test_invalid_content_length_is_refused(length: str, status: int) -> None:
    request = RequestFactory().get("/", CONTENT_LENGTH=length)
    assert middleware.body_limit_middleware(lambda request: HttpResponse())(request).status_code == status


@pytest.mark.django_db
def test_no_cache_keeps_a_page(alice_client: Client, bob: User) -> None:
    for url in ("/", "/gebruikers/", f"/gebruikers/{bob.pk}/", f"/gebruikers/{bob.pk}/bewerken/", "/kantoor/", "/x/"):
        assert "no-store" in alice_client.get(url)["Cache-Control"], url


@pytest.mark.parametrize(
    ("cookie", "accept", "expected"),
    [("", "", "nl"), ("", "en", "nl"), ("en", "", "en"), ("xx", "en", "nl"), ("nl", "en", "nl")],
)
def test_page_is_dutch_unless_another_language_is_chosen(cookie: str, accept: str, expected: str) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.LANGUAGE_CODE)

    request = RequestFactory().get("/", headers={"Accept-Language": accept})
    request.COOKIES["django_language"] = cookie
    response = middleware.language_middleware(view)(request)
    assert response.content.decode() == expected
    assert response["Content-Language"] == expected


@pytest.mark.django_db
def test_the_choice_of_language_is_kept_in_a_cookie(client: Client) -> None:
    response = client.post("/taal/", {"language": "en", "next": "/inloggen/"})
    assert (response.status_code, response["Location"]) == (302, "/inloggen/")
    cookie = response.cookies["django_language"]
    assert (cookie.value, cookie["samesite"], cookie["httponly"]) == ("en", "Lax", True)
    assert client.get("/inloggen/")["Content-Language"] == "en"


@pytest.mark.django_db
@pytest.mark.parametrize("next_url", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""])
def test_the_choice_of_language_leads_nowhere_else(client: Client, next_url: str) -> None:
    response = client.post("/taal/", {"language": "xx", "next": next_url})
    assert response["Location"] == "/"
    assert "django_language" not in response.cookies
    assert client.get("/taal/").status_code == 405


def test_page_without_a_policy_does_not_open(rf: RequestFactory) -> None:
    def unmarked(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    with pytest.raises(ImproperlyConfigured, match="unmarked does not say who may open it"):
        AccessMiddleware(unmarked).process_view(rf.get("/"), unmarked, (), {})


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/uitloggen", "/inloggen"])
def test_a_missing_slash_makes_no_get_of_a_post(alice_client: Client, path: str) -> None:
    response = alice_client.post(path, {"grant_type": "client_credentials"})
    assert (response.status_code, response["Location"]) == (308, f"{path}/")
    assert alice_client.get(path).status_code == 301
    assert alice_client.post("/er-is-niets").status_code == 404


@pytest.mark.django_db
def test_the_address_of_a_button_explains_itself(alice_client: Client, bob: User) -> None:
    """Such as after reloading in the address bar, or choosing the language on an error page."""
    response = alice_client.get(f"/gebruikers/{bob.pk}/deblokkeren/")
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "Alleen een knop op een andere pagina" in response.text
    assert 'href="/"' in response.text


def test_static_files_are_compressed_and_pages_are_not(alice_client: Client) -> None:
    accepts = {"headers": {"Accept-Encoding": "gzip"}}
    assert not alice_client.get("/gebruikers/", **accepts).has_header("Content-Encoding")
    sheet = alice_client.get("/static/loket.css", **accepts)
    assert sheet["Content-Encoding"] == "gzip"
    assert gzip.decompress(sheet.getvalue()) == Path("static/loket.css").read_bytes()
    part = alice_client.get("/static/loket.css", headers={"Accept-Encoding": "gzip", "Range": "bytes=0-9"})
    assert not part.has_header("Content-Encoding")
    assert len(part.getvalue()) == 10
