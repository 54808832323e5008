"""Detect the encoding of a text file by streaming all of it."""

import codecs
import re
from typing import IO

from django.utils.translation import gettext as _

from imports.files.cells import UnreadableFile

_CHUNK_BYTES = 2**16
_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNDEFINED_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # undefined in Windows-1252
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def detect_encoding(file: IO[bytes]) -> str:
    """Return the encoding of a text file and rewind it.

    Detects UTF-8 and UTF-16 with or without a byte order mark, else Windows-1252. Raises UnreadableFile when the
    encoding changes halfway.
    """
    start = file.read(1024)
    file.seek(0)
    if start.startswith(_UTF16_BOMS):
        return _require_encoding(file, "utf-16")
    if b"\x00" in start:
        at_odd = start[1::2].count(0) >= start[0::2].count(0)
        return _require_encoding(file, "utf-16-le" if at_odd else "utf-16-be")
    try:
        return _require_encoding(file, "utf-8-sig")
    except UnreadableFile as error:
        return _require_cp1252(file, error)


def _require_encoding(file: IO[bytes], encoding: str) -> str:
    """Return `encoding` if it decodes the whole file. Raises UnreadableFile with the first line that fails."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    try:
        while part := file.read(_CHUNK_BYTES):
            line += decoder.decode(part).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        raise _build_mixed_encoding_error(line) from None
    finally:
        file.seek(0)
    return encoding


def _build_mixed_encoding_error(line: int) -> UnreadableFile:
    message = _("The text encoding changes at line %(line)s. Save the file again as CSV UTF-8.")
    return UnreadableFile(message % {"line": line})


def _require_cp1252(file: IO[bytes], not_utf8: UnreadableFile) -> str:
    """Return "cp1252", or raise UnreadableFile if part of the file is UTF-8 or is undefined in Windows-1252."""
    rest, line, seen_utf8 = b"", 1, False
    while part := file.read(_CHUNK_BYTES):
        text = rest + part
        found = _UNDEFINED_IN_CP1252.search(text)
        seen_utf8 = seen_utf8 or bool(_UTF8_SEQUENCE.search(text))
        if seen_utf8:
            file.seek(0)
            raise not_utf8
        if found:
            file.seek(0)
            raise _build_mixed_encoding_error(line + text[: found.start()].count(b"\n"))
        rest = text[-3:]
        line += text[:-3].count(b"\n")
    file.seek(0)
    return "cp1252"
