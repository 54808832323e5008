"""Two-factor status of users, computed in the database so that lists can filter on it."""

from typing import TYPE_CHECKING, TypeAlias

from django.db import models
from django.db.models import Case, Count, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.models import LoginMethod, User
from authentication.mfa import FactorDueAnnotation, annotate_factor_due

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class TwoFactorStatus(models.TextChoices):
    ACTIVE = "active", gettext_lazy("Active")
    MISSING = "missing", gettext_lazy("Required, not set up")
    NOT_REQUIRED = "not_required", gettext_lazy("Not required")


class TwoFactorAnnotations(FactorDueAnnotation):
    two_factor: str


UserWithTwoFactor: TypeAlias = "WithAnnotations[User, TwoFactorAnnotations]"


def annotate_two_factor(users: QuerySet[User]) -> QuerySet[UserWithTwoFactor]:
    is_missing = When(factor_due__isnull=False, then=Value(TwoFactorStatus.MISSING))
    is_active = When(second_factor_at__isnull=False, then=Value(TwoFactorStatus.ACTIVE))
    elsewhere = When(~Q(login_method=LoginMethod.WEBSITE_SSO), then=Value(""))
    two_factor = Case(
        elsewhere, is_active, is_missing, default=Value(TwoFactorStatus.NOT_REQUIRED), output_field=models.CharField()
    )
    return annotate_factor_due(users).annotate(two_factor=two_factor)


def count_two_factor(users: QuerySet[User]) -> dict[str, int]:
    """Count the website users among `users` who can sign in: all, with two-factor, and those who must set it up.

    Users for whom it becomes mandatory on a future date are included, as in the list.
    """
    active_users = users.filter(
        Q(access_until=None) | Q(access_until__gte=timezone.localdate()),
        login_method=LoginMethod.WEBSITE_SSO,
        accepted_at__isnull=False,
        blocked_at=None,
    )
    return annotate_factor_due(active_users).aggregate(
        all=Count("pk"),
        active=Count("pk", filter=Q(second_factor_at__isnull=False)),
        missing=Count("pk", filter=Q(second_factor_at=None, factor_due__isnull=False)),
    )
