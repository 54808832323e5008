"""The page on which the office edits the text of its invitations."""

from unittest import mock

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

import invitations.actions
from accounts.actions import Stale
from accounts.models import User
from audit.models import Event, Verb
from invitations import texts
from invitations.models import InvitationText
from invitations.texts import STANDARD, Text
from outbox.models import Message
from tests.invited import body_of, by

pytestmark = pytest.mark.django_db
URL = "/kantoor/e-mailteksten/"
OWN = Text("Kom bij {ProviderNaam}", "Dag {GebruikerVoorletters},\n\n{UitnodigingLink}")


def send(client: Client, name: str = "text", *, before: Text = STANDARD, **data: str) -> object:
    fields = {"subject": OWN.subject, "body": OWN.body, "before": before.fingerprint} | data
    return client.post(reverse(f"invitations:{name}"), fields)


def codes(response: object, field: str) -> list[str]:
    return [error.code for error in response.context["form"].errors.as_data().get(field, [])]


def own(user: User) -> Text:
    return invitations.actions.office_text(user.provider)


def test_it_shows_the_standard_text_and_every_placeholder(alices: Client) -> None:
    response = alices.get(URL)
    assert response.status_code == 200
    assert response.context["form"].initial["body"] == STANDARD.body
    assert all("{" + name + "}" in response.content.decode() for name in texts.PLACEHOLDERS)
    assert "P. de Boer" in response.context["preview"].body


@pytest.mark.parametrize("name", ["text", "text_preview", "text_test", "text_standard"])
def test_it_needs_the_right(name: str, bobs: Client, client: Client) -> None:
    url = reverse(f"invitations:{name}")
    for method in ("get", "post"):
        assert getattr(bobs, method)(url).status_code == 403
        assert getattr(client, method)(url)["Location"].startswith(reverse("signin:login"))


def test_it_saves(alices: Client, alice: User, charlies: Client, charlie: User) -> None:
    assert send(alices, body=OWN.body.replace("\n", "\r\n"))["Location"] == URL
    assert own(alice) == OWN
    event = Event.objects.get(verb=Verb.TEXT_CHANGED)
    assert event.provider_id == alice.provider_id
    assert event.changes["subject"] == [STANDARD.subject, OWN.subject]
    assert own(charlie) == STANDARD
    assert charlies.get(URL).context["form"].initial["subject"] == STANDARD.subject
    assert send(alices, before=OWN)["Location"] == URL
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
@pytest.mark.parametrize("name", ["text", "text_preview", "text_test"])
def test_it_refuses_with_the_reason(name: str, field: str, value: str, code: str, alices: Client, alice: User) -> None:
    response = send(alices, name, **{field: value})
    assert response.status_code == 200
    assert code in codes(response, field)
    assert own(alice) == STANDARD
    assert not Message.objects.exists()


def test_it_takes_six_thousand_characters_with_line_ends(alices: Client, alice: User) -> None:
    body = "{UitnodigingLink}" + "\n" * (6000 - len("{UitnodigingLink}x")) + "x"
    assert send(alices, body=body.replace("\n", "\r\n")).status_code == 302
    assert own(alice).body == body


def test_it_answers_html_emoji_and_direction_marks(alices: Client) -> None:
    body = "<script>alert(1)</script> 😀 ‮ {UitnodigingLink}"
    response = send(alices, "text_preview", body=body)
    assert response.status_code == 200
    assert b"<script>alert" not in response.content
    send(alices, "text_test", body=body)
    sent = body_of(Message.objects.get())
    assert "<script>" not in sent["html"]
    assert "😀" in sent["text"]


def test_it_answers_a_megabyte_and_a_missing_token(alices: Client, alice: User) -> None:
    assert send(alices, body="x" * 1_000_000).status_code == 400
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert send(strict).status_code == 403


def test_it_previews_without_saving(alices: Client, alice: User) -> None:
    response = send(alices, "text_preview")
    assert response.context["preview"].subject == "Kom bij Administratiekantoor De Vries"
    assert OWN.subject in response.content.decode()
    assert own(alice) == STANDARD
    assert not Message.objects.exists()
    assert alices.get(reverse("invitations:text_preview"))["Location"] == URL


def test_it_sends_a_test_to_oneself(alices: Client, alice: User) -> None:
    response = send(alices, "text_test")
    assert response.context["test_sent"]
    message = Message.objects.get()
    assert (message.recipient, message.provider_id) == (alice.email, alice.provider_id)
    assert "/uitnodiging/dit-is-een-voorbeeld/" in body_of(message)["text"]
    assert own(alice) == STANDARD
    assert alices.get(reverse("invitations:text_test"))["Location"] == URL
    assert [send(alices, "text_test").status_code for _time in range(10)] == [200] * 9 + [429]


def test_it_goes_back_to_the_standard_text(alices: Client, alice: User) -> None:
    send(alices)
    url = reverse("invitations:text_standard")
    assert alices.get(url).status_code == 200
    assert own(alice) == OWN
    for _click in range(2):
        assert alices.post(url)["Location"] == URL
    assert own(alice) == STANDARD
    assert Event.objects.filter(verb=Verb.TEXT_CHANGED).count() == 2


def test_it_tells_the_second_of_two_administrators(alices: Client, alice: User) -> None:
    send(alices)
    response = send(alices, subject="Van de tweede")
    assert codes(response, "__all__") == ["stale"]
    assert response.context["standing"] == OWN
    assert response.context["form"]["subject"].value() == "Van de tweede"
    assert own(alice) == OWN
    assert response.context["form"]["before"].value() == OWN.fingerprint
    assert send(alices, subject="Van de tweede", before=OWN).status_code == 302
    assert own(alice).subject == "Van de tweede"


def test_it_tells_so_at_the_same_moment(alices: Client, alice: User) -> None:
    save = invitations.actions.save_text

    def slower(*args: object, **kwargs: object) -> None:
        InvitationText.objects.create(provider=alice.provider, subject="Eerst", body="{UitnodigingLink}")
        save(*args, **kwargs)

    with mock.patch.object(invitations.actions, "save_text", slower):
        response = send(alices)
    assert codes(response, "__all__") == ["stale"]
    assert own(alice).subject == "Eerst"


def test_it_refuses_other_people_in_the_action(alice: User, bob: User, charlie: User) -> None:
    for who in (bob, charlie):
        with pytest.raises(PermissionDenied):
            invitations.actions.save_text(alice.provider, text=OWN, before=STANDARD, by=by(who))
        with pytest.raises(PermissionDenied):
            invitations.actions.restore_text(alice.provider, by=by(who))
        with pytest.raises(PermissionDenied):
            invitations.actions.send_test(alice.provider, text=OWN, by=by(who))
    with pytest.raises(Stale):
        invitations.actions.save_text(alice.provider, text=OWN, before=OWN, by=by(alice))
