"""An application on another host and a user in a real browser, which enforces where our forms lead."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser
from pytest_httpserver import HTTPServer

from tests.helpers.browser import Office, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_PAGE = "<!doctype html><html lang=nl><title>Portaal</title><main><h1>Terug</h1></main>"


@pytest.fixture
def portal() -> Iterator[str]:
    """The URL of an external application to which users are sent back."""
    with HTTPServer("127.0.0.1") as server:
        server.expect_request("/terug").respond_with_data(_PAGE, content_type="text/html")
        server.expect_request("/favicon.ico").respond_with_data("", status=200)
        yield server.url_for("/terug")


def wanted(client_id: str, back: str) -> str:
    query = {
        "client_id": client_id, "response_type": "code", "redirect_uri": back, "scope": "openid profile", "state": "s",
        "code_challenge": "x" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    return f"/oauth/authorize/?{urlencode(query)}"


def test_consent_is_asked_once(browser: Browser, office: Office, portal: str) -> None:
    admin = visitor(browser, office.demo.url)
    admin.open("/inloggen/")
    admin.fill(username=office.username, password=office.password)
    admin.send()
    admin.open("/kantoor/koppelingen/nieuw/")
    admin.fill(name="Portaal", redirect_uris=portal)
    admin.send()
    client_id = admin.page.locator("main dl code").first.inner_text()
    path = admin.page.url.removeprefix(office.demo.url)
    admin.open(f"{path}geheim/")
    admin.send()
    assert len(admin.page.locator("main dl code").last.inner_text()) == 43

    guest = visitor(browser, office.demo.url)
    guest.open(wanted(client_id, portal))
    guest.at("/inloggen/")
    guest.fill(username=office.username, password=office.password)
    guest.send()
    guest.at("/oauth/authorize/")
    guest.page.locator("main button.primary").click()
    guest.page.wait_for_url(f"{portal}?**")
    assert parse_qs(urlsplit(guest.page.url).query)["code"]

    again = visitor(browser, office.demo.url)
    again.open(wanted(client_id, portal))
    again.fill(username=office.username, password=office.password)
    again.page.locator("main button.primary").click()  # from the form of the login page, without stopping anywhere
    again.page.wait_for_url(f"{portal}?**")
    assert parse_qs(urlsplit(again.page.url).query)["state"] == ["s"]
