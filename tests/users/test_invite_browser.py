"""Inviting and searching in a real browser: by keyboard, with few clicks, and without JavaScript."""

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import Office, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.loket.test_invitation_journey_browser import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
COMBOBOX = "fieldset:has(legend:text-is('Teams')) [role=combobox]"


def test_two_teams_take_three_clicks_from_the_list(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url)
    sign_in(admin, office.username, office.password)
    admin.open("/gebruikers/")
    admin.follow("a[href='/gebruikers/nieuw/website/']")
    page, field = admin.page, admin.page.locator(COMBOBOX)
    for number in (1, 2):
        field.focus()
        field.press_sequentially("loon")
        page.locator(".picker-hits li:not(.muted)").first.click()
        assert page.locator(".picker-chip").count() == number
    assert page.locator("[name=teams]:checked").count() == 2
    page.locator("#access-preview strong", has_text="rechten bij").wait_for()
    page.locator("[name=last_name]").press_sequentially("Prins")
    page.locator("#email-preview mark", has_text="Prins").wait_for()
    admin.examine()


def test_the_picker_works_by_keyboard(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url)
    sign_in(admin, office.username, office.password)
    admin.open("/gebruikers/nieuw/website/")
    page, field = admin.page, admin.page.locator(COMBOBOX)
    assert field.get_attribute("aria-expanded") == "false"
    field.press("ArrowDown")
    assert field.get_attribute("aria-expanded") == "true"
    active = page.locator(f"[id='{field.get_attribute('aria-activedescendant')}']")
    name = active.locator("span").first.inner_text()
    admin.examine()
    field.press("Enter")
    assert page.locator(".picker-chip").inner_text() == name
    assert field.get_attribute("aria-expanded") == "false"
    field.press("Backspace")
    assert page.locator("[name=teams]:checked").count() == 0
    field.press_sequentially("geen team heet zo")
    page.locator(".picker-hits", has_text="Niets gevonden").wait_for()
    field.press("Enter")
    admin.at("/gebruikers/nieuw/website/")
    field.press("Escape")
    assert field.get_attribute("aria-expanded") == "false"


def test_names_that_are_typed_are_chosen(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url)
    sign_in(admin, office.username, office.password)
    admin.open("/gebruikers/nieuw/website/")
    page, field, chips = admin.page, admin.page.locator(COMBOBOX), admin.page.locator(".picker-chip")
    field.press_sequentially("loon")
    field.press(",")
    assert chips.count() == 0, "two teams have this in their names"
    field.fill("")
    field.press_sequentially("loon noord, koppelingen, acc")
    assert chips.all_inner_texts() == ["Koppelingen", "Loon Noord"]
    field.press("Escape")
    field.press("Tab")
    assert chips.count() == 2, "Escape says that it is not meant"
    field.press_sequentially("o")
    field.press("Backspace")
    field.press("Tab")
    assert chips.all_inner_texts() == ["Accountants", "Koppelingen", "Loon Noord"]
    admin.open("/rechten/wie/")
    page.locator("#id_right").focus()
    page.keyboard.type("beheer beloningen")
    page.keyboard.press("Tab")
    page.keyboard.type("bakk")
    page.locator("h1").click()
    assert page.locator("#id_employer").input_value() == "1001 Bakkerij Het Volkoren"
    page.locator("#id_employer").fill("a")
    page.locator("h1").click()
    assert page.locator("#id_employer").input_value() == "1001 Bakkerij Het Volkoren", "many have an a"
    admin.examine()


def test_quick_search_opens_a_colleague_and_gives_the_focus_back(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url)
    sign_in(admin, office.username, office.password)
    admin.open("/teams/")
    page = admin.page
    page.locator("main [name=q]").focus()
    page.keyboard.press("/")
    assert page.locator("dialog.quick-search").is_hidden(), "a / in a field is a /"
    page.keyboard.press("Control+k")
    page.keyboard.type("bakk")
    page.locator(".quick-search [role=option] mark").first.wait_for()
    admin.examine()
    page.keyboard.press("Escape")
    assert page.locator("dialog.quick-search").is_hidden()
    assert page.evaluate("document.activeElement.name") == "q"
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.locator(".quick-search input").fill("bakker")
    page.locator(".quick-search [role=option]", has_text="Bakker, S.").wait_for()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    admin.at("/gebruikers/{id}/")


def test_without_javascript_the_same_is_found_and_chosen(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url, java_script_enabled=False)
    sign_in(admin, office.username, office.password)
    admin.open("/teams/")
    admin.page.locator(".quick-search-field input").fill("bakker")
    with admin.page.expect_navigation():
        admin.page.locator(".quick-search-field input").press("Enter")
    admin.at("/zoeken/")
    admin.examine()
    admin.follow("main .hits a")
    admin.at("/gebruikers/{id}/")
    admin.open("/gebruikers/nieuw/website/")
    admin.page.locator(".picker summary").click()
    admin.page.locator("[name=teams]").first.check()
    admin.fill(last_name="Prins")
    admin.send("button[data-without-script]")
    admin.sees("[name=teams]:checked")
    assert "Prins" in admin.page.locator("#email-preview").inner_text()
