"""Passwords that are common or based on user data are rejected (NIST SP 800-63B-4, 3.1.1.2)."""

from time import perf_counter

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from accounts import passwords
from accounts.models import Provider, User

USER = User(
    provider=Provider(name="Kantoor Smit & Zonen B.V."), initials="A.", first_name="Anouk", last_name="Terpstra",
    email="a.terpstra@loonhuis.example", username="anoukt",
)  # fmt: skip


def codes(password: str, username: str = "") -> list[str]:
    try:
        passwords.validate_password(password, about=passwords.build_password_context(USER, username=username))
    except ValidationError as error:
        return [str(one.code) for one in error.error_list]
    return []


@pytest.mark.parametrize(
    "password",
    [
        "Welkom2026!", "W3lk0m-2026", "Wel-kom-2026", "W€lkom-2026", "Loket-2026", "L0ket2026!", "Zomer2026!",
        "Z0mer-2026", "Voorjaar!26", "Januari-2026", "Jul!-2026-07", "Maandag-01!", "Qwerty-12345", "Abc-12345",
        "P@$$w0rd-1", "Kantoor-Welkom-1", "F00tball-2026", "Sunshine2026!",
    ],
)  # fmt: skip
def test_common_words_with_a_year_are_refused(password: str) -> None:
    assert codes(password) == ["common" if "Kantoor" not in password else "personal"]


@pytest.mark.parametrize(
    "password",
    [
        "Anouk-20261", "An0uk-202611", "Smit-2026!", "SmitZonen2026!", "Zonen-2026-07", "Loonhuis-2026!!",
        "Anouk-Terpstra-Smit-1", "Smit-Welkom-2026",
    ],
)  # fmt: skip
def test_what_is_known_of_the_user_is_refused(password: str) -> None:
    assert codes(password) in (["personal"], ["similar"])


def test_a_username_that_is_being_chosen_counts() -> None:
    assert codes("Vliegdennen-1") == []
    assert codes("Vlieg-2026-07-1") == []
    assert codes("Vlieg-2026-07-1", username="vlieg") == ["personal"]


@pytest.mark.parametrize(
    "password",
    [
        "Zonnebloem-42", "Regenboog-17", "paarse-Zomer-fiets-9", "Geheim!Bloemkool-77", "Smit-at-Eats-Kiwi-9",
        "kD7#92!84$x", "Meiboom-12", "Augustijner-7",
    ],
)  # fmt: skip
def test_other_passwords_are_not(password: str) -> None:
    assert codes(password) == []


def test_the_message_names_what_is_wrong() -> None:
    with translation.override("en"), pytest.raises(ValidationError) as raised:
        passwords.validate_password("Smit-Welkom-2026", about=passwords.build_password_context(USER))
    assert raised.value.messages == [
        "This password is easy to guess: it consists of the name of the office, a common word and a year. Choose"
        " words unrelated to you, the office or the date."
    ]


def test_support_has_no_office() -> None:
    assert passwords.build_password_context(User(username="support", is_support=True)).office == ""


def test_a_generated_password_is_never_refused() -> None:
    assert [word for _number in range(500) if codes(word := passwords.generate_password())] == []


def test_strength_check_takes_less_than_a_millisecond_or_so() -> None:
    codes("Zomer2026!")  # the list is read once
    started = perf_counter()
    for _number in range(100):
        codes("Welkom-" * 5 + "2026")
    assert (perf_counter() - started) / 100 < 0.005
