"""How text is compared, sorted and checked."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def fold(text: str) -> str:
    """Return `text` without case and diacritics, for sorting and searching: 'Émile' -> 'emile'."""
    # First apart: what a sign such as '℠' stands for has capitals of its own.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def squeezed(text: str) -> str:
    """Return `text` without case, marks, spaces and signs, as names that people write in files are compared."""
    return "".join(char for char in fold(text) if char.isalnum())


def username_key(username: str) -> str:
    """Return the key on which usernames are unique: NFC, then casefolded (rule 2)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", username).casefold())


def refuse_control_characters(text: str) -> None:
    """Raise ValidationError when `text` has NUL, another control character or half a surrogate pair (Cc and Cs)."""
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValidationError(_("Remove the invisible control characters."), code="control_characters")


# Characters that turn the writing direction of what follows them, or take no place, and so can make a name look like
# another one. The joiners U+200C and U+200D stay: some scripts and many emoji need them.
_INVISIBLE = set(
    "\u00ad\u200b\u2060\u2061\u2062\u2063\u2064\ufeff"
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def refuse_direction_marks(text: str) -> None:
    """Raise ValidationError when `text` has a mark that takes no place or turns the writing direction."""
    if _INVISIBLE & set(text):
        raise ValidationError(_("Remove the invisible marks."), code="direction")
