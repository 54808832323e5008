"""E-mails to administrators about invitations, in Dutch as all e-mails about accounts."""

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.emails import send_account_email
from accounts.models import User


@translation.override(settings.LANGUAGE_CODE)
def send_acceptance_refused(administrator: User, invited: User) -> None:
    """Tell an administrator that acceptance of an invitation was refused, and what to do."""
    lines = [
        _(
            "%(name)s tried to accept the invitation for Loket at %(office)s. This was denied: the last sender of the"
            " invitation does not have, or no longer has, all rights that %(name)s now has."
        )
        % {"name": invited.full_name, "office": invited.office_name},
        _("Check that the address and the mobile number are correct, and resend the invitation yourself:"),
        settings.LOKET_URL + reverse("users:user_detail", args=[invited.pk]),
    ]
    send_account_email(administrator, kind="invitation_refused", subject=_("An invitation must be resent"), lines=lines)
