"""Search, filters and sorting of the user list."""

from django.db.models import F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Lower

from accounts.models import MIN_DATETIME, User
from accounts.search import filter_by_search
from users.alerts import AlertReason, filter_by_alert
from users.status import UserWithStatuses, annotate_statuses

SORT_EXPRESSIONS: dict[str, Combinable] = {
    "name": F("sort_name"),
    "username": Coalesce("username_key", Value("")),
    "email": Lower("email"),
    "last_login": Coalesce("last_login", MIN_DATETIME),
}
DATETIME_SORTS = ("last_login",)


def filter_users(
    users: QuerySet[User], *, q: str, login_method: str, status: str, two_factor: str, attention: str
) -> QuerySet[UserWithStatuses]:
    """Return users that match the search and every filter; '' matches all."""
    found = filter_by_search(annotate_statuses(users), q)
    if login_method:
        found = found.filter(login_method=login_method)
    if status:
        found = found.filter(Q(status=status))
    if two_factor:
        found = found.filter(Q(two_factor=two_factor))
    if attention:
        found = filter_by_alert(found, AlertReason(attention))
    return found
