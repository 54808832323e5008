"""The alert on the home page of administrators when a directory wanted to block the last administrator."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import User
from permissions.catalog import Right
from scim.models import ALARM_DAYS, DirectoryConnection


@dataclass(frozen=True)
class DirectoryAlert:
    """An alert beside those of `users.alerts`."""

    connection: DirectoryConnection
    tone = "danger"
    icon = "warn"

    @property
    def action(self) -> str:
        return pgettext("alert", "View")

    @property
    def url(self) -> str:
        return reverse("scim:connection_detail", args=[self.connection.pk])

    @property
    def sentence(self) -> str:
        return _("%(directory)s wanted to block the last administrator") % {"directory": self.connection}

    @property
    def advice(self) -> str:
        return _("It was refused. Check the directory, or make another user administrator first.")


def find_directory_alert(user: User, rights: Container[Right]) -> DirectoryAlert | None:
    """Return the alert of the office of `user`, if they can do something about it. At most one query."""
    if Right.MANAGE_INTEGRATIONS not in rights:
        return None
    since = timezone.now() - timedelta(days=ALARM_DAYS)
    found = DirectoryConnection.objects.visible_to(user).filter(alarm_at__gt=since).order_by("-alarm_at").first()
    return DirectoryAlert(found) if found else None
