"""Signals as people write them in a file."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from loket.sheets import joined, parted
from notifications.catalogue import SignalType
from notifications.wishes import Own, Owns
from notifications.written import coded, read, written

OWNS = st.dictionaries(
    st.sampled_from(list(SignalType)),
    st.builds(Own, st.sampled_from([None, True, False]), st.none() | st.integers(0, 99), st.none() | st.booleans())
    .filter(bool),
)  # fmt: skip


@given(OWNS)
def test_what_is_written_is_read_in_every_language(owns: Owns) -> None:
    assert read(coded(owns)) == owns
    for language in ("nl", "en"):
        with translation.override(language):
            assert read(parted(joined(written(owns)))) == owns


@pytest.mark.parametrize(
    ("cell", "own"),
    [
        ("Beoordeling", Own(is_on=True)),
        ("appraisal:30:mail", Own(days=30, mail=True)),
        ("BEOORDELING : 5 , geen  mail", Own(days=5, mail=False)),
        ("Appraisal: off", Own(is_on=False)),
        ("Beoordeling: 1 dag", Own(days=1)),
        ("Beoordeling: 0", Own(days=0)),
    ],
)
def test_people_write_it_in_many_ways(cell: str, own: Own) -> None:
    assert read([cell]) == {SignalType.APPRAISAL: own}


@pytest.mark.parametrize(
    "cell",
    ["Onbekend: aan", "Beoordeling: aan, uit", "Beoordeling: 30, 40", "Beoordeling: soms", "Beoordeling: 100",
     "Beoordeling: -1", "Beoordeling: mail, geen mail"],
)  # fmt: skip
def test_what_is_not_clear_is_refused(cell: str) -> None:
    with pytest.raises(ValidationError):
        read([cell])
    with pytest.raises(ValidationError):
        read(["Beoordeling: aan", "appraisal: uit"])
