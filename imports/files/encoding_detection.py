"""Detect the encoding of a text file, and text that was decoded with the wrong one."""

import codecs
import re
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from django.utils.translation import gettext as _

from imports.files.cells import UnreadableFile
from imports.files.letter_scores import is_unlikely_word, score_word

_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF32_BOMS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
# What spreadsheet programs write besides Unicode: label, and what a list must score more to be in it.
_ENCODINGS = {
    "cp1252": ("Windows-1252", 0.0),
    "iso8859_15": ("ISO-8859-15", 0.1),
    "mac_roman": ("Mac OS Roman", 0.5),
    "cp850": ("DOS (850)", 0.5),
    "cp1250": ("Windows-1250", 1.0),
    "cp437": ("DOS (437)", 1.5),
    "cp852": ("DOS (852)", 1.5),
    "iso8859_2": ("ISO-8859-2", 1.5),
    "cp1254": ("Windows-1254", 1.5),
}
_MAX_WORDS = 2000  # distinct words that are scored
_MIN_WORD_SCORE = -3.0  # on average; names score 6, lists in another alphabet and binary files -4 or less
_WORST_WORD, _INVALID_WORD = -12.0, -30.0  # scores
_USUAL_WORD_SCORE = 4.5
_REPAIR_MARGIN = 6.0  # score by which a repaired word must be more likely than an unlikely one
_ENCODED_WORD = re.compile(rb"[A-Za-z]*(?:[\x80-\xff][A-Za-z]*)+")
_WORD = re.compile(r"[A-Za-z]*(?:[^\x00-\x7f]+[A-Za-z]*)+")
_MAYBE_UTF8 = re.compile(r"[^\x00-\x7f]{2}|[a-z][^\x00-\x7f]$")  # see _decode_again
_NON_ASCII_RUN = re.compile(r"[^\x00-\x7f]+")
_NO_BREAK_SPACE = re.compile(r"(?<![ÃÅĂĹ])\xa0+")  # after these it can be part of a damaged à or Š


class DecodedText(NamedTuple):
    """A decoded text file; `guessed_encoding` is the label of an encoding that was inferred from the letters."""

    text: str
    guessed_encoding: str = ""


def decode_text(content: bytes) -> DecodedText:
    """Decode UTF-8, UTF-16 and UTF-32 with or without a byte order mark, else the likeliest 8-bit encoding.

    Raises UnreadableFile with the first line that fails when the encoding changes halfway, and when no encoding gives
    likely names.
    """
    start = content[:1024]
    if start.startswith(_UTF32_BOMS):
        return DecodedText(_decode(content, "utf-32"))
    if start.startswith(_UTF16_BOMS):
        return DecodedText(_decode(content, "utf-16"))
    if b"\x00" in start:
        is_little_endian = start[1::2].count(0) >= start[0::2].count(0)
        return DecodedText(_decode(content, "utf-16-le" if is_little_endian else "utf-16-be"))
    try:
        return DecodedText(_decode(content, "utf-8-sig"))
    except UnreadableFile as error:
        encoding, words = _guess_encoding(content)
        if any(_is_likelier_as_utf8(word, encoding) for word in words):
            raise  # part of the file is UTF-8
        # Undefined bytes occur in rare words only: cells that contain them are refused.
        text = content.decode(encoding, errors="replace")
        if "\x00" not in text and _score_words(words, encoding) < _MIN_WORD_SCORE * len(words):
            message = _("The text encoding of this file is not recognized. Save the file again as CSV UTF-8.")
            raise UnreadableFile(message) from error
        return DecodedText(text, _ENCODINGS[encoding][0])


def _decode(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = _("The text encoding changes at line %(line)s. Save the file again as CSV UTF-8.")
        raise UnreadableFile(message % {"line": line}) from None


def _guess_encoding(content: bytes) -> tuple[str, list[bytes]]:
    """Return the likeliest 8-bit encoding, and the words that indicate it."""
    found = (match[0] for match in _ENCODED_WORD.finditer(content))
    words = list(dict.fromkeys(islice(found, 10 * _MAX_WORDS)))[:_MAX_WORDS]
    return max(_ENCODINGS, key=lambda name: _score_words(words, name) - _ENCODINGS[name][1]), words


def _score_words(words: list[bytes], encoding: str) -> float:
    return sum(_score_encoded_word(word, encoding) for word in words)


def _score_encoded_word(word: bytes, encoding: str) -> float:
    try:
        return max(_WORST_WORD, score_word(word.decode(encoding)))
    except UnicodeDecodeError:
        return _INVALID_WORD


def _is_likelier_as_utf8(word: bytes, encoding: str) -> bool:
    return _score_encoded_word(word, "utf-8") > _score_encoded_word(word, encoding)


@lru_cache(maxsize=16384)
def is_damaged(text: str) -> bool:
    """Return whether letters of `text` were lost, or decoded with another encoding than they were written in."""
    return "\ufffd" in text or any(_is_damaged_word(word) for word in _WORD.findall(_NO_BREAK_SPACE.sub(" ", text)))


def _is_damaged_word(word: str) -> bool:
    if _MAYBE_UTF8.search(word) and any(
        score_word(repaired) > score_word(word)
        for encoding in _ENCODINGS
        if (repaired := _decode_again(word, encoding))
    ):
        return True
    return is_unlikely_word(word) and any(
        score_word(repaired) > max(score_word(word) + _REPAIR_MARGIN, _USUAL_WORD_SCORE)
        for wrong in _ENCODINGS
        for right in _ENCODINGS
        if (repaired := _recode(word, wrong, right))
    )


def _decode_again(word: str, encoding: str) -> str:
    """Return `word` with its UTF-8 that was decoded as `encoding` decoded properly, "" when there is none."""

    def decode_run(match: re.Match[str]) -> str:
        is_end = match.start() > 0 and match.end() == len(word)
        for run in (match[0], match[0] + "\xa0" * is_end):  # programs trim a no-break space at the end
            try:
                return b"".join(_encode_char(char, encoding) for char in run).decode()
            except UnicodeError:
                continue
        return match[0]

    decoded = _NON_ASCII_RUN.sub(decode_run, word)
    return decoded if decoded != word else ""


def _encode_char(char: str, encoding: str) -> bytes:
    """Return the byte of `char`; programs decode bytes that an encoding leaves undefined as control characters."""
    return char.encode("latin-1") if "\x80" <= char <= "\x9f" else char.encode(encoding)


def _recode(word: str, wrong: str, right: str) -> str:
    try:
        return word.encode(wrong).decode(right)
    except UnicodeError:
        return ""
