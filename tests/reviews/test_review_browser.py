"""The story of an access review in a real browser: rule, review, decisions by keyboard, plan, undo, and the report.

Each page is examined by axe, in light and dark, at each width of a window. The decisions are taken on a phone too, and
once without JavaScript.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.loket.test_invitation_journey_browser import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
JOB_MS = 120_000


@pytest.fixture(scope="module")
def admin(browser: Browser, office: Office) -> Iterator[Visitor]:
    found = visitor(browser, office.demo.url)
    sign_in(found, office.username, office.password)
    yield found
    found.page.context.close()


def press(person: Visitor, target: Locator, key: str = "Enter") -> None:
    """Go to a button with the Tab key, as someone without a mouse does, and press it."""
    for _step in range(300):
        person.page.keyboard.press("Tab")
        if target.evaluate("one => one === document.activeElement"):
            break
    else:
        raise AssertionError(f"{person.path}: Tab never reaches {target}")
    person.page.keyboard.press(key)


def make_rule(admin: Visitor) -> None:
    admin.open("/functiescheiding/")
    admin.follow("main a[href*='voorstel=']")
    admin.send()
    admin.at("/functiescheiding/")


def make_review(admin: Visitor, name: str) -> str:
    """Prepare a review and start it; return its address."""
    admin.open("/beoordelingen/")
    admin.follow_to("/beoordelingen/nieuw/")
    admin.send()
    assert "Vul een naam in" in admin.page.locator("#errors").inner_text()
    admin.fill(name=name, deadline=(timezone.localdate() + timedelta(days=9)).isoformat())
    admin.send()
    admin.at("/beoordelingen/{id}/")
    address = admin.page.url.removeprefix(admin.url)
    admin.send("form[action$='/starten/'] button")
    admin.send()
    assert "beslist" in admin.page.locator("#progress-title").inner_text()
    return address


def press_enter_in_a_reason(person: Visitor) -> None:
    """Type a reason in the second row and press Enter: nothing is decided, in the first row neither."""
    first, second = (person.page.locator("tr[id^=path-]").nth(number) for number in range(2))
    before, reason = first.inner_html(), second.locator("input[name^=reason-]")
    if not second.locator("details[open]").count():
        second.locator("summary").click()
    reason.fill("Nog nodig")
    reason.press("Enter")
    person.page.wait_for_timeout(500)
    assert reason.input_value() == "Nog nodig", "the page is still there"
    person.page.reload()
    assert first.inner_html() == before


def decide_by_keyboard(admin: Visitor, address: str) -> None:
    """Revoke the first path, keep the second, and put off the third, without a mouse."""
    admin.open(f"{address}beslissen/?view=all")
    press_enter_in_a_reason(admin)
    admin.page.keyboard.press("Tab")  # the first touch fetches htmx
    admin.page.wait_for_function("window.htmx !== undefined")
    for number, decision in enumerate(("revoke", "keep", "later")):
        button = admin.page.locator(f"button[id^={decision}-]").nth(number)
        press(admin, button)
        admin.page.locator(f"#{button.get_attribute('id')}[aria-pressed=true]").wait_for()
        assert "#path-" not in admin.page.url, "the choice is saved without loading the page again"
        assert admin.page.evaluate("document.activeElement.id") == button.get_attribute("id"), "the focus stays"
    admin.examine()
    admin.open(f"{address}beslissen/?view=all")
    admin.sees("button[aria-pressed=true]", 3)


def test_the_whole_story(admin: Visitor) -> None:
    make_rule(admin)
    address = make_review(admin, "Verhaal")
    decide_by_keyboard(admin, address)
    admin.open(f"{address}beslissen/")
    admin.send("form[action*='/behouden/'] button")
    admin.send()
    admin.open(address)
    admin.send("form[action$='/beeindigen/'] button")
    admin.send("main form button")
    admin.send("form[action$='/plan/'] button")
    admin.page.wait_for_selector("section[aria-labelledby=totals]", timeout=JOB_MS)
    admin.examine()
    admin.send()
    admin.page.wait_for_selector("form[action$='terugdraaien/'] button", timeout=JOB_MS)
    admin.examine()
    admin.open(f"{address}verslag/")
    done = wait_for_text(admin, "Uitgevoerd", f"{address}verslag/")
    assert "Ingetrokken 1" in done
    admin.open(address)
    admin.follow("main a[href*='/gebruikers/plan/']")
    admin.send("form[action$='terugdraaien/'] button")
    admin.page.wait_for_selector("section[aria-labelledby=totals]", timeout=JOB_MS)
    admin.send()
    assert "Teruggedraaid op" in wait_for_text(admin, "Teruggedraaid op", f"{address}verslag/")
    with admin.page.expect_download() as download:
        admin.page.locator("a[href$='/bewijs.json']").click()
    proof = json.loads(download.value.path().read_text())
    assert [row["result"] for row in proof["results"]] == ["undone"]


def wait_for_text(person: Visitor, text: str, path: str) -> str:
    """Open a page again until the worker has done what `text` tells; return the text of the page."""
    for _try in range(60):
        person.page.goto(person.url + path)
        found = person.page.locator("main").inner_text()
        if text in found:
            return found
        person.page.wait_for_timeout(1000)
    raise AssertionError(f"{path} never shows {text}")


@pytest.mark.parametrize("options", [{"viewport": {"width": 390, "height": 844}}, {"java_script_enabled": False}])
def test_a_phone_and_a_browser_without_scripts_decide(
    browser: Browser, office: Office, options: dict[str, object]
) -> None:
    person = visitor(browser, office.demo.url, **options)
    sign_in(person, office.username, office.password)
    person.open("/beoordelingen/")
    running = person.page.locator("tr", has_text=re.compile("kwartaal")).locator("a").get_attribute("href")
    person.open(f"{running}beslissen/")
    row = person.page.locator("tr[id^=path-]").first
    path = row.get_attribute("id")
    press_enter_in_a_reason(person)
    row.locator("button[id^=later-]").click()
    person.page.locator(f"#{path} button[id^=later-][aria-pressed=true]").wait_for()
    assert person.page.locator(f"#{path} button[aria-pressed=true]").count() == 1, "of the three"
    person.examine()
    person.page.context.close()
