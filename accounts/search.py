"""Search of users by the words of their names, usernames and addresses."""

from typing import TypeVar

from django.db.models import QuerySet

from accounts.models import User
from core.keys import compute_search_key

UserQuerySetT = TypeVar("UserQuerySetT", bound=QuerySet[User])


def filter_by_search(users: UserQuerySetT, q: str) -> UserQuerySetT:
    for word in compute_search_key(q).split():
        users = users.filter(search_text__contains=word)
    return users
