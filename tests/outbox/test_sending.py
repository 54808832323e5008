"""Sending through a real mail server and a real SMS gateway."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

import outbox.actions
from core import encryption
from outbox import sending
from outbox.actions import MAX_ATTEMPTS, RETRY_DELAYS
from outbox.emails import EmailContent
from outbox.message_limits import LIMITED_KINDS, UNLIMITED_KINDS
from outbox.models import Message
from outbox.worker import send_due_messages
from tests.helpers.servers import MailServer, SmsGateway
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db
NUMBER = "+31612345678"


def build_mail(**overrides: Any) -> Message:
    values: dict[str, Any] = {
        "kind": "invitation",
        "to": "p.deboer@devries.example",
        "content": EmailContent("Uitnodiging – één", "Beste P.,\n\nhttps://loket.example/uitnodiging/geheim/\n"),
        "provider_id": None,
        "user_id": None,
        "sender_name": "De Vries, Bröt & Co",
    }
    return outbox.actions.build_email(**values | overrides)


def queue_mail(**overrides: Any) -> Message:
    requester = overrides.pop("requester", actor())
    return outbox.actions.queue_emails([build_mail(**overrides)], requester=requester)[0]


def queue_sms(**overrides: Any) -> Message:
    values: dict[str, Any] = {"kind": "code", "to": NUMBER, "text": "482913 is je code – één", "provider_id": None}
    return outbox.actions.queue_sms(**{"requester": actor()} | values | {"user_id": None} | overrides)


def fresh(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


def state(message: Message) -> tuple[str, int]:
    found = fresh(message)
    assert (found.encrypted_body is not None) == found.is_pending
    return found.state, found.attempts


def make_due(message: Message) -> None:
    Message.objects.filter(pk=message.pk).update(due=timezone.now())


def test_email_is_sent_as_text_and_html(mail_server: MailServer, settings: Any) -> None:
    message = queue_mail()
    assert send_due_messages() == 1
    assert state(message) == ("sent", 1)
    assert fresh(message).sent_at is not None
    mail = mail_server.mails[0]
    assert mail_server.recipients == ["p.deboer@devries.example"]
    assert mail["Subject"] == "Uitnodiging – één"
    assert mail["From"].addresses[0].display_name == "De Vries, Bröt & Co via Loket"
    assert mail["From"].addresses[0].addr_spec == "loket@loket.example"
    assert mail["Message-ID"] == f"<{message.pk}@localhost>"
    assert mail["Content-Language"] == "nl"
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    parts = [part.get_content_type() for part in mail.iter_parts()]
    assert parts == ["text/plain", "text/html"]
    assert "https://loket.example/uitnodiging/geheim/" in mail.get_body(["plain"]).get_content()


@pytest.mark.slow
def test_every_kind_of_mail_asks_for_no_automatic_answer(mail_server: MailServer) -> None:
    kinds = (LIMITED_KINDS | UNLIMITED_KINDS) - {"code"}  # an SMS
    mails = [build_mail(kind=kind, to=f"{kind}@devries.example") for kind in sorted(kinds)]
    outbox.actions.queue_emails(mails, requester=actor())
    while send_due_messages():
        pass
    assert {address.partition("@")[0] for address in mail_server.recipients} == kinds
    for mail in mail_server.mails:
        assert mail.get_all("Auto-Submitted") == ["auto-generated"]
        assert mail.get_all("X-Auto-Response-Suppress") == ["All"]


def test_mail_goes_to_the_domain_that_was_typed(mail_server: MailServer) -> None:
    queue_mail(to="Jan@straße.example")
    send_due_messages()
    assert mail_server.recipients == ["Jan@xn--strae-oqa.example"]


@pytest.mark.parametrize(
    "name", ["", "Ä" * 120, 'a "b" <c@d.example>,\r\nBcc: x@y.example', "🙂\u202eabc\x00", "x" * 120]
)
def test_any_office_name_can_be_the_sender(mail_server: MailServer, name: str) -> None:
    message = queue_mail(sender_name=name)
    send_due_messages()
    assert state(message) == ("sent", 1)
    sender = mail_server.mails[0]["From"].addresses
    assert [address.addr_spec for address in sender] == ["loket@loket.example"]
    assert mail_server.mails[0]["Bcc"] is None
    assert mail_server.recipients == ["p.deboer@devries.example"]


def test_refused_recipient_fails_at_once(mail_server: MailServer) -> None:
    mail_server.behaviour = "refuse"
    message = queue_mail()
    send_due_messages()
    assert state(message) == ("failed", 1)
    assert fresh(message).error.startswith("550 5.1.1 …")
    assert "deboer" not in fresh(message).error


def test_invalid_address_fails_at_once(mail_server: MailServer) -> None:
    message = queue_mail(to="nobody")
    send_due_messages()
    assert state(message) == ("failed", 1)
    assert mail_server.mails == []


@pytest.mark.parametrize("behaviour", ["defer", "disconnect"])
def test_temporary_refusal_is_retried(mail_server: MailServer, behaviour: str) -> None:
    mail_server.behaviour = behaviour
    message = queue_mail()
    send_due_messages()
    assert state(message) == ("deferred", 1)
    assert fresh(message).error
    assert timedelta(seconds=25) < fresh(message).due - timezone.now() < timedelta(seconds=31)
    assert send_due_messages() == 0
    mail_server.behaviour = "accept"
    make_due(message)
    send_due_messages()
    assert state(message) == ("sent", 2)
    assert fresh(message).error == ""


def test_unreachable_server_is_retried(mail_server: MailServer, settings: Any) -> None:
    settings.EMAIL_PORT = 1
    message = queue_mail()
    send_due_messages()
    assert state(message) == ("deferred", 1)


@pytest.mark.slow
def test_slow_server_times_out(mail_server: MailServer, settings: Any) -> None:
    assert settings.EMAIL_TIMEOUT == 10
    settings.EMAIL_TIMEOUT = 0.3
    mail_server.behaviour, mail_server.seconds = "slow", 1.0
    message = queue_mail()
    send_due_messages()
    assert state(message) == ("deferred", 1)


def test_last_attempt_fails_for_good(mail_server: MailServer) -> None:
    mail_server.behaviour = "defer"
    message = queue_mail()
    pauses = []
    for _attempt in range(MAX_ATTEMPTS):
        make_due(message)
        send_due_messages()
        pauses.append(fresh(message).due - timezone.now())
    assert state(message) == ("failed", MAX_ATTEMPTS)
    assert fresh(message).error.startswith("451")
    for pause, planned in zip(pauses, RETRY_DELAYS, strict=False):
        assert planned - timedelta(seconds=5) < pause <= planned
    assert sum(RETRY_DELAYS, timedelta()) < timedelta(days=1)


def test_no_attempt_is_scheduled_after_expiry(mail_server: MailServer) -> None:
    mail_server.behaviour = "defer"
    message = queue_mail(expires_at=timezone.now() + timedelta(seconds=20))
    send_due_messages()
    assert state(message) == ("failed", 1)


def test_expired_message_is_not_sent(mail_server: MailServer, sms_gateway: SmsGateway) -> None:
    past = timezone.now() - timedelta(seconds=1)
    messages = [queue_mail(expires_at=past), queue_sms(expires_at=past)]
    send_due_messages()
    assert [state(message) for message in messages] == [("expired", 0), ("expired", 0)]
    assert (mail_server.mails, sms_gateway.bodies) == ([], [])


def test_canceled_message_is_not_sent(mail_server: MailServer) -> None:
    message = queue_mail()
    assert outbox.actions.cancel_message(message)
    assert send_due_messages() == 0
    assert state(message) == ("cancelled", 0)
    assert not outbox.actions.cancel_message(message)


def test_sent_message_cannot_be_canceled(mail_server: MailServer) -> None:
    message = queue_mail()
    send_due_messages()
    assert not outbox.actions.cancel_message(message)
    assert state(message) == ("sent", 1)


def test_message_that_kills_the_worker_is_stopped(mail_server: MailServer) -> None:
    message = queue_mail()
    other = queue_mail()
    for attempt in range(MAX_ATTEMPTS):
        make_due(message)
        Message.objects.filter(pk=other.pk).update(due=timezone.now() + timedelta(seconds=1))
        taken = outbox.actions.claim_message(Message.Channel.MAIL, None)
        assert taken is not None
        assert (taken.pk, taken.attempts) == (message.pk, attempt + 1)
        assert taken.due > fresh(other).due, "it stays behind those that wait"
    make_due(message)
    send_due_messages()
    assert state(message) == ("failed", MAX_ATTEMPTS)
    assert mail_server.mails == []


def test_a_message_whose_worker_died_has_its_turn_again(mail_server: MailServer) -> None:
    """After five seconds, and five more after each further attempt."""
    message = queue_mail()
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:
        for attempt in range(1, 4):
            assert outbox.actions.claim_message(Message.Channel.MAIL, None) == message
            clock.shift(timedelta(seconds=5 * attempt - 1))
            assert outbox.actions.claim_message(Message.Channel.MAIL, None) is None
            clock.shift(timedelta(seconds=1))
        send_due_messages()
    assert state(message) == ("sent", 4)


def test_message_claimed_by_another_worker_is_left_alone(mail_server: MailServer) -> None:
    message = queue_mail()
    first = outbox.actions.claim_message(Message.Channel.MAIL, None)
    make_due(message)
    second = outbox.actions.claim_message(Message.Channel.MAIL, None)
    assert first is not None
    assert second is not None
    assert outbox.actions.deliver_message(first) is None
    assert outbox.actions.deliver_message(second) is not None
    assert len(mail_server.mails) == 1


def test_message_that_cannot_be_decrypted_is_retried(mail_server: MailServer) -> None:
    message = queue_mail()
    Message.objects.filter(pk=message.pk).update(encrypted_body=encryption.encrypt(b"{}", context="another"))
    send_due_messages()
    assert state(message) == ("deferred", 1)
    assert fresh(message).error == "Unreadable"


def test_sms_is_sent(sms_gateway: SmsGateway) -> None:
    message = queue_sms()
    send_due_messages()
    assert fresh(message).error == ""
    assert state(message) == ("sent", 1)
    assert sms_gateway.bodies[0]["to"] == NUMBER
    assert sms_gateway.bodies[0]["message"] == "482913 is je code – één"
    assert sms_gateway.keys == [str(message.pk)]


def test_rejected_sms_is_retried(sms_gateway: SmsGateway) -> None:
    sms_gateway.status = 500
    message = queue_sms()
    send_due_messages()
    assert state(message) == ("deferred", 1)
    assert fresh(message).error == "the gateway refused it (500)"
    sms_gateway.status = 200
    make_due(message)
    send_due_messages()
    assert state(message) == ("sent", 2)
    assert sms_gateway.asked == [str(message.pk)] * 2


@pytest.mark.slow
def test_slow_gateway_is_awaited(sms_gateway: SmsGateway) -> None:
    sms_gateway.seconds = 6.0
    message = queue_sms()
    send_due_messages()
    assert state(message) == ("sent", 1)
    assert len(sms_gateway.asked) == 1


def does_not_answer(gateway: SmsGateway, settings: Any) -> None:
    settings.LOKET_SMS_TIMEOUT, gateway.seconds = 0.3, 1.0


def hangs_up(gateway: SmsGateway, settings: Any) -> None:
    gateway.answers = False


def is_away_behind_its_proxy(gateway: SmsGateway, settings: Any) -> None:
    gateway.status = 504


@pytest.mark.parametrize("silence", [does_not_answer, hangs_up, is_away_behind_its_proxy])
def test_what_may_have_arrived_is_not_sent_again(
    sms_gateway: SmsGateway, settings: Any, silence: Callable[[SmsGateway, Any], None]
) -> None:
    silence(sms_gateway, settings)
    settings.SMS_URL += "&retry=2&wait=0&rto=60"  # the library's own attempts
    message = queue_sms()
    send_due_messages()
    assert state(message) == ("no_answer", 1)
    assert fresh(message).error == "the gateway did not answer"
    assert not fresh(message).is_undeliverable
    make_due(message)
    assert send_due_messages() == 0
    assert len(sms_gateway.asked) == 1


def test_a_gateway_that_cannot_be_reached_has_not_got_it(sms_gateway: SmsGateway, settings: Any) -> None:
    there, settings.SMS_URL = settings.SMS_URL, "json://127.0.0.1:1/sms?:to={to}"
    message = queue_sms()
    send_due_messages()
    assert state(message) == ("deferred", 1)
    assert fresh(message).error == "the gateway cannot be reached"
    settings.SMS_URL = there
    make_due(message)
    send_due_messages()
    assert state(message) == ("sent", 2)


def test_an_sms_whose_worker_died_is_not_sent_again(sms_gateway: SmsGateway) -> None:
    message = queue_sms()
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:
        assert outbox.actions.claim_message(Message.Channel.SMS, None) == message
        clock.shift(sending.get_max_duration(Message.Channel.SMS))
        assert outbox.actions.claim_message(Message.Channel.SMS, None) is None
        clock.shift(timedelta(seconds=6))
        send_due_messages()
    assert state(message) == ("no_answer", 1)
    assert sms_gateway.asked == []


@pytest.mark.parametrize(("status", "ends"), [(200, "sent"), (500, "failed")])
def test_an_answer_that_comes_late_counts(sms_gateway: SmsGateway, status: int, ends: str) -> None:
    """Another worker, or one whose clock is ahead, had given up on the message."""
    sms_gateway.status = status
    message = queue_sms()
    taken = outbox.actions.claim_message(Message.Channel.SMS, None)
    assert taken is not None
    make_due(message)
    assert outbox.actions.claim_message(Message.Channel.SMS, None) is not None
    assert state(message) == ("no_answer", 1)
    outbox.actions.deliver_message(taken)
    assert state(message) == (ends, 1)
    assert len(sms_gateway.asked) == 1


def test_taking_back_what_is_being_sent_ends_its_attempts(sms_gateway: SmsGateway) -> None:
    sms_gateway.status = 500
    message = queue_sms()
    taken = outbox.actions.claim_message(Message.Channel.SMS, None)
    assert taken is not None
    assert not outbox.actions.cancel_message(message)
    outbox.actions.deliver_message(taken)
    assert state(message) == ("failed", 1)


def test_invalid_gateway_address_is_survived(settings: Any) -> None:
    settings.SMS_URL = "cm://x"
    message = queue_sms()
    send_due_messages()
    assert state(message) == ("deferred", 1)


def test_sms_is_printed_on_the_console(settings: Any, capsys: Any) -> None:
    settings.SMS_URL = "console:"
    queue_sms()
    send_due_messages()
    assert f"SMS {NUMBER}: 482913" in capsys.readouterr().out


def test_no_secret_is_kept(mail_server: MailServer, sms_gateway: SmsGateway, caplog: Any) -> None:
    messages = [queue_mail(), queue_sms()]
    mail_server.behaviour, sms_gateway.status = "defer", 500

    def rows() -> str:
        return str([{**row, "encrypted_body": bytes(row["encrypted_body"] or b"")} for row in Message.objects.values()])

    texts = [rows()]
    with caplog.at_level("DEBUG", logger="loket"):
        send_due_messages()
        texts.append(rows())
        mail_server.behaviour, sms_gateway.status = "accept", 200
        for message in messages:
            make_due(message)
        send_due_messages()
    logged = str([record.msg for record in caplog.records if record.name.startswith(("loket", "apprise", "urllib3"))])
    texts += [rows(), logged]
    assert "deferred" in logged
    assert str(messages[0].pk) in logged
    for secret in ("612345678", "482913", "geheim", "Beste"):
        assert not any(secret in text for text in texts)
    assert "deboer" not in logged
    assert Message.objects.filter(encrypted_body=None, state="sent").count() == 2


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("550 mailbox unknown", "550 mailbox unknown"),
        ("550 <a.b@c.example>: no\nsuch a.b \x00here", "550 … no such … here"),
        ("554 spam https://loket.example/u/x +31612345678 code 123456", "554 spam … … code …"),
        ("x" * 30 + " no " * 100, "… no"),
    ],
)
def test_reason_is_redacted(text: str, kept: str) -> None:
    result = sending.redact_reason(text, to="a.b@c.example")
    assert result == kept or result.startswith(kept)
    assert len(result) <= 150
