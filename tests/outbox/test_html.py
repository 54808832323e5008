"""The HTML part of e-mails: the same as the text part, laid out for mail programs."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings

from accounts import logos
from accounts.email_kinds import COMMON_PLACEHOLDERS
from accounts.models import Provider, User
from core import encryption
from outbox import emails
from outbox.emails import EmailContent, Logo, build_letters, render_draft, render_html
from outbox.models import Message
from outbox.worker import send_due_messages
from tests.helpers.servers import MailServer
from tests.outbox.test_sending import queue_mail

SITE = settings.LOKET_URL
TEMPLATES = sorted(
    path.stem for path in (settings.BASE_DIR / "templates/emails").glob("*.txt") if not path.stem.startswith("_")
)
UNUSUAL_NAME = '<b>"A" & https://elders.example/\'</b>'


class Page(HTMLParser):
    """The text, links and images of a page as a reader sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.links, self.images = [""], list[str | None](), list[str | None]()
        self.tags, self.attributes = set[str](), set[str]()
        self.feed(html[html.index("<body") :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= dict(attrs).keys()
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        if tag == "img":
            self.images.append(dict(attrs)["src"])
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def render(content: EmailContent, *, title: str = "", office: str = "Kantoor Smit", logo: Logo | None = None) -> str:
    return render_html(content, title=title, office=office, logo=logo)


def render_template(name: str, office: str = "Kantoor Smit") -> EmailContent:
    """Render a template with values that stand for anything it may use."""
    provider = Provider(name=office)
    user = User(initials="P.", last_name="Boer", username="pboer", login_method="website_sso", provider=provider)
    invited = User(initials="A.", last_name="Bos", provider=provider)
    values: dict[str, Any] = {"token": "t" * 43, "number": 7, "signed": '{"a":1}', "minutes": 60, "device": "Telefoon"}
    values |= {
        "count": 1,
        "more": 0,
        "left": 3,
        "reason": "Contract",
        "lists": [("60 dagen niet ingelogd", 2)],
        "invited": invited,
    }
    values |= {"link": f"{SITE}/uitnodiging/x/", "digits": "78"}
    common = dict(zip(COMMON_PLACEHOLDERS, (office, "P.", "", "Boer"), strict=True))
    return render_draft(name, office=office, user=user, **values).fill(common)


@pytest.mark.parametrize("name", TEMPLATES)
def test_both_parts_of_every_mail_have_the_same_facts_and_links(name: str) -> None:
    content = render_template(name)
    html = render(content)
    page = Page(html)
    without_rule = content.text.replace("\n-- \n", "\n")
    for line in filter(None, (line.removeprefix("- ").strip() for line in without_rule.splitlines())):
        without_link = line if not content.button else re.sub(rf"\s*{re.escape(SITE)}/\S*$", "", line)
        assert " ".join(without_link.split()) in page.text, line
    assert set(page.links) == set(re.findall(rf"{re.escape(SITE)}/[^\s.,]*", content.text))
    assert "Loket vraagt nooit per e-mail om je wachtwoord" in content.text
    assert content.text.endswith("Kantoor Smit via Loket\n")
    assert not page.images
    assert "<script" not in html
    assert bool(content.button) == bool(page.links)
    if content.button:
        assert page.text.count(content.button) >= 1
        assert f"adres op {SITE.partition('://')[2]}:" in page.text


def test_one_layout_has_inline_styles_and_a_dark_form() -> None:
    html = render(EmailContent("Kies", f"Beste P.,\n\n{SITE}/x/\n\nDe link werkt een keer.\n", "Open"))
    head, _body, body = html.partition("<body")
    assert '<html lang="nl">' in head
    assert 'name="color-scheme" content="light dark"' in head
    assert "prefers-color-scheme" in head
    assert 'width="600"' in body
    for tag in ("h1", "p", "a"):
        assert re.search(rf"<{tag}( [^>]*)? style=\"[^\"]*color", body) or tag == "p", tag
    assert re.search(r'class="note"', body)
    assert "url(" not in html
    assert "http" not in html.replace(SITE, "")


def test_a_link_in_a_sentence_stays_and_gets_one_button() -> None:
    text = f"Ga naar {SITE}/a/?b=1&c=2.\n\n- van elders: {SITE}/d/\n\nOok {SITE}/e/\n"
    page = Page(render(EmailContent("Kies", text, "Open")))
    assert page.links[1:3] == [f"{SITE}/a/?b=1&c=2"] * 2
    assert page.text.count("Open ") == page.text.count("Open dan") + 1
    assert page.text.count("adres op") == 1


def test_a_foreign_link_is_never_the_button() -> None:
    page = Page(render(EmailContent("Kies", f"https://elders.example/\n\n{SITE}.elders.example/x\n", "Open")))
    assert "adres op" not in page.text


def test_names_are_escaped() -> None:
    html = render(EmailContent("<i>Kies</i>", f"Beste {UNUSUAL_NAME},\n"), title=UNUSUAL_NAME, office=UNUSUAL_NAME)
    assert not {"b", "i"} & Page(html).tags
    assert Page(html).text.count('"A" & https') == 3
    assert "<i>" not in html


def test_html_escapes_user_text() -> None:
    html = render(EmailContent("x", '<script>alert("x")</script> & https://a.example/"onmouseover="x'))
    assert "<script" not in html
    assert not any(name.startswith("on") for name in Page(html).attributes)


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Administratiekantoor De Vries", "DV"), ("Smit", "SM"), ("smit & zn.", "SZ"), ("🙂", ""), ("Éé", "ÉÉ")],
)
def test_the_letters_of_an_office(name: str, letters: str) -> None:
    assert build_letters(name) == letters


def test_the_letters_can_be_read_on_every_color() -> None:
    for color in emails._MARK_COLORS:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        light = sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))
        assert 1.05 / (light + 0.05) >= 4.5, color


@pytest.mark.django_db
def test_the_logo_is_attached_while_the_office_has_one(mail_server: MailServer, alice: User, bob: User) -> None:
    logos.OfficeLogo.objects.create(provider=alice.office, digest="a" * 64, png=b"\x89PNG", width=301, height=80)
    queue_mail(provider_id=alice.provider_id)
    queue_mail(provider_id=None)
    send_due_messages()
    by_type = {mail.get_content_type(): mail for mail in mail_server.mails}
    assert set(by_type) == {"multipart/related", "multipart/alternative"}
    with_logo, without = by_type["multipart/related"], by_type["multipart/alternative"]
    image = next(part for part in with_logo.walk() if part.get_content_type() == "image/png")
    assert (image["Content-ID"], image.get_content_disposition()) == ("<office-logo>", "inline")
    assert image.get_payload(decode=True) == b"\x89PNG"
    html = with_logo.get_body(["html"]).get_content()
    assert 'src="cid:office-logo" width="151" height="40"' in html
    assert Page(html).images == ["cid:office-logo"]
    assert not Page(without.get_body(["html"]).get_content()).images


@pytest.mark.django_db
def test_a_body_without_the_words_of_the_layout_is_sent(mail_server: MailServer) -> None:
    message = queue_mail()
    body = {name: value for name, value in message.decrypt_body().items() if name not in ("button", "title")}
    encrypted = encryption.encrypt(json.dumps(body).encode(), context=message.encryption_context)
    Message.objects.update(encrypted_body=encrypted)
    send_due_messages()
    assert "Uitnodiging – één" in Page(mail_server.mails[0].get_body(["html"]).get_content()).text
    assert Message.objects.get().encrypted_body is None
