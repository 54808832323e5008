"""Detect the encoding of a text file."""

import codecs
import re

from django.utils.translation import gettext as _

from imports.files.cells import UnreadableFile

_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def decode_text(content: bytes) -> str:
    """Decode UTF-8 and UTF-16 with or without a byte order mark, else Windows-1252.

    Raises UnreadableFile with the first line that fails when the encoding changes halfway.
    """
    start = content[:1024]
    if start.startswith(_UTF16_BOMS):
        return _decode(content, "utf-16")
    if b"\x00" in start:
        is_little_endian = start[1::2].count(0) >= start[0::2].count(0)
        return _decode(content, "utf-16-le" if is_little_endian else "utf-16-be")
    try:
        return _decode(content, "utf-8-sig")
    except UnreadableFile:
        if _UTF8_SEQUENCE.search(content):  # part of it is UTF-8
            raise
        return _decode(content, "cp1252")


def _decode(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = _("The text encoding changes at line %(line)s. Save the file again as CSV UTF-8.")
        raise UnreadableFile(message % {"line": line}) from None
