"""The authenticator apps of the demo's accounts, which are on no phone: their keys and present codes."""

import base64
import time
from typing import NamedTuple

from django_otp.oath import hotp

from accounts.models import User
from authentication import totp
from authentication.models import AuthenticatorApp
from demo.data.office_users import ADMINISTRATOR, OTHER_OFFICE_USERS, SUPPORT_USERNAME

_USERNAMES = (ADMINISTRATOR.username, OTHER_OFFICE_USERS[0].username, SUPPORT_USERNAME)  # with the printed password


class AccountCode(NamedTuple):
    username: str
    code: str


def get_key(user: User) -> str:
    """Return the key of the first app of `user` in base32, to enter in a real one, or "" without an app."""
    app = AuthenticatorApp.objects.filter(user=user).order_by("pk").first()
    return base64.b32encode(app.secret).decode() if app else ""


def list_codes() -> list[AccountCode]:
    """Return the present code of each app of the accounts whose password the demo prints."""
    apps = AuthenticatorApp.objects.filter(user__username_key__in=_USERNAMES).select_related("user").order_by("pk")
    return [AccountCode(app.user.username or "", f"{hotp(app.secret, totp.get_current_step()):06d}") for app in apps]


def get_seconds_left() -> int:
    """Return for how many seconds the present codes remain so."""
    return totp.STEP_SECONDS - int(time.time()) % totp.STEP_SECONDS
