"""Searching for a secret in any stored data: plain, escaped, encoded, or split by spaces."""

import base64
import json
import re
import zlib
from collections.abc import Iterator
from urllib.parse import quote

_SEPARATORS = rb"[\s\-./()]{0,3}"


def spellings(secret: str) -> Iterator[bytes]:
    """Yield the ways in which a word can be stored: plain, escaped, hexadecimal, and base64 at any offset."""
    raws = [secret.encode()]
    if re.fullmatch(r"[\w-]{43}", secret):
        raws.append(base64.urlsafe_b64decode(secret + "="))  # a token is 32 random bytes
    yield quote(secret).encode()
    yield json.dumps(secret).strip('"').encode()
    for raw in raws:
        yield raw
        yield raw[::-1]
        for offset in range(3):
            coded = base64.b64encode(b"x" * offset + raw).rstrip(b"=")
            sure = coded[(0, 2, 3)[offset] : -1]  # the first and last characters depend on their neighbors
            yield sure
            yield sure.replace(b"+", b"-").replace(b"/", b"_")


def patterns(kind: str, secret: str) -> list[re.Pattern[bytes]]:
    """Return regular expressions that match a secret in any stored form."""
    if kind == "code":  # not six digits of a timestamp or a hash
        words = [rb"(?<![\w.+-])%s(?![\w])" % secret.encode()]
    elif kind == "number":  # the digits that every notation shares, however they are grouped
        national = secret[3:].encode()
        words = [_SEPARATORS.join(national[place : place + 1] for place in range(len(national)))]
        words += [re.escape(word) for word in spellings(national.decode())]
    else:
        words = [re.escape(word) for word in spellings(secret)]
    hexadecimal = re.escape(secret[3:].encode().hex().encode() if kind == "number" else secret.encode().hex().encode())
    if kind == "token":
        words.append(re.escape(base64.urlsafe_b64decode(secret + "=").hex().encode()))
    return [re.compile(word) for word in {*words}] + [re.compile(hexadecimal, re.IGNORECASE)]


def found(secrets: dict[str, tuple[str, str]], places: dict[str, bytes]) -> list[str]:
    """Return which secrets are readable, and where."""
    return [
        f"{name} in {place}"
        for name, (kind, secret) in secrets.items()
        for pattern in patterns(kind, secret)
        for place, content in places.items()
        if pattern.search(content)
    ]


def unpacked(session: bytes) -> bytes:
    """Return the decoded value of a session row: base64, possibly compressed; the signature is ignored."""
    text = session.partition(b":")[0]
    packed = text.startswith(b".")
    text = text.removeprefix(b".")
    raw = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    return zlib.decompress(raw) if packed else raw
