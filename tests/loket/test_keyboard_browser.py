"""An administrator without a mouse signs in, selects a user in the list and invites a colleague."""

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MOST = 150  # stops on one page
# Whether the focus is visible: in the window and with a ring around it, or around the picker that it is in.
STOP = """() => {
    const element = document.activeElement, box = element.getBoundingClientRect()
    const style = getComputedStyle(element.matches("input") && element.closest(".picker-box") || element)
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
    const there = box.width > 0 && box.height > 0
        && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth
    return {body: element === document.body, ring, there, html: element.outerHTML.slice(0, 150)}
}"""


def tab(person: Visitor, key: str = "Tab") -> dict[str, object]:
    """Move to the next tab stop and check that it is visible."""
    person.page.keyboard.press(key)
    stop: dict[str, object] = person.page.evaluate(STOP)
    assert stop["body"] or (stop["ring"] and stop["there"]), f"{person.path}: {stop}"
    return stop


def tab_to(person: Visitor, selector: str) -> None:
    """Press Tab until an element of `selector` has the focus."""
    for _number in range(MOST):
        tab(person)
        if person.page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{person.path}: Tab does not reach {selector}")


def press(person: Visitor, path: str) -> None:
    """Press Enter on the focused element, which leads to `path`."""
    with person.page.expect_navigation():
        person.page.keyboard.press("Enter")
    person.at(path)


def write(person: Visitor, **values: str) -> None:
    """Fill in fields in their order on the page."""
    for name, value in values.items():
        tab_to(person, f"main [name={name}]")
        person.page.keyboard.type(value)


def sign_in(person: Visitor, office: Office) -> None:
    person.page.goto(f"{person.url}/inloggen/")
    write(person, username=office.username, password=office.password)
    tab_to(person, "main button.primary")
    press(person, "/inloggen/code/")
    person.pass_second_factor()
    person.at("/")


@pytest.fixture
def admin(browser: Browser, office: Office) -> Visitor:
    """The administrator, signed in by keyboard."""
    found = visitor(browser, office.demo.url)
    sign_in(found, office)
    return found


def test_the_list_is_worked_by_keyboard(admin: Visitor) -> None:
    tab_to(admin, ".menu a[href='/gebruikers/']")
    press(admin, "/gebruikers/")
    tab(admin)
    assert admin.page.evaluate("document.activeElement.matches('.skip-link')")
    admin.page.keyboard.press("Enter")
    tab(admin)
    assert admin.page.evaluate("document.activeElement.closest('main') !== null")
    tab_to(admin, "#user-filters [name=q]")
    for pill in ("status", "login_method", "two_factor", "team", "more"):
        tab_to(admin, f"#pill-{pill}")
    admin.page.keyboard.press("Enter")
    for name in ("access_until", "last_login", "attention"):
        tab_to(admin, f"#user-filters [name={name}]")
    admin.page.keyboard.press("Escape")
    assert admin.page.evaluate("document.activeElement.id") == "pill-more"
    admin.page.goto(f"{admin.url}/gebruikers/?q=berg")
    tab_to(admin, "tbody input[type=checkbox]")
    admin.page.keyboard.press("Space")
    assert admin.page.locator("tbody input:checked").count() == 1
    tab_to(admin, ".bulk-bar button[value='']")
    press(admin, "/gebruikers/meerdere/")


def test_a_colleague_is_invited_by_keyboard(admin: Visitor) -> None:
    admin.page.goto(f"{admin.url}/gebruikers/")
    tab_to(admin, "main a[href='/gebruikers/nieuw/website/']")
    press(admin, "/gebruikers/nieuw/website/")
    tab_to(admin, "main button.primary")
    press(admin, "/gebruikers/nieuw/website/")
    tab_to(admin, "#errors a")
    admin.page.keyboard.press("Enter")
    assert admin.page.evaluate("document.activeElement.name") == "initials"
    admin.page.keyboard.type("T.")
    write(admin, last_name="Toetsenbord", email="t.toetsenbord@devries.example")
    tab_to(admin, "main button.primary")
    press(admin, "/gebruikers/nieuw/website/mobiel/")
    write(admin, mobile_number="06 12345678")
    tab_to(admin, "main button.primary")
    press(admin, "/gebruikers/")
    admin.sees(".note.success a[href$='/rechten/']")


def test_no_page_holds_the_keyboard(admin: Visitor) -> None:
    for path in ("/", "/gebruikers/?q=berg", "/gebruikers/nieuw/website/", "/autorisatiematrix/"):
        for key in ("Tab", "Shift+Tab"):
            admin.page.goto(admin.url + path)
            stops = 0
            while not tab(admin, key)["body"]:
                stops += 1
                assert stops < MOST, f"{path}: {key} does not come to the end"
            assert stops > 10
