"""Keys for comparing and sorting text, validators of text, and domains as mail servers know them."""

import unicodedata

import idna
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def normalize_for_search(text: str) -> str:
    """Return `text` without case and diacritics, for sorting and searching: 'Émile' -> 'emile'."""
    # Decompose first: the letters that a sign such as '℠' stands for are capitals.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def normalize_label(text: str) -> str:
    """Return the letters and digits of `text` without case and diacritics, to match names in files of users."""
    return "".join(char for char in normalize_for_search(text) if char.isalnum())


def compute_username_key(username: str) -> str:
    """Return the key on which usernames are unique: without space around it, NFC, casefolded, NFC (rule 2)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", username.strip()).casefold())


def validate_no_control_characters(text: str) -> None:
    """Raise ValidationError when `text` has a control character, such as NUL, or a lone surrogate (Cc and Cs)."""
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValidationError(_("Remove the invisible control characters."), code="control_characters")


# Characters that change the writing direction or have no width can make a name look like another one. The joiners
# U+200C and U+200D are allowed: some scripts and many emoji need them.
_INVISIBLE_CHARACTERS = set(
    "\u00ad\u200b\u2060\u2061\u2062\u2063\u2064\ufeff"
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def validate_no_direction_marks(text: str) -> None:
    """Raise ValidationError when `text` has a zero-width character or one that changes the writing direction."""
    if _INVISIBLE_CHARACTERS & set(text):
        raise ValidationError(_("Remove the invisible characters."), code="direction")


def encode_email_domain(address: str) -> str:
    """Return `address` with its domain in ASCII by IDNA 2008 with UTS 46 mapping: 'straße.nl' is 'xn--strae-oqa.nl'.

    A domain that these rules do not allow stays as it is.
    """
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError:
        return address
