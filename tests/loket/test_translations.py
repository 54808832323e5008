"""The Dutch texts are complete, and the compiled file is made from them."""

import shutil

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.utils.dates import MONTHS, MONTHS_3, MONTHS_ALT, WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext, ngettext

from loket.management.commands import messages


def test_every_text_of_the_catalog_is_translated(settings: LazySettings) -> None:
    assert list(messages._iter_untranslated(messages._read_catalog(settings.BASE_DIR))) == []


def test_the_compiled_file_is_that_of_the_texts(settings: LazySettings) -> None:
    kept = messages._read_catalog(settings.BASE_DIR)
    assert len(kept) > 0
    assert list(messages._iter_outdated(settings.BASE_DIR, kept)) == []


def test_it_is_the_one_that_is_shown() -> None:
    assert gettext("Username") == "Gebruikersnaam"
    one, many = (
        "Too many attempts. Try again in %(minutes)d minute.",
        "Too many attempts. Try again in %(minutes)d minutes.",
    )
    assert ngettext(one, many, 1) % {"minutes": 1} != ngettext(one, many, 2) % {"minutes": 1}


def test_no_text_of_ours_stands_in_for_a_month_or_a_day(settings: LazySettings) -> None:
    catalog = messages._read_catalog(settings.BASE_DIR)
    names = [name for table in (MONTHS, MONTHS_3, WEEKDAYS, WEEKDAYS_ABBR) for name in table.values()]
    assert [name for name in names if name._args[0] in catalog] == []  # type: ignore[attr-defined]
    assert str(MONTHS_ALT[5]) == "mei"


@pytest.mark.skipif(not shutil.which("xgettext"), reason="GNU gettext is not installed: nothing can be collected")
def test_every_text_of_code_and_templates_is_in_the_catalog(settings: LazySettings) -> None:
    settings.LOCALE_PATHS = settings.LOCALE_PATHS  # collecting changes it, and the fixture puts it back
    call_command("messages", "--check")
