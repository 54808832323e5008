"""The e-mail of an invitation, as the mail server of the invited user receives it."""

import re
from email.message import EmailMessage
from html import unescape

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

import invitations.actions
import users.email_texts
from accounts.emails import get_product_text
from accounts.models import User
from audit.actors import Actor, EventOrigin
from authentication.actions import email_password_link
from core.access import ReauthenticationLevel
from invitations.models import Invitation
from outbox.models import Message
from outbox.worker import send_due_messages
from tests.helpers.invited_users import NUMBER, STANDARD_TEXT, by, invite
from tests.helpers.mfa import give_app
from tests.helpers.servers import MailServer

pytestmark = pytest.mark.django_db


def receive(mail_server: MailServer) -> EmailMessage:
    send_due_messages()
    return mail_server.mails[-1]


def read(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body([kind])
    assert part is not None
    return str(part.get_content())


def test_it_arrives_from_the_office_and_opens_with_its_button(mail_server: MailServer, alice: User) -> None:
    invite(alice)
    mail = receive(mail_server)
    assert mail["From"].addresses[0].display_name == f"{alice.office.name} via Loket"
    assert mail["Reply-To"] == alice.email
    text, html = read(mail, "plain"), unescape(read(mail, "html"))
    assert f"{alice.full_name} nodigt je uit voor Loket" in text
    for part in (text, re.sub(r"\s+", " ", html)):
        assert f"Beantwoord deze mail: je antwoord gaat naar {alice.full_name}." in part
        assert "eindigt op 78" in " ".join(part.split())
    (link,) = set(re.findall(r"http[^\s\"'<]*/uitnodiging/[^\s\"'<]*", text + html))
    assert link in text.splitlines()
    assert html.count(f'href="{link}"') == 2
    browser = Client()
    answer = browser.get(link.removeprefix(settings.LOKET_URL), follow=True)
    assert answer.status_code == 200
    assert answer.request["PATH_INFO"] == "/uitnodiging/"


def test_answers_go_to_no_one_who_left_or_is_not_of_the_office(
    mail_server: MailServer, alice: User, dora: User
) -> None:
    user = invite(alice).invitation.user
    give_app(dora)
    send_due_messages()
    User.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
    support = Actor(EventOrigin.SUPPORT, dora.full_name, dora, reason="4712", proof=ReauthenticationLevel.FIVE_MINUTES)
    invitations.actions.resend_invitation(user, mobile_number=NUMBER, email=user.email, by=support)
    mail = receive(mail_server)
    assert Invitation.objects.get().sent_by == alice
    assert mail["Reply-To"] is None
    assert "Beantwoord deze mail" not in read(mail, "plain")
    assert "beheerder van je kantoor" in " ".join(read(mail, "plain").split())
    assert dora.email not in mail.as_string()


@pytest.mark.parametrize("address", ["", "jan\u00e9@devries.example", "no address"])
def test_an_address_that_no_mail_server_knows_is_left_out(mail_server: MailServer, alice: User, address: str) -> None:
    alice.email = address
    alice.save()
    invite(alice)
    assert receive(mail_server)["Reply-To"] is None
    assert Message.objects.get().state == "sent"


def test_answers_go_to_the_domain_as_mail_servers_know_it(mail_server: MailServer, alice: User) -> None:
    alice.email = "m.vermeer@straße.example"
    alice.save()
    invite(alice)
    assert receive(mail_server)["Reply-To"] == "m.vermeer@xn--strae-oqa.example"


def test_a_test_mail_is_as_the_real_one_and_security_mails_name_no_one_to_answer(
    mail_server: MailServer, alice: User
) -> None:
    test = {"kind": "invitation", "language": "nl", "text": STANDARD_TEXT, "by": by(alice)}
    users.email_texts.send_test_email(alice.office, **test)
    assert receive(mail_server)["Reply-To"] == alice.email
    product_text = get_product_text("password_changed", "nl")
    users.email_texts.send_test_email(alice.office, **test | {"kind": "password_changed", "text": product_text})
    assert receive(mail_server)["Reply-To"] is None
    email_password_link(alice, by=by(alice))
    assert receive(mail_server)["Reply-To"] is None
    builders = {
        path.relative_to(settings.BASE_DIR).as_posix()
        for path in settings.BASE_DIR.glob("[a-z]*/**/*.py")
        if path.relative_to(settings.BASE_DIR).parts[0] not in ("tests", "node_modules", "outbox", "demo")
        and "reply_to=" in path.read_text()
    }
    # The last one reads the address that the office itself gave with its own sender.
    assert builders == {"invitations/emails.py", "users/email_texts.py", "senders/signing.py"}
