"""Second factors: something that a website user has beside the password, and who must have one, from which day."""

from collections.abc import Sequence
from datetime import date

from django.db.models import DateField, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.models import User
from teams import resting


def with_duty(users: QuerySet[User]) -> QuerySet[User]:
    """Return `users` with `factor_due`: from which day each must have a second factor, None for never.

    Every rule is in one place, `teams.resting`; `teams.rights.two_factor_rules` names those that ask one person.
    """
    return users.annotate(factor_due=_day(resting.due()))


def under(policies: Sequence[object]) -> RawSQL:
    """Return the same day as it would be under other policies of the office, in the order of `resting.SUPPOSED`."""
    return _day(resting.due(resting.SUPPOSED), policies)


def _day(sql: str, values: Sequence[object] = ()) -> RawSQL:
    return RawSQL(sql, values, output_field=DateField())  # noqa: S611 (no input is part of the text)


def _due(user: User) -> date | None:
    """Return from which day `user` has to set one up, None when he need not or has one.

    Costs nothing for somebody from `with_duty`, such as the person of a session.
    """
    if user.second_factor_at is not None or not user.is_website_user:
        return None
    known: date | None
    if hasattr(user, "factor_due"):
        known = user.factor_due
    else:
        known = with_duty(User.objects.filter(pk=user.pk)).get().factor_due  # type: ignore[attr-defined]
    return known


def must_enrol(user: User) -> bool:
    """Return whether some rule asks `user` now for a second factor that he has not set up, so that his rights rest."""
    due = _due(user)
    return due is not None and due <= timezone.localdate()


def deadline(user: User) -> date | None:
    """Return the day that lies ahead from which `user` must have a second factor that he has not set up yet."""
    due = _due(user)
    return due if due is not None and due > timezone.localdate() else None
