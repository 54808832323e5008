"""Filling in the placeholders of the texts of e-mails, and which texts are refused."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from accounts import emails
from accounts.email_kinds import COMMON_PLACEHOLDERS, KINDS, PLACEHOLDER_MEANINGS
from accounts.models import Provider, User
from outbox.emails import EmailDraft, render_draft, render_html
from outbox.placeholders import EmailText, Need, Placeholder, fill_text, validate_text
from tests.helpers.invited_users import STANDARD_TEXT

LINK = f"{settings.LOKET_URL}/uitnodiging/abc/"
AT = datetime(2026, 11, 28, 9, 5, tzinfo=UTC)
TWO_FACTOR = "Inloggen gaat met two-factor authenticatie."
TEMPLATES = {
    path.stem for path in (settings.BASE_DIR / "templates/emails").glob("*.txt") if not path.stem.startswith("_")
}
PLACEHOLDERS = {"Melding": Placeholder("Gewijzigd.", Need.REQUIRED), "Naam": Placeholder("P."), "Leeg": Placeholder("")}


def draft(*, two_factor: bool = False, language: str = "nl") -> EmailDraft:
    return render_draft(
        "invitation", language=language, office="De Vries", link=LINK, digits="78", expires_at=AT,
        with_two_factor=two_factor,
    )  # fmt: skip


def fill(text: EmailText, *, two_factor: bool = False, **fields: Any) -> EmailText:
    values = {"initials": "P.", "prefix": "de", "last_name": "Boer", "provider": Provider(name="De Vries")} | fields
    return draft(two_factor=two_factor).fill_text(emails.build_values(User(**values)), text)


def fails(text: EmailText, kind: str = "invitation") -> dict[str, list[str]]:
    try:
        validate_text(text, emails.list_placeholders(kind))
    except ValidationError as error:
        return {field: [str(one.code) for one in errors] for field, errors in error.error_dict.items()}
    return {}


def test_it_fills_the_text_of_the_product() -> None:
    mail = fill(STANDARD_TEXT)
    assert mail.subject == "Uitnodiging voor Loket van De Vries"
    assert mail.body.startswith("Beste P. de Boer,\n\nJe bent")
    assert f"\n\n{LINK}\n\n" in mail.body
    assert "zaterdag 28 november 2026 om 10:05" in mail.body
    assert "eindigt op 78" in mail.body
    assert "{" not in mail.body
    assert TWO_FACTOR not in mail.body
    assert "\n\n\n" not in mail.body


def test_it_leaves_no_gap_for_a_missing_prefix() -> None:
    assert fill(STANDARD_TEXT, prefix="").body.startswith("Beste P. Boer,\n")


def test_what_is_missing_comes_below_the_link() -> None:
    assert TWO_FACTOR in fill(STANDARD_TEXT, two_factor=True).body
    own = EmailText("Kom", "Hoi\n\nKlik: {UitnodigingLink} nu\n\nGroet")
    paragraphs = fill(own, two_factor=True).body.split("\n\n")
    assert paragraphs[:2] == ["Hoi", f"Klik: {LINK} nu"]
    assert "eindigt op 78" in paragraphs[2]
    assert paragraphs[3].startswith(TWO_FACTOR)
    assert paragraphs[4:] == ["Groet"]
    assert len(fill(own).body.split("\n\n")) == 4
    assert fill_text(EmailText("x", "Hoi"), PLACEHOLDERS).body == "Hoi\n\nGewijzigd.", "also what was required later"


def test_the_words_around_the_facts_are_in_the_language_of_the_mail() -> None:
    with translation.override("en"):
        assert "zaterdag" in fill(STANDARD_TEXT).body
    english = draft(language="en")
    assert english.text.body.startswith("Dear {GebruikerVoorletters}")
    content = english.fill({"ProviderNaam": "De Vries"})
    assert "Saturday 28 November 2026 at 10:05" in content.text
    assert (content.language, content.button) == ("en", "Open the invitation")
    assert "Loket never asks for your password" in content.text


def test_a_value_is_no_text_with_placeholders_and_no_template() -> None:
    assert fill(STANDARD_TEXT, last_name="{UitnodigingLink}", first_name="x").body.count(LINK) == 1
    assert fill(EmailText("{GebruikerAchternaam}", ""), last_name="a\r\nBcc: x").subject == "a Bcc: x"
    code = "{{ settings.SECRET_KEY }}{% now 'Y' %}{0.__class__}%(x)s"
    filled = fill(EmailText("x", code + " {UitnodigingLink}"), last_name=code)
    assert filled.body.startswith(f"{code} {LINK}")
    office = render_draft("account_blocked", office="{NietJijTekst}{{ site }}", user=User())
    assert "{NietJijTekst}{{ site }}" in office.fill_text({"NietJijTekst": "gevuld"}).body


@pytest.mark.parametrize(
    "before",
    [
        "https://evil.example/?x=", "https://evil.example/?x={GebruikerVoorvoegsel}", "mailto:x@evil.example?body=",
        "https://evil.example/?x={GebruikerVoorvoegsel} ", "https://evil.example/({TwoFactorTekst} ",
        "https://evil.example/\u00a0", "https://evil.example/\x1c", "{Onbekend}",
    ],
)  # fmt: skip
def test_a_text_cannot_make_the_link_part_of_another_address(before: str) -> None:
    body = fill(EmailText("Kom", f"Dag\n\n{before}{{UitnodigingLink}}"), prefix="").body
    assert re.search(rf"[ \n]{re.escape(LINK)}", body)
    content = draft().fill({"GebruikerVoorvoegsel": ""}, EmailText("Kom", f"{before}{{UitnodigingLink}}"))
    html = render_html(content, title="", office="De Vries", logo=None)
    assert not re.search('href="[^"]+abc/', html.replace(f'href="{LINK}', ""))


@pytest.mark.parametrize(
    ("subject", "body", "found"),
    [
        ("Kom", "Zonder link", {"body": ["missing"]}),
        ("Kom", "{UitnodigingLink} {Onbekend}", {"body": ["placeholder"]}),
        ("{Naam}", "{UitnodigingLink}", {"subject": ["placeholder"]}),
        ("Kom", "{} {UitnodigingLink}", {"body": ["placeholder"]}),
        ("{UitnodigingLink}", "{UitnodigingLink}", {"subject": ["link_in_subject"]}),
        ("a\nBcc: b@c.nl", "{UitnodigingLink}", {"subject": ["one_line"]}),
        ("a\u2028b", "{UitnodigingLink}", {"subject": ["one_line"]}),
        ("Kom", "{ UitnodigingLink }{UitnodigingLink}", {}),
        (STANDARD_TEXT.subject, STANDARD_TEXT.body, {}),
    ],
)
def test_which_texts_are_refused(subject: str, body: str, found: dict[str, list[str]]) -> None:
    assert fails(EmailText(subject, body)) == found


def test_the_catalog_knows_every_template_and_placeholder() -> None:
    assert set(KINDS) == TEMPLATES
    used = {name for kind in KINDS for name in emails.list_placeholders(kind)}
    assert used == set(PLACEHOLDER_MEANINGS)


@pytest.mark.parametrize("kind", KINDS)
def test_no_mail_can_lose_its_facts(kind: str) -> None:
    needed = {name for name, one in emails.list_placeholders(kind).items() if one.need == Need.REQUIRED}
    assert needed, "a text without it is no use"
    for language, _name in settings.LANGUAGES:
        text = emails.get_product_text(kind, language)
        assert fails(text, kind) == {}
        for name in needed:
            without = text._replace(body=text.body.replace("{" + name + "}", ""))
            assert fails(without, kind) == {"body": ["missing"]}, name
        links = set(re.findall(r"\{(\w+Link)\}", text.body))
        assert links <= needed


@pytest.mark.parametrize("kind", KINDS)
def test_what_differs_between_two_mails_stands_in_placeholders(kind: str) -> None:
    """Else the text of the product would say something about an invented user, and an own text would miss it."""
    user = User(initials="Q.", last_name="Quist", username="quist", provider=Provider(name="Quist BV"))
    text = emails.get_product_text(kind, "nl")
    context = {"office": "Quist BV", "user": user, "invited": user, "device": "Quist", "reason": "Quist", "left": 777}
    values = {"token": "quist", "number": 777, "signed": "Quist", "minutes": 777, "count": 777, "digits": "777"}
    values |= {"undecided": 777, "revoked": 777, "directory": "Quist", "connection": UUID(int=777)}
    other = render_draft(kind, language="nl", **context, **values, by_support=True, lists=[("Quist", 777)]).text
    assert text == other


def test_the_button_keeps_its_link_whatever_else_a_text_links_to() -> None:
    text = EmailText("Kom", f"Lees {settings.LOKET_URL}/help/ eerst.\n\n{{UitnodigingLink}}\n\nGroet")
    content = draft()._replace(button="Open").fill({}, text)
    assert content.link == LINK
    html = render_html(content, title="", office="De Vries", logo=None)
    assert re.findall(r'<a [^>]*?href="([^"]+)"[^>]*>Open</a>', html) == [LINK]
    changed = render_draft("password_changed", office="De Vries", user=User(provider=Provider()))
    own_text = EmailText("x", f"{settings.LOKET_URL}/help/\n\n{{Melding}}\n\n{{NietJijTekst}}")
    assert changed.fill({}, own_text).link.endswith("/wachtwoord-vergeten/")


WORDS = st.one_of(
    st.sampled_from(["{" + name + "}" for name in emails.list_placeholders("invitation")]), st.text(max_size=20)
)


@pytest.mark.slow
@given(st.lists(WORDS).map("".join), st.lists(WORDS).map("".join), st.text(max_size=25), st.booleans())
def test_it_fills_whatever_passes_the_check(subject: str, body: str, name: str, required: bool) -> None:
    text = EmailText(subject, body)
    if found := fails(text):
        assert found.keys() <= {"subject", "body"}
        return
    mail = fill(text, last_name=name, two_factor=required)
    assert LINK in mail.body
    assert len(mail.subject.splitlines()) <= 1
    if "{" not in name:
        names = emails.list_placeholders("invitation")
        assert not [one for one in names if "{" + one + "}" in mail.body + mail.subject]
    assert not required or TWO_FACTOR in mail.body


def test_the_common_placeholders_are_those_that_are_filled_in() -> None:
    assert list(emails.build_values(User(provider=Provider()))) == list(COMMON_PLACEHOLDERS)
    assert "GebruikerAchternaam" not in emails.list_placeholders("checkpoint"), "it goes to an address"
