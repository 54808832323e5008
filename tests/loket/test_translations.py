"""The Dutch translations are complete, and the compiled file matches them."""

import shutil

import pytest
from django.conf import LazySettings
from django.utils.dates import MONTHS, MONTHS_3, MONTHS_ALT, WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext, ngettext

from tests.tools import catalog


def test_every_text_of_the_catalog_is_translated(settings: LazySettings) -> None:
    assert list(catalog.iter_untranslated(catalog.read_catalog(settings.BASE_DIR))) == []


def test_the_compiled_file_is_that_of_the_texts(settings: LazySettings) -> None:
    assert len(catalog.read_catalog(settings.BASE_DIR)) > 0
    assert list(catalog.iter_not_compiled(settings.BASE_DIR)) == []


def test_the_catalog_is_the_one_that_is_shown() -> None:
    assert gettext("Username") == "Gebruikersnaam"
    one, many = "%(count)d minute", "%(count)d minutes"
    assert ngettext(one, many, 1) % {"count": 1} != ngettext(one, many, 2) % {"count": 1}


def test_no_text_of_ours_stands_in_for_a_month_or_a_day(settings: LazySettings) -> None:
    texts = catalog.read_catalog(settings.BASE_DIR)
    names = [name for table in (MONTHS, MONTHS_3, WEEKDAYS, WEEKDAYS_ABBR) for name in table.values()]
    assert [name for name in names if name._args[0] in texts] == []
    assert str(MONTHS_ALT[5]) == "mei"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("xgettext"), reason="GNU gettext is not installed: nothing can be collected")
def test_every_text_of_code_and_templates_is_in_the_catalog() -> None:
    assert catalog.main() == 0
