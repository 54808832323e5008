"""Conditions on rows whose keys a query finds first."""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, F, Func, QuerySet


def has_key_among(keys: QuerySet[Any, Any]) -> Func:
    """Return the condition that the primary key of a row is one of `keys`, which PostgreSQL finds once and before.

    `pk__in` leaves that to its statistics: without those of a table that has just grown, it searches for `keys` again
    for each row, which takes a minute for 100,000 users.
    """
    return Func(
        F("pk"), ArraySubquery(keys), template="%(expressions)s)", arg_joiner=" = ANY(", output_field=BooleanField()
    )
