"""Codes of authenticator apps (TOTP, RFC 6238: HMAC-SHA-1, six digits, steps of 30 seconds)."""

import base64
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from uuid import UUID

from django.utils.safestring import SafeString, mark_safe
from django_otp.oath import hotp

from accounts.models import User
from core import clock_skew, encryption
from core.ids import uuid7

STEP_SECONDS = 30
_ALLOWED_DRIFT_STEPS = 1  # steps by which a clock may differ, either way
_MAX_STEPS_AHEAD = _ALLOWED_DRIFT_STEPS + int(clock_skew.MAX_CLOCK_SKEW.total_seconds()) // STEP_SECONDS
_SECRET_BYTES = 20  # as long as the hash (RFC 4226, section 4)
_ENROLLMENT_SECONDS = 3600


def get_current_step() -> int:
    return int(time.time()) // STEP_SECONDS


def find_matching_step(secret: bytes, code: str, *, after: int) -> int | None:
    """Return the time step of `code` among the current and adjacent ones later than `after`, or None.

    Unlike the library's own, it compares in constant time and takes the last step of two with the same code. An `after`
    that only a wrong clock can have written is ignored: the user would be kept out until then.
    """
    now, found = get_current_step(), None
    after = after if after <= now + _MAX_STEPS_AHEAD else 0
    for step in range(now - _ALLOWED_DRIFT_STEPS, now + _ALLOWED_DRIFT_STEPS + 1):
        if hmac.compare_digest(f"{hotp(secret, step):06d}", code) and step > after:
            found = step
    return found


@dataclass(frozen=True)
class TotpEnrollment:
    """New secret, encrypted in the form until a code proves that the app has it; `id` is that of the future device."""

    id: UUID
    created_at: int  # seconds since 1970
    secret: bytes

    @classmethod
    def generate(cls) -> "TotpEnrollment":
        return cls(uuid7(), int(time.time()), secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def decrypt_for(cls, encrypted: str, user: User) -> "TotpEnrollment | None":
        """Return the offer from `encrypt_for` for this user within the last hour, or None for anything else."""
        try:
            data = encryption.decrypt_text(encrypted, context=_build_encryption_context(user))
        except encryption.DecryptionError:
            return None
        id_, created_at, secret = json.loads(data)
        in_time = clock_skew.is_recent(created_at, within=_ENROLLMENT_SECONDS)
        return cls(UUID(id_), created_at, bytes.fromhex(secret)) if in_time else None

    def encrypt_for(self, user: User) -> str:
        data = json.dumps([str(self.id), self.created_at, self.secret.hex()])
        return encryption.encrypt_text(data, context=_build_encryption_context(user))

    @property
    def grouped_secret(self) -> str:
        plain = base64.b32encode(self.secret).decode()
        return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))

    def build_otpauth_uri(self, user: User) -> str:
        """Return the otpauth:// URI (key URI format of Google Authenticator)."""
        secret = base64.b32encode(self.secret).decode()
        label = quote(f"Loket:{user.username}", safe="")  # the first colon separates issuer and account
        return f"otpauth://totp/{label}?" + urlencode({"secret": secret, "issuer": "Loket"})

    def render_qr_code(self, user: User) -> SafeString:
        """Return the URI as an SVG QR code, dark on white in every color scheme, without style attributes (CSP)."""
        import segno  # 1.5 MB, for users who set up two-factor only

        code = segno.make(self.build_otpauth_uri(user), error="m", micro=False)
        return mark_safe(code.svg_inline(border=4, light="#fff", dark="#000", omitsize=True))  # noqa: S308


def _build_encryption_context(user: User) -> str:
    return f"offered secret:{user.pk}"
