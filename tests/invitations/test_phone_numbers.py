"""Phone numbers that an invitation accepts."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from invitations.phone_numbers import is_known_mobile_number, parse_mobile_number


@pytest.mark.parametrize(
    "text",
    [
        "0612345678",
        "06 12345678",
        "06-12345678",
        "06 12 34 56 78",
        "(06) 1234 5678",
        "+31612345678",
        "+31 6 12345678",
        "+31 (0)6 12345678",
        "0031612345678",
        "00 31 6 12345678",
        " 0612345678 ",
        "06.12.34.56.78",
        "06\u00a01234\u00a05678",
        "06–12345678",
        "٠٦١٢٣٤٥٦٧٨",
        "\u202a+31 6 12345678\u202c",
        "(+31) 6 12345678",
        "06/12345678",
    ],
)
def test_it_reads_a_dutch_number(text: str) -> None:
    assert parse_mobile_number(text) == "+31612345678"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+32470123456", "+32470123456"),
        ("+49 1512 3456789", "+4915123456789"),
        ("+44 7400 123456", "+447400123456"),
        ("+1 201 555 0123", "+12015550123"),
        ("0049 1512 3456789", "+4915123456789"),
        ("00 32 470 12 34 56", "+32470123456"),
        ("(0032) 470 123456", "+32470123456"),
        ("٠٠٣٢ ٤٧٠١٢٣٤٥٦", "+32470123456"),
    ],
)
def test_it_reads_an_international_number(text: str, number: str) -> None:
    assert parse_mobile_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "06",
        "061234567",
        "06123456789",
        "0201234567",
        "+31201234567",
        "0900 1234567",
        "0800 1234",
        "112",
        "+319001234567",
        "088 1234567",
        "abc",
        "06 1234567a",
        "06-BOER",
        "\x00",
        "0612345678\x00",
        "😀",
        "\u202e0612345678x",
        "0612345678;ext=5",
        "0612345678 ext. 5",
        "0612345678#5",
        "tel:0612345678",
        "+",
        "++31612345678",
        "0612345678" + " " * 31,
        "Bel 0612345678",
        "061234\u0000 5678",
        "0" * 31,
        "6" * 400_000,
        "+32612345678901",
        "0032 2 223 45 67",
        "+3222345678",
        "+1 900 555 0123",
        "+447012345678",
        "+15002345678",
        "+999123456789",
        "32470123456",
        "0612345678 0687654321",
        "0612345678/0687654321",
        "<b>0612345678</b>",
        "+31612345678;phone-context=+32",
    ],
)
def test_it_refuses(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_mobile_number(text)
    assert caught.value.code == "mobile_number"


@pytest.mark.parametrize(
    ("text", "number"),
    [("+32612345678", "+32612345678"), ("+49 1512 345", "+491512345"), ("0032 612345678", "+32612345678")],
)
def test_a_number_that_may_be_mobile_is_asked_about_once(text: str, number: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_mobile_number(text)
    assert caught.value.code == "mobile_number_unknown"
    assert parse_mobile_number(text, confirmed=True) == number
    assert not is_known_mobile_number(number)
    assert is_known_mobile_number("+32470123456")


SPACES = st.sampled_from(["", " ", "-", ".", "\u00a0"])


@given(
    st.sampled_from(["06", "+316", "00316", "+31 (0)6"]),
    st.integers(10_000_000, 59_999_999),
    st.lists(SPACES, min_size=8),
)
def test_it_reads_every_notation(start: str, digits: int, gaps: list[str]) -> None:
    text = start + "".join(gap + digit for gap, digit in zip(gaps, str(digits), strict=False))
    assert parse_mobile_number(text) == f"+316{digits}"


@given(st.one_of(st.text(), st.text("0123456789+-() #;/.x", max_size=31)))
@example("+31612345678")
def test_it_answers_whatever_is_typed(text: str) -> None:
    try:
        number = parse_mobile_number(text)
    except ValidationError:
        return
    assert number.startswith("+")
    assert number[1:].isascii()
    assert number[1:].isdigit()
    assert parse_mobile_number(number) == number
