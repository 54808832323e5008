"""Numbers of lists."""

from django.utils.formats import number_format

MAX_COUNT = 10_000  # counting a list stops beyond this


def format_count(count: int, limit: int = MAX_COUNT) -> str:
    """Return the number with the separators of the language, or the limit with a plus beyond it: 1.032, 10.000+."""
    shown = number_format(min(count, limit), force_grouping=True)
    return f"{shown}+" if count > limit else shown
