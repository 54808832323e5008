"""The alert for administrators: changes of a directory are held, or refused for its owner or the last administrator."""

from collections.abc import Container
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, F, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts.models import Provider, User
from permissions.catalog import Right
from permissions.effective import filter_right_holders
from scim.models import AccessLoss, DirectoryConnection


@dataclass(frozen=True)
class DirectoryAlert:
    """An alert beside those of `users.alerts`."""

    connection: DirectoryConnection
    lacks_owner: bool
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
        if self.lacks_owner:
            return _("Every call of %(directory)s is refused") % {"directory": self.connection}
        return _("%(directory)s wanted to block the last administrator") % {"directory": self.connection}

    @property
    def advice(self) -> str:
        if self.held_count:
            return _("It blocks many users or removes many members at once. Release or reject that.")
        if self.lacks_owner:
            return _("Its owner cannot manage users, so leavers are not blocked. Become the owner.")
        return _("It was refused. Check the directory, or make another user administrator first.")


def find_directory_alert(user: User, rights: Container[Right]) -> DirectoryAlert | None:
    """Return the alert of the office of `user`, if they can do something about it. At most two queries."""
    if Right.MANAGE_INTEGRATIONS not in rights:
        return None
    is_held = Q(losses__state=AccessLoss.State.HELD)
    rows = DirectoryConnection.objects.visible_to(user).annotate(held_count=Count("losses", filter=is_held))
    found = list(rows.order_by("-held_count", F("alarm_at").desc(nulls_last=True)))
    able = list_able_owners(user.office) if found else frozenset()
    alerts = [DirectoryAlert(row, row.answers_calls and row.owner_id not in able) for row in found]
    alarming = [one for one in alerts if one.held_count or one.lacks_owner or one.connection.has_alarm]
    return min(alarming, key=lambda one: (not one.held_count, not one.lacks_owner), default=None)


def list_able_owners(provider: Provider) -> frozenset[UUID]:
    """Return who can manage users, and so can be the owner of a directory. One query."""
    holders = filter_right_holders(provider, Right.MANAGE_USERS).filter(inactive_reason=None)
    return frozenset(holders.values_list("pk", flat=True))
