"""The alert for administrators when changes of a directory are held, or it wanted to block the last administrator."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts.models import User
from permissions.catalog import Right
from scim.models import ALARM_DAYS, AccessLoss, DirectoryConnection


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
    def held_count(self) -> int:
        return int(getattr(self.connection, "held_count", 0))

    @property
    def sentence(self) -> str:
        if self.held_count:
            text = ngettext(
                "%(count)s change of %(directory)s is held",
                "%(count)s changes of %(directory)s are held",
                self.held_count,
            )
            return text % {"count": self.held_count, "directory": self.connection}
        return _("%(directory)s wanted to block the last administrator") % {"directory": self.connection}

    @property
    def advice(self) -> str:
        if self.held_count:
            return _("It blocks many users or removes many members at once. Release or reject that.")
        return _("It was refused. Check the directory, or make another user administrator first.")


def find_directory_alert(user: User, rights: Container[Right]) -> DirectoryAlert | None:
    """Return the alert of the office of `user`, if they can do something about it. At most one query."""
    if Right.MANAGE_INTEGRATIONS not in rights:
        return None
    is_held = Q(losses__state=AccessLoss.State.HELD)
    rows = DirectoryConnection.objects.visible_to(user).annotate(held_count=Count("losses", filter=is_held))
    since = timezone.now() - timedelta(days=ALARM_DAYS)
    alarming = rows.filter(Q(held_count__gt=0) | Q(alarm_at__gt=since))
    found = alarming.order_by("-held_count", F("alarm_at").desc(nulls_last=True)).first()
    return DirectoryAlert(found) if found else None
