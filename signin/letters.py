"""E-mails about passwords; in Dutch, as all e-mails about accounts."""

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.letters import was_it_you, write
from accounts.models import User
from audit.actors import Actor
from signin.models import PasswordReset


@translation.override(settings.LANGUAGE_CODE)
def password_link(reset: PasswordReset, *, token: str, minutes: int, asker: Actor) -> None:
    """E-mail the link to choose a new password; it is valid for `minutes`."""
    user = reset.user
    lines = [
        _("A new password was requested for your account for %(loket)s. Your username is:") % {"loket": user.loket},
        user.username or "",
        _("Choose a new password using this link:"),
        settings.LOKET_URL + reverse("signin:reset_enter", args=[token]),
        _("The link works once and is valid for %(minutes)d minutes.") % {"minutes": minutes},
        _("If you did not request this, you can ignore this e-mail: your password stays the same."),
    ]
    subject, until = _("Choose a new password"), reset.expires_at
    write(user, kind="password_link", subject=subject, lines=lines, expires_at=until, asker=asker)


@translation.override(settings.LANGUAGE_CODE)
def password_changed(user: User) -> None:
    lines = [
        _("The password of your account %(username)s for %(loket)s has been changed.")
        % {"username": user.username, "loket": user.loket},
        was_it_you(user),
    ]
    write(user, kind="password_changed", subject=_("Your password has been changed"), lines=lines)
