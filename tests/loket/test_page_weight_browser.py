"""Download size without a cache, and layout shifts and layouts of a page on a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.loket.test_invitation_journey_browser import PHONE, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MOST = 60_000  # bytes over the line, headers included
MOVING = """() => document.getAnimations().length + [...document.querySelectorAll("*")].filter(element =>
    ["", "::before", "::after"].some(part => {
        const style = getComputedStyle(element, part || null)
        const times = [style.transitionDuration, style.animationDuration].join().split(",")
        return times.some(time => parseFloat(time) > 0.01) || style.scrollBehavior === "smooth"
    })).length"""


def weigh(page: Page, go: Callable[[], object]) -> int:
    """Return the bytes transferred during `go`, in a browser without a cache."""
    sizes: list[int] = []
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    tools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    go()
    page.wait_for_load_state("networkidle")
    tools.detach()
    assert sizes
    return int(sum(sizes))


def test_a_first_visit_weighs_less_than_60_kb(browser: Browser, office: Office) -> None:
    person = visitor(browser, office.demo.url)
    first = weigh(person.page, lambda: person.page.goto(f"{office.demo.url}/inloggen/"))
    sign_in(person, office.username, office.password)
    home = weigh(person.page, lambda: person.page.goto(f"{office.demo.url}/"))
    person.at("/")
    print(f"sign-in {first} bytes, home {home} bytes")  # noqa: T201
    assert 10_000 < first < MOST  # the sheet alone is more than that, so it was counted
    assert 10_000 < home < MOST


@pytest.fixture
def admin(browser: Browser, office: Office) -> Visitor:
    """The administrator, on a phone that prefers reduced motion."""
    found = visitor(browser, office.demo.url, reduced_motion="reduce", **PHONE)
    sign_in(found, office.username, office.password)
    return found


def test_nothing_moves_for_who_asked_for_that(admin: Visitor) -> None:
    for path in ("/", "/gebruikers/", "/gebruikers/nieuw/website/", "/autorisatiematrix/"):
        admin.page.goto(admin.url + path)
        assert not admin.page.evaluate(MOVING), path


def test_a_row_takes_two_lines_on_a_phone(admin: Visitor) -> None:
    admin.page.goto(f"{admin.url}/gebruikers/")
    row = admin.page.locator("tbody tr").first
    name, status = row.locator("th").bounding_box(), row.locator(".status").bounding_box()
    box = row.bounding_box()
    assert box is not None
    assert name is not None
    assert status is not None
    assert 54 <= box["height"] < 70
    assert name["x"] + name["width"] <= status["x"]
    assert status["x"] + status["width"] <= box["x"] + box["width"]


def test_only_the_matrix_scrolls_sideways_and_by_keyboard_too(admin: Visitor) -> None:
    admin.open("/autorisatiematrix/")
    region = admin.page.get_by_role("region").and_(admin.page.locator(".scroll-area"))
    region.focus()
    assert region.evaluate("region => region === document.activeElement && region.scrollWidth > region.clientWidth")
    admin.page.keyboard.press("ArrowRight")
    region.evaluate("region => region.scrollLeft || new Promise(done => region.addEventListener('scroll', done))")
    assert region.evaluate("region => region.scrollLeft") > 0
