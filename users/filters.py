"""Search, filters and sorting of the user list."""

from django.db.models import F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from accounts.models import MIN_DATETIME, User
from accounts.search import filter_by_search
from users.alerts import AlertReason, filter_by_alert
from users.status import UserWithStatuses, annotate_statuses

SORT_EXPRESSIONS: dict[str, Combinable] = {
    "name": F("sort_name"),
    "username": Coalesce("username_key", Value("")),
    "email": F("email_key"),
    "last_login": Coalesce("last_login", MIN_DATETIME),
}
DATETIME_SORTS = ("last_login",)


def filter_users(
    users: QuerySet[User], *, q: str, login_method: str, status: str, two_factor: str, attention: str
) -> QuerySet[UserWithStatuses]:
    filtered = filter_by_search(annotate_statuses(users), q)
    if login_method:
        filtered = filtered.filter(login_method=login_method)
    if status:
        filtered = filtered.filter(Q(status=status))
    if two_factor:
        filtered = filtered.filter(Q(two_factor=two_factor))
    if attention:
        filtered = filter_by_alert(filtered, AlertReason(attention))
    return filtered
