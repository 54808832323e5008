"""Second factors of website users: which users need one, and from which day."""

from collections.abc import Sequence
from datetime import date

from django.db.models import DateField, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.models import User
from teams import resting


def with_duty(users: QuerySet[User]) -> QuerySet[User]:
    """Annotate `users` with `factor_due`: the day from which each needs a second factor, None for never.

    All rules are in `teams.resting`; `teams.rights.two_factor_rules` lists the ones that apply to one user.
    """
    return users.annotate(factor_due=_day(resting.due()))


def under(policies: Sequence[object]) -> RawSQL:
    """Return `factor_due` under other policies of the office, given in the order of `resting.SUPPOSED`."""
    return _day(resting.due(resting.SUPPOSED), policies)


def _day(sql: str, values: Sequence[object] = ()) -> RawSQL:
    return RawSQL(sql, values, output_field=DateField())  # noqa: S611 (no input is part of the text)


def _due(user: User) -> date | None:
    """Return the day from which `user` must set up a second factor, None if not required or already set up.

    Needs no query for users from `with_duty`, such as the user of a session.
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
    """Return whether `user` lacks a second factor that is required now, so that their rights are inactive."""
    due = _due(user)
    return due is not None and due <= timezone.localdate()


def deadline(user: User) -> date | None:
    """Return the future day from which `user` needs a second factor that is not set up yet, or None."""
    due = _due(user)
    return due if due is not None and due > timezone.localdate() else None
