"""What the mails about passwords say."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import User


@dataclass(frozen=True)
class Letter:
    """A subject on one line and a plain text."""

    subject: str
    text: str


def password_link(user: User, *, link: str, minutes: int) -> Letter:
    """Return the mail with the `link` for a new password, which works for some `minutes`."""
    text = _(
        "Hello %(name)s,\n\n"
        "A new password was asked for your account %(username)s at %(office)s. Choose it through this link:\n\n"
        "%(link)s\n\n"
        "The link works once, within %(minutes)s minutes. You did not ask for this? Then do nothing: your password"
        " stays as it is.\n\n"
        "Kind regards,\n%(office)s\n"
    )
    subject = _("New password for Loket of %(office)s")
    return _filled(subject, text, user, link=link, minutes=str(minutes))


def password_changed(user: User, *, link: str) -> Letter:
    """Return the mail that tells of a changed password; `link` is the login page."""
    text = _(
        "Hello %(name)s,\n\n"
        "The password of your account %(username)s at %(office)s was changed.\n\n"
        "You did not do this? Then tell an administrator of your office at once, and choose a new password through"
        " “Forgotten your password?” on the login page:\n\n"
        "%(link)s\n\n"
        "Kind regards,\n%(office)s\n"
    )
    subject = _("Your password for Loket of %(office)s was changed")
    return _filled(subject, text, user, link=link)


def _filled(subject: str, text: str, user: User, **values: str) -> Letter:
    office = " ".join(user.provider.name.split())  # a subject is one line
    values |= {"name": user.full_name, "username": user.username or "", "office": office}
    return Letter(subject % values, text % values)
