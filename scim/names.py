"""Names as directories have them, given and family name, and as offices have them: initials, prefix, last name."""

import re
from typing import Any

from accounts.models import User

# What may stand before a Dutch last name, in lower case; the lengths are those of the model.
_PARTICLES = frozenset({
    "'n", "'s", "'t", "aan", "af", "bij", "d'", "da", "dal", "de", "del", "dela", "dem", "den", "der", "des", "di",
    "do", "dos", "du", "el", "en", "het", "in", "l'", "la", "las", "le", "les", "lo", "los", "met", "of", "onder",
    "op", "over", "sint", "te", "ten", "ter", "tot", "uijt", "uit", "v.d.", "van", "vanden", "vander", "vd", "ver",
    "von", "voor", "vor", "zu", "zum", "zur",
})  # fmt: skip
_MAX_FIRST_NAME, _MAX_PREFIX, _MAX_LAST_NAME, _MAX_INITIALS = (
    getattr(User._meta.get_field(name), "max_length", 0) for name in ("first_name", "prefix", "last_name", "initials")
)
_INITIALS_PATTERN = re.compile(r"(?:[^\W\d_]{1,2}\.\s*)+")


def split_family_name(family_name: str) -> tuple[str, str]:
    """Return prefix and last name: 'van der Berg' and 'Berg, van der' -> ('van der', 'Berg').

    A capital is kept as a part of the last name, as in Flanders: 'Van den Broeck'. What does not fit is cut off.
    """
    last, comma, before = (part.strip() for part in family_name.partition(","))
    words = (f"{before} {last}" if comma and _is_prefix(before) else family_name).split()
    count = 0
    while count < len(words) - 1 and words[count] in _PARTICLES:
        if len(" ".join(words[: count + 1])) > _MAX_PREFIX:
            break
        count += 1
    return " ".join(words[:count]), " ".join(words[count:])[:_MAX_LAST_NAME].rstrip()


def _is_prefix(text: str) -> bool:
    return all(word in _PARTICLES for word in text.split())


def join_family_name(user: User) -> str:
    return f"{user.prefix} {user.last_name}".strip()


def get_given_name(user: User) -> str:
    return user.first_name or user.initials


def build_attributes(user: User) -> dict[str, Any]:
    """Return what a directory reads of an account, in the form in which it sends it."""
    return {
        "name": {
            "formatted": user.full_name,
            "familyName": join_family_name(user),
            "givenName": get_given_name(user),
        },
        "emails": [{"value": user.email, "type": "work", "primary": True}],
        "active": user.blocked_at is None and not user.has_ended(),
    }


def derive_initials(given_name: str, fallback: str = "") -> str:
    """Return the initials of given names, as many as fit: 'Jan Willem' -> 'J.W.', 'Anne-Marie' -> 'A.M.'.

    Without a given name it is the first letter of `fallback`.
    """
    words = [word for word in re.split(r"[\s.\-]+", given_name) if word[:1].isalpha()]
    letters = [word[0].upper() for word in words] or [char.upper() for char in fallback if char.isalpha()][:1] or ["X"]
    return "".join(f"{letter}." for letter in letters)[: _MAX_INITIALS - _MAX_INITIALS % 2]


def get_first_name(given_name: str) -> str:
    """Return the first name, "" if the directory has only initials."""
    name = " ".join(given_name.split())
    return "" if _INITIALS_PATTERN.fullmatch(name) else name[:_MAX_FIRST_NAME].rstrip()
