"""Passkeys and authenticator apps in a real Chromium with its virtual authenticator."""

import base64
import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, CDPSession

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.helpers.mfa import code_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NUMBER, PASSWORD = "+31612345678", "Zonnebloem-42"


@pytest.fixture
def guest(browser: Browser, office: Office) -> Iterator[Visitor]:
    """A visitor at a computer with a built-in authenticator that always agrees."""
    found = visitor(browser, office.demo.url)
    with_authenticator(found)
    yield found
    found.page.context.close()


def with_authenticator(person: Visitor) -> CDPSession:
    session = person.page.context.new_cdp_session(person.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session


def accept(admin: Visitor, guest: Visitor, office: Office, last_name: str) -> str:
    """Invite a user who must have two-factor and accept up to the password; return the username."""
    email = f"{last_name.lower()}@devries.example"
    after = len(office.demo.mailbox())
    admin.open("/inloggen/")
    admin.fill(username=office.username, password=office.password)
    admin.send()
    admin.pass_second_factor()
    admin.open("/gebruikers/nieuw/website/")
    admin.fill(initials="N.", last_name=last_name, email=email, two_factor_required=True)
    admin.send()
    admin.fill(mobile_number=NUMBER)
    admin.send()
    arrive(guest, office, email, last_name.lower(), after=after)
    guest.at("/profiel/twee-factor/")
    guest.sees("ol.steps li[aria-current=step]")
    guest.open("/gebruikers/")
    guest.at("/profiel/twee-factor/")
    guest.open("/")
    return last_name.lower()


def arrive(guest: Visitor, office: Office, email: str, username: str, *, after: int, steps: int = 4) -> None:
    """Open the e-mailed link, verify the phone number, choose username and password, in this many steps."""
    link = re.search(r"http\S+/uitnodiging/\S+", office.demo.wait_for("mail", email, after=after))
    assert link
    guest.open(link[0])
    guest.sees("ol.steps li", steps)
    after = len(office.demo.mailbox())
    guest.send()
    code = re.search(r"\d{6}", office.demo.wait_for("sms", NUMBER, after=after))
    assert code
    guest.fill(code=code[0])
    guest.send()
    guest.fill(username=username, password=PASSWORD, password_again=PASSWORD)
    guest.send()


def press(person: Visitor, selector: str, path: str) -> None:
    """Press a button whose script navigates; examine the next page."""
    person.page.locator(selector).click()
    person.page.wait_for_url(lambda url: urlsplit(url).path == path)
    person.examine()
    person.at(path)


def log_out(person: Visitor) -> None:
    person.open("/uitloggen/")
    person.send()


def make_codes(person: Visitor) -> list[str]:
    person.at("/profiel/twee-factor/herstelcodes/")
    person.send()
    codes = person.page.locator("main li code").all_inner_texts()
    assert len(codes) == 10
    person.follow("main a.button.primary")
    person.at("/")
    return codes


def test_a_passkey_from_the_mail_to_the_home_page_and_back_in(browser: Browser, office: Office, guest: Visitor) -> None:
    username = accept(visitor(browser, office.demo.url), guest, office, "Passkey")
    guest.follow("a[href^='/profiel/twee-factor/passkey/']")
    press(guest, "#passkey-register-button", "/profiel/twee-factor/herstelcodes/")
    codes = make_codes(guest)
    log_out(guest)
    guest.fill(username=username, password=PASSWORD)
    guest.send()
    guest.at("/inloggen/code/")
    press(guest, "#passkey-verification-button", "/")
    log_out(guest)
    press(guest, "#passkey-verification-button", "/")
    log_out(guest)
    guest.fill(username=username, password=PASSWORD)
    guest.send()
    guest.follow("a[href^='/inloggen/herstelcode/']")
    guest.fill(code=codes[0])
    guest.send()
    guest.at("/")
    log_out(guest)
    guest.fill(username=username, password=PASSWORD)
    guest.send()
    guest.follow("a[href^='/inloggen/herstelcode/']")
    guest.fill(code=codes[0])
    guest.send()
    assert guest.path == "/inloggen/herstelcode/", "a recovery code works once"


def test_an_app_from_the_mail_to_the_home_page_after_closing_the_browser(
    browser: Browser, office: Office, guest: Visitor
) -> None:
    username = accept(visitor(browser, office.demo.url), guest, office, "Appmans")
    again = visitor(browser, office.demo.url)  # the first browser was closed halfway
    again.open("/inloggen/")
    again.fill(username=username, password=PASSWORD)
    again.send()
    again.at("/profiel/twee-factor/")
    again.follow("a[href^='/profiel/twee-factor/app/']")
    secret = again.page.locator("main code").inner_text().replace(" ", "")
    again.enter_code("000000")
    again.sees("#id_code[aria-invalid=true]")
    key = base64.b32decode(secret)
    again.enter_code(code_at(key, time.time()))
    make_codes(again)
    log_out(again)
    again.fill(username=username, password=PASSWORD)
    again.send()
    again.at("/inloggen/code/")
    again.fill(code=code_at(key, time.time() + 30))
    again.send()
    again.at("/")
    again.open("/profiel/twee-factor/")
    again.sees("table.list tbody tr")
    for page in ("app/", "passkey/", "herstelcodes/"):
        again.open(f"/profiel/twee-factor/{page}")
    for button in ("naam/", "verwijderen/"):
        again.open("/profiel/twee-factor/")
        again.follow(f"td.actions a[href$='/{button}']")
    again.send(status=200)
    assert "verplicht" in again.page.locator(".note.danger").inner_text(), "the last one stays while it is required"


def test_an_administrator_resets_with_an_own_factor(browser: Browser, office: Office, guest: Visitor) -> None:
    guest.open("/inloggen/")
    guest.fill(username=office.username, password=office.password)
    guest.send()
    guest.pass_second_factor()
    guest.open("/gebruikers/?two_factor=active")
    guest.follow("tbody th a")
    reset = guest.page.locator("a[href$='/twee-factor-resetten/']").first.get_attribute("href")
    assert reset
    guest.open("/profiel/twee-factor/")
    guest.follow("a[href^='/profiel/twee-factor/passkey/']")
    press(guest, "#passkey-register-button", "/profiel/twee-factor/")  # the administrator has recovery codes
    guest.open(f"/bevestigen/?next={reset}")
    guest.at("/bevestigen/")
    guest.page.locator("#passkey-verification-button").click()
    guest.page.wait_for_url(f"{office.demo.url}{reset}")  # whole: the address before has it in its query
    guest.examine()
    guest.fill(reason="Telefoon kwijt")
    guest.send()
    guest.at("/gebruikers/{id}/")
    guest.sees("a[href$='/twee-factor-resetten/']", 0)
