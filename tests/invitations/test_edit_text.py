"""The page for editing the office's invitation text."""

from unittest import mock

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

import invitations.actions
from accounts.models import User
from audit.models import Event, Verb
from core.errors import EditConflict
from invitations import email_text
from invitations.email_text import STANDARD_TEXT, EmailText
from invitations.models import InvitationText
from outbox.emails import EmailContent, render_html
from outbox.models import Message
from tests.helpers.invited_users import body_of, by
from tests.helpers.responses import ClientResponse, codes

pytestmark = pytest.mark.django_db
URL = "/kantoor/e-mailteksten/"
OWN = EmailText("Kom bij {ProviderNaam}", "Dag {GebruikerVoorletters},\n\n{UitnodigingLink}")


def send(client: Client, name: str = "edit_text", *, before: EmailText = STANDARD_TEXT, **data: str) -> ClientResponse:
    fields = {"subject": OWN.subject, "body": OWN.body, "before": before.fingerprint} | data
    return client.post(reverse(f"invitations:{name}"), fields)


def own(user: User) -> EmailText:
    return invitations.actions.get_office_text(user.provider)


def test_it_shows_the_standard_text_and_every_placeholder(alice_client: Client) -> None:
    response = alice_client.get(URL)
    assert response.status_code == 200
    assert response.context["form"].initial["body"] == STANDARD_TEXT.body
    assert all("{" + name + "}" in response.content.decode() for name in email_text.PLACEHOLDERS)
    assert "P. de Boer" in response.context["preview"].body


@pytest.mark.parametrize("name", ["edit_text", "preview_text", "send_test_email", "restore_standard_text"])
def test_it_needs_the_right(name: str, bob_client: Client, client: Client) -> None:
    url = reverse(f"invitations:{name}")
    for method in ("get", "post"):
        assert getattr(bob_client, method)(url).status_code == 403
        assert getattr(client, method)(url)["Location"].startswith(reverse("authentication:login"))


def test_it_saves(alice_client: Client, alice: User, charlie_client: Client, charlie: User) -> None:
    assert send(alice_client, body=OWN.body.replace("\n", "\r\n"))["Location"] == URL
    assert own(alice) == OWN
    event = Event.objects.get(verb=Verb.TEXT_CHANGED)
    assert event.provider_id == alice.provider_id
    assert event.changes["subject"] == [STANDARD_TEXT.subject, OWN.subject]
    assert own(charlie) == STANDARD_TEXT
    assert charlie_client.get(URL).context["form"].initial["subject"] == STANDARD_TEXT.subject
    assert send(alice_client, before=OWN)["Location"] == URL
    assert Event.objects.filter(verb=Verb.TEXT_CHANGED).count() == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("subject", "", "required"),
        ("body", "", "required"),
        ("subject", "x" * 513, "max_length"),
        ("body", "{UitnodigingLink}" + "x" * 6000, "max_length"),
        ("body", "Zonder link", "no_link"),
        ("body", "{UitnodigingLink} {Onbekend}", "placeholder"),
        ("subject", "{Naam}", "placeholder"),
        ("body", "{} {UitnodigingLink}", "placeholder"),
        ("subject", "{UitnodigingLink}", "link_in_subject"),
        ("subject", "a\nBcc: b@c.nl", "one_line"),
        ("subject", "a\u2028b", "one_line"),
        ("subject", "a\x00", "null_characters_not_allowed"),
        ("body", "{UitnodigingLink}\x00", "null_characters_not_allowed"),
    ],
)
@pytest.mark.parametrize("name", ["edit_text", "preview_text", "send_test_email"])
def test_it_refuses_with_the_reason(
    name: str, field: str, value: str, code: str, alice_client: Client, alice: User
) -> None:
    response = send(alice_client, name, **{field: value})
    assert response.status_code == 200
    assert code in codes(response, field)
    assert own(alice) == STANDARD_TEXT
    assert not Message.objects.exists()


def test_it_takes_six_thousand_characters_with_line_ends(alice_client: Client, alice: User) -> None:
    body = "{UitnodigingLink}" + "\n" * (6000 - len("{UitnodigingLink}x")) + "x"
    assert send(alice_client, body=body.replace("\n", "\r\n")).status_code == 302
    assert own(alice).body == body


