"""Mobile numbers that an invitation accepts (seed article)."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Usual notation of a number. The library alone would also find one in the middle of other text.
_NUMBER_PATTERN = re.compile(r"[\s(]*\+?[\d\s()./\-‐‑‒–—−]+")


def parse_mobile_number(text: str) -> str:
    """Return the E.164 form of a mobile number.

    Accepts a valid Dutch mobile number in any usual notation, or an international one with "+", of type mobile, or
    fixed-or-mobile where a country does not distinguish them. Raises ValidationError otherwise.
    """
    import phonenumbers  # 1 MB, and as much again for the plan of each country that is asked for

    fault = ValidationError(
        _("Enter a Dutch mobile number, such as 06 12345678, or an international one such as +32470123456."),
        code="mobile_number",
    )
    if len(text) > 40:
        raise fault
    # Numbers pasted from a phone contain invisible direction marks.
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    if not _NUMBER_PATTERN.fullmatch(text):
        raise fault
    try:
        number = phonenumbers.parse(text, "NL")
    except phonenumbers.NumberParseException:
        raise fault from None
    if number.country_code != 31 and "+" not in text:
        raise fault
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if number.extension or not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in kinds:
        raise fault
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
