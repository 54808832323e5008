"""A new office on a phone: from the empty home page to a colleague who reads their rights there."""

import pytest
from playwright.sync_api import Browser

from tests.authentication.mfa.test_office_policy_browser import PHONE
from tests.authentication.mfa.test_office_policy_browser import founder as founder
from tests.authentication.mfa.test_passkeys_browser import NUMBER, arrive
from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.teams.test_teams_browser import tick

pytestmark = [pytest.mark.browser, pytest.mark.slow]
STEP = "ol.steps [aria-current] a.button"


def test_the_home_page_leads_from_an_empty_office_to_a_colleague_with_a_team(
    browser: Browser, office: Office, founder: Visitor
) -> None:
    founder.page.set_viewport_size(PHONE["viewport"])
    founder.open("/")
    founder.sees("ol.steps li.done", 0)
    founder.follow(STEP)
    founder.fill(name="Loon")
    founder.send()
    founder.open("/")
    founder.sees("ol.steps li.done")
    founder.follow(STEP)
    founder.follow("a[href$='/rechten/']")
    tick(founder, "Raadplegen teams", "Raadplegen beloningen")
    founder.send()
    founder.open("/")
    founder.sees("ol.steps li.done", 2)
    founder.follow(STEP)
    assert founder.page.locator("input[name=teams]:checked").count() == 1
    after = len(office.demo.mailbox())
    founder.fill(initials="E.", last_name="Eerste", email="e.eerste@jansen.example")
    founder.send()
    founder.fill(mobile_number=NUMBER)
    founder.send()
    founder.open("/")
    founder.sees("ol.steps", 0)
    guest = visitor(browser, office.demo.url, **PHONE)
    arrive(guest, office, "e.eerste@jansen.example", "e.eerste", after=after, steps=3)
    guest.at("/")
    assert "Raadplegen teams" in guest.page.locator("section[aria-labelledby=access-summary]").inner_text()
    guest.follow("section[aria-labelledby=access-summary] a")
    guest.at("/teams/")
    guest.page.context.close()
