"""Reports of a mail provider: anymail sends through a real HTTP server, and its webhook is called as by Postmark."""

import base64
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from outbox.models import Message
from outbox.worker import send_due_messages
from tests.outbox.test_sending import fresh, queue_mail, state

pytestmark = pytest.mark.django_db
SECRET = "postmark:" + "s" * 32
URL = reverse("outbox:delivery_report", args=["postmark"])
INACTIVE = (
    "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: refused@x.example."
    " Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression."
)
ESP_ID = "883953f4-6105-42a2-a16a-77a8eac79483"


@pytest.fixture
def postmark(httpserver: HTTPServer, settings: Any) -> list[dict[str, Any]]:
    """Postmark on loopback; returns the requests it received."""
    posted: list[dict[str, Any]] = []

    def answer(request: Request) -> Response:
        posted.append(request.get_json())
        if "refused" in posted[-1]["To"]:
            return Response(json.dumps({"ErrorCode": 406, "Message": INACTIVE}), 422)
        if "unclear" in posted[-1]["To"]:
            return Response(json.dumps({"ErrorCode": 406, "Message": "Something about unclear@x.example"}), 422)
        if "broken" in posted[-1]["To"]:
            return Response("oops broken@x.example", 500)
        sent = {"To": posted[-1]["To"], "MessageID": ESP_ID, "ErrorCode": 0, "Message": "OK", "SubmittedAt": ""}
        return Response(json.dumps(sent), content_type="application/json")

    httpserver.expect_request("/email", method="POST").respond_with_handler(answer)
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ANYMAIL = settings.ANYMAIL | {
        "POSTMARK_SERVER_TOKEN": "token",
        "POSTMARK_API_URL": httpserver.url_for("/"),
        "WEBHOOK_SECRET": SECRET,
    }
    settings.DEFAULT_FROM_EMAIL = "loket@loket.example"
    return posted


def bounce(message: Message | None, **overrides: Any) -> dict[str, Any]:
    """A bounce as in Postmark's documentation."""
    return {
        "RecordType": "Bounce",
        "MessageStream": "outbound",
        "ID": 4323372036854775807,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Name": "Hard bounce",
        "Tag": "",
        "MessageID": ESP_ID,
        "Metadata": {"message": str(message.pk)} if message else {},
        "ServerID": 23,
        "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
        "Details": "smtp;550 5.1.1 The email account p.deboer@devries.example that you tried to reach does not exist.",
        "Email": "p.deboer@devries.example",
        "From": "loket@loket.example",
        "BouncedAt": "2026-11-05T16:33:54.9070259Z",
        "DumpAvailable": True,
        "Inactive": True,
        "CanActivate": True,
        "Subject": "Uitnodiging",
    } | overrides


def post(event: Any, secret: str | None = SECRET, url: str = URL) -> int:
    headers = {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()} if secret else {}
    client = Client(enforce_csrf_checks=True)
    data = event if isinstance(event, str) else json.dumps(event)
    return client.post(url, data, content_type="application/json", headers=headers).status_code


def sent() -> Message:
    message = queue_mail()
    send_due_messages()
    assert state(message) == ("sent", 1)
    return fresh(message)


def test_email_is_sent_through_a_provider(postmark: list[dict[str, Any]]) -> None:
    message = sent()
    assert message.esp_id == ESP_ID
    assert postmark[0]["Metadata"] == {"message": str(message.pk)}
    assert postmark[0]["From"] == '"De Vries, Bröt & Co via Loket" <loket@loket.example>'
    assert postmark[0]["HtmlBody"]


@pytest.mark.parametrize(
    ("to", "expected"),
    [("refused@x.example", "failed"), ("unclear@x.example", "deferred"), ("broken@x.example", "deferred")],
)
def test_provider_response_decides_the_state(postmark: list[dict[str, Any]], to: str, expected: str) -> None:
    message = queue_mail(to=to)
    send_due_messages()
    assert state(message) == (expected, 1)
    assert fresh(message).error
    assert "x.example" not in fresh(message).error


@pytest.mark.parametrize("named", [True, False])
def test_bounce_is_recorded(postmark: list[dict[str, Any]], named: bool) -> None:
    message = sent()
    other = queue_mail()
    assert post(bounce(message if named else None)) == 200
    assert state(message) == ("bounced", 1)
    assert fresh(message).is_undeliverable
    assert "deboer" not in fresh(message).error
    assert "550" in fresh(message).error or "unable" in fresh(message).error
    assert state(other) == ("queued", 0)
    assert post(bounce(message if named else None)) == 200, "told twice"


def test_bounce_of_an_unsent_message_is_ignored(postmark: list[dict[str, Any]]) -> None:
    message = queue_mail()
    assert post(bounce(message)) == 200
    assert state(message) == ("queued", 0)


@pytest.mark.parametrize("event", ["Transient", "SpamComplaint", "AutoResponder"])
def test_other_reports_are_no_bounce(postmark: list[dict[str, Any]], event: str) -> None:
    message = sent()
    assert post(bounce(message, Type=event)) == 200
    assert state(message) == ("sent", 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"MessageID": "unknown", "Metadata": {}},
        {"MessageID": "", "Metadata": {}},
        {"Metadata": {"message": "no uuid"}, "MessageID": "x\x00"},
        {"Metadata": {"message": "0" * 32}},
    ],
)
def test_report_of_an_unknown_message_is_accepted(postmark: list[dict[str, Any]], changes: dict[str, Any]) -> None:
    message = sent()
    assert post(bounce(message) | changes) == 200
    assert state(message) == ("sent", 1)


@pytest.mark.parametrize("secret", [None, "postmark:wrong", ""])
def test_report_without_the_secret_is_refused(postmark: list[dict[str, Any]], secret: str | None) -> None:
    message = sent()
    assert post(bounce(message), secret=secret) == 400
    assert state(message) == ("sent", 1)


@pytest.mark.parametrize("body", ["", "{", "[]", "3", '"x"', "\x00", "x" * 1_000_000])
def test_invalid_report_is_refused(postmark: list[dict[str, Any]], body: str) -> None:
    assert post(body) == 400


def test_webhook_needs_a_configured_secret(postmark: list[dict[str, Any]], settings: Any) -> None:
    message = sent()
    settings.ANYMAIL = {**settings.ANYMAIL, "WEBHOOK_SECRET": ""}
    assert post(bounce(message), secret=":") == 404
    assert state(message) == ("sent", 1)


def test_webhook_exists_for_the_configured_provider_only(postmark: list[dict[str, Any]], settings: Any) -> None:
    for esp in ("mailgun", "resend", "nonsense", "console"):
        assert post({}, url=reverse("outbox:delivery_report", args=[esp])) == 404
    settings.EMAIL_BACKEND = "anymail.backends.console.EmailBackend"
    assert post({}, url=reverse("outbox:delivery_report", args=["console"])) == 404


def test_webhook_answers_post_and_head_only(postmark: list[dict[str, Any]]) -> None:
    assert Client().head(URL).status_code == 200
    assert Client().get(URL).status_code == 405
