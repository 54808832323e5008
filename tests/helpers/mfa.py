"""Second factors for the tests, with codes from our own implementation of RFC 6238."""

import hashlib
import hmac
import time

from django.test import Client
from django.urls import reverse

from accounts.models import User
from authentication.mfa import actions
from authentication.models import AuthenticatorApp
from authentication.totp import TotpEnrollment
from core import encryption
from tests.helpers.users import PASSWORD, actor


def code_at(secret: bytes, moment: float, digits: int = 6) -> str:
    """Return the RFC 6238 code at a time in seconds since 1970, computed as the standard describes."""
    counter = int(moment // 30)
    message = bytes((counter >> shift) & 0xFF for shift in range(56, -8, -8))
    digest = hmac.new(secret, message, hashlib.sha1).digest()
    offset = digest[19] & 0x0F
    number = (digest[offset] & 0x7F) << 24 | digest[offset + 1] << 16 | digest[offset + 2] << 8 | digest[offset + 3]
    return str(number % 10**digits).rjust(digits, "0")


def code_now(secret: bytes, steps: int = 0) -> str:
    """Return the code that an app shows now, or a number of 30-second steps away."""
    return code_at(secret, time.time() + 30 * steps)


def wrong(code: str) -> str:
    """Return six different digits."""
    return f"{(int(code) + 500_001) % 10**6:06d}"


def give_app(user: User, name: str = "Telefoon") -> bytes:
    """Give a user an authenticator app that has not been used yet; return its secret."""
    offer = TotpEnrollment.generate()
    app = actions.add_authenticator_app(user, offer, name=name, code=code_now(offer.secret), by=actor(user))
    assert app
    AuthenticatorApp.objects.filter(pk=app.pk).update(last_step=0)
    user.refresh_from_db()
    return offer.secret


def secret_of(app: AuthenticatorApp) -> bytes:
    """Return the secret of the user's app."""
    return encryption.decrypt(bytes(app.encrypted_secret), context=app.encryption_context)


def make_half_signed_in_client(user: User) -> Client:
    """Return a browser in which the user entered only the password."""
    client = Client()
    response = client.post(reverse("authentication:login"), {"username": user.username, "password": PASSWORD})
    assert response["Location"].startswith("/inloggen/code/")
    return client


def signed_in(user: User, secret: bytes) -> Client:
    """Return a browser in which the user completed both steps."""
    client = make_half_signed_in_client(user)
    AuthenticatorApp.objects.filter(user=user).update(last_step=0)
    assert client.post("/inloggen/code/", {"code": code_now(secret)}).status_code == 302
    AuthenticatorApp.objects.filter(user=user).update(last_step=0)
    return client
