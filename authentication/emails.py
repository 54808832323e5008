"""E-mails about passwords; in Dutch, as all e-mails about accounts."""

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.emails import get_not_you_notice, send_account_email
from accounts.models import User
from audit.actors import Actor
from authentication.models import PasswordResetToken


@translation.override(settings.LANGUAGE_CODE)
def send_password_link(reset: PasswordResetToken, *, token: str, minutes: int, requester: Actor) -> None:
    """E-mail the link to choose a new password; it is valid for `minutes`."""
    user = reset.user
    lines = [
        _("A new password was requested for your account for %(loket)s. Your username is:")
        % {"loket": user.product_name_in_sentence},
        user.username or "",
        _("Choose a new password using this link:"),
        settings.LOKET_URL + reverse("authentication:open_password_link", args=[token]),
        _("The link works once and is valid for %(minutes)d minutes.") % {"minutes": minutes},
        _("If you did not request this, you can ignore this e-mail: your password stays the same."),
    ]
    subject, until = _("Choose a new password"), reset.expires_at
    send_account_email(user, kind="password_link", subject=subject, lines=lines, expires_at=until, requester=requester)


@translation.override(settings.LANGUAGE_CODE)
def send_password_changed(user: User) -> None:
    lines = [
        _("The password of your account %(username)s for %(loket)s has been changed.")
        % {"username": user.username, "loket": user.product_name_in_sentence},
        get_not_you_notice(user),
    ]
    send_account_email(user, kind="password_changed", subject=_("Your password has been changed"), lines=lines)
