"""The HTML part of e-mails: the same as the text part, laid out for mail programs."""

import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from django.conf import settings

from accounts import logos
from accounts.models import Provider, User
from core import encryption
from outbox import emails
from outbox.emails import EmailContent, Logo, build_letters, render_html, render_text
from outbox.models import Message
from outbox.worker import send_due_messages
from tests.helpers.email_samples import OFFICE, TEMPLATES, build_sample
from tests.helpers.servers import MailServer
from tests.outbox.test_sending import queue_mail

SITE = settings.LOKET_URL
HOST = SITE.partition("://")[2]
LOGO = Logo(b"", 151, 40)
UNUSUAL_NAME = '<b>"A" & https://elders.example/\'</b>'


class Page(HTMLParser):
    """The text, links and images of a page as a reader sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.links, self.images = [""], list[str](), list[str | None]()
        self.tags, self.attributes = set[str](), set[str]()
        body = html[html.index("<body") :]
        self.feed(re.sub(r'<div class="preview".*?</div>', "", body, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= dict(attrs).keys()
        address = dict(attrs).get("href") or ""
        if tag == "a" and not address.startswith("mailto:"):  # the text part has no scheme before addresses
            self.links.append(address)
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


@pytest.mark.parametrize("name", TEMPLATES)
def test_both_parts_of_every_mail_have_the_same_words_and_links(name: str) -> None:
    sample = build_sample(name)
    page, button = Page(sample.render_html()), sample.content.button
    caption = f"De knop opent {HOST}. Werkt hij niet? Kopieer dan dit adres:"
    assert page.text.count(caption) == (1 if button else 0)
    head = f"DV {sample.office} via Loket {sample.title or sample.content.subject}"
    text = " ".join(f"{head} {sample.text}".replace("\n-- \n", "\n").replace("\n- ", "\n").split())
    if sample.title:  # the heading of the HTML part, and the first line of the text part
        text = text.replace(f"{sample.title} {sample.title}", sample.title, 1)
    link = page.links[0] if button else ""
    in_page = page.text.replace(f"{button} {caption} {link}", f"{button}: {link}", 1)
    if button and f"{button}:\n{link}" not in sample.text:  # the sentence before it says what it does
        in_page = in_page.replace(f"{button}: {link}", link, 1)
    assert in_page == text
    assert set(page.links) == set(re.findall(r"http\S+", sample.text))
    assert page.links.count(link) == 2 if button else not page.links


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_mail_has_one_button_at_most_and_nothing_from_elsewhere(name: str) -> None:
    html = build_sample(name).render_html(LOGO)
    button = build_sample(name).content.button
    assert html.count('class="button"') == (1 if button else 0)
    assert re.findall(r"(?:src|background|poster|srcset)=[\"']([^\"']*)", html) == ["cid:office-logo"]
    assert not re.search(r"url\(|@import|@font-face|<(?:script|link|iframe|form|input|object|video|svg)\b", html)
    assert all(address.startswith(f"{SITE}/") for address in re.findall(r"https?://[^\"'<\s]*", html))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_mail_says_whom_to_ask_and_presses_no_one(name: str) -> None:
    sample = build_sample(name)
    footer = sample.text.partition("\n-- \n")[2].splitlines()
    assert footer[-2:] == ["Loket vraagt nooit per e-mail om je wachtwoord of een code.", f"{OFFICE} via Loket"]
    assert re.match(r"Vragen\? (Stel ze aan (een beheerder van|support van Loket)|Beantwoord deze mail)", footer[-3])
    shown = f"{sample.content.subject} {sample.text}".lower().replace("directory", "")  # has the letters of “direct”
    for word in ("klik", "direct", "onmiddellijk", "dringend", "zo snel mogelijk", "laatste kans", "verloopt", "!"):
        assert word not in shown, word


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_text_part_has_short_lines_and_a_line_for_each_link(name: str) -> None:
    sample = build_sample(name, office="Administratiekantoor Van den Wolfeschlegelsteinhausen en Zonen")
    for line in sample.text.splitlines():
        assert len(line) <= 72 or " " not in line.strip(), line
        assert "http" not in line or line.startswith("http"), line
    assert "\n\n\n" not in sample.text


def test_support_asks_the_operator() -> None:
    office = Provider(name="Loket")
    user = User(initials="J.", last_name="de Wit", username="j.dewit", is_support=True)
    footer = build_sample("password_link", office=office.name, user=user).text.partition("\n-- \n")[2]
    assert footer.startswith("Vragen? Stel ze aan wie Loket beheert.\n")
    assert footer.endswith("\nLoket\n")


def test_no_client_needs_a_style_rule() -> None:
    html = build_sample("dormant_accounts").render_html(LOGO) + build_sample("invitation").render_html()
    for style in re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL):
        assert not re.sub(r"@media[^{]*\{(?:[^{}]*\{[^}]*\})*\s*\}", "", style).strip()
    body = re.sub(r"<!--.*?-->", "", html[html.index("<body") :])
    for tag in re.findall(r"<(?:h1|p|ul|td|a|table|img)\b[^>]*>", body):
        assert 'style="' in tag or "width" in tag, tag
    for tag in re.findall(r"<td[^>]*>", body):
        assert "font-family" in tag, tag
    assert "float" not in html
    assert "display: flex" not in html


def test_classic_outlook_draws_the_button_in_a_sheet_of_600_pixels() -> None:
    """Its engine, that of Word, knows no maximum width, and no padding of a link."""
    html = build_sample("invitation").render_html()
    ghost = re.findall(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", html)
    assert any(' width="600"' in part for part in ghost)
    assert "</td></tr></table>" in ghost
    button = re.search(r'<td class="button"[^>]*>', html)
    assert button
    assert 'bgcolor="#0b5394"' in button[0]
    assert "mso-padding-alt: 12px 24px" in button[0]
    assert "max-width: 600px" in html


def test_one_layout_has_a_dark_form_and_a_preview() -> None:
    content = EmailContent("Kies", f"Beste P.,\n\nEen zin {SITE}/y/.\n\n{SITE}/x/\n\nDe link werkt een keer.\n", "Open")
    html = render(content)
    head, _body, body = html.partition("<body")
    assert '<html lang="nl"' in head
    assert 'name="color-scheme" content="light dark"' in head
    assert "prefers-color-scheme" in head
    assert re.search(r'class="note"', body)
    preview = re.search(r'<div class="preview" style="display: none[^>]*>([^<]*)', body)
    assert preview
    assert unescape(preview[1]).rstrip("\u034f\u200c\u00a0") == "Een zin De link werkt een keer."
    assert len(preview[1]) > 200


def test_the_text_that_an_office_wrote_is_wrapped_too() -> None:
    long = "een woord " * 12
    text = f"Dag,\n\nGa naar {SITE}/u/ en vul de code in. {long}\n\n- {long}\nHet adres is:\n{SITE}/u/\nTot dan\n"
    lines = render_text(EmailContent("Kom", text, "Open"), title="M. Vermeer nodigt je uit").splitlines()
    assert lines[:6] == ["M. Vermeer nodigt je uit", "", "Dag,", "", "Ga naar", f"{SITE}/u/"]
    assert lines.count(f"{SITE}/u/") == 2
    assert max(map(len, lines)) <= 72
    assert "Open:" not in lines


@pytest.mark.parametrize("before", ["", "Open de uitnodiging: ", "Open de uitnodiging:\n"])
def test_the_button_takes_the_place_of_a_link_that_stands_apart(before: str) -> None:
    page = Page(render(EmailContent("Kom", f"{before}{SITE}/u/\nGeldig tot morgen.\n", "Open")))
    assert page.links == [f"{SITE}/u/"] * 2
    assert page.text.endswith("Geldig tot morgen.")


def test_a_link_in_a_sentence_stays_and_gets_one_button() -> None:
    text = f"Ga naar {SITE}/a/?b=1&c=2.\n\n- van elders: {SITE}/d/\n\nOok {SITE}/e/\n"
    page = Page(render(EmailContent("Kies", text, "Open")))
    assert page.links[1:3] == [f"{SITE}/a/?b=1&c=2"] * 2
    assert page.text.count("Open ") == 1
    assert page.text.count("De knop opent") == 1


def test_both_parts_have_the_button_at_the_link_of_the_template_whatever_an_office_links_to_before() -> None:
    link = f"{SITE}/uitnodiging/x/"
    content = EmailContent("Kom", f"Lees {SITE}/hulp/ eerst.\n\n{link}\n\nTot dan", "Open", link)
    assert f"Open:\n{link}\n" in render_text(content)
    page = Page(render(content))
    assert page.links == [f"{SITE}/hulp/", link, link]


def test_a_foreign_link_is_never_the_button() -> None:
    page = Page(render(EmailContent("Kies", f"https://elders.example/\n\n{SITE}.elders.example/x\n", "Open")))
    assert "De knop opent" not in page.text


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
