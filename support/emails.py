"""E-mail about an ended impersonation."""

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.emails import send_account_email
from accounts.models import User
from support.models import Impersonation


@translation.override(settings.LANGUAGE_CODE)
def send_impersonation_ended(user: User, look: Impersonation) -> None:
    """Notify an administrator who impersonated whom, when and why."""
    began, ended = timezone.localtime(look.started_at), timezone.localtime(look.ended_at)
    values = {
        "helper": look.helper.full_name,
        "name": look.person.full_name,
        "day": f"{began:%d-%m-%Y}",
        "began": f"{began:%H:%M}",
        "ended": f"{ended:%H:%M}",
    }
    lines = [
        _(
            "%(helper)s of Loket support viewed the pages of your office as %(name)s sees them, on %(day)s from"
            " %(began)s to %(ended)s. Nothing could be changed."
        )
        % values,
        _("Reason: %(reason)s") % {"reason": look.reason},
        _("This is recorded in the history of your office: %(url)s")
        % {"url": settings.LOKET_URL + reverse("history:event_list")},
        _("If you do not want this, turn off impersonation: %(url)s")
        % {"url": settings.LOKET_URL + reverse("users:office_settings")},
    ]
    send_account_email(user, kind="looked_along", subject=_("Loket support used impersonation"), lines=lines)
