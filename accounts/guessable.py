"""Detection of common passwords and of passwords built from their context (NIST SP 800-63B-4, 3.1.1.2)."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from loket.text import fold

FEWEST = 4  # letters that must be left after removing known words
_ENDS = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_YEAR = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")
_TRIVIAL = {"and", "van", "der", "den", "het", "the"}  # too common to be reported
_OWN, _OFFICE = gettext_noop("your name, username or e-mail address"), gettext_noop("the name of the office")
_COMMON = gettext_noop("a common word")
_WORDS = {
    gettext_noop("the name of the product"): ["loket"],
    _COMMON: [
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
_SPELLINGS: tuple[dict[int, str], ...] = tuple(
    {ord(sign): letter for sign, letter in zip("@€04135$7!", letters, strict=False)}
    for letters in ("", "aeoaiessti", "aeoalesstl")
)


class About(NamedTuple):
    """What is known of the password's user: `own` holds names, username and e-mail address."""

    own: Sequence[str] = ()
    office: str = ""


def is_common(password: str) -> bool:
    """Return whether the password itself is in Django's list of 20,000 common passwords."""
    return password.lower().strip() in _most_used()


def explain(password: str, about: About) -> tuple[str, str] | None:
    """Return what an easily guessed `password` is built from, or None if enough of it is left.

    The result is a code, "personal" when it contains names of the user or the office and "common" otherwise, and the
    parts in words.
    """
    folded = fold(password)
    known = {_OWN: _words(about.own), _OFFICE: _words([about.office])} | _WORDS
    found, fewest = set[str](), FEWEST
    for spelling in _SPELLINGS:
        used, letters = _without(folded, spelling, known)
        if _letters(_ENDS.sub("", folded).translate(spelling)) in _most_used():
            used, letters = used or {_COMMON}, 0
        if used and letters < FEWEST:
            found, fewest = found | used, letters
    if fewest >= FEWEST:
        return None
    parts = [_(label) for label in known if label in found]
    if _YEAR.search(folded):
        parts.append(_("a year"))
    elif any(char.isdigit() for char in folded):
        parts.append(_("digits"))
    return "personal" if found & {_OWN, _OFFICE} else "common", str(get_text_list(parts, _("and")))


def _without(folded: str, spelling: dict[int, str], known: dict[str, list[str]]) -> tuple[set[str], int]:
    """Return which labels of `known` occur, and how many letters are left without them.

    Signs between letters are ignored: 'Wel-kom' counts as 'welkom'.
    """
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


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalpha())


def _words(texts: Iterable[str]) -> list[str]:
    """Return the words of at least three letters in `texts`, and each text as a whole, without signs."""
    words = set[str]()
    for text in texts:
        local, _at, domain = fold(text).partition("@")
        for part in (local, domain.rpartition(".")[0]):
            split = re.split(r"[\W_]+", part)
            words |= {"".join(split), *split, *re.findall(r"[^\W\d_]+", part)}
    return [word for word in sorted(words) if len(word) >= 3 and not word.isdigit() and word not in _TRIVIAL]


@cache
def _most_used() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)  # the validator reads its list on every instantiation
