"""Queries for accounts to review: dormant, ended, never accepted, or with an old password."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import passwords
from accounts.models import NEVER, HygieneMail, LoginMethod, User
from invitations.models import Invitation

MOST_DAYS = 3650


class Measures(NamedTuple):
    """Number of days after which an account is dormant, and after which a webservice user's password is old."""

    days: int = 90
    password_days: int = passwords.OLD.days


def measures_of(wish: HygieneMail) -> Measures:
    return Measures(wish.days, wish.password_days)


class Chore(models.TextChoices):
    """Why an account needs review, in the order of the page."""

    DORMANT = "dormant", gettext_lazy("Not logged in for %(days)d days")
    ENDED = "ended", gettext_lazy("End date has passed")
    UNACCEPTED = "unaccepted", gettext_lazy("Invitation never accepted")
    PASSWORD = "password", gettext_lazy("SSO/Webservice password older than %(days)d days")

    def called(self, measures: Measures) -> str:
        """Return the title of the list for this reason."""
        days = measures.password_days if self is Chore.PASSWORD else measures.days
        return str(self.label) % {"days": days} if "%(days)d" in str(self.label) else str(self.label)


# Start of the situation, also the sort key of each list; each has an index. The last login of a webservice user is
# the last time that a token was issued for it.
SINCE: dict[Chore, Combinable] = {
    Chore.DORMANT: Coalesce("last_login", "accepted_at"),
    Chore.ENDED: F("access_until"),
    Chore.UNACCEPTED: F("created_at"),
    Chore.PASSWORD: Coalesce("password_changed_at", NEVER),
}


def found(users: QuerySet[User], chore: Chore, measures: Measures) -> QuerySet[User]:
    """Return unblocked users that need review for `chore`, annotated with `since`, oldest first."""
    today, now = timezone.localdate(), timezone.now()
    not_ended = Q(access_until=None) | Q(access_until__gte=today)
    conditions = {
        Chore.DORMANT: not_ended & Q(accepted_at__isnull=False, since__lt=now - timedelta(days=measures.days)),
        Chore.ENDED: Q(access_until__lt=today),
        Chore.UNACCEPTED: not_ended
        & Q(accepted_at=None)
        & (Q(invitation__expires_at__lte=now) | ~Q(invitation__state=Invitation.State.OPEN)),
        Chore.PASSWORD: not_ended
        & Q(login_method=LoginMethod.SSO_WEBSERVICE, since__lt=now - timedelta(days=measures.password_days)),
    }
    return users.annotate(since=SINCE[chore]).filter(conditions[chore], blocked_at=None).order_by("since", "pk")


def counts(users: QuerySet[User], measures: Measures) -> dict[Chore, int]:
    """Return the number of users per list. Four queries."""
    return {chore: found(users, chore, measures).count() for chore in Chore}


def said_since(user: User, chore: Chore) -> str:
    """Return `since` of a user from `found` as text for a command."""
    since: date = user.since  # type: ignore[attr-defined]
    if chore is Chore.DORMANT and user.last_login is None:
        return _("never logged in")
    if chore is Chore.PASSWORD and user.password_changed_at is None:
        return _("unknown")
    return date_format(timezone.localtime(since) if isinstance(since, datetime) else since, "Y-m-d")


def address(user: User) -> str:
    """Return the absolute URL of the user's page."""
    return settings.LOKET_URL + reverse("accounts:user", args=[user.pk])
