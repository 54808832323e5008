"""The database is unavailable: a plain error page, JSON for programs, and one log line."""

import json
import logging
import re
from collections.abc import Callable
from html import unescape
from unittest.mock import patch

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DataError, IntegrityError, InternalError, OperationalError, connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from core.db_errors import is_database_unavailable
from core.postgresql.base import DatabaseWrapper
from tests.helpers.users import PASSWORD

PAGES = ("/", "/inloggen/", "/gebruikers/", "/uitnodiging/", "/historie/", "/oauth/authorize/")


@pytest.fixture
def browser(client: Client, alice: User) -> Client:
    """A browser that shows what the visitor sees, including errors."""
    client.force_login(alice)
    client.raise_request_exception = False
    return client


@pytest.mark.slow
def test_every_page_says_try_again(browser: Client, unavailable_database: None) -> None:
    for page in PAGES:
        response = browser.get(page)
        if page != "/inloggen/":
            assert response.status_code == 503, page
            assert response["Retry-After"] == "5"
            assert "Probeer het zo opnieuw" in response.content.decode()
            assert "Traceback" not in response.content.decode()
            assert "/static/loket" in response.content.decode()


@pytest.mark.slow
def test_signing_in_reports_it_too(unavailable_database: None) -> None:
    stranger = Client(raise_request_exception=False)
    response = stranger.post("/inloggen/", {"username": "alice", "password": PASSWORD})
    assert response.status_code == 503
    assert PASSWORD not in response.content.decode()


@pytest.mark.slow
def test_a_program_hears_it_in_json(unavailable_database: None) -> None:
    response = Client(raise_request_exception=False).get("/v2/user", headers={"Authorization": "Bearer x"})
    assert (response.status_code, response["Content-Type"], response["Retry-After"]) == (503, "application/json", "5")
    (message,) = json.loads(response.content)["messages"]
    assert (message["code"], message["reason"], message["type"]) == (1025, "unavailable", "Exception")


@pytest.mark.slow
def test_the_log_says_it_in_a_line(
    browser: Client, unavailable_database: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        browser.get("/gebruikers/")
    faults = [record.msg for record in caplog.records if record.name == "loket.fault"]
    assert [(line["event"], line["error"]) for line in faults] == [("database away", "OperationalError")]
    assert "Traceback" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_page_opens_after_the_connection_was_cut(browser: Client) -> None:
    assert browser.get("/gebruikers/").status_code == 200
    connection.ensure_connection()
    connection.connection.pgconn.finish()
    connection.close_if_unusable_or_obsolete()
    assert browser.get("/gebruikers/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_server_that_became_a_replica_is_away(browser: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    try:
        response = browser.post("/uitloggen/")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
    assert response.status_code == 503


@pytest.mark.django_db(transaction=True)
def test_a_session_that_cannot_be_saved_is_not_taken_for_one_that_was_ended(browser: Client) -> None:
    session = browser.session
    session["draft"] = 1
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    try:
        with pytest.raises(InternalError, match="read-only"):
            session.save()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Mark the database as down, or as up again."""

    def switch(is_away: bool) -> None:
        connection.close()
        monkeypatch.setattr(DatabaseWrapper, "_is_down", lambda _self: is_away)

    return switch


def hidden(html: str) -> dict[str, str]:
    """Return the fields of the form that the page offers to resubmit."""
    return dict(re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', html))


@pytest.mark.django_db(transaction=True)
def test_what_was_typed_can_be_sent_again(alice_client: Client, bob: User, away: Callable[[bool], None]) -> None:
    strict, strict.handler.enforce_csrf_checks, strict.raise_request_exception = alice_client, True, False
    address = f"/gebruikers/{bob.pk}/bewerken/"
    form = hidden(strict.get(address).content.decode())
    away(True)
    sent = {**form, "initials": "B.", "last_name": 'Bak "ker', "email": bob.email, "version": str(bob.version)}
    for _time in range(2):  # the database may still be unavailable
        response = strict.post(address, sent)
        assert (response.status_code, response["Cache-Control"]) == (503, "no-store")
        page = response.content.decode()
        assert "Er is niets opgeslagen" in page
        assert f'<form method="post" action="{address}">' in page
        assert "je vult ze opnieuw in" not in page
        sent = {name: unescape(value) for name, value in hidden(page).items()}
        assert sent["last_name"] == 'Bak "ker'
    away(False)
    assert strict.post(address, {**sent, "csrfmiddlewaretoken": "x" * 64}).status_code == 403
    assert strict.post(address, sent).status_code == 302
    bob.refresh_from_db()
    assert bob.last_name == 'Bak "ker'


@pytest.mark.django_db(transaction=True)
def test_secrets_are_asked_again(away: Callable[[bool], None]) -> None:
    away(True)
    stranger = Client(raise_request_exception=False)
    secrets = {"password": PASSWORD, "code": "123456", "mobile_number": "0612345678", "number-1": "0687654321"}
    page = stranger.post("/inloggen/", {"username": "alice", "next": "/profiel/", **secrets}).content.decode()
    assert hidden(page).keys() == {"csrfmiddlewaretoken", "username", "next"}
    assert not [secret for secret in secrets.values() if secret in page]
    assert "je vult ze opnieuw in" in page


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_form_that_may_be_saved_already_says_so(browser: Client, unavailable_database: None) -> None:
    with patch("loket.views.was_never_connected", return_value=False):
        page = browser.post("/profiel/email/", {"email": "new@devries.example"}).content.decode()
    assert "kan al opgeslagen zijn" in page
    assert hidden(page)["email"] == "new@devries.example"


@pytest.mark.django_db(transaction=True)
def test_a_form_of_another_site_is_not_offered(away: Callable[[bool], None]) -> None:
    """A form that fails before Django checks its origin is never shown with our CSRF token."""
    away(True)
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    strict.cookies["sessionid"] = "x" * 32
    large = SimpleUploadedFile("x.csv", b"x" * 600_000)
    response = strict.post(reverse("imports:upload_users"), {"last_name": "Evil", "file": large})
    assert response.status_code == 503
    assert hidden(response.content.decode()) == {}
    assert "Evil" not in response.content.decode()
    assert strict.post("/inloggen/", {"username": "evil"}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_page_can_be_asked_again(browser: Client, away: Callable[[bool], None]) -> None:
    away(True)
    page = browser.get("/gebruikers/?q=bak&sort=name").content.decode()
    assert '<a class="button primary" href="/gebruikers/?q=bak&amp;sort=name">' in page


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OperationalError("connection refused"), True),
        (caused(RuntimeError(), OperationalError()), True),
        (caused(InternalError(), psycopg.errors.ReadOnlySqlTransaction()), True),
        (InternalError(), False),
        (caused(IntegrityError(), psycopg.errors.UniqueViolation()), False),
        (DataError(), False),
        (ValueError(), False),
        (None, False),
    ],
)
def test_unavailable_database_is_distinguished_from_a_fault(error: Exception | None, expected: bool) -> None:
    assert is_database_unavailable(error) is expected


@pytest.mark.django_db
def test_a_fault_of_ours_stays_one(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("permissions.shortcuts.render", lambda *_args, **_more: 1 / 0)
    client.raise_request_exception = False
    response = client.get("/inloggen/")
    assert response.status_code == 500
    assert "Er ging iets mis" in response.content.decode()
