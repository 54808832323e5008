"""Bounces from a mailbox: the command speaks IMAP with a server on loopback."""

import re
import socketserver
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from outbox.imap import Mailbox, parse_mailbox
from outbox.models import Message
from outbox.return_path import build_return_path
from tests.outbox import report_samples as samples
from tests.outbox.test_bounces import counts
from tests.outbox.test_sending import queue_mail, state

pytestmark = pytest.mark.django_db
PASSWORD = 'ge"heim\\5 x'


class ImapServer(socketserver.ThreadingTCPServer):
    """An IMAP server with one mailbox (RFC 3501), as far as the command needs it."""

    daemon_threads = True
    mails: dict[int, bytes]
    deleted: set[int]
    selected: list[str]
    refused: str  # the beginning of the commands that are refused
    vanishing: list[int]  # mails that another program deletes once they were found


class ImapConnection(socketserver.StreamRequestHandler):
    server: ImapServer

    def handle(self) -> None:
        self.wfile.write(b"* OK ready\r\n")
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            tag, _space, rest = line.partition(" ")
            is_refused = self.server.refused and rest.startswith(self.server.refused)
            done = "NO [SERVERBUG]" if is_refused else self.answer(rest)
            self.wfile.write(f"{tag} {done} done\r\n".encode())
            if rest == "LOGOUT":
                return

    def answer(self, command: str) -> str:
        box = self.server
        if command == "CAPABILITY":
            self.wfile.write(b"* CAPABILITY IMAP4rev1\r\n")
        elif command.startswith("LOGIN"):
            quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
            return "OK" if command == f'LOGIN "bounces" "{quoted}"' else "NO [AUTHENTICATIONFAILED] bounces"
        elif command.startswith("SELECT"):
            box.selected.append(command.partition(" ")[2])
            if "INBOX" not in command:
                return "NO unknown"
            self.wfile.write(f"* {len(box.mails)} EXISTS\r\n".encode())
        elif command == "UID SEARCH ALL":
            self.wfile.write(f"* SEARCH {' '.join(map(str, box.mails))}".rstrip().encode() + b"\r\n")
            box.mails = {uid: mail for uid, mail in box.mails.items() if uid not in box.vanishing}
        elif found := re.fullmatch(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", command):
            self.give(int(found[1]), int(found[2]))
        elif found := re.fullmatch(r"UID STORE (\d+) \+FLAGS (?:\(\\Deleted\)|\\Deleted)", command):
            box.deleted.add(int(found[1]))
        elif command == "EXPUNGE":
            for uid in sorted(box.deleted):
                box.mails.pop(uid, None)
        elif command == "LOGOUT":
            self.wfile.write(b"* BYE\r\n")
        elif command != "CLOSE":
            return "BAD"
        return "OK"

    def give(self, uid: int, size: int) -> None:
        """Answer with the beginning of a mail, or with nothing if it is gone."""
        if uid in self.server.mails:
            content = self.server.mails[uid][:size]
            start = f"* {uid} FETCH (UID {uid} BODY[]<0> {{{len(content)}}}\r\n"
            self.wfile.write(start.encode() + content + b")\r\n")


@pytest.fixture
def mailbox(settings: Any) -> Iterator[ImapServer]:
    settings.LOKET_BOUNCE_DOMAIN = "bounces.loket.example"
    with ImapServer(("127.0.0.1", 0), ImapConnection) as server:
        server.mails, server.deleted, server.selected = {}, set(), []
        server.refused, server.vanishing = "", []
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


def receive(mailbox: ImapServer, password_file: Path, folder: str = "") -> None:
    url = f"imap://bounces@127.0.0.1:{mailbox.server_address[1]}/{folder}"
    call_command("receive_bounces", imap=url, password_file=password_file)


@pytest.mark.slow
def test_bounces_are_received_and_deleted(mailbox: ImapServer, password_file: Path, capsys: Any) -> None:
    message, other = queue_mail(), queue_mail()
    Message.objects.filter(pk=message.pk).update(state="sent", attempts=1, sent_at=timezone.now(), encrypted_body=None)
    header = f"Delivered-To: {build_return_path(message.pk)}\r\n".encode()
    mailbox.mails = {7: header + samples.POSTFIX_UNKNOWN, 9: b"To: x@loket.example\r\n\r\nspam", 12: b""}
    receive(mailbox, password_file)
    assert state(message) == ("bounced", 1)
    assert state(other) == ("queued", 0)
    assert counts() == {"hard_bounce": 1, "forged": 2}
    assert mailbox.mails == {}
    receive(mailbox, password_file)
    assert capsys.readouterr().out == "Mails processed: 3.\nMails processed: 0.\n"
    assert mailbox.selected == ['"INBOX"'] * 2


@pytest.mark.slow
@pytest.mark.parametrize("command", ["UID SEARCH", "UID FETCH", "UID STORE"])
def test_no_mail_is_deleted_that_the_server_did_not_give(
    mailbox: ImapServer, password_file: Path, command: str
) -> None:
    mailbox.mails, mailbox.refused = {7: samples.POSTFIX_UNKNOWN}, command
    with pytest.raises(CommandError, match="refused"):
        receive(mailbox, password_file)
    assert (list(mailbox.mails), mailbox.deleted) == ([7], set())


@pytest.mark.slow
def test_mail_that_another_program_deleted_is_not_counted(mailbox: ImapServer, password_file: Path) -> None:
    mailbox.mails, mailbox.vanishing = {7: samples.POSTFIX_UNKNOWN, 9: samples.ANSWER}, [7]
    receive(mailbox, password_file)
    assert counts() == {"forged": 1}
    assert (mailbox.mails, mailbox.deleted) == ({}, {9})


@pytest.mark.slow
def test_wrong_password_and_folder(mailbox: ImapServer, password_file: Path) -> None:
    with pytest.raises(CommandError, match="refused"):
        receive(mailbox, password_file, 'x"y')
    assert mailbox.selected == ['"x\\"y"']
    password_file.write_text("fout")
    with pytest.raises(CommandError, match="refused"):
        receive(mailbox, password_file)


@pytest.mark.slow
def test_server_that_is_away(mailbox: ImapServer, password_file: Path) -> None:
    with pytest.raises(CommandError, match="Cannot be used"):
        call_command("receive_bounces", imap="imap://bounces@127.0.0.1:1/", password_file=password_file)
    with pytest.raises(CommandError, match="Cannot be used"):
        receive(mailbox, password_file.with_name("none"))


@pytest.mark.slow
def test_password_is_required_in_a_file(mailbox: ImapServer) -> None:
    with pytest.raises(CommandError, match="--password-file"):
        call_command("receive_bounces", imap="imaps://bounces@mail.example/")


def test_mailbox_is_read_from_a_url() -> None:
    assert parse_mailbox("imaps://b%40x.nl@mail.example/Bounces%20in") == Mailbox(
        "mail.example", 993, "b@x.nl", "Bounces in", tls=True
    )
    assert parse_mailbox("imap://b@[::1]:10143").port == 10143


@pytest.mark.parametrize(
    "url",
    [
        "imap://b@mail.example/", "imap://b@192.0.2.1/", "imaps://mail.example/", "imaps://b:geheim@mail.example/",
        "https://b@mail.example/", "imaps://b@/", "x", "imaps://b@mail.example:x/", "",
    ],
)  # fmt: skip
def test_no_mailbox(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (of several libraries)
        parse_mailbox(url)
