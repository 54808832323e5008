"""The pages for the office's texts of e-mails, and what is sent with them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import authentication.actions
import users.actions
import users.email_texts
from accounts import email_texts, emails
from accounts.email_kinds import KINDS
from accounts.email_texts import KEPT_VERSIONS, OfficeEmailText
from accounts.logos import OfficeLogo
from accounts.models import Provider, User
from audit.models import Event, Verb
from core.errors import EditConflict
from outbox.emails import EmailContent, render_html
from outbox.models import Message
from outbox.placeholders import EmailText
from permissions.models import Team, TeamMember
from tests.helpers.invited_users import STANDARD_TEXT, body_of, by, invite
from tests.helpers.mfa import give_app
from tests.helpers.responses import ClientResponse, codes
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
LIST = "/kantoor/e-mailteksten/"
URL = f"{LIST}invitation/nl/"
PREVIEW, TEST = f"{URL}voorbeeld/", f"{URL}proef/"
OWN = EmailText("Kom bij {ProviderNaam}", "Dag {GebruikerVoorletters},\n\n{UitnodigingLink}\n\n{CodeTekst}")
CHANGED = EmailText("Let op: je wachtwoord", "Hoi {GebruikerAchternaam},\n\n{Melding}\n\n{NietJijTekst}")


def send(client: Client, url: str = URL, *, number: int = 0, text: EmailText = OWN, **data: Any) -> ClientResponse:
    person = client.session.get("_auth_user_id", "")
    return client.post(url, text._asdict() | {"version_number": number, "person": person} | data)


def own(user: User, kind: str = "invitation") -> EmailText | None:
    return email_texts.find_texts(kind, [user.office.pk]).get(user.office.pk)


def save(user: User, kind: str = "password_changed", text: EmailText = CHANGED, **options: Any) -> None:
    options = {"language": "nl", "version_number": 0} | options
    users.email_texts.save_email_text(user.office, kind=kind, text=text, by=by(user), **options)


def test_the_list_shows_every_kind_with_whose_text_it_is(alice_client: Client, alice: User) -> None:
    save(alice)
    save(alice, language="en")
    save(alice, kind="username", text=EmailText("x", "{Gebruikersnaam}"))
    save(alice, kind="username", text=emails.get_product_text("username", "nl"), version_number=1)
    response = alice_client.get(LIST)
    rows = {name: str(text and text.is_own) for name, _kind, text in response.context["rows"]}
    assert rows == dict.fromkeys(KINDS, "None") | {"password_changed": "True", "username": "False"}
    for name, kind in KINDS.items():
        assert str(kind.title) in response.text
        assert f"{LIST}{name}/nl/" in response.text
    assert response.text.count(">je kantoor</span>") == 1
    english = alice_client.get(f"{LIST}?language=en")
    assert [name for name, _kind, text in english.context["rows"] if text] == ["password_changed"]
    assert f"{LIST}username/en/" in english.text
    assert alice_client.get(f"{LIST}?language=fr").status_code == 404


@pytest.mark.slow
def test_the_pages_take_a_fixed_number_of_queries(
    alice_client: Client, alice: User, django_assert_max_num_queries: Any
) -> None:
    def count(url: str) -> int:
        with django_assert_max_num_queries(40) as found:
            assert alice_client.get(url).status_code == 200
        return len(found)

    count(LIST)
    before = [count(url) for url in (LIST, URL, PREVIEW)]
    for number in range(5):
        save(alice, "invitation", OWN._replace(subject=f"Kom {number}"), version_number=number)
    for kind in ("password_changed", "device_added"):
        save(alice, kind)
    assert [count(url) for url in (LIST, URL, PREVIEW)] == before


@pytest.mark.slow
def test_it_shows_the_text_of_the_product_and_every_placeholder(alice_client: Client) -> None:
    for kind in KINDS:
        for language, _name in settings.LANGUAGES:
            response = alice_client.get(reverse("users:edit_email_text", args=[kind, language]))
            assert response.context["form"].initial["body"] == emails.get_product_text(kind, language).body
            assert all("{" + name + "}" in response.text for name in emails.list_placeholders(kind))


@pytest.mark.parametrize("url", [LIST, URL, PREVIEW, TEST])
def test_it_needs_the_right(url: str, bob_client: Client, client: Client) -> None:
    for method in ("get", "post"):
        assert getattr(bob_client, method)(url).status_code == 403
        assert getattr(client, method)(url)["Location"].startswith(reverse("authentication:login"))


@pytest.mark.parametrize(
    "path", ["geheim/nl/", "invitation/fr/", "invitation/nl/?version=7", "invitation/nl/?version=x"]
)
def test_what_does_not_exist_is_not_found(path: str, alice_client: Client) -> None:
    assert alice_client.get(LIST + path).status_code == 404


def test_it_saves(alice_client: Client, alice: User, charlie_client: Client, charlie: User) -> None:
    assert send(alice_client, body=OWN.body.replace("\n", "\r\n"))["Location"] == URL
    assert own(alice) == OWN
    event = Event.objects.get(verb=Verb.TEXT_CHANGED)
    assert event.provider_id == alice.provider_id
    assert event.changes["subject"] == [STANDARD_TEXT.subject, OWN.subject]
    assert event.changes["email_kind"] == [None, "invitation"]
    assert event.changes["language"] == [None, "nl"]
    assert own(charlie) is None
    assert charlie_client.get(URL).context["form"].initial["subject"] == STANDARD_TEXT.subject
    assert charlie_client.get(f"{URL}?version=1").status_code == 404, "a version of another office"
    assert send(alice_client, number=1)["Location"] == URL
    assert Event.objects.filter(verb=Verb.TEXT_CHANGED).count() == 1
    assert own(alice, "username") is None


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("subject", "", "required"),
        ("body", "", "required"),
        ("subject", "x" * 513, "max_length"),
        ("body", "{UitnodigingLink}" + "x" * 6000, "max_length"),
        ("body", "Zonder link", "missing"),
        ("body", "{UitnodigingLink} {Onbekend}", "placeholder"),
        ("subject", "{UitnodigingLink}", "link_in_subject"),
        ("subject", "a\nBcc: b@c.nl", "one_line"),
        ("subject", "a\x00", "null_characters_not_allowed"),
        ("body", "{UitnodigingLink}\x00", "null_characters_not_allowed"),
    ],
)
@pytest.mark.parametrize("url", [URL, TEST])
def test_it_refuses_with_the_reason(
    url: str, field: str, value: str, code: str, alice_client: Client, alice: User
) -> None:
    response = send(alice_client, url, **{field: value})
    assert response.status_code == 200
    assert code in codes(response, field)
    assert own(alice) is None
    assert not Message.objects.exists()
    assert alice_client.post(PREVIEW, response.context["form"].data).status_code == 200, "a preview shows any text"


def test_a_security_mail_keeps_its_facts(alice_client: Client, alice: User) -> None:
    url = f"{LIST}password_changed/nl/"
    for lost in ("{Melding}", "{NietJijTekst}"):
        response = send(alice_client, url, text=CHANGED._replace(body=CHANGED.body.replace(lost, "")))
        assert codes(response, "body") == ["missing"]
        assert lost in response.text
    assert send(alice_client, url, text=CHANGED).status_code == 302
    authentication.actions.change_password(alice, password="Korenbloem-77", by=by(alice))
    sent = body_of(Message.objects.get())
    assert sent["subject"] == "Let op: je wachtwoord"
    assert sent["text"].startswith(f"Hoi {alice.last_name},\n\nHet wachtwoord van je account {alice.username}")
    assert reverse("authentication:forgot_password") in sent["text"]
    assert sent["button"] == "Kies een nieuw wachtwoord"


def test_it_warns_before_the_two_factor_paragraph_is_lost(alice_client: Client, alice: User) -> None:
    assert send(alice_client).status_code == 302, "no one needs two-factor"
    Provider.objects.filter(pk=alice.provider_id).update(two_factor_from=timezone.localdate() + timedelta(days=9))
    other = OWN._replace(subject="Kom erbij")
    response = send(alice_client, text=other, number=1)
    assert codes(response, "accepted") == ["advised"]
    assert "{TwoFactorTekst}" in response.text
    assert 'name="accepted"' in response.text
    assert own(alice) == OWN
    assert send(alice_client, text=other, number=1, accepted="on").status_code == 302
    assert own(alice) == other
    with_it = other._replace(body=other.body + "\n\n{TwoFactorTekst}")
    assert send(alice_client, text=with_it, number=2).status_code == 302
    make_user(alice.office, username="twee", two_factor_required=True)
    Provider.objects.filter(pk=alice.provider_id).update(two_factor_from=None)
    assert codes(send(alice_client, number=3), "accepted") == ["advised"]


def test_it_answers_html_emoji_and_direction_marks(alice_client: Client) -> None:
    body = "<script>alert(1)</script> 😀 \u202e {UitnodigingLink} {CodeTekst}"
    response = send(alice_client, PREVIEW, body=body)
    assert response.status_code == 200
    assert b"<script>alert" not in response.content
    send(alice_client, TEST, body=body)
    sent = body_of(Message.objects.get())
    content = EmailContent(sent["subject"], sent["text"], sent["button"])
    assert "<script>" not in render_html(content, title=sent["title"], office=sent["sender_name"], logo=None)
    assert "😀" in sent["text"]


def test_it_answers_a_megabyte_and_a_missing_token(alice_client: Client, alice: User) -> None:
    assert send(alice_client, body="x" * 1_000_000).status_code == 400
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert send(strict).status_code == 403


def test_the_preview_is_the_mail_to_a_user_of_the_office(
    alice_client: Client, alice: User, bob: User, charlie: User
) -> None:
    response = alice_client.get(PREVIEW)
    assert f"Beste {alice.full_name}," in response.text
    assert f"{alice.full_name} nodigt je uit voor Loket" in response.text
    response = send(alice_client, PREVIEW, person=bob.pk)
    assert f"Dag {bob.initials},<" in response.text
    assert "<h1" in response.text
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    for person in (charlie.pk, uuid4(), "x"):
        assert send(alice_client, PREVIEW, person=person).status_code == 404
    assert own(alice) is None
    assert not Message.objects.exists()
    save(alice, "invitation", OWN)
    assert f"Dag {alice.initials}," in alice_client.get(PREVIEW).text
    assert "Beste" in alice_client.get(f"{PREVIEW}?version=loket").text


def test_the_preview_and_the_test_have_two_factor_for_whom_it_is_required(
    alice_client: Client, alice: User, bob: User
) -> None:
    paragraph = "Inloggen gaat met two-factor authenticatie."
    team = Team.objects.create(provider=alice.office, name="Salaris", two_factor_required=True)
    TeamMember.objects.create(provider=alice.office, team=team, user=bob)
    assert paragraph in send(alice_client, PREVIEW, person=bob.pk).text
    assert paragraph not in send(alice_client, PREVIEW).text
    test = {"kind": "invitation", "language": "nl", "text": OWN, "by": by(alice)}
    users.email_texts.send_test_email(alice.office, **test)
    assert paragraph not in body_of(Message.objects.latest("id"))["text"]
    TeamMember.objects.create(provider=alice.office, team=team, user=alice)
    give_app(alice)
    users.email_texts.send_test_email(alice.office, **test)
    assert paragraph in body_of(Message.objects.latest("id"))["text"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", dict(settings.LANGUAGES))
def test_every_kind_has_a_preview_and_a_test(kind: str, language: str, alice_client: Client, alice: User) -> None:
    url, text = f"{LIST}{kind}/{language}/", emails.get_product_text(kind, language)
    preview = alice_client.get(f"{url}voorbeeld/")
    assert f'<html lang="{language}"' in preview.text
    assert "{" not in preview.text.partition("<body")[2].replace('{"sequence":1234}', "")
    assert send(alice_client, f"{url}proef/", text=text).context["test_sent"]
    sent = body_of(Message.objects.get())
    assert sent["subject"].startswith("Test: ")
    assert sent["language"] == language
    assert "{" not in sent["text"].replace('{"sequence":1234}', "")


def test_the_preview_shows_the_logo_from_its_own_address(alice_client: Client, alice: User) -> None:
    OfficeLogo.objects.create(provider=alice.office, digest="a" * 64, png=b"\x89PNG", width=300, height=80)
    assert f'src="/logo/{"a" * 64}.png"' in alice_client.get(PREVIEW).text


@pytest.mark.slow
def test_it_sends_a_test_to_oneself(alice_client: Client, alice: User) -> None:
    response = send(alice_client, TEST, accepted="")
    assert response.context["test_sent"]
    message = Message.objects.get()
    assert (message.recipient, message.provider_id, message.kind) == (alice.email, alice.provider_id, "email_test")
    assert "/uitnodiging/dit-is-een-voorbeeld/" in body_of(message)["text"]
    assert own(alice) is None
    assert alice_client.get(TEST).status_code == 405
    assert [send(alice_client, TEST).status_code for _time in range(10)] == [200] * 9 + [429]
    assert int(send(alice_client, TEST)["Retry-After"]) > 0


def test_an_earlier_text_can_be_used_again(alice_client: Client, alice: User) -> None:
    second = OWN._replace(subject="Tweede")
    for number, text in enumerate((OWN, second)):
        assert send(alice_client, text=text, number=number).status_code == 302
    page = alice_client.get(URL)
    assert [version.subject for version in page.context["versions"]] == ["Tweede", OWN.subject]
    assert alice.full_name in page.text
    page = alice_client.get(f"{URL}?version=1")
    assert (page.context["form"].initial["subject"], page.context["form"].initial["version_number"]) == (OWN.subject, 2)
    assert own(alice) == second, "looking changes nothing"
    send(alice_client, number=2)
    assert own(alice) == OWN
    page = alice_client.get(f"{URL}?version=loket")
    assert page.context["form"].initial["body"] == STANDARD_TEXT.body
    assert send(alice_client, text=STANDARD_TEXT, number=3, accepted="on").status_code == 302
    assert own(alice) is None
    assert alice_client.get(URL).context["form"].initial["body"] == STANDARD_TEXT.body
    assert Event.objects.filter(verb=Verb.TEXT_CHANGED).count() == 4


@pytest.mark.slow
def test_old_versions_are_dropped(alice: User) -> None:
    for number in range(KEPT_VERSIONS + 3):
        save(alice, text=CHANGED._replace(subject=f"{number}"), version_number=number)
    numbers = [version.number for version in email_texts.list_versions(alice.office, "password_changed", "nl")]
    assert numbers == list(range(KEPT_VERSIONS + 3, 3, -1))


def test_it_tells_the_second_of_two_administrators(alice_client: Client, alice: User) -> None:
    send(alice_client)
    response = send(alice_client, subject="Van de tweede")
    assert codes(response, "__all__") == ["stale"]
    assert response.context["standing"] == OWN
    assert response.context["form"]["subject"].value() == "Van de tweede"
    assert own(alice) == OWN
    assert response.context["form"]["version_number"].value() == 1
    assert send(alice_client, subject="Van de tweede", number=1).status_code == 302
    found = own(alice)
    assert found is not None
    assert found.subject == "Van de tweede"


def test_it_refuses_other_people_in_the_actions(alice: User, bob: User, charlie: User) -> None:
    text = {"kind": "invitation", "language": "nl", "text": OWN}
    for who in (bob, charlie):
        with pytest.raises(PermissionDenied):
            users.email_texts.save_email_text(alice.office, **text, version_number=0, by=by(who))
        with pytest.raises(PermissionDenied):
            users.email_texts.send_test_email(alice.office, **text, by=by(who))
        with pytest.raises(PermissionDenied):
            users.email_texts.change_email_language(alice.office, email_language="en", by=by(who))
    with pytest.raises(EditConflict):
        users.email_texts.save_email_text(alice.office, **text, version_number=1, by=by(alice))
    for kind in ("invitation", "password_changed", "checkpoint"):
        with pytest.raises(ValidationError):
            users.email_texts.save_email_text(
                alice.office, kind=kind, language="nl", text=EmailText("x", "y"), version_number=0, by=by(alice)
            )


def test_the_office_chooses_the_language(alice_client: Client, alice: User, charlie: User, bob: User) -> None:
    save(alice, "account_blocked", EmailText("Own", "{Melding}"), language="en")
    users.actions.block_user(bob, by=by(alice))
    assert body_of(Message.objects.get())["subject"] == "Je account is geblokkeerd"
    assert codes(alice_client.post(LIST, {"email_language": "fr"}), "email_language") == ["invalid_choice"]
    assert alice_client.post(LIST, {"email_language": "en"})["Location"] == LIST
    assert Event.objects.get(verb=Verb.PROVIDER_CHANGED).changes == {"email_language": ["nl", "en"]}
    users.actions.unblock_user(bob, by=by(alice))
    User.objects.filter(pk=bob.pk).update(blocked_at=None)
    alice.office.refresh_from_db()
    bob = User.objects.get(pk=bob.pk)
    users.actions.block_user(bob, by=by(alice))
    blocked, unblocked, again = (body_of(mail) for mail in Message.objects.order_by("pk"))
    assert blocked["language"] == "nl", "what is queued does not change"
    assert (unblocked["subject"], unblocked["button"]) == ("Your account is no longer blocked", "Log in")
    assert (again["subject"], again["language"]) == ("Own", "en")
    assert again["text"].startswith("Your Loket account at ")
    assert invite(charlie).invitation.provider.email_language == "nl"


def test_the_texts_of_many_mails_take_one_query(alice: User, django_assert_num_queries: Any) -> None:
    others = [make_user(alice.office, username=f"gebruiker{number}", last_name=f"N{number}") for number in range(20)]
    people = list(User.objects.select_related("provider").filter(pk__in=[user.pk for user in others]))
    save(alice, "account_blocked", EmailText("Dag {GebruikerAchternaam}", "{Melding}"))
    with django_assert_num_queries(3) as found:  # the texts, the rows, NOTIFY
        emails.send("account_blocked", *people, kind="blocked")
    assert sum("officeemailtext" in query["sql"].lower() for query in found) == 1
    assert {body_of(mail)["subject"] for mail in Message.objects.all()} == {f"Dag N{number}" for number in range(20)}


def test_a_stored_text_never_stops_a_mail(alice: User, bob: User) -> None:
    """Of an older release, which knew other placeholders."""
    OfficeEmailText.objects.create(
        provider=alice.office,
        kind="account_blocked",
        language="nl",
        number=1,
        subject="{Oud}",
        body="{% x %} {{ y }} {Oud}",
    )
    users.actions.block_user(bob, by=by(alice))
    sent = body_of(Message.objects.get())
    assert sent["subject"] == "{Oud}"
    assert sent["text"].startswith("{% x %} {{ y }} {Oud}\n\nJe account voor Loket")


def test_an_invitation_has_the_text_of_the_office(alice_client: Client, alice: User) -> None:
    save(alice, "invitation", OWN)
    user = invite(alice).invitation.user
    sent = body_of(Message.objects.filter(kind="invitation").latest("created_at"))
    assert sent["subject"] == f"Kom bij {alice.office.name}"
    assert sent["text"].startswith(f"Dag {user.initials},\n\nhttp")
    assert sent["title"] == f"{alice.full_name} nodigt je uit voor Loket"
