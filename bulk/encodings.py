"""Detect the encoding of a text file by streaming all of it."""

import codecs
import re
from typing import IO

from django.utils.translation import gettext as _

from bulk.cells import Unreadable

_PART = 2**16
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NOT_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # undefined in Windows-1252
_IN_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def encoding_of(file: IO[bytes]) -> str:
    """Return the encoding of a text file and rewind it.

    Detects UTF-8 and UTF-16 with or without a byte order mark, else Windows-1252. Raises Unreadable when the encoding
    changes halfway.
    """
    start = file.read(1024)
    file.seek(0)
    if start.startswith(_UTF16):
        return _checked(file, "utf-16")
    if b"\x00" in start:
        at_odd = start[1::2].count(0) >= start[0::2].count(0)
        return _checked(file, "utf-16-le" if at_odd else "utf-16-be")
    try:
        return _checked(file, "utf-8-sig")
    except Unreadable as error:
        return _as_1252(file, error)


def _checked(file: IO[bytes], encoding: str) -> str:
    """Return `encoding` if it decodes the whole file. Raises Unreadable with the first line that fails."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    try:
        while part := file.read(_PART):
            line += decoder.decode(part).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        raise _mixed(line) from None
    finally:
        file.seek(0)
    return encoding


def _mixed(line: int) -> Unreadable:
    message = _("The text encoding changes at line %(line)s. Save the file again as CSV UTF-8.")
    return Unreadable(message % {"line": line})


def _as_1252(file: IO[bytes], not_utf8: Unreadable) -> str:
    """Return "cp1252", or raise Unreadable if part of the file is UTF-8 or is undefined in Windows-1252."""
    rest, line, seen_utf8 = b"", 1, False
    while part := file.read(_PART):
        text = rest + part
        found = _NOT_1252.search(text)
        seen_utf8 = seen_utf8 or bool(_IN_UTF8.search(text))
        if seen_utf8:
            file.seek(0)
            raise not_utf8
        if found:
            file.seek(0)
            raise _mixed(line + text[: found.start()].count(b"\n"))
        rest = text[-3:]
        line += text[:-3].count(b"\n")
    file.seek(0)
    return "cp1252"
