"""Notification preferences as users write them in a file."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from core.sheets import join_names, split_names
from notifications.catalog import NotificationType
from notifications.preference_text import format_overrides, parse_overrides, serialize_overrides
from notifications.preferences import OverridesByType, PreferenceOverride

OWNS = st.dictionaries(
    st.sampled_from(list(NotificationType)),
    st.builds(
        PreferenceOverride,
        st.sampled_from([None, True, False]),
        st.none() | st.integers(0, 99),
        st.none() | st.booleans(),
    ).filter(bool),
)


@given(OWNS)
def test_what_is_written_is_read_in_every_language(owns: OverridesByType) -> None:
    assert parse_overrides(serialize_overrides(owns)) == owns
    for language in ("nl", "en"):
        with translation.override(language):
            assert parse_overrides(split_names(join_names(format_overrides(owns)))) == owns


@pytest.mark.parametrize(
    ("cell", "own"),
    [
        ("Beoordeling", PreferenceOverride(is_on=True)),
        ("appraisal:30:mail", PreferenceOverride(days=30, mail=True)),
        ("BEOORDELING : 5 , geen  mail", PreferenceOverride(days=5, mail=False)),
        ("Appraisal: off", PreferenceOverride(is_on=False)),
        ("Beoordeling: 1 dag", PreferenceOverride(days=1)),
        ("Beoordeling: 0", PreferenceOverride(days=0)),
    ],
)
def test_people_write_it_in_many_ways(cell: str, own: PreferenceOverride) -> None:
    assert parse_overrides([cell]) == {NotificationType.APPRAISAL: own}


@pytest.mark.parametrize(
    "cell",
    ["Onbekend: aan", "Beoordeling: aan, uit", "Beoordeling: 30, 40", "Beoordeling: soms", "Beoordeling: 100",
     "Beoordeling: -1", "Beoordeling: mail, geen mail"],
)  # fmt: skip
def test_what_is_not_clear_is_refused(cell: str) -> None:
    with pytest.raises(ValidationError):
        parse_overrides([cell])
    with pytest.raises(ValidationError):
        parse_overrides(["Beoordeling: aan", "appraisal: uit"])
