"""The rights matrix and a user's page on A4: what is printed, what is not, and that nothing is cut off."""

import re
from collections.abc import Iterator

import pytest
from django.utils import timezone
from django.utils.formats import date_format
from playwright.sync_api import Browser

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MM = 96 / 25.4  # pixels
PORTRAIT, LANDSCAPE = (210, 297), (297, 210)
ON_SCREEN = "nav, header.site-header, .button, .filters, .tabs, .breadcrumb, aside, .pagination, .screen-only"


@pytest.fixture(scope="module")
def admin(browser: Browser, office: Office) -> Iterator[Visitor]:
    found = visitor(browser, office.demo.url)
    found.page.goto(f"{office.demo.url}/inloggen/")
    found.fill(username=office.username, password=office.password)
    found.page.locator("main button.primary").click()
    found.pass_second_factor()
    yield found
    found.page.context.close()


def printed(person: Visitor, path: str, size: tuple[int, int], margin: int) -> str:
    """Open a URL, print it, and return the text on the paper after checking that none lies outside it."""
    person.page.goto(person.url + path)
    sheets = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", person.page.pdf(prefer_css_page_size=True))
    assert {tuple(round(float(side) / 72 * 25.4) for side in sheet) for sheet in sheets} == {size}
    person.page.emulate_media(media="print")
    width = int((size[0] - 2 * margin) * MM)
    person.page.set_viewport_size({"width": width, "height": int(size[1] * MM)})
    assert person.page.evaluate("document.scrollingElement.scrollWidth") <= width
    shown = [one.evaluate("one => one.outerHTML") for one in person.page.locator(ON_SCREEN).all() if one.is_visible()]
    assert not shown
    return person.page.locator("main").inner_text()


@pytest.fixture(autouse=True)
def _back_to_the_screen(admin: Visitor) -> Iterator[None]:
    yield
    admin.page.emulate_media(media="screen")
    admin.page.set_viewport_size({"width": 1280, "height": 800})


def test_the_sheet_of_a_user(admin: Visitor) -> None:
    admin.page.goto(f"{admin.url}/gebruikers/?q=berg")
    path = str(admin.page.locator("tbody th a").first.get_attribute("href"))
    text = printed(admin, path, PORTRAIT, 12)
    office, day = "Administratiekantoor De Vries", date_format(timezone.localdate(), "j F Y")
    assert text.startswith(f"{office}, {day}\n")
    for word in ("J.P. van den Berg", "Heeft toegang", "j.p.vandenberg@devries.example", "Laatst ingelogd"):
        assert word in text
    text = printed(admin, f"{path}rechten/", PORTRAIT, 12)
    assert "Raadplegen gebruikers AK" in text
    assert admin.page.locator("input[type=checkbox] >> visible=true").count() == 0


@pytest.mark.parametrize("at", ["", "employer"])
def test_the_matrix(admin: Visitor, at: str) -> None:
    if at:
        admin.page.goto(f"{admin.url}/autorisatiematrix/")
        at = f"?employer={admin.page.locator('main select option').nth(1).get_attribute('value')}"
    text = printed(admin, f"/autorisatiematrix/{at}", LANDSCAPE, 10)
    assert "Administratiekantoor De Vries" in text
    assert date_format(timezone.localdate(), "j F Y") in text
    assert "T = via een team" in text
    table = admin.page.locator("table.matrix")
    assert table.locator("tbody tr").count() > 1
    # The browser repeats a head on every page if it takes no more than a quarter of one.
    assert table.locator("thead").evaluate("head => getComputedStyle(head).display") == "table-header-group"
    assert table.locator("thead").bounding_box()["height"] <= (210 - 2 * 10) * MM / 4


def test_a_list_stays_a_table_and_what_is_folded_is_opened(admin: Visitor) -> None:
    assert "Vermeer, M." in printed(admin, "/gebruikers/?q=vermeer", PORTRAIT, 12)
    assert admin.page.locator("table.list thead th").first.is_visible()
    status = admin.page.locator("table.list tbody td.status").first
    assert status.evaluate("one => getComputedStyle(one).display") == "table-cell"
    printed(admin, "/gebruikers/nieuw/website/", PORTRAIT, 12)
    folded = admin.page.locator("main details:not([open]) textarea[name=body]")
    assert folded.bounding_box()["height"] > 0
