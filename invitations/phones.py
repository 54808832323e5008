"""Which mobile numbers an invitation accepts (seed article)."""

import phonenumbers
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from phonenumbers import PhoneNumberType


def mobile_number(text: str) -> str:
    """Return the E.164 form of a mobile number.

    Accepted: a valid Dutch mobile number in any usual notation, or an international one with "+", of type mobile, or
    fixed-or-mobile where a country does not tell them apart. Raises ValidationError that says what is accepted.
    """
    fault = ValidationError(
        _("Give a Dutch mobile number, such as 06 12345678, or an international one such as +32612345678."),
        code="mobile_number",
    )
    if len(text) > 30:
        raise fault
    try:
        number = phonenumbers.parse(text, "NL")
    except phonenumbers.NumberParseException:
        raise fault from None
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if number.extension or not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in kinds:
        raise fault
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
