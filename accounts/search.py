"""Search of users by the words of their names, usernames and addresses."""

from typing import TypeVar

from django.db.models import QuerySet

from accounts.models import User
from core.text import normalize_for_search

UserQuerySetT = TypeVar("UserQuerySetT", bound=QuerySet[User])


def filter_by_search(users: UserQuerySetT, q: str) -> UserQuerySetT:
    for word in normalize_for_search(q).split():
        users = users.filter(search_text__contains=word)
    return users
