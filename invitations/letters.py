"""Mails to an office's administrators about its invitations, in Dutch as every mail about an account."""

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.letters import write
from accounts.models import User


@translation.override(settings.LANGUAGE_CODE)
def refused(administrator: User, invited: User) -> None:
    """Tell an administrator that an invitation could not be accepted, and what to do about it."""
    lines = [
        _(
            "%(name)s wanted to accept the invitation for Loket of %(office)s. That was refused: who sent the"
            " invitation last does not have, or no longer has, every right that %(name)s holds by now."
        )
        % {"name": invited.full_name, "office": invited.office_name},
        _("Check that the address and the mobile number are right, and send the invitation again yourself:"),
        settings.LOKET_URL + reverse("accounts:user", args=[invited.pk]),
    ]
    write(administrator, kind="invitation_refused", subject=_("An invitation must be sent again"), lines=lines)
