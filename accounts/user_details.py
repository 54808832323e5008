"""The details of a user that offices set, and what creation records of them."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypedDict

from django.db import models

from accounts.models import User
from audit.changes import Changes


class UserDetails(TypedDict, total=False):
    """The details of a user that an office can set; limits as in the model fields."""

    initials: str
    first_name: str
    prefix: str
    last_name: str
    email: str
    phone_number: str
    place_of_employment: str
    has_access_to_test_years: bool
    access_until: date | None
    two_factor_required: bool


# Callback that assigns initial teams and rights to a new user, in the same transaction.
InitialAccessCallback = Callable[[User], None]


def get_creation_changes(user: User) -> Changes:
    names = [*UserDetails.__annotations__, "login_method", "username", "external_tenant", "external_user_id"]
    values = {name: getattr(user, name) for name in names}
    return {name: [None, to_plain(value)] for name, value in values.items() if value not in ("", None, False)}


def get_changes(row: models.Model, values: Mapping[str, Any]) -> Changes:
    """Return the changes of the fields of `row` that differ from `values`, for an audit event."""
    return {
        name: [to_plain(getattr(row, name)), to_plain(value)]
        for name, value in values.items()
        if getattr(row, name) != value
    }


def to_plain(value: Any) -> Any:
    return value if isinstance(value, str | int) or value is None else str(value)
