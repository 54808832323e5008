"""Demo support finds a user and helps, in a real browser: no CSP violations, and accessible."""

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def helper(browser: Browser, office: Office) -> Visitor:
    found = visitor(browser, office.demo.url)
    found.open("/admin/")
    found.at("/inloggen/")
    found.fill(username="support", password=office.password)
    found.send()
    found.at("/admin/")
    return found


def test_support_finds_a_user_and_blocks_them(browser: Browser, office: Office) -> None:
    dora = helper(browser, office)
    dora.page.locator("#q").fill("P. van den Berg")
    dora.send("main form[role=search] button")
    dora.at("/admin/accounts/user/")
    dora.page.locator("#searchbar").fill("berg")
    dora.send("#changelist-search button")
    dora.follow("#result_list th a")
    dora.at("/admin/accounts/user/{id}/")
    dora.follow(".page-header a[href*='/blokkeren/']")
    dora.at("/admin/hulp/blokkeren/{id}/")
    dora.send()
    dora.sees("#id_reason_error")
    dora.fill(reason="Telefonisch gevraagd door Maria Vermeer")
    dora.send()
    dora.at("/admin/accounts/user/{id}/")
    dora.sees(".note.success")
    dora.sees(".page-header a[href*='/deblokkeren/']")
    assert "Geblokkeerd" in dora.page.locator("main dl").inner_text()


def test_support_impersonates_and_stops(browser: Browser, office: Office) -> None:
    dora = helper(browser, office)
    dora.open("/admin/accounts/user/?q=m.vermeer")
    dora.follow("#result_list th a")
    dora.follow(".page-header a[href*='/meekijken/']")
    dora.at("/admin/hulp/meekijken/{id}/")
    dora.fill(reason="Ziet het team niet, zaak 4712")
    dora.send()
    dora.at("/")
    for path in ("/gebruikers/", "/kantoor/", "/historie/"):
        dora.open(path)
        dora.sees(".impersonation-banner")
    dora.open("/profiel/", 403)
    assert "M. Vermeer" in dora.page.locator(".impersonation-banner").inner_text()
    dora.open("/teams/")
    dora.send(".impersonation-banner button")
    dora.at("/admin/accounts/user/{id}/")
    dora.open("/gebruikers/", 403)


def test_every_page_of_support_is_in_order(browser: Browser, office: Office) -> None:
    dora = helper(browser, office)
    for path in (
        "oauth/application/", "hulp/kantoor-maken/", "hulp/partner-maken/",
        "accounts/provider/", "accounts/externaltenant/", "invitations/invitation/", "outbox/message/", "wachtrij/",
        "accounts/",
    ):  # fmt: skip
        dora.open(f"/admin/{path}")
        assert dora.page.locator("h1").inner_text() in dora.page.title()
    dora.open("/admin/accounts/externaltenant/")
    dora.follow("#result_list th a")
    dora.open("/gebruikers/", 403)
    dora.follow("main a.primary")
    dora.at("/admin/")
    dora.page.locator("button.avatar").click()
    dora.follow_to("/profiel/")
    dora.follow_to("/profiel/twee-factor/")
    dora.open("/profiel/sessies/")
    dora.page.locator("button.avatar").click()
    dora.send("form[action='/uitloggen/'] button >> visible=true")
    dora.at("/inloggen/")
