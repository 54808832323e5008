"""The list of users with JavaScript: search as you type, filters, ticks, the menu of a row and shortcuts."""

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.loket.test_invitation_journey_browser import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def admin(browser: Browser, office: Office) -> Visitor:
    found = visitor(browser, office.demo.url)
    sign_in(found, office.username, office.password)
    found.page.goto(f"{found.url}/gebruikers/")
    return found


def test_the_list_follows_what_is_typed_and_ticked(admin: Visitor) -> None:
    page = admin.page
    assert page.locator("tbody tr").first.evaluate("row => row.getBoundingClientRect().height") == 44
    page.locator("#id_q").press_sequentially("jans")
    page.locator("#list-count", has_text="beste eerst").wait_for()
    assert page.url.endswith("/gebruikers/?q=jans")
    assert page.locator("#id_q").input_value() == "jans"
    assert page.locator("tbody mark").first.inner_text() == "Jans"
    page.locator("#pill-status").click()
    status = page.locator("#user-filters [name=status][value=active]")
    status.check()
    page.locator("#pill-status.is-active").wait_for()
    assert page.url.endswith("?q=jans&status=active")
    assert status.is_visible(), "the popover stays open"
    page.locator("#clear-status a").click()
    page.wait_for_url("**/gebruikers/?q=jans")


def test_ticks_survive_a_search_and_keys_work(admin: Visitor) -> None:
    page, count = admin.page, admin.page.locator("#selected-count")
    boxes = page.locator("tbody [name=users]")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    assert count.inner_text() == "3 aangevinkt"
    page.locator("tbody th a").nth(2).focus()
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert count.inner_text() == "4 aangevinkt"
    page.keyboard.press(".")
    page.locator(".row-menu .popover a").first.wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('.row-menu > a')")
    page.locator("#id_q").fill("zzz")
    page.locator(".empty-state").wait_for()
    assert count.inner_text() == "4 aangevinkt"
    page.locator("#id_q").fill("")
    page.locator("tbody tr").nth(3).wait_for()
    assert page.locator("tbody [name=users]:checked").count() == 4
    page.keyboard.press("Escape")
    page.locator("tbody th a").first.focus()
    page.keyboard.press("Escape")
    assert page.locator(".bulk-bar").is_hidden()
    page.locator("tbody tr").nth(1).locator("[name=users]").check()
    page.locator("#selection-form button[value=block]").click()
    assert "act=block" in page.url
    assert page.locator("[name=act][value=block]").is_checked()
