"""The grid of rights in a real browser: the keys, the filter, and what is said before a team is saved."""

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import Office, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.loket.test_invitation_journey_browser import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("scripted", [True, False], ids=["with JavaScript", "without"])
def test_nothing_that_changes_is_hidden_and_saving_says_whom_it_reaches(
    browser: Browser, office: Office, *, scripted: bool
) -> None:
    admin = visitor(browser, office.demo.url, java_script_enabled=scripted)
    sign_in(admin, office.username, office.password)
    page = admin.page
    admin.open("/teams/")
    admin.follow("tbody a:text-is('Loon Noord')")
    admin.follow("nav.tabs a[href$='tab=rights']")
    admin.follow("main a[href$='/rechten/']")
    wages = page.locator("[name=rights][value=view_wages]")
    assert not page.locator(".save-bar").is_visible()
    wages.click()
    page.locator(".only-on").check()
    assert wages.is_visible(), "changed, so it stays"
    page.locator(".only-on").uncheck()
    if scripted:
        page.locator(".rights-filter input").fill("verlof")
        assert page.locator(".subject:visible").count() == 2, "what matches, and what changed"
        page.locator(".rights-filter input").fill("")
        wages.focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.value") == "manage_wages"
        page.locator(".save-bar summary").wait_for()
        assert "raken iets kwijt" in page.locator(".save-bar").inner_text()
    admin.send()
    if not scripted:
        assert "raken iets kwijt" in page.locator("main .note").inner_text()
        admin.send()
    admin.follow(".note.success a:text-is('Terugdraaien')")
    admin.send()
    admin.sees(".note.success")
