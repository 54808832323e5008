"""Mobile numbers that an invitation accepts (seed article)."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# Usual notation of a number. The library alone would also find one in the middle of other text.
_NUMBER_PATTERN = re.compile(r"[\s(]*\+?[\d\s()./\-‐‑‒–—−]+")
_NETHERLANDS = 31  # country code


def parse_mobile_number(text: str, *, confirmed: bool = False) -> str:
    """Return the E.164 form of a mobile number.

    A Dutch number must be a valid mobile number, in any usual notation. Of an international one, with "+" or "00", the
    seed article asks the format only: it is refused when impossible or surely no mobile number. Raises ValidationError
    with code "mobile_number", or "mobile_number_unknown" for a number that may be a mobile one, unless `confirmed`.
    """
    import phonenumbers  # 1 MB, and as much again for the numbering plan of each country

    number = _parse(text)
    if number is None:
        raise ValidationError(
            _("Enter a Dutch mobile number, such as 06 12345678, or an international one such as +32470123456."),
            code="mobile_number",
        )
    if not confirmed and not _is_valid_mobile(number):
        raise ValidationError(
            _("We do not know this number as a mobile number. Check it. If it is correct, send the form again."),
            code="mobile_number_unknown",
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def compute_phone_key(text: str) -> str:
    """Return the key on which phone numbers are the same: E.164, also without the zero that a spreadsheet removes."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, "NL")
    except phonenumbers.NumberParseException:
        return text
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_known_mobile_number(number: str) -> bool:
    """Return whether a number in E.164 is a valid mobile number in the numbering plan of its country."""
    import phonenumbers

    return _is_valid_mobile(phonenumbers.parse(number))


def _parse(text: str) -> PhoneNumber | None:
    """Return a possible number that is not surely a fixed or premium one."""
    import phonenumbers
    from phonenumbers import CountryCodeSource, PhoneNumberType

    if len(text) > 40:
        return None
    # Numbers pasted from a phone contain invisible direction marks.
    text = "".join(char for char in text if unicodedata.category(char) != "Cf").strip()
    if not _NUMBER_PATTERN.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text, "NL", keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    signs = (CountryCodeSource.FROM_NUMBER_WITH_PLUS_SIGN, CountryCodeSource.FROM_NUMBER_WITH_IDD)  # "+" and "00"
    is_international = number.country_code_source in signs
    is_dutch = number.country_code == _NETHERLANDS
    if number.extension or not (is_dutch or is_international) or not phonenumbers.is_possible_number(number):
        return None
    # For other types, the numbering plan may be newer than the library's. Personal numbers, such as British 070, cost
    # the sender as much as premium ones.
    refused = {
        PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.UAN,
        PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER, PhoneNumberType.PAGER, PhoneNumberType.VOICEMAIL,
    }  # fmt: skip
    if phonenumbers.number_type(number) in refused or (is_dutch and not _is_valid_mobile(number)):
        return None
    return number


def _is_valid_mobile(number: PhoneNumber) -> bool:
    import phonenumbers
    from phonenumbers import PhoneNumberType

    kinds = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}  # some countries do not distinguish them
    return phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in kinds
