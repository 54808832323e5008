"""Codes of six digits that an authenticator app shows (TOTP, RFC 6238: HMAC-SHA-1, a step of 30 seconds)."""

import base64
import binascii
import hmac
import secrets
import struct
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from uuid import UUID

import segno
from django.utils.safestring import SafeString, mark_safe
from django_otp.oath import hotp

from accounts.models import User
from loket import sealing
from loket.ids import uuid7

STEP = 30  # seconds
_DRIFT = 1  # steps that a clock may be off, either way
_SECRET = 20  # bytes: as long as the hash (RFC 4226, section 4)
_OFFER_LASTS = 3600  # seconds
_FORMAT = f"!16sq{_SECRET}s"


def step_now() -> int:
    """Return the number of the present time step."""
    return int(time.time()) // STEP


def matching_step(secret: bytes, code: str, *, after: int) -> int | None:
    """Return the time step whose code this is, among those around now that are later than `after`; else None."""
    now, found = step_now(), None
    for step in range(now - _DRIFT, now + _DRIFT + 1):
        if hmac.compare_digest(f"{hotp(secret, step):06d}", code) and step > after:
            found = step
    return found


@dataclass(frozen=True)
class Offer:
    """A secret that is offered to somebody's app and travels sealed in his form until a code proves that it came over.

    `id` is that of the device to be: a form that is sent twice makes one device.
    """

    id: UUID
    made_at: int  # seconds since 1970
    secret: bytes

    @classmethod
    def new(cls) -> "Offer":
        """Return an offer with a new secret."""
        return cls(uuid7(), int(time.time()), secrets.token_bytes(_SECRET))

    @classmethod
    def opened(cls, sealed: str, user: User) -> "Offer | None":
        """Return what `sealed_for` made for this user within the last hour, else None."""
        try:
            data = sealing.unseal(base64.urlsafe_b64decode(sealed), context=_context(user))
        except (sealing.Unreadable, binascii.Error, ValueError):
            return None
        id_, made_at, secret = struct.unpack(_FORMAT, data)
        return cls(UUID(bytes=id_), made_at, secret) if 0 <= time.time() - made_at < _OFFER_LASTS else None

    def sealed_for(self, user: User) -> str:
        """Return the offer as text that only we can read, and that works in forms of `user` only."""
        data = struct.pack(_FORMAT, self.id.bytes, self.made_at, self.secret)
        return base64.urlsafe_b64encode(sealing.seal(data, context=_context(user))).decode()

    @property
    def text(self) -> str:
        """The secret as a person types it: base32 in groups of four."""
        plain = base64.b32encode(self.secret).decode()
        return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))

    def address(self, user: User) -> str:
        """Return the otpauth address that apps know (the key URI format of Google Authenticator)."""
        label = quote(f"Loket:{user.username}")
        secret = base64.b32encode(self.secret).decode()
        return f"otpauth://totp/{label}?" + urlencode({"secret": secret, "issuer": "Loket"})

    def picture(self, user: User) -> SafeString:
        """Return the address as a QR code in SVG, dark on white in every colour scheme, without style attributes."""
        code = segno.make(self.address(user), error="m", micro=False)
        return mark_safe(code.svg_inline(scale=4, border=4, light="#fff", dark="#000", omitsize=False))  # noqa: S308


def _context(user: User) -> str:
    return f"offered secret:{user.pk}"
