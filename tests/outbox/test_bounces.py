"""Bounces at the signed return path of a message, by LMTP and from a maildir."""

import asyncio
import re
import smtplib
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from core.ids import uuid7
from outbox import bounces, lmtp
from outbox.bounces import receive_report
from outbox.delivery_reports import read_report
from outbox.models import Message, ReportCount
from outbox.return_path import build_return_path, verify_return_path
from outbox.worker import send_due_messages
from tests.helpers.servers import MailServer
from tests.outbox import report_samples as samples
from tests.outbox.test_sending import fresh, queue_mail, state

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bounce_domain(settings: Any) -> None:
    settings.LOKET_BOUNCE_DOMAIN = "bounces.loket.example"


@pytest.fixture
def sent() -> Message:
    """A message that the mail server accepted."""
    message = queue_mail()
    Message.objects.filter(pk=message.pk).update(state="sent", attempts=1, sent_at=timezone.now(), encrypted_body=None)
    return message


def counts() -> dict[str, int]:
    return dict(ReportCount.objects.values_list("result", "number"))


@pytest.mark.parametrize(
    ("content", "result", "reason", "words"),
    [
        (samples.POSTFIX_UNKNOWN, "hard_bounce", "550 5.1.1 ", "the mailbox does not exist"),
        (samples.POSTFIX_GAVE_UP, "soft_bounce", "4.4.1 ", "the mail server of the recipient could not be reached"),
        (samples.EXIM, "soft_bounce", "552 5.2.2 ", "the mailbox is full"),
        (samples.EXCHANGE, "hard_bounce", "550 5.1.10 ", "the mailbox does not exist"),
        (samples.GMAIL, "hard_bounce", "550-5.1.1 ", "the mailbox does not exist"),
        (samples.QMAIL, "hard_bounce", "Sorry, ", "the mailbox does not exist"),
    ],
)
def test_bounce_is_recorded_in_our_words(sent: Message, content: bytes, result: str, reason: str, words: str) -> None:
    other = queue_mail()
    assert receive_report([build_return_path(sent.pk)], content) == result
    assert state(sent) == ("bounced", 1)
    message = fresh(sent)
    assert message.error.startswith(reason)
    assert "deboer" not in message.error
    with translation.override("en"):
        assert message.failure_reason == words
    assert message.is_failure_temporary == (result == "soft_bounce")
    assert state(other) == ("queued", 0)
    assert receive_report([build_return_path(sent.pk)], content) == "unknown", "told twice"
    assert counts() == {result: 1, "unknown": 1}


@pytest.mark.parametrize(
    ("content", "result"),
    [
        (samples.POSTFIX_DELAYED, "delay"),
        (samples.OUT_OF_OFFICE, "auto_reply"),
        (samples.VACATION, "auto_reply"),
        (samples.ANSWER, "other"),
        (samples.DELIVERED, "other"),
        (samples.FORWARDED, "other"),
        *((content, "other") for content in samples.BROKEN),
    ],
)
def test_other_mails_change_nothing_and_are_counted(sent: Message, content: bytes, result: str) -> None:
    assert receive_report([build_return_path(sent.pk)], content) == result
    assert state(sent) == ("sent", 1)
    assert counts() == {result: 1}
    assert Message.objects.count() == 1, "nothing is sent in response"


def test_complaint_is_no_bounce(sent: Message) -> None:
    receive_report([build_return_path(sent.pk)], samples.COMPLAINT)
    assert state(sent) == ("sent", 1)


def forge(message_id: UUID, other: UUID) -> list[str]:
    """Return addresses that are no return path of `message_id`."""
    good = build_return_path(message_id)
    local, _at, domain = good.partition("@")
    signature = build_return_path(other).partition("@")[0].rpartition(".")[2]
    return [
        f"bounce+{message_id.hex}.{signature}@{domain}",
        f"{local[:-1]}{'0' if local[-1] != '0' else '1'}@{domain}",
        f"{local[:-2]}@{domain}",
        f"bounce+{message_id.hex}@{domain}",
        f"bounce+{message_id.hex}.@{domain}",
        f"bounce+{message_id.hex}.{'é' * 24}@{domain}",
        f"x{good}",
        "",
        "\x00",
    ]


