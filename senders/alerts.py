"""The alert on the home page of administrators when e-mails no longer come from the office's own address."""

from collections.abc import Container
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import User
from permissions.catalog import Right
from senders.models import OfficeSender


@dataclass(frozen=True)
class SenderAlert:
    """An alert beside those of `users.alerts`."""

    sender: OfficeSender
    tone = "danger"
    icon = "mail"

    @property
    def action(self) -> str:
        return pgettext("alert", "View")

    @property
    def url(self) -> str:
        return reverse("senders:office_sender")

    @property
    def sentence(self) -> str:
        return _("E-mails no longer come from your own address")

    @property
    def advice(self) -> str:
        records = ", ".join(str(label) for label in self.sender.list_broken_records())
        return _("DNS records that do not hold: %(records)s.") % {"records": records}


def find_sender_alert(user: User, rights: Container[Right]) -> SenderAlert | None:
    """Return the alert of the office of `user`, if they can do something about it. At most one query."""
    if Right.MANAGE_PROVIDER not in rights:
        return None
    stopped = OfficeSender.objects.filter(provider=user.office, in_use_since=None, held_at__isnull=False).first()
    return SenderAlert(stopped) if stopped else None
