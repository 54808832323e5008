"""Filling in the placeholders of the invitation text."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Provider, User
from invitations import email_text
from invitations.email_text import PLACEHOLDERS, STANDARD_TEXT, TWO_FACTOR_PARAGRAPH, EmailText

LINK = "http://localhost:8000/uitnodiging/abc/"
AT = datetime(2026, 11, 28, 9, 5, tzinfo=UTC)


def fill(text: EmailText, **fields: object) -> EmailText:
    values = {"initials": "P.", "prefix": "de", "last_name": "Boer", "provider": Provider(name="De Vries")} | fields
    person = User(**values)
    return email_text.render_text(text, person, link=LINK, expires_at=AT, with_two_factor=person.two_factor_required)


def test_it_fills_the_standard_text() -> None:
    mail = fill(STANDARD_TEXT)
    assert mail.subject == "Uitnodiging voor Loket van De Vries"
    assert mail.body.startswith("Beste P. de Boer,\n\nJe bent")
    assert f"\n\n{LINK}\n\n" in mail.body
    assert "zaterdag 28 november 2026 om 10:05" in mail.body
    assert "{" not in mail.body
    assert TWO_FACTOR_PARAGRAPH not in mail.body
    assert "\n\n\n" not in mail.body


def test_it_leaves_no_gap_for_a_missing_prefix() -> None:
    assert fill(STANDARD_TEXT, prefix="").body.startswith("Beste P. Boer,\n")


def test_it_tells_about_two_factor() -> None:
    assert TWO_FACTOR_PARAGRAPH in fill(STANDARD_TEXT, two_factor_required=True).body
    own = EmailText("Kom", "{UitnodigingLink}")
    assert fill(own, two_factor_required=True).body == f"{LINK}\n\n{TWO_FACTOR_PARAGRAPH}\n"
    assert fill(own).body == f"{LINK}\n"


def test_it_writes_the_moment_in_dutch() -> None:
    with translation.override("en"):
        assert "zaterdag" in fill(STANDARD_TEXT).body


def test_it_does_not_fill_a_name() -> None:
    assert fill(STANDARD_TEXT, last_name="{UitnodigingLink}", first_name="x").body.count(LINK) == 1
    assert fill(EmailText("{GebruikerAchternaam}", ""), last_name="a\r\nBcc: x").subject == "a Bcc: x"


def test_it_shows_an_example_for_an_unsaved_user() -> None:
    mail = email_text.render_example(STANDARD_TEXT, email_text.build_example_user(), Provider(name="De Vries"))
    assert "/uitnodiging/dit-is-een-voorbeeld/" in mail.body
    assert TWO_FACTOR_PARAGRAPH in mail.body


WORDS = st.one_of(st.sampled_from(["{" + name + "}" for name in PLACEHOLDERS]), st.text(max_size=20))


@given(st.lists(WORDS).map("".join), st.lists(WORDS).map("".join), st.text(max_size=25), st.booleans())
def test_it_fills_whatever_passes_the_check(subject: str, body: str, name: str, required: bool) -> None:
    try:
        email_text.validate_text(subject, body)
    except ValidationError as error:
        assert error.error_dict.keys() <= {"subject", "body"}  # noqa: PT017
        return
    mail = fill(EmailText(subject, body), last_name=name, two_factor_required=required)
    assert LINK in mail.body
    assert len(mail.subject.splitlines()) <= 1
    if "{" not in name:
        assert not [one for one in PLACEHOLDERS if "{" + one + "}" in mail.body + mail.subject]
    assert not required or TWO_FACTOR_PARAGRAPH in mail.body


@pytest.mark.parametrize("text", [STANDARD_TEXT, EmailText("x", "{ UitnodigingLink }{UitnodigingLink}")])
def test_it_accepts(text: EmailText) -> None:
    email_text.validate_text(text.subject, text.body)
