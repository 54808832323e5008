"""Search in lists: the words of a search term, and the best matches first."""

from collections.abc import Mapping

from django.db.models import Case, CharField, F, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat

from core.keys import compute_search_key
from core.paging import NAME_SORT


def split_search_words(q: str) -> list[str]:
    """Return the search keys of the words of `q`, without the comma that lists print after a last name."""
    return compute_search_key(q).replace(",", " ").split()


def sort_by_match(*, exact: Q, begins: Q) -> Mapping[str, Combinable]:
    """Return the sort on name that puts exact matches first, and then those that begin with the search term."""
    rank = Case(When(exact, then=Value("0")), When(begins, then=Value("1")), default=Value("2"))
    return {"name": Concat(rank, F("sort_name"), output_field=CharField())}


def sort_names_by_match(q: str) -> Mapping[str, Combinable]:
    """Return the sort of rows whose `sort_name` is the search key of their name."""
    key = compute_search_key(q)
    return sort_by_match(exact=Q(sort_name=key), begins=Q(sort_name__startswith=key)) if key else NAME_SORT
