"""Search of users by the words of their names, usernames and addresses."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from django.db.models import Q, QuerySet
from django.db.models.expressions import Combinable

from accounts.models import User
from core.keys import compute_email_key, compute_search_key, compute_username_key
from core.paging import NAME_SORT
from core.search import sort_by_match, split_search_words

UserQuerySetT = TypeVar("UserQuerySetT", bound=QuerySet[User])


def filter_by_search(users: UserQuerySetT, q: str) -> UserQuerySetT:
    matches = Q()
    for word in split_search_words(q):
        matches &= Q(search_text__contains=word)
    if "@" in q:
        matches |= Q(email_key=compute_email_key(q))  # its domain can be spelled in two ways
    return users.filter(matches)


def list_sort_name_prefixes(text: str) -> Iterable[str]:
    """Return the prefixes of `sort_name` (last name, prefix, initials) that the typed name may stand for."""
    last_name, comma, rest = compute_search_key(text).partition(",")
    words = last_name.split()
    if comma:  # Boer, P. de
        initials, prefix = rest.split()[:1], rest.split()[1:]
        yield " ".join([*words, *prefix, *initials])
    else:
        yield " ".join(words)
        if len(words) > 1:  # P. de Boer
            yield " ".join([words[-1], *words[1:-1], words[0]])


def sort_users_by_match(q: str) -> Mapping[str, Combinable]:
    """Return the sort of users who match `q`: those with exactly this name, username or address come first."""
    names = [name for name in list_sort_name_prefixes(q) if name]
    if not names:
        return NAME_SORT
    exact = Q(username_key=compute_username_key(q)) | Q(email_key=compute_email_key(q)) | Q(sort_name__in=names)
    begins = Q(username_key__startswith=compute_username_key(q)) | Q(search_text__startswith=compute_search_key(q))
    for name in names:
        exact |= Q(sort_name__startswith=f"{name} ")  # the whole last name
        begins |= Q(sort_name__startswith=name)
    return sort_by_match(exact=exact, begins=begins)
