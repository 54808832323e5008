"""Validators of text."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from core.keys import is_ignorable

# Some scripts and many emoji need these: the joiners, and the variation selectors of text and emoji.
_ALLOWED_IGNORABLE_CHARACTERS = frozenset("\u200c\u200d\ufe0e\ufe0f")


def validate_no_control_characters(text: str) -> None:
    """Raise ValidationError when `text` has a control character, such as NUL, or a lone surrogate (Cc and Cs)."""
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValidationError(_("Remove the invisible control characters."), code="control_characters")


def validate_no_direction_marks(text: str) -> None:
    """Raise ValidationError when `text` has a character that leaves no mark, or that changes the writing direction."""
    if any(is_ignorable(char) for char in set(text) - _ALLOWED_IGNORABLE_CHARACTERS):
        raise ValidationError(_("Remove the invisible characters."), code="direction")
