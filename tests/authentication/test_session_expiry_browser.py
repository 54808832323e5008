"""The warning before a session ends, in a real browser with a controlled clock."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.loket.test_invitation_journey_browser import PHONE, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WARNING, STAY = "#session-warning", "#session-warning button.primary"
MINUTE = 60_000  # ms


def waiting(browser: Browser, office: Office, **options: object) -> Visitor:
    """Return the administrator at a form, with the browser's clock stopped."""
    admin = visitor(browser, office.demo.url, **options)
    sign_in(admin, office.username, office.password)
    admin.page.clock.install()
    admin.open("/gebruikers/nieuw/website/")
    return admin


def shown(page: Page) -> str:
    """Return which of its texts the warning shows."""
    return str(page.locator(f"{WARNING} p[data-state] >> visible=true").first.get_attribute("data-state"))


@pytest.mark.parametrize("options", [{}, PHONE])
def test_page_warns_and_stays(browser: Browser, office: Office, options: dict[str, object]) -> None:
    admin = waiting(browser, office, **options)
    admin.fill(last_name="Half getypt")
    admin.page.clock.fast_forward(117 * MINUTE)
    expect(admin.page.locator(WARNING)).to_be_hidden()
    admin.page.clock.fast_forward(2 * MINUTE)
    expect(admin.page.get_by_role("alertdialog")).to_be_visible()
    assert shown(admin.page) == "idle"
    assert admin.page.locator(f"{WARNING} [role=timer]").inner_text().startswith(("0:5", "1:0"))
    expect(admin.page.locator(STAY)).to_be_focused()
    admin.examine()
    with admin.page.expect_response("**/uitloggen/wachten/") as answer:
        admin.page.keyboard.press("Enter")
    assert answer.value.status == 200
    expect(admin.page.locator(WARNING)).to_be_hidden()
    assert admin.page.locator("[name=last_name]").input_value() == "Half getypt"


def test_a_tab_that_is_used_speaks_for_the_others(browser: Browser, office: Office) -> None:
    admin = waiting(browser, office)
    before = admin.page.locator("main [name=csrfmiddlewaretoken]").input_value()
    admin.page.clock.fast_forward(119 * MINUTE)
    expect(admin.page.locator(WARNING)).to_be_visible()
    other = admin.page.context.new_page()
    other.clock.install(time=admin.page.evaluate("Date.now()"))
    other.goto(f"{admin.url}/profiel/")
    expect(admin.page.locator(WARNING)).to_be_hidden()
    assert admin.page.locator("main [name=csrfmiddlewaretoken]").input_value() != before


def test_once_it_is_over_it_says_what_to_do(browser: Browser, office: Office) -> None:
    admin = waiting(browser, office)
    admin.page.clock.fast_forward(121 * MINUTE)
    assert shown(admin.page) == "over"
    expect(admin.page.locator(STAY)).to_be_hidden()
    admin.examine()
    admin.page.keyboard.press("Escape")
    expect(admin.page.locator(WARNING)).to_be_hidden()
    admin.page.clock.fast_forward(MINUTE)
    expect(admin.page.locator(WARNING)).to_be_hidden()


def test_the_end_of_its_lifetime_cannot_be_put_off(browser: Browser, office: Office) -> None:
    admin = waiting(browser, office)
    admin.page.route("**/uitloggen/wachten/", lambda route: route.fulfill(json={"left": [7200, 290]}))
    admin.page.clock.fast_forward(119 * MINUTE)
    admin.page.locator(STAY).click()
    expect(admin.page.locator(f"{WARNING} p[data-state=lifetime]")).to_be_visible()
    expect(admin.page.locator(STAY)).to_be_hidden()
    admin.examine()
