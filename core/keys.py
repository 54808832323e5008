"""Keys that decide when two texts are the same. Uniqueness, lookup, differences, search and filters ask only these.

The text itself is stored as typed; its key is stored beside it where the database compares. Every key is idempotent:
the key of a key is that key.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import idna

KeyFunction = Callable[[str], str]
_MAX_CHARACTERS = 1_000

_APOSTROPHES = dict.fromkeys(
    map(ord, "\u2018\u2019\u201a\u201b\u2032\u02b9\u02bb\u02bc\u02bd\u02c8\u0060\u00b4\uff07"), "'"
)
_QUOTES = dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02"), '"')
_PUNCTUATION = {**_APOSTROPHES, **_QUOTES, 0x2212: "-"}  # MINUS SIGN is a symbol; dashes are found by category
# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties beyond category Cf, which Python's tables lack.
_IGNORABLE_RANGES = (
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF),
)  # fmt: skip
_BRAILLE_BLANK = "\u2800"  # a symbol by category, but without ink
# Letters that NFKD leaves whole, beyond those named "LATIN … LETTER X WITH …".
_LETTERS = {"æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i", "ȷ": "j", "ĸ": "k", "ŋ": "n", "ə": "e", "ɐ": "a"}
_LETTER_NAME = re.compile(r"LATIN (?:SMALL|CAPITAL) LETTER ([A-Z]{1,2}) WITH ")


@lru_cache(maxsize=1024)
def is_ignorable(char: str) -> bool:
    """Return whether `char` leaves no mark on paper (Unicode Default_Ignorable_Code_Point, and format characters)."""
    return unicodedata.category(char) == "Cf" or any(low <= ord(char) <= high for low, high in _IGNORABLE_RANGES)


def is_inkless(char: str) -> bool:
    """Return whether `char` is a symbol without ink."""
    return char == _BRAILLE_BLANK


def is_blank(char: str) -> bool:
    """Return whether `char` is white space of any kind, or a symbol without ink."""
    return char.isspace() or unicodedata.category(char).startswith("Z") or is_inkless(char)


@lru_cache(maxsize=1024)
def _fold_char(char: str) -> str:
    if is_blank(char):
        return " "
    if is_ignorable(char):
        return ""
    return "-" if unicodedata.category(char) == "Pd" else char


def _squeeze(text: str) -> str:
    # Before normalization too: NFKC takes a spacing accent apart into a space and a combining mark.
    text = unicodedata.normalize("NFKC", text.translate(_PUNCTUATION)).translate(_PUNCTUATION)
    return " ".join("".join(map(_fold_char, text)).split())


def _repeat(fold: KeyFunction, text: str) -> str:
    """Return `text` folded until folding changes nothing: each step can make work for another."""
    while (folded := fold(text)) != text:
        text = folded
    return text


@lru_cache(maxsize=4096)
def compute_spelling_key(name: str) -> str:
    """Return the key on which two spellings are the same: NFKC, white space squeezed, plain punctuation."""
    return _repeat(_squeeze, name)


def is_same_value(first: Any, second: Any) -> bool:
    """Return whether two values of a field are the same; texts in the same spelling are."""
    if isinstance(first, str) and isinstance(second, str):
        return compute_spelling_key(first) == compute_spelling_key(second)
    return bool(first == second)


@lru_cache(maxsize=4096)
def compute_name_key(name: str) -> str:
    """Return the key on which names are the same: that of their spelling without case (Unicode NFKC_Casefold).

    No stored name is longer than what counts, `_MAX_CHARACTERS`; a longer text would take seconds.
    """
    return _repeat(lambda text: _squeeze(text.casefold()), name[:_MAX_CHARACTERS])


def compute_search_key(text: str) -> str:
    """Return the key for searching and sorting: a name key without diacritics, 'Łukasz Sønder' -> 'lukasz sonder'."""
    return _repeat(lambda key: _remove_diacritics(compute_name_key(key)), text)


def _remove_diacritics(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(_get_plain_letter(char) for char in decomposed if not unicodedata.combining(char))


@lru_cache(maxsize=1024)
def _get_plain_letter(char: str) -> str:
    named = _LETTER_NAME.match(unicodedata.name(char, ""))
    return _LETTERS.get(char) or (named.group(1).lower() if named else char)


def compute_label_key(text: str) -> str:
    """Return only the letters and digits of the search key, to match headings of files."""
    return "".join(char for char in compute_search_key(text) if char.isalnum())


@cache
def _load_confusables() -> dict[int, str]:
    """Return the ASCII text that each other character is confused with (UTS 39 section 4)."""
    data = json.loads((files("confusable_homoglyphs") / "confusables.json").read_text(encoding="utf-8"))
    table = {}
    for char, homoglyphs in data.items():
        plain = sorted(glyph["c"].casefold() for glyph in homoglyphs if glyph["c"].isascii())
        if len(char) == 1 and not char.isascii() and plain:
            table[ord(char)] = plain[0]
    return table


def compute_username_key(username: str) -> str:
    """Return the key on which usernames are unique and found at sign-in: a name key, and its look-alikes in ASCII.

    Of characters outside ASCII the confusable skeleton counts (UTS 39): a Cyrillic 'с' is a 'c'. Within ASCII all
    characters differ, so that 'jan1' and 'janl' can both exist.
    """
    key = compute_name_key(username)
    while not key.isascii() and (plain := compute_name_key(key.translate(_load_confusables()))) != key:
        key = plain
    return key


def encode_domain(domain: str) -> str:
    """Return `domain` in lower-case ASCII by IDNA 2008 with UTS 46 mapping: 'Straße.nl' -> 'xn--strae-oqa.nl'.

    What is no domain by these rules is returned folded, for a validator to refuse.
    """
    try:
        return idna.encode(domain, uts46=True, transitional=False).decode().lower()
    except idna.IDNAError:
        return compute_name_key(domain)


def encode_email_domain(address: str) -> str:
    """Return `address` with its domain as mail servers know it."""
    local, at, domain = address.strip().rpartition("@")
    return f"{local}{at}{encode_domain(domain)}"


def compute_email_key(address: str) -> str:
    """Return the key on which e-mail addresses are the same: local part as a name, domain by IDNA 2008."""
    local, at, domain = address.strip().rpartition("@")
    return f"{compute_name_key(local)}{at}{encode_domain(domain)}"


def normalize_password(password: str) -> str:
    """Return `password` as it is hashed: NFKC, every space a plain one (RFC 8265 section 4.2, NIST SP 800-63B)."""
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
    return unicodedata.normalize("NFKC", spaced)
