"""Second factors of website users: which users need one, and from which day."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from django.db.models import DateField, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.models import User
from permissions import inactive

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class FactorDueAnnotation(TypedDict):
    """The day from which a user needs a second factor, None for never."""

    factor_due: date | None


UserWithFactorDue: TypeAlias = "WithAnnotations[User, FactorDueAnnotation]"


def annotate_factor_due(users: QuerySet[User]) -> QuerySet[UserWithFactorDue]:
    """Annotate `users` with `factor_due`, by the rules in `permissions.inactive`."""
    return users.annotate(factor_due=build_factor_due())


def build_factor_due() -> RawSQL:
    """Return `factor_due` of `annotate_factor_due`, for a condition on users without it."""
    return _build_date_expression(inactive.build_two_factor_due_sql())


def factor_due_under_policy(policies: Sequence[object]) -> RawSQL:
    """Return `factor_due` under other policies of the office, in the order of `inactive.HYPOTHETICAL_POLICY_SQL`."""
    return _build_date_expression(inactive.build_two_factor_due_sql(inactive.HYPOTHETICAL_POLICY_SQL), policies)


def _build_date_expression(sql: str, values: Sequence[object] = ()) -> RawSQL:
    return RawSQL(sql, values, output_field=DateField())  # noqa: S611 (no input is part of the text)


def _get_factor_due(user: User) -> date | None:
    """Return None if not required or already set up. No query for users from `annotate_factor_due`."""
    if user.second_factor_at is not None or not user.is_website_user:
        return None
    if not hasattr(user, "factor_due"):
        return annotate_factor_due(User.objects.filter(pk=user.pk)).get().factor_due
    due: date | None = user.factor_due
    return due


def must_enroll(user: User) -> bool:
    """Return whether `user` lacks a second factor that is required now, so that their rights are inactive."""
    due = _get_factor_due(user)
    return due is not None and due <= timezone.localdate()


def get_enrollment_deadline(user: User) -> date | None:
    """Return the future day from which `user` needs a second factor that is not set up yet, or None."""
    due = _get_factor_due(user)
    return due if due is not None and due > timezone.localdate() else None