def test_it_answers_html_emoji_and_direction_marks(alice_client: Client) -> None:
    body = "<script>alert(1)</script> 😀 \u202e {UitnodigingLink}"
    response = send(alice_client, "preview_text", body=body)
    assert response.status_code == 200
    assert b"<script>alert" not in response.content
    send(alice_client, "send_test_email", body=body)
    sent = body_of(Message.objects.get())
    content = EmailContent(sent["subject"], sent["text"], sent["button"])
    assert "<script>" not in render_html(content, title=sent["title"], office=sent["sender_name"], logo=None)
    assert "😀" in sent["text"]


def test_it_answers_a_megabyte_and_a_missing_token(alice_client: Client, alice: User) -> None:
    assert send(alice_client, body="x" * 1_000_000).status_code == 400
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert send(strict).status_code == 403


def test_it_previews_without_saving(alice_client: Client, alice: User) -> None:
    response = send(alice_client, "preview_text")
    assert response.context["preview"].subject == "Kom bij Administratiekantoor De Vries"
    assert OWN.subject in response.content.decode()
    assert own(alice) == STANDARD_TEXT
    assert not Message.objects.exists()
    assert alice_client.get(reverse("invitations:preview_text"))["Location"] == URL


def test_it_sends_a_test_to_oneself(alice_client: Client, alice: User) -> None:
    response = send(alice_client, "send_test_email")
    assert response.context["test_sent"]
    message = Message.objects.get()
    assert (message.recipient, message.provider_id) == (alice.email, alice.provider_id)
    assert "/uitnodiging/dit-is-een-voorbeeld/" in body_of(message)["text"]
    assert own(alice) == STANDARD_TEXT
    assert alice_client.get(reverse("invitations:send_test_email"))["Location"] == URL
    assert [send(alice_client, "send_test_email").status_code for _time in range(10)] == [200] * 9 + [429]
    assert int(send(alice_client, "send_test_email")["Retry-After"]) > 0


def test_it_goes_back_to_the_standard_text(alice_client: Client, alice: User) -> None:
    send(alice_client)
    url = reverse("invitations:restore_standard_text")
    assert alice_client.get(url).status_code == 200
    assert own(alice) == OWN
    for _click in range(2):
        assert alice_client.post(url)["Location"] == URL
    assert own(alice) == STANDARD_TEXT
    assert Event.objects.filter(verb=Verb.TEXT_CHANGED).count() == 2


def test_it_tells_the_second_of_two_administrators(alice_client: Client, alice: User) -> None:
    send(alice_client)
    response = send(alice_client, subject="Van de tweede")
    assert codes(response, "__all__") == ["stale"]
    assert response.context["standing"] == OWN
    assert response.context["form"]["subject"].value() == "Van de tweede"
    assert own(alice) == OWN
    assert response.context["form"]["before"].value() == OWN.fingerprint
    assert send(alice_client, subject="Van de tweede", before=OWN).status_code == 302
    assert own(alice).subject == "Van de tweede"


def test_it_tells_so_at_the_same_moment(alice_client: Client, alice: User) -> None:
    save = invitations.actions.save_office_text

    def slower(*args: object, **kwargs: object) -> None:
        InvitationText.objects.create(provider=alice.provider, subject="Eerst", body="{UitnodigingLink}")
        save(*args, **kwargs)

    with mock.patch.object(invitations.actions, "save_office_text", slower):
        response = send(alice_client)
    assert codes(response, "__all__") == ["stale"]
    assert own(alice).subject == "Eerst"


def test_it_refuses_other_people_in_the_action(alice: User, bob: User, charlie: User) -> None:
    for who in (bob, charlie):
        with pytest.raises(PermissionDenied):
            invitations.actions.save_office_text(alice.provider, text=OWN, before=STANDARD_TEXT, by=by(who))
        with pytest.raises(PermissionDenied):
            invitations.actions.restore_standard_text(alice.provider, by=by(who))
        with pytest.raises(PermissionDenied):
            invitations.actions.send_test_email(alice.provider, text=OWN, by=by(who))
    with pytest.raises(EditConflict):
        invitations.actions.save_office_text(alice.provider, text=OWN, before=OWN, by=by(alice))
