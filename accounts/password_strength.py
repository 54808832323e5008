"""Detection of common passwords and of passwords built from their context (NIST SP 800-63B-4, 3.1.1.2)."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from core.keys import compute_search_key

MIN_UNGUESSABLE_LETTERS = 4  # letters that must be left after removing known words
_OUTER_NON_LETTERS = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_YEAR_PATTERN = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")
_STOP_WORDS = {"and", "van", "der", "den", "het", "the"}  # too common to be reported
_PERSONAL_LABEL, _OFFICE_LABEL = (
    gettext_noop("your name, username or e-mail address"),
    gettext_noop("the name of the office"),
)
_COMMON_LABEL = gettext_noop("a common word")
_WORD_LISTS = {
    gettext_noop("the name of the product"): ["loket"],
    _COMMON_LABEL: [
        "welkom", "welcome", "wachtwoord", "password", "passwort", "geheim", "secret", "login", "inloggen", "test",
        "testen", "admin", "beheer", "beheerder", "administrator", "kantoor", "office", "administratie", "gebruiker",
        "user", "qwerty", "qwertz", "azerty", "asdf", "abc", "hallo", "hello",
    ],
    gettext_noop("a month"): [
        "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
        "december", "january", "february", "march", "may", "june", "july", "august", "october",
    ],
    gettext_noop("a season"): [
        "lente", "voorjaar", "zomer", "herfst", "najaar", "winter", "spring", "summer", "autumn", "fall",
    ],
    gettext_noop("a day of the week"): [
        "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag",
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    ],
}  # fmt: skip
# Signs used for a letter. 1 and ! can stand for two, so both are tried.
_LETTER_SUBSTITUTIONS: tuple[dict[int, str], ...] = tuple(
    {ord(sign): letter for sign, letter in zip("@€04135$7!", letters, strict=False)}
    for letters in ("", "aeoaiessti", "aeoalesstl")
)


class PasswordContext(NamedTuple):
    """What is known of the password's user: `own` holds names, username and e-mail address."""

    own: Sequence[str] = ()
    office: str = ""


def is_common_password(password: str) -> bool:
    return password.lower().strip() in _load_common_passwords()


def explain_weakness(password: str, about: PasswordContext) -> tuple[str, str] | None:
    """Return what an easily guessed `password` is built from, or None if enough of it is left.

    The result is a code, "personal" when it contains names of the user or the office and "common" otherwise, and the
    parts as text.
    """
    folded = compute_search_key(password)
    known = {_PERSONAL_LABEL: _split_words(about.own), _OFFICE_LABEL: _split_words([about.office])} | _WORD_LISTS
    found, fewest = set[str](), MIN_UNGUESSABLE_LETTERS
    for spelling in _LETTER_SUBSTITUTIONS:
        used, letters = _strip_known_words(folded, spelling, known)
        if (
            "".join(filter(str.isalpha, _OUTER_NON_LETTERS.sub("", folded).translate(spelling)))
            in _load_common_passwords()
        ):
            used, letters = used or {_COMMON_LABEL}, 0
        if used and letters < MIN_UNGUESSABLE_LETTERS:
            found, fewest = found | used, letters
    if fewest >= MIN_UNGUESSABLE_LETTERS:
        return None
    parts = [_(label) for label in known if label in found]
    if _YEAR_PATTERN.search(folded):
        parts.append(_("a year"))
    elif any(char.isdigit() for char in folded):
        parts.append(_("digits"))
    return "personal" if found & {_PERSONAL_LABEL, _OFFICE_LABEL} else "common", str(get_text_list(parts, _("and")))


def _strip_known_words(folded: str, spelling: dict[int, str], known: dict[str, list[str]]) -> tuple[set[str], int]:
    """Return which labels of `known` occur, and how many letters are left; symbols between letters are ignored."""
    spelled = folded.translate(spelling)
    places = [place for place, char in enumerate(spelled) if char.isalnum()]
    packed = "".join(spelled[place] for place in places)
    used, taken = set[str](), set[int]()
    for label, words in known.items():
        for word in words:
            at = packed.find(word)
            while at >= 0:
                if not taken.issuperset(range(at, at + len(word))):
                    used.add(label)
                    taken.update(range(at, at + len(word)))
                at = packed.find(word, at + 1)
    return used, sum(folded[place].isalpha() for at, place in enumerate(places) if at not in taken)


def _split_words(texts: Iterable[str]) -> list[str]:
    """Return the words of at least three letters in `texts`, and each text as a whole, without symbols."""
    words = set[str]()
    for text in texts:
        local, _at, domain = compute_search_key(text).partition("@")
        for part in (local, domain.rpartition(".")[0]):
            split = re.split(r"[\W_]+", part)
            words |= {"".join(split), *split, *re.findall(r"[^\W\d_]+", part)}
    return [word for word in sorted(words) if len(word) >= 3 and not word.isdigit() and word not in _STOP_WORDS]


@cache
def _load_common_passwords() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)  # the validator reads its list on every instantiation
