"""Search in lists: the words of a search term, and the best matches first."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby

from django.db.models import Case, CharField, F, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from core.keys import compute_search_key
from core.paging import NAME_SORT


def split_search_words(q: str) -> list[str]:
    """Return the search keys of the words of `q`, without the comma that lists print after a last name."""
    return compute_search_key(q).replace(",", " ").split()


def mark_words(text: str, words: Sequence[str]) -> SafeString:
    """Return `text` with what matches `words` in a <mark>: where a word of the text begins, else anywhere."""
    if not words:
        return conditional_escape(text)
    folded, places = "", []
    for place, letter in enumerate(text):
        key = _fold_letter(letter)
        folded += key
        places += [place] * len(key)
    spans = set[int]()
    for word in words:
        starts = [found.start() for found in re.finditer(rf"(?<!\w){re.escape(word)}", folded)]
        if not starts and len(word) > 1:
            starts = [found.start() for found in re.finditer(re.escape(word), folded)]
        spans.update(places[index] for start in starts for index in range(start, start + len(word)))
    parts = [
        (is_hit, "".join(text[place] for place in group))
        for is_hit, group in groupby(range(len(text)), spans.__contains__)
    ]
    return format_html_join("", "{}", ((format_html("<mark>{}</mark>", part) if hit else part,) for hit, part in parts))


@lru_cache(maxsize=1024)
def _fold_letter(letter: str) -> str:
    return compute_search_key(letter) or letter


def sort_by_match(*, exact: Q, begins: Q) -> Mapping[str, Combinable]:
    """Return the sort on name that puts exact matches first, and then those that begin with the search term."""
    rank = Case(When(exact, then=Value("0")), When(begins, then=Value("1")), default=Value("2"))
    return {"name": Concat(rank, F("sort_name"), output_field=CharField())}


def sort_names_by_match(q: str) -> Mapping[str, Combinable]:
    """Return the sort of rows whose `sort_name` is the search key of their name."""
    key = compute_search_key(q)
    return sort_by_match(exact=Q(sort_name=key), begins=Q(sort_name__startswith=key)) if key else NAME_SORT
