"""`manage.py receive_bounces`: receive the bounces of our own mail server."""

import asyncio
import signal
from imaplib import IMAP4
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from outbox import imap
from outbox.bounces import receive_maildir


class Command(BaseCommand):
    help = "Receive bounces from the mail server: by LMTP until SIGTERM or Ctrl-C, or once from a maildir or by IMAP."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        doors = parser.add_mutually_exclusive_group(required=True)
        doors.add_argument("--lmtp", help="loopback address and port, such as 127.0.0.1:8024, or unix:/path")
        doors.add_argument("--maildir", type=Path, help="folder whose unread mails are processed and deleted")
        doors.add_argument("--imap", help="mailbox whose mails are processed and deleted: imaps://user@host/folder")
        parser.add_argument("--password-file", type=Path, help="file with the password of the mailbox")

    def handle(self, *args: Any, **options: Any) -> None:
        """Receive. Raises CommandError when the feature is off or the address or folder cannot be used."""
        if not settings.LOKET_BOUNCE_DOMAIN:
            raise CommandError("LOKET_BOUNCE_DOMAIN is not set, so no e-mail has a return path of its own.")
        try:
            if options["maildir"]:
                self.stdout.write(f"Mails processed: {receive_maildir(options['maildir'])}.")
            elif options["imap"]:
                self._receive_by_imap(options["imap"], options["password_file"])
            else:
                asyncio.run(self._serve(options["lmtp"]))
        except OSError as error:
            raise CommandError(f"Cannot be used: {error.strerror}.") from error

    def _receive_by_imap(self, url: str, password_file: Path | None) -> None:
        try:
            mailbox = imap.parse_mailbox(url)
        except ValueError:
            raise CommandError("--imap must be imaps://user@host/folder, without a password.") from None
        if password_file is None:
            raise CommandError("--imap also needs --password-file.")
        try:
            count = imap.receive_mailbox(mailbox, password_file.read_text().rstrip("\n"))
        except IMAP4.error:  # its text may hold an address
            raise CommandError("The mail server refused the user, the password, the folder or a command.") from None
        self.stdout.write(f"Mails processed: {count}.")

    async def _serve(self, listen: str) -> None:
        from outbox import lmtp  # its library is needed here only

        try:
            address = lmtp.parse_listen_address(listen)
        except ValueError:
            raise CommandError("--lmtp must be a loopback address and a port, or unix: and a path.") from None
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with await lmtp.start_lmtp_server(address):
            self.stdout.write(f"Listening on {listen}.")
            await stop.wait()
