"""Words of plans: values as users write them, and names that were probably meant."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from enum import Enum
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from core.keys import compute_search_key
from core.sheets import join_names

_MAX_CHARACTERS = 60
_MAX_NUMBERS = 10


def format_value(value: Any) -> str:
    """Return a value of a cell as users write it, shortened: names with semicolons, labels, yes or no."""
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Enum):
        return str(getattr(value, "label", value.value))
    if isinstance(value, Mapping | Collection) and not isinstance(value, str):
        return join_names(map(format_value, value))[:_MAX_CHARACTERS]
    return str(value)[:_MAX_CHARACTERS]


def format_row_numbers(rows: Iterable[int]) -> str:
    """Return distinct row numbers as a list of bounded length."""
    numbers = list(dict.fromkeys(rows))
    return ", ".join(map(str, numbers[:_MAX_NUMBERS])) + (", …" if len(numbers) > _MAX_NUMBERS else "")


def suggest_name(name: str, names: Iterable[object]) -> str:
    """Return a question whether the most similar of `names` was meant, after a space; "" if none is similar."""
    found = _find_similar(name, tuple(map(str, names)))
    return " " + _("Did you mean “%(name)s”?") % {"name": found} if found else ""


@lru_cache(maxsize=1024)
def _find_similar(name: str, names: tuple[str, ...]) -> str:
    by_key = {compute_search_key(known): known for known in names}
    found = get_close_matches(compute_search_key(name), by_key, n=1, cutoff=0.7)
    return by_key[found[0]] if found else ""
