"""E-mails about passwords."""

from accounts import emails
from accounts.models import User
from audit.actors import Actor
from authentication.models import PasswordResetToken


def send_password_link(reset: PasswordResetToken, *, token: str, minutes: int, requester: Actor) -> None:
    emails.send(
        "password_link",
        reset.user,
        kind="password_link",
        expires_at=reset.expires_at,
        requester=requester,
        token=token,
        minutes=minutes,
    )


def send_password_changed(user: User) -> None:
    emails.send("password_changed", user, kind="password_changed")
