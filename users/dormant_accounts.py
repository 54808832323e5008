"""Queries for accounts to review: dormant, ended, never accepted, or with an old password."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypedDict

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
from accounts.models import MIN_DATETIME, AccountReviewSubscription, LoginMethod, User
from invitations.models import Invitation

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

MAX_THRESHOLD_DAYS = 3650


class ReviewThresholds(NamedTuple):
    days: int = 90
    password_days: int = passwords.MAX_PASSWORD_AGE.days


def get_thresholds(subscription: AccountReviewSubscription) -> ReviewThresholds:
    return ReviewThresholds(subscription.days, subscription.password_days)


class ReviewReason(models.TextChoices):
    """Why an account needs review, in the order of the page."""

    DORMANT = "dormant", gettext_lazy("Not logged in for %(days)d days")
    ENDED = "ended", gettext_lazy("End date has passed")
    UNACCEPTED = "unaccepted", gettext_lazy("Invitation never accepted")
    PASSWORD = "password", gettext_lazy("SSO/Webservice password older than %(days)d days")

    def get_title(self, thresholds: ReviewThresholds) -> str:
        days = thresholds.password_days if self is ReviewReason.PASSWORD else thresholds.days
        return str(self.label) % {"days": days} if "%(days)d" in str(self.label) else str(self.label)


# Start of the situation, also the sort key of each list; each has an index. The last login of a webservice user is
# the last time that a token was issued for it.
SINCE_EXPRESSIONS: dict[ReviewReason, Combinable] = {
    ReviewReason.DORMANT: Coalesce("last_login", "accepted_at"),
    ReviewReason.ENDED: F("access_until"),
    ReviewReason.UNACCEPTED: F("created_at"),
    ReviewReason.PASSWORD: Coalesce("password_changed_at", MIN_DATETIME),
}


class ReviewAnnotation(TypedDict):
    """Start of the situation: a date or a datetime, depending on the reason."""

    since: date


UserToReview: TypeAlias = "WithAnnotations[User, ReviewAnnotation]"


def filter_users_to_review(
    users: QuerySet[User], reason: ReviewReason, thresholds: ReviewThresholds
) -> QuerySet[UserToReview]:
    """Return unblocked users that need review for `reason`, annotated with `since`, oldest first."""
    today, now = timezone.localdate(), timezone.now()
    not_ended = Q(access_until=None) | Q(access_until__gte=today)
    conditions = {
        ReviewReason.DORMANT: not_ended & Q(accepted_at__isnull=False, since__lt=now - timedelta(days=thresholds.days)),
        ReviewReason.ENDED: Q(access_until__lt=today),
        ReviewReason.UNACCEPTED: not_ended
        & Q(accepted_at=None)
        & (Q(invitation__expires_at__lte=now) | ~Q(invitation__state=Invitation.State.OPEN)),
        ReviewReason.PASSWORD: not_ended
        & Q(login_method=LoginMethod.SSO_WEBSERVICE, since__lt=now - timedelta(days=thresholds.password_days)),
    }
    return (
        users.annotate(since=SINCE_EXPRESSIONS[reason])
        .filter(conditions[reason], blocked_at=None)
        .order_by("since", "pk")
    )


def count_users_to_review(users: QuerySet[User], thresholds: ReviewThresholds) -> dict[ReviewReason, int]:
    return {reason: filter_users_to_review(users, reason, thresholds).count() for reason in ReviewReason}


def format_since(user: UserToReview, reason: ReviewReason) -> str:
    since = user.since
    if reason is ReviewReason.DORMANT and user.last_login is None:
        return _("never logged in")
    if reason is ReviewReason.PASSWORD and user.password_changed_at is None:
        return _("unknown")
    return date_format(timezone.localtime(since) if isinstance(since, datetime) else since, "Y-m-d")


def build_user_url(user: User) -> str:
    return settings.LOKET_URL + reverse("users:user_detail", args=[user.pk])
