"""Ten everyday jobs of an administrator, each with the fewest clicks and pages that it takes.

Typing is no click. A press of Enter, of the comma that ends a name, or of a shortcut is one, and so is opening a menu.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.loket.test_invitation_journey_browser import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MEMBERS = """SELECT count(*) FROM permissions_teammember m JOIN permissions_team t ON t.id = m.team_id
    WHERE t.name = %s"""
WITHOUT_FACTOR = """SELECT count(*) FROM accounts_user u JOIN accounts_provider p ON p.id = u.provider_id
    WHERE p.name = 'Administratiekantoor De Vries' AND login_method = 'website_sso' AND accepted_at IS NOT NULL
    AND second_factor_at IS NULL AND blocked_at IS NULL AND (access_until IS NULL OR access_until >= current_date)"""


@dataclass
class Clicks:
    """Counts the clicks in a page and the pages that open."""

    page: Page
    clicks: int = 0
    pages: int = 0

    def __post_init__(self) -> None:
        self.page.on("domcontentloaded", self._count_page)

    def _count_page(self, page: Page) -> None:
        self.pages += 1

    def stop(self) -> None:
        self.page.remove_listener("domcontentloaded", self._count_page)

    def click(self, target: str | Locator) -> None:
        """Click on something that changes the page."""
        (self.page.locator(target) if isinstance(target, str) else target).click()
        self.clicks += 1

    def follow(self, target: str | Locator) -> None:
        """Click on something that opens another page."""
        with self.page.expect_navigation():
            self.click(target)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.clicks += 1

    def search(self, text: str) -> None:
        """Open the quick search and type in it."""
        self.press("/")
        self.page.keyboard.type(text)

    def find_hit(self, text: str) -> Locator:
        """Return the hit of the quick search with a text, once it is there."""
        hit = self.page.locator(".quick-search [role=option]", has_text=text)
        hit.wait_for()
        return hit

    def type(self, field: str, text: str) -> None:
        """Type in a field that Tab leads to."""
        self.page.locator(field).focus()
        self.page.keyboard.type(text)


@pytest.fixture(scope="module")
def admin(browser: Browser, office: Office) -> Visitor:
    """The administrator, signed in just now."""
    found = visitor(browser, office.demo.url)
    found.page.goto(f"{found.url}/inloggen/")
    sign_in(found, office.username, office.password)
    return found


@contextmanager
def at_most(admin: Visitor, start: str, *, clicks: int, pages: int) -> Iterator[Clicks]:
    """Open the page where a job starts, and check what it took."""
    admin.page.goto(admin.url + start)
    counted = Clicks(admin.page)
    yield counted
    counted.stop()
    assert not admin.faults
    assert counted.clicks <= clicks, f"{counted.clicks} clicks"
    assert counted.pages <= pages, f"{counted.pages} pages"


def ask(office: Office, query: str, *values: object) -> list[tuple[Any, ...]]:
    with office.demo.database() as connection:
        return connection.execute(query, values).fetchall()


def test_invite_a_colleague_with_two_teams(admin: Visitor, office: Office) -> None:
    with at_most(admin, "/", clicks=4, pages=3) as job:
        job.follow("main a[href='/gebruikers/nieuw/website/']")
        job.type("main [name=initials]", "T.")
        job.type("main [name=last_name]", "Tienstra")
        job.type("main [name=email]", "t.tienstra@devries.example")
        job.type("fieldset:has(legend:text-is('Teams')) [role=combobox]", "loon noord")
        job.press(",")
        job.page.keyboard.type("acc")
        job.page.locator(".picker-hits li", has_text="Accountants").wait_for()
        job.follow("main button.primary")
        job.type("main [name=mobile_number]", "06 12345678")
        job.follow("main button.primary")
    teams = """SELECT t.name FROM permissions_teammember m JOIN permissions_team t ON t.id = m.team_id
        JOIN accounts_user u ON u.id = m.user_id WHERE u.email = %s ORDER BY 1"""
    assert ask(office, teams, "t.tienstra@devries.example") == [("Accountants",), ("Loon Noord",)]
    office.demo.wait_for("mail", "t.tienstra@devries.example", after=0)


def test_resend_an_invitation(admin: Visitor, office: Office) -> None:
    sent = "SELECT sent_at FROM invitations_invitation i JOIN accounts_user u ON u.id = i.user_id WHERE u.email = %s"
    before = ask(office, sent, "m.a.peters@devries.example")
    with at_most(admin, "/gebruikers/?attention=any", clicks=2, pages=2) as job:
        job.follow(job.page.locator("tbody tr", has_text="Peters").get_by_role("link", name="Vergrendeld"))
        job.type("main [name=mobile_number]", "06 12345678")
        job.follow("main button.primary")
    assert before < ask(office, sent, "m.a.peters@devries.example")


def test_put_twenty_users_into_a_team(admin: Visitor, office: Office) -> None:
    ((before,),) = ask(office, MEMBERS, "Koppelingen")
    with at_most(admin, "/gebruikers/", clicks=4, pages=3) as job:
        job.type("#id_q", "er")
        job.page.locator("#list-count", has_text="beste eerst").wait_for()
        job.click("#tick-all")
        job.follow("#selection-form button[value=join]")
        job.type("main #id_team", "koppel")
        job.page.locator(".picker-hits mark", has_text="koppel").wait_for()
        job.follow("main button.primary")
        job.follow("main form button.primary")
    job.page.locator("h2", has_text="Wat is gedaan").wait_for()
    ((after,),) = ask(office, MEMBERS, "Koppelingen")
    assert after - before >= 20


def test_see_who_may_do_something_at_an_employer(admin: Visitor) -> None:
    with at_most(admin, "/", clicks=2, pages=1) as job:
        job.search("volkoren")
        job.find_hit("Bakkerij Het Volkoren").wait_for()
        with job.page.expect_navigation():
            job.press("Enter")
    row = job.page.locator("main tr", has_text="Benali, M.")
    assert "B" in row.inner_text().split()
    admin.sees("h2:text-is('Dekking')")


def test_see_who_lacks_two_factor(admin: Visitor, office: Office) -> None:
    with at_most(admin, "/gebruikers/", clicks=1, pages=1) as job:
        job.follow(job.page.locator("nav.tabs a", has_text="Geen two-factor"))
    assert [(job.page.locator("tbody tr").count(),)] == ask(office, WITHOUT_FACTOR)


def test_download_what_an_auditor_asks(admin: Visitor) -> None:
    with at_most(admin, "/historie/", clicks=2, pages=1) as job:
        job.follow("main a[href='/historie/auditpakket/'], header a[href='/historie/auditpakket/']")
        with job.page.expect_download() as download:  # of the last quarter, which the form proposes
            job.click("main button.primary")
    with ZipFile(download.value.path()) as package:
        assert package.testzip() is None
        assert any(name.endswith("verify.py") for name in package.namelist())


def test_see_why_a_colleague_cannot_do_something(admin: Visitor) -> None:
    with at_most(admin, "/", clicks=3, pages=2) as job:
        job.search("aalbers")
        job.follow(job.find_hit("Waarom mag C. Aalbers"))
        job.type("main #id_right", "beheer beloningen")
        job.page.locator(".picker-hits li:only-child mark").wait_for()
        job.page.keyboard.press("Tab")
        job.page.keyboard.type("1001")
        job.page.locator(".picker-hits mark", has_text="1001").wait_for()
        job.follow("main button.primary")
    answer = job.page.locator("main").inner_text()
    assert "Nee, nu niet" in answer
    assert "C. Aalbers heeft bij 1001 Bakkerij Het Volkoren nu niet het recht “Beheer beloningen”" in answer


def test_block_a_colleague(admin: Visitor, office: Office) -> None:
    with at_most(admin, "/", clicks=3, pages=2) as job:
        job.search("adriaanse")
        job.follow(job.find_hit("Blokkeer P. Adriaanse"))
        job.follow("main form button.danger")
    blocked = "SELECT blocked_at IS NOT NULL FROM accounts_user WHERE email = %s"
    assert ask(office, blocked, "p.adriaanse@devries.example") == [(True,)]


def test_undo_a_change_of_the_rights_of_a_team(admin: Visitor, office: Office) -> None:
    rights = """SELECT r."right" FROM permissions_teamright r JOIN permissions_team t ON t.id = r.team_id
        WHERE t.name = 'Loon Zuid' ORDER BY 1"""
    before = ask(office, rights)
    admin.page.goto(f"{admin.url}/teams/")
    admin.page.get_by_role("link", name="Loon Zuid").click()
    admin.page.wait_for_url(re.compile(r"/teams/[0-9a-f-]{36}/$"))
    admin.page.goto(f"{admin.page.url}rechten/")
    admin.page.locator("main [name=rights][value=view_wages]").uncheck()
    admin.page.locator("main form [name=sure]").wait_for(state="attached")  # it has said whom that reaches
    with admin.page.expect_navigation():
        admin.page.locator("main button.primary").click()
    assert ask(office, rights) != before
    with at_most(admin, "/", clicks=3, pages=3) as job:
        job.follow(".menu a[href='/historie/']")
        job.follow(job.page.locator(".event-day li", has_text="Loon Zuid").get_by_role("link").first)
        job.follow("main form button.primary")
    assert ask(office, rights) == before


def test_arrange_the_departure_of_a_colleague(admin: Visitor, office: Office) -> None:
    last_day = timezone.localdate() + timedelta(days=30)
    with at_most(admin, "/", clicks=4, pages=3) as job:
        job.search("dijkstra")
        job.follow(job.find_hit("Vertrek van E. Dijkstra"))
        job.page.locator("main [name=access_until]").fill(last_day.isoformat())
        job.follow("main form.card button.primary")
        job.follow("main form button.primary, main form button.danger")
    until = "SELECT access_until FROM accounts_user WHERE email = %s"
    assert ask(office, until, "e.dijkstra@devries.example") == [(last_day,)]