def test_forged_return_path_changes_nothing_and_is_counted(sent: Message) -> None:
    addresses = forge(sent.pk, queue_mail().pk)
    for address in addresses:
        assert receive_report([address], samples.POSTFIX_UNKNOWN) == "forged", address
    assert state(sent) == ("sent", 1)
    assert counts() == {"forged": len(addresses)}


def test_return_path_outlives_case_and_key_rotation(sent: Message, settings: Any) -> None:
    address = build_return_path(sent.pk)
    assert len(address.partition("@")[0]) <= 64
    newer = "A" * 43 + "="
    settings.LOKET_SEALING_KEYS = [newer, *settings.LOKET_SEALING_KEYS]
    assert build_return_path(sent.pk) != address
    assert verify_return_path(f" {address.upper()} ") == sent.pk
    settings.LOKET_SEALING_KEYS = [newer]
    assert verify_return_path(address) is None


def test_late_bounce_changes_nothing(sent: Message) -> None:
    Message.objects.filter(pk=sent.pk).update(
        sent_at=timezone.now() - bounces.REPORTS_ACCEPTED_FOR - timedelta(minutes=1)
    )
    assert receive_report([build_return_path(sent.pk)], samples.POSTFIX_UNKNOWN) == "late"
    assert state(sent) == ("sent", 1)
    assert counts() == {"late": 1}


def test_bounce_of_an_unknown_or_unsent_message_changes_nothing() -> None:
    waiting = queue_mail()
    assert receive_report([build_return_path(uuid7())], samples.POSTFIX_UNKNOWN) == "unknown"
    assert receive_report([build_return_path(waiting.pk)], samples.POSTFIX_UNKNOWN) == "unknown"
    assert state(waiting) == ("queued", 0)


@pytest.mark.parametrize("line", [b"\n", b"--x\n", b"x" * 100, b'Content-Type: multipart/mixed; boundary="x"\n\n--x\n'])
def test_huge_mail_takes_little_time(line: bytes) -> None:
    content = samples.ANSWER + line * (20_000_000 // len(line))
    started = time.process_time()
    assert read_report(content).result == "other"
    assert time.process_time() - started < 2


def test_only_the_envelope_has_the_return_path(mail_server: MailServer, settings: Any) -> None:
    message = queue_mail()
    send_due_messages()
    assert mail_server.senders == [build_return_path(message.pk)]
    sender = mail_server.mails[0]["From"].addresses[0]
    assert (sender.display_name, sender.addr_spec) == ("De Vries, Bröt & Co via Loket", "loket@loket.example")
    settings.LOKET_BOUNCE_DOMAIN = ""
    queue_mail()
    send_due_messages()
    assert mail_server.senders[1] == "loket@loket.example"


@pytest.mark.parametrize("header", ["Delivered-To: {}", "X-Original-To: <{}>", "Envelope-To: x@y.example,\n {}"])
def test_maildir_is_read_once(sent: Message, tmp_path: Path, header: str) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "1.mail").write_bytes(header.format(build_return_path(sent.pk)).encode() + b"\n" + samples.GMAIL)
    (folder / "2.mail").write_bytes(samples.BROKEN[6])
    (folder / "3.mail").symlink_to("/etc/passwd")
    call_command("receive_bounces", "--maildir", str(tmp_path))
    assert state(sent) == ("bounced", 1)
    assert [path.name for path in folder.iterdir()] == ["3.mail"]
    assert counts() == {"hard_bounce": 1, "forged": 1}


def test_command_refuses_what_it_cannot_use(settings: Any, tmp_path: Path) -> None:
    for listen in ("8024", "192.0.2.1:8024", "0.0.0.0:8024", "localhost:x", "127.0.0.1:99999"):
        with pytest.raises(CommandError, match="loopback"):
            call_command("receive_bounces", "--lmtp", listen)
    with pytest.raises(CommandError, match="No such file"):
        call_command("receive_bounces", "--maildir", str(tmp_path / "absent"))
    settings.LOKET_BOUNCE_DOMAIN = ""
    with pytest.raises(CommandError, match="LOKET_BOUNCE_DOMAIN"):
        call_command("receive_bounces", "--maildir", str(tmp_path))


