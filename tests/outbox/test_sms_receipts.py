"""Receipts of the SMS gateway, which it posts with the signed reference of the message."""

import json
import time
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.ids import uuid7
from outbox.models import Message
from outbox.sms_reference import build_reference, verify_reference
from outbox.worker import send_due_messages
from tests.helpers.servers import SmsGateway
from tests.outbox.test_sending import fresh, queue_mail, queue_sms, state

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def gateway(sms_gateway: SmsGateway, settings: Any) -> SmsGateway:
    """A gateway that is given references."""
    settings.SMS_URL += "&:reference={reference}"
    return sms_gateway


@pytest.fixture
def sent() -> Message:
    """An SMS that the gateway accepted."""
    message = queue_sms()
    send_due_messages()
    assert state(message) == ("sent", 1)
    return fresh(message)


def post(body: Any, reference: str = "", content_type: str = "application/json") -> int:
    url = reverse("outbox:sms_receipt", args=[reference]) if reference else reverse("outbox:sms_receipts")
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return Client(enforce_csrf_checks=True).post(url, data, content_type=content_type).status_code


@pytest.mark.parametrize(
    ("body", "content_type", "result"),
    [
        ("MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30005", FORM, "undelivered"),
        ("MessageStatus=delivered", FORM, ""),
        ({"message_uuid": "a", "status": "rejected", "error": {"title": "1000"}}, "application/json", "rejected"),
        ({"results": [{"status": {"groupId": 5, "groupName": "UNDELIVERABLE"}}]}, "application/json", "undelivered"),
        ({"status": "delivery_failed", "statusReason": "delivered to nobody"}, "application/json", "undelivered"),
        ({"id": "1", "status": "Expired"}, "application/json; charset=utf-8", "expired"),
    ],
)
def test_receipt_says_whether_the_sms_arrived(
    sent: Message, gateway: SmsGateway, body: Any, content_type: str, result: str
) -> None:
    reference = gateway.bodies[-1]["reference"]
    other = queue_sms()
    assert post(body, reference, content_type) == 204
    message = fresh(sent)
    assert message.state == ("bounced" if result else "sent")
    assert message.error.partition(" ")[0] == result
    assert bool(message.failure_reason) == message.is_undeliverable == bool(result)
    assert (message.delivered_at is None) == bool(result)
    assert state(other) == ("queued", 0)


def test_reference_may_be_a_value_of_the_receipt(sent: Message) -> None:
    assert post({"reference": build_reference(sent.pk), "status": "failed"}) == 204
    assert state(sent) == ("bounced", 1)


@pytest.mark.parametrize(("first", "second"), [("delivered", "failed"), ("failed", "delivered"), ("failed", "expired")])
def test_first_receipt_counts(sent: Message, first: str, second: str) -> None:
    reference = build_reference(sent.pk)
    post({"status": first}, reference)
    before = Message.objects.filter(pk=sent.pk).values().get()
    for status in (second, first):
        assert post({"status": status}, reference) == 204
    assert Message.objects.filter(pk=sent.pk).values().get() == before


def test_forged_receipt_changes_nothing(sent: Message) -> None:
    good, other = build_reference(sent.pk), build_reference(uuid7())
    forged = [
        f"{sent.pk.hex}.{other.partition('.')[2]}", good[:-1] + ("0" if good[-1] != "0" else "1"), good[:-1],
        good.upper(), sent.pk.hex, str(sent.pk), f"{sent.pk.hex}.", f"{sent.pk.hex}.{'é' * 32}", good + "0", "x",
    ]  # fmt: skip
    for reference in forged:
        assert verify_reference(reference) is None
        assert post({"status": "failed"}, reference) == 404, reference
        assert post({"reference": reference, "status": "failed"}) == 404, reference
    assert post({"status": "failed"}) == 404
    assert state(sent) == ("sent", 1)


@pytest.mark.parametrize(
    "body",
    [
        "", "x", "[", "[]", "null", b"\xff", {"status": "sent"}, {"status": "accepted"}, {"status": 5},
        {"status": None}, {"text": "failed"}, {"status_reason": "failed"}, "[" * 60_000,
        {"status": "x" * 70_000}, "5" * 10_000,
    ],
)  # fmt: skip
def test_receipt_without_a_final_state_changes_nothing(sent: Message, body: Any) -> None:
    reference = build_reference(sent.pk)
    assert post(body, reference) == 204
    assert post(body, reference, FORM) == 204
    assert (state(sent), fresh(sent).delivered_at) == (("sent", 1), None)


def test_late_receipt_and_one_of_an_erased_message_change_nothing(sent: Message) -> None:
    Message.objects.update(created_at=timezone.now() - timedelta(days=15))
    assert post({"status": "failed"}, build_reference(sent.pk)) == 204
    assert state(sent) == ("sent", 1)
    reference = build_reference(sent.pk)
    sent.delete()
    assert post({"status": "failed"}, reference) == 204


def test_receipt_of_an_email_does_not_exist(sent: Message) -> None:
    mail = queue_mail()
    Message.objects.filter(pk=mail.pk).update(state="sent", attempts=1, encrypted_body=None)
    assert post({"status": "failed"}, build_reference(mail.pk)) == 204
    assert state(mail) == ("sent", 1)


@pytest.mark.parametrize(("status", "result"), [("delivered", "sent"), ("failed", "bounced")])
def test_receipt_settles_an_sms_without_response(gateway: SmsGateway, status: str, result: str) -> None:
    gateway.answers = False
    message = queue_sms()
    send_due_messages()
    assert state(message) == ("no_answer", 1)
    post({"status": status}, build_reference(message.pk))
    assert state(message) == (result, 1)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_receipt_that_is_quicker_than_the_response_is_sent_again(gateway: SmsGateway) -> None:
    message, gateway.seconds = queue_sms(), 1.0

    def work() -> None:
        send_due_messages()
        connection.close()

    thread = Thread(target=work)
    thread.start()
    while not gateway.bodies:
        time.sleep(0.02)
    assert post({"status": "failed"}, build_reference(message.pk)) == 503
    thread.join()
    assert state(message) == ("sent", 1)
    assert post({"status": "failed"}, build_reference(message.pk)) == 204
    assert state(message) == ("bounced", 1)


def test_address_exists_only_if_the_gateway_gets_references(sent: Message, settings: Any) -> None:
    settings.SMS_URL = settings.SMS_URL.partition("&:reference")[0]
    assert post({"status": "failed"}, build_reference(sent.pk)) == 404
    assert state(sent) == ("sent", 1)


@pytest.mark.slow
def test_address_can_only_be_posted_to(sent: Message) -> None:
    url = reverse("outbox:sms_receipt", args=[build_reference(sent.pk)])
    assert Client().get(url, {"status": "failed"}).status_code == 405
    assert state(sent) == ("sent", 1)


def test_log_names_no_number_and_no_reference(sent: Message, caplog: pytest.LogCaptureFixture) -> None:
    reference = build_reference(sent.pk)
    post({"status": "failed", "to": "31612345678"}, reference)
    log = "".join(str(record.msg) for record in caplog.records)
    assert str(sent.pk) in log
    assert "31612345678" not in log
    assert reference not in log
