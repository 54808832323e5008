"""Numbers of lists."""

import pytest
from django.utils import translation

from core.paging import format_short_count


@pytest.mark.parametrize(
    ("count", "language", "shown"),
    [(0, "nl", "0"), (1032, "nl", "1.032"), (1032, "en", "1,032"), (10_000, "nl", "10.000"), (10_001, "nl", "10.000+")],
)
def test_a_count_has_separators_and_stops_at_the_limit(count: int, language: str, shown: str) -> None:
    with translation.override(language):
        assert format_short_count(count) == shown


def test_the_limit_can_be_lower() -> None:
    assert format_short_count(12, limit=9) == "9+"