def running_lmtp_server(listen: str) -> Iterator[asyncio.Server]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    starting = lmtp.start_lmtp_server(lmtp.parse_listen_address(listen))
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(10)
    yield server
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(asyncio.sleep(0.01))  # connections close
    loop.close()


@pytest.fixture
def lmtp_client(transactional_db: None) -> Iterator[smtplib.LMTP]:
    """A mail server that delivers by LMTP on loopback."""
    for server in running_lmtp_server("127.0.0.1:0"):
        with smtplib.LMTP("127.0.0.1", server.sockets[0].getsockname()[1], timeout=10) as client:
            yield client


def read_log(caplog: pytest.LogCaptureFixture) -> str:
    return "".join(f"{record.msg} {record.args}" for record in caplog.records)


def test_bounce_by_lmtp(lmtp_client: smtplib.LMTP, sent: Message, caplog: pytest.LogCaptureFixture) -> None:
    assert lmtp_client.sendmail("", [build_return_path(sent.pk)], samples.POSTFIX_UNKNOWN) == {}
    assert state(sent) == ("bounced", 1)
    assert lmtp_client.sendmail("", ["postmaster@bounces.loket.example"], samples.OUT_OF_OFFICE) == {}
    assert lmtp_client.sendmail("x@y.example", [forge(sent.pk, uuid7())[0]], samples.POSTFIX_UNKNOWN) == {}
    assert counts() == {"hard_bounce": 1, "forged": 2}
    log = read_log(caplog)
    assert str(sent.pk) in log
    assert not re.search("@|deboer|bounce\\+|5\\.1\\.1", log)


def test_lmtp_takes_one_recipient_and_bounded_mails(lmtp_client: smtplib.LMTP, sent: Message) -> None:
    address = build_return_path(sent.pk)
    refused = lmtp_client.sendmail("", [address, "x@y.example"], samples.OUT_OF_OFFICE)
    assert list(refused) == ["x@y.example"]
    long = samples.POSTFIX_DELAYED + b"x" * 50_000 + b"\r\n"
    assert lmtp_client.sendmail("", [address], long) == {}
    with pytest.raises(smtplib.SMTPResponseException) as error:
        lmtp_client.sendmail("", [address], samples.POSTFIX_UNKNOWN + b"x\r\n" * lmtp.MAX_MAIL_BYTES)
    assert error.value.smtp_code == 552
    assert state(sent) == ("sent", 1)
    assert counts() == {"auto_reply": 1, "delay": 1}


def test_mail_server_keeps_a_bounce_while_the_database_fails(
    lmtp_client: smtplib.LMTP, sent: Message, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("p.deboer@devries.example")

    with monkeypatch.context() as patch:
        patch.setattr(bounces, "receive_report", fail)
        with pytest.raises(smtplib.SMTPDataError) as error:
            lmtp_client.sendmail("", [build_return_path(sent.pk)], samples.POSTFIX_UNKNOWN)
    assert (error.value.smtp_code, error.value.smtp_error) == (451, b"4.3.0 try again later")
    assert "report fault" in read_log(caplog)
    assert "deboer" not in read_log(caplog)
    assert lmtp_client.sendmail("", [build_return_path(sent.pk)], samples.POSTFIX_UNKNOWN) == {}
    assert state(sent) == ("bounced", 1)


def test_lmtp_on_a_socket(transactional_db: None, sent: Message, tmp_path: Path) -> None:
    for _server in running_lmtp_server(f"unix:{tmp_path}/bounces"):
        with smtplib.LMTP(f"{tmp_path}/bounces", timeout=10) as client:
            client.sendmail("", [build_return_path(sent.pk)], samples.EXIM)
    assert state(sent) == ("bounced", 1)
