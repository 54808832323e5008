"""Azure users of the demo sign in at the stand-in for Microsoft, in a real browser."""

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import Office, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FIRST_USER = "main section li a >> nth=0"


def test_an_azure_user_signs_in_and_confirms(browser: Browser, office: Office) -> None:
    guest = visitor(browser, office.demo.url)
    guest.open("/inloggen/")
    guest.follow("main a[href^='/inloggen/microsoft/']")
    guest.at("/demo/microsoft/")
    guest.follow(FIRST_USER)
    guest.at("/")
    guest.open("/bevestigen/?next=/profiel/")
    guest.send("main a.primary")
    guest.at("/demo/microsoft/")
    guest.follow(FIRST_USER)
    guest.at("/profiel/")


@pytest.mark.parametrize(
    ("choice", "status"), [("main section li:last-child a", 403), ("main .buttons a.button-text", 400)]
)
def test_who_does_not_get_in_reads_what_to_do(browser: Browser, office: Office, choice: str, status: int) -> None:
    guest = visitor(browser, office.demo.url)
    guest.open("/inloggen/microsoft/")
    guest.send(f"{choice} >> nth=0", status)
    guest.sees("main a.primary[href^='/inloggen/microsoft/']")
    guest.send("main a.primary")
    guest.at("/demo/microsoft/")
