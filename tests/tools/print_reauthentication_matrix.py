"""Write docs/reference/re-authentication.md from the data of the test that tries every cell."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loket.settings")
django.setup()

from tests.loket.test_reauthentication_matrix import PAGE, page  # noqa: E402

PAGE.write_text(page())
