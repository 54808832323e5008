"""An application on another host and a user in a real browser, which enforces where our forms lead."""

from collections.abc import Iterator
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.helpers.browser import Office, fill_quietly, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_PAGE = "<!doctype html><html lang=nl><title>Portaal</title><main><h1>Terug</h1></main>"


@pytest.fixture
def portal() -> Iterator[str]:
    """The URL of an external application to which users are sent back."""
    with HTTPServer("127.0.0.1", threaded=True) as server:  # browsers keep connections that send nothing
        server.expect_request("/terug", method="GET").respond_with_data(_PAGE, content_type="text/html")
        server.expect_request("/terug", method="POST").respond_with_handler(_show_form)
        home = server.url_for("/thuis").replace("127.0.0.1", "localhost")
        server.expect_request("/verder").respond_with_data("", status=302, headers={"Location": home})
        server.expect_request("/thuis").respond_with_data(_PAGE, content_type="text/html")
        server.expect_request("/favicon.ico").respond_with_data("", status=200)
        yield server.url_for("/terug")


def _show_form(request: Request) -> Response:
    rows = "".join(f"<li>{escape(name)}={escape(value)}</li>" for name, value in request.form.items())
    return Response(_PAGE.replace("</main>", f"<ul>{rows}</ul></main>"), content_type="text/html")


def wanted(client_id: str, back: str, **more: str) -> str:
    query = {
        "client_id": client_id, "response_type": "code", "redirect_uri": back, "scope": "openid profile", "state": "s",
        "code_challenge": "x" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    query |= more
    return f"/oauth/authorize/?{urlencode(query)}"


def register(browser: Browser, office: Office, portal: str, name: str) -> str:
    """Register the application with a secret, and return its client ID."""
    admin = visitor(browser, office.demo.url)
    admin.open("/inloggen/")
    admin.fill(username=office.username, password=office.password)
    admin.send()
    admin.pass_second_factor()
    admin.open("/kantoor/koppelingen/nieuw/")
    admin.fill(name=name, redirect_uris=portal)
    admin.send()
    client_id = admin.page.locator("main dl code").first.inner_text()
    path = admin.page.url.removeprefix(office.demo.url)
    admin.open(f"{path}geheim/")
    admin.send()
    assert len(admin.page.locator("main dl code").last.inner_text()) == 43
    return client_id


@pytest.mark.parametrize("scripts", [True, False])
def test_the_browser_posts_the_response_to_the_registered_address_only(
    browser: Browser, office: Office, portal: str, scripts: bool
) -> None:
    client_id = register(browser, office, portal, f"Portaal {scripts}")
    guest = visitor(browser, office.demo.url, java_script_enabled=scripts)
    guest.open(wanted(client_id, portal, response_mode="form_post"))
    guest.fill(username=office.username, password=office.password)
    guest.send()
    guest.pass_second_factor()
    guest.at("/oauth/authorize/")
    guest.page.locator("main button.primary").click()
    if not scripts:  # the form does not submit itself
        guest.page.locator(f'form[action="{portal}"] button').click()
    guest.page.wait_for_url(portal)
    received = guest.page.locator("li").all_inner_texts()
    assert [line.partition("=")[0] for line in received] == ["code", "state", "iss"]
    assert f"iss={office.demo.url}" in received

    held = visitor(browser, office.demo.url, java_script_enabled=False)  # the form waits
    held.open(wanted(client_id, portal, response_mode="form_post"))
    held.fill(username=office.username, password=office.password)
    held.page.locator("main button.primary").click()
    held.pass_second_factor()
    held.page.locator(f'form[action="{portal}"]').wait_for()
    policy = held.page.request.get(held.page.url, max_redirects=0).headers["content-security-policy"]
    assert f"form-action 'self' {portal}" in [part.strip() for part in policy.split(";")]
    for elsewhere in (portal.removesuffix("terug"), f"{portal}/x", "http://localhost:9/"):
        page = held.page.context.new_page()  # the browser waits for a navigation that was blocked
        page.goto(held.url + wanted(client_id, portal, response_mode="form_post"))
        submit = "(form, action) => { form.action = action; form.submit(); }"
        with page.expect_console_message(lambda message: "form-action" in message.text):
            page.locator("form[data-submit-at-once]").evaluate(submit, elsewhere)


def test_the_application_may_redirect_to_another_host(browser: Browser, office: Office, portal: str) -> None:
    """The page with the form says where it may lead, and browsers apply that to every redirect that follows."""
    back = portal.replace("/terug", "/verder")
    client_id = register(browser, office, back, "Verder")
    for button in ("button:not(.primary)", "button.primary"):
        guest = visitor(browser, office.demo.url)
        guest.open(wanted(client_id, back))
        guest.fill(username=office.username, password=office.password)
        guest.send()
        guest.pass_second_factor()
        guest.page.locator(f"main form[action*=authorize] {button}").click()
        guest.page.wait_for_url("**/thuis")
        assert urlsplit(guest.page.url).hostname == "localhost"


def test_consent_is_asked_once(browser: Browser, office: Office, portal: str) -> None:
    client_id = register(browser, office, portal, "Portaal")

    guest = visitor(browser, office.demo.url)
    guest.open(wanted(client_id, portal))
    guest.at("/inloggen/")
    guest.fill(username=office.username, password=office.password)
    guest.send()
    guest.pass_second_factor()
    guest.at("/oauth/authorize/")
    guest.page.locator("main button.primary").click()
    guest.page.wait_for_url(f"{portal}?**")
    assert parse_qs(urlsplit(guest.page.url).query)["code"]

    again = visitor(browser, office.demo.url)
    again.open(wanted(client_id, portal))
    again.fill(username=office.username, password=office.password)
    again.page.locator("main button.primary").click()
    fill_quietly(again.page, office.demo.code())
    again.page.locator("main button.primary").click()  # from the form of the second step, without stopping anywhere
    again.page.wait_for_url(f"{portal}?**")
    assert parse_qs(urlsplit(again.page.url).query)["state"] == ["s"]
