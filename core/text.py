"""Validators of text."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from core.keys import is_blank, is_ignorable, is_inkless

# Some scripts and many emoji need these: the joiners, and the variation selectors of text and emoji.
_ALLOWED_IGNORABLE_CHARACTERS = frozenset("\u200c\u200d\ufe0e\ufe0f")


def validate_no_control_characters(text: str) -> None:
    """Raise ValidationError when `text` has a control character, such as NUL, or a lone surrogate (Cc and Cs)."""
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValidationError(_("Remove the invisible control characters."), code="control_characters")


def validate_no_direction_marks(text: str) -> None:
    """Raise ValidationError when `text` has a character that leaves no mark, or that changes the writing direction."""
    unseen = (char for char in set(text) - _ALLOWED_IGNORABLE_CHARACTERS if is_ignorable(char) or is_inkless(char))
    # Not by a key: forms call this for text of any length, and a long key takes seconds to compute.
    if any(unseen) or (text.strip() and all(is_blank(char) or is_ignorable(char) for char in set(text))):
        raise ValidationError(_("Remove the invisible characters."), code="direction")
