"""Two-factor status of users, computed in the database so that lists can filter on it."""

from datetime import date
from typing import TYPE_CHECKING, Any, TypeAlias

from django.db import models
from django.db.models import Case, Count, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy

from accounts.models import LoginMethod, Provider, User
from authentication.mfa import FactorDueAnnotation, annotate_factor_due, get_enrollment_deadline
from core.key_sets import has_key_among
from permissions.catalog import Right
from permissions.inactive import build_open_filter
from permissions.models import Grant, TeamMember

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


def filter_missing_factor(users: QuerySet[User], office: Provider) -> QuerySet[User]:
    """Return the accepted `users` of `office` whose status is MISSING: a set, found without the due day of each."""
    lacking = users.filter(login_method=LoginMethod.WEBSITE_SSO, accepted_at__isnull=False, second_factor_at=None)
    if _requires_of_all(office):
        return lacking
    return lacking.filter(has_key_among(_list_individually_due(lacking, office)))


def find_first_due(missing: QuerySet[User], office: Provider) -> date | None:
    """Return the day from which the first of `missing` needs a second factor, None if any of them needs one now."""
    if not _requires_of_all(office) or missing.filter(has_key_among(_list_individually_due(missing, office))).exists():
        return None
    # A rule for all users applies first to the user who accepted first.
    first = annotate_factor_due(missing.filter(two_factor_required=False)).order_by("accepted_at").first()
    return get_enrollment_deadline(first) if first else None


def _requires_of_all(office: Provider) -> bool:
    return office.two_factor_from is not None or office.two_factor_days is not None


def _list_individually_due(lacking: QuerySet[User], office: Provider) -> QuerySet[Any, Any]:
    """Return the keys of users who need a second factor by a rule that is not for all users of the office."""
    by_user = lacking.filter(two_factor_required=True).values("pk")
    by_team = TeamMember.objects.filter(provider=office, team__provider=office, team__two_factor_required=True)
    managers = Grant.objects.of_office(office).filter(right=Right.MANAGE_PROVIDER)
    sets = [by_team.values("user_id"), *([managers.values("user_id")] if office.two_factor_managers else [])]
    return by_user.union(*sets, all=True)


def count_two_factor(users: QuerySet[User]) -> dict[str, int]:
    """Count the website users among `users` who can sign in: all, with two-factor, and those who must set it up.

    Users for whom it becomes mandatory on a future date are included, as in the list.
    """
    active_users = users.filter(build_open_filter(), login_method=LoginMethod.WEBSITE_SSO, accepted_at__isnull=False)
    return annotate_factor_due(active_users).aggregate(
        all=Count("pk"),
        active=Count("pk", filter=Q(second_factor_at__isnull=False)),
        missing=Count("pk", filter=Q(second_factor_at=None, factor_due__isnull=False)),
    )
