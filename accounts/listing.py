"""Search, filters and sorting of the user list."""

from django.db.models import F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Lower

from accounts.attention import Attention, asking
from accounts.models import NEVER, User
from accounts.status import with_status
from loket.text import fold

SORTS: dict[str, Combinable] = {
    "name": F("sort_name"),
    "username": Coalesce("username_key", Value("")),
    "email": Lower("email"),
    "last_login": Coalesce("last_login", NEVER),
}
MOMENTS = ("last_login",)


def searched(users: QuerySet[User], q: str) -> QuerySet[User]:
    """Return users that match every word of `q`."""
    for word in fold(q).split():
        users = users.filter(search_text__contains=word)
    return users


def matching(
    users: QuerySet[User], *, q: str, login_method: str, status: str, two_factor: str, attention: str
) -> QuerySet[User]:
    """Return users that match the search and every filter; '' matches all."""
    users = searched(with_status(users), q)
    if login_method:
        users = users.filter(login_method=login_method)
    if status:
        users = users.filter(Q(status=status))
    if two_factor:
        users = users.filter(Q(two_factor=two_factor))
    if attention:
        users = asking(users, Attention(attention))
    return users
