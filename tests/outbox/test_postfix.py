"""A real Postfix on loopback accepts an e-mail, is refused by the recipient's server and reports it by LMTP."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from outbox.models import Message
from outbox.worker import send_due_messages
from tests.helpers.demo_process import free_port
from tests.helpers.invited_users import invite
from tests.helpers.servers import MailServer
from tests.outbox.test_bounces import counts, running_lmtp_server

pytestmark = [pytest.mark.postfix, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.loket.example
mydestination =
alias_maps =
disable_dns_lookups = yes
smtpd_relay_restrictions = permit_mynetworks, reject
relay_domains = bounces.loket.example
transport_maps = inline:{{{{bounces.loket.example = lmtp:inet:127.0.0.1:{lmtp}}}, {{* = smtp:[127.0.0.1]:{remote}}}}}
lmtp_destination_recipient_limit = 1
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


@pytest.fixture
def postfix(mail_server: MailServer, settings: Any) -> Iterator[Path]:
    """Postfix between the application and `mail_server`; returns its log."""
    if os.getuid():
        text = "Postfix starts as root only"
        (pytest.fail if os.environ.get("LOKET_POSTFIX_REQUIRED") == "1" else pytest.skip)(text)
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))  # not tmp_path, which only its owner may enter
    folder.chmod(0o755)
    (folder / "queue").mkdir()
    (folder / "data").mkdir()
    shutil.chown(folder / "data", "postfix")
    port = free_port()
    for server in running_lmtp_server("127.0.0.1:0"):
        lmtp = server.sockets[0].getsockname()[1]
        (folder / "main.cf").write_text(MAIN.format(folder=folder, lmtp=lmtp, remote=mail_server.port))
        (folder / "master.cf").write_text(MASTER.format(port=port))
        subprocess.run(["/usr/sbin/postfix", "-c", folder, "start"], check=True, capture_output=True)
        settings.EMAIL_PORT, settings.LOKET_BOUNCE_DOMAIN = port, "bounces.loket.example"
        yield folder / "log"
        subprocess.run(["/usr/sbin/postfix", "-c", folder, "stop"], check=True, capture_output=True)
    shutil.rmtree(folder)


def test_postfix_reports_a_bounce_within_ten_seconds(
    postfix: Path, mail_server: MailServer, alice: User, alice_client: Client
) -> None:
    mail_server.behaviour = "refuse"
    user = invite(alice).invitation.user
    message = Message.objects.get(kind="invitation")
    send_due_messages()
    message.refresh_from_db()
    assert (message.state, message.error) == ("sent", ""), message.error
    started = time.monotonic()
    while message.state == "sent" and time.monotonic() - started < 10:
        time.sleep(0.1)
        message.refresh_from_db()
    assert message.state == "bounced", postfix.read_text()
    assert message.error.startswith("550 5.1.1 ")
    assert counts() == {"hard_bounce": 1}
    card = alice_client.get(reverse("users:user_detail", args=[user.pk])).text
    assert f"Niet bezorgd: {message.failure_reason}." in card
    for page in ("users:user_list", "users:message_list"):
        assert message.failure_reason in alice_client.get(reverse(page)).text, page
