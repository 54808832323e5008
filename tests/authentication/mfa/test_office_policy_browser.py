"""A new office requires two-factor, in a real Chromium: from the e-mails to the home page."""

import base64
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.utils.timezone import localdate
from playwright.sync_api import Browser

from tests.authentication.mfa.test_passkeys_browser import (
    NUMBER,
    PASSWORD,
    arrive,
    log_out,
    make_codes,
    press,
    with_authenticator,
)
from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.helpers.demo_process import ROOT
from tests.helpers.mfa import code_at
from tests.helpers.servers import own_environment
from tests.loket.test_docs import first_administrator

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHONE = {"viewport": {"width": 360, "height": 740}}


def manage(office: Office, *arguments: str) -> None:
    """Run a manage.py command on the running demo."""
    environment = own_environment(office.demo.folder) | {"LOKET_DEMO": "1", "LOKET_URL": office.demo.url}
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True)


@pytest.fixture(scope="module")
def founder(browser: Browser, office: Office) -> Visitor:
    """The first administrator of a new office, invited as the guide says, who must enroll and uses a passkey."""
    after = len(office.demo.mailbox())
    manage(office, *first_administrator())
    found = visitor(browser, office.demo.url)
    with_authenticator(found)
    arrive(found, office, "a.jansen@example.com", "a.jansen", after=after)
    found.at("/profiel/twee-factor/")
    found.follow("a[href^='/profiel/twee-factor/passkey/']")
    press(found, "#passkey-register-button", "/profiel/twee-factor/herstelcodes/")
    make_codes(found)
    return found


def ask(founder: Visitor, **policy: str | bool) -> None:
    """Set the office's policy after previewing its impact."""
    founder.open("/")
    founder.follow_to("/kantoor/twee-factor/")
    founder.fill(**{"two_factor_from": "", "two_factor_days": ""} | policy)
    founder.send()
    founder.at("/kantoor/twee-factor/gevolgen/")
    founder.send("main form[method=post] button.primary")
    founder.at("/kantoor/twee-factor/")
    founder.sees(".note.success")


def invite(founder: Visitor, office: Office, last_name: str) -> int:
    """Invite a user covered only by the office's policy; return the number of messages before that."""
    after = len(office.demo.mailbox())
    founder.open("/gebruikers/nieuw/website/")
    founder.fill(initials="N.", last_name=last_name, email=f"{last_name.lower()}@jansen.example")
    founder.send()
    founder.fill(mobile_number=NUMBER)
    founder.send()
    return after


def test_everybody_must_and_each_method_leads_to_the_home_page(
    browser: Browser, office: Office, founder: Visitor
) -> None:
    ask(founder, two_factor_from=localdate().isoformat())
    guest = visitor(browser, office.demo.url, **PHONE)
    arrive(guest, office, "appel@jansen.example", "n.appel", after=invite(founder, office, "Appel"))
    guest.at("/profiel/twee-factor/")
    guest.follow("a[href^='/profiel/twee-factor/app/']")
    key = base64.b32decode(guest.page.locator("main code").inner_text().replace(" ", ""))
    guest.enter_code(code_at(key, time.time()))
    codes = make_codes(guest)
    log_out(guest)
    guest.fill(username="n.appel", password=PASSWORD)
    guest.send()
    guest.follow("a[href^='/inloggen/herstelcode/']")
    guest.fill(code=codes[0])
    guest.send()
    guest.at("/")
    other = visitor(browser, office.demo.url)
    with_authenticator(other)
    arrive(other, office, "peer@jansen.example", "n.peer", after=invite(founder, office, "Peer"))
    other.follow("a[href^='/profiel/twee-factor/passkey/']")
    press(other, "#passkey-register-button", "/profiel/twee-factor/herstelcodes/")
    make_codes(other)
    log_out(other)
    press(other, "#passkey-verification-button", "/")


def test_a_day_that_lies_ahead_is_on_every_page_and_in_the_mail(
    browser: Browser, office: Office, founder: Visitor
) -> None:
    ask(founder, two_factor_from=(localdate() + timedelta(days=5)).isoformat(), two_factor_days="3")
    guest = visitor(browser, office.demo.url, **PHONE)
    with_authenticator(guest)
    arrive(guest, office, "druif@jansen.example", "n.druif", after=invite(founder, office, "Druif"), steps=3)
    guest.at("/")
    for page in ("/", "/profiel/"):
        guest.open(page)
        guest.sees(".note a[href='/profiel/twee-factor/']")
    after = len(office.demo.mailbox())
    manage(office, "worker", "--once")
    assert "/profiel/twee-factor/" in office.demo.wait_for("mail", "druif@jansen.example", after=after)
    guest.follow(".note a[href='/profiel/twee-factor/']")
    guest.follow("a[href^='/profiel/twee-factor/passkey/']")
    press(guest, "#passkey-register-button", "/profiel/twee-factor/herstelcodes/")
    make_codes(guest)
    guest.sees(".note a[href='/profiel/twee-factor/']", 0)
