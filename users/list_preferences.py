"""The columns, saved views and shortcuts of the list of users, kept for each user.

Invariant: these writes record no event. They change only what their own user sees, and nothing that anyone may do.
"""

from collections.abc import Collection
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.locks import lock_user
from accounts.models import User
from audit.actors import Actor, action
from core.access import ReauthenticationLevel
from core.paging import build_query_string
from permissions import checks
from permissions.checks import Right
from users.filters import UserFilters
from users.models import UserListPreference

MAX_VIEWS = 10
MAX_COLUMNS = 6


class ListColumn(TextChoices):
    """The columns that can be chosen, in the order of the list; the name is always shown."""

    EMAIL = "email", gettext_lazy("E-mail address")
    USERNAME = "username", gettext_lazy("Username")
    LOGIN_METHOD = "login_method", gettext_lazy("Login method")
    TEAMS = "teams", gettext_lazy("Teams")
    STATUS = "status", gettext_lazy("Status")
    TWO_FACTOR = "two_factor", gettext_lazy("Two-factor")
    ACCESS_UNTIL = "access_until", pgettext_lazy("column", "End date")
    LAST_LOGIN = "last_login", gettext_lazy("Last login")


_DEFAULT_COLUMNS = (
    ListColumn.EMAIL, ListColumn.TEAMS, ListColumn.STATUS, ListColumn.TWO_FACTOR, ListColumn.LAST_LOGIN
)  # fmt: skip


class ListPreference(NamedTuple):
    """What a user chose, or the usual columns; `views` are names and query strings."""

    columns: list[ListColumn]
    views: list[tuple[str, str]]
    has_shortcuts: bool


def get_list_preference(user: User) -> ListPreference:
    """Return what `user` chose; one query."""
    kept = UserListPreference.objects.filter(pk=user.pk).first() or UserListPreference()
    chosen = _DEFAULT_COLUMNS if kept.columns is None else kept.columns
    views = [(view["name"], view["query"]) for view in kept.views]
    return ListPreference([column for column in ListColumn if column in chosen], views, kept.has_shortcuts)


@action(ReauthenticationLevel.NONE)
def save_columns(user: User, columns: Collection[str], *, has_shortcuts: bool, by: Actor) -> None:
    preference = _lock_preference(user, by)
    preference.columns = [column for column in ListColumn.values if column in columns]
    preference.has_shortcuts = has_shortcuts
    preference.save()


@action(ReauthenticationLevel.NONE)
def save_view(user: User, name: str, filters: UserFilters, *, by: Actor) -> None:
    """Keep `filters` under `name`, in place of a view of that name. Raises ValidationError for one too many."""
    preference = _lock_preference(user, by)
    views = [view for view in preference.views if view["name"] != name]
    if len(views) >= MAX_VIEWS:
        raise ValidationError(_("You have %(count)d views already. Remove one first.") % {"count": MAX_VIEWS})
    kept = {field: value for field, value in filters.items() if value and field != "q"}
    preference.views = [*views, {"name": name, "query": build_query_string(**kept)}]
    preference.save()


@action(ReauthenticationLevel.NONE)
def remove_view(user: User, name: str, *, by: Actor) -> None:
    preference = _lock_preference(user, by)
    preference.views = [view for view in preference.views if view["name"] != name]
    preference.save()


def _lock_preference(user: User, by: Actor) -> UserListPreference:
    """Return the preference of `user`, who is locked so that two tabs do not overwrite each other."""
    checks.require_self(by, user.pk)
    checks.require_right(by, Right.VIEW_USERS)
    user = lock_user(user.pk)
    kept = UserListPreference.objects.filter(pk=user.pk).first()
    return kept or UserListPreference(user=user, provider=user.office)
