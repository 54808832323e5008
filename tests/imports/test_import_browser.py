"""Setting up an office in a real browser: 200 users from the template, and a bulk action on a phone."""

import re
import time
from io import BytesIO
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.loket.test_invitation_journey_browser import PHONE, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PEOPLE, SECONDS = 200, 120


def filled_in(template: bytes) -> bytes:
    """Return the template with one row per colleague below its example."""
    book = load_workbook(BytesIO(template))
    sheet = book.active
    heads = [cell.value for cell in sheet[1]]
    for number in range(PEOPLE):
        row = {
            "Inlogmethode": "Via website en SSO", "Voorletters": "S.", "Achternaam": f"Sjabloon {number:03}",
            "Email": f"sjabloon{number}@devries.example", "Mobiel nummer": f"06 12345{number:03}",
        }  # fmt: skip
        assert row.keys() <= set(heads)
        sheet.append([row.get(head) for head in heads])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def template(admin: Visitor) -> bytes:
    with admin.page.expect_download() as download:
        admin.page.locator("a[href$='sjabloon.xlsx']").click()
    return Path(download.value.path()).read_bytes()


def have_it_done(admin: Visitor) -> list[str]:
    """Press the button and follow the page until the job is done; return the texts shown in the meantime."""
    said = []
    admin.page.locator("main button.primary").click()
    deadline = time.monotonic() + SECONDS
    while not admin.page.locator("a[href$='resultaat.csv']").count():
        assert time.monotonic() < deadline, said
        said.append(admin.page.locator("h1").inner_text())
        admin.page.wait_for_timeout(200)
    admin.examine()
    return said


def test_an_office_of_200_people_in_five_minutes(browser: Browser, office: Office) -> None:
    started, admin = time.monotonic(), visitor(browser, office.demo.url, accept_downloads=True)
    sign_in(admin, office.username, office.password)
    admin.open("/gebruikers/")
    admin.follow_to("/gebruikers/importeren/")
    content = filled_in(template(admin))
    file = {"name": "mensen.xlsx", "mimeType": "application/octet-stream", "buffer": content}
    admin.page.locator("main [name=file]").set_input_files(file)
    admin.send()
    admin.at("/gebruikers/plan/{id}/")
    said = admin.page.locator("section[aria-labelledby=totals]").inner_text()
    assert f"{PEOPLE} nieuw." in said
    assert f"die uitgaan: {PEOPLE}." in said
    admin.sees("section[aria-labelledby=plan-items] tbody tr", 100)
    admin.follow("a[rel=next]")
    admin.sees("section[aria-labelledby=plan-items] tbody tr", 100)
    admin.sees("a[rel=next]", 0)
    assert set(have_it_done(admin)) <= {"Plan van de import", "Wordt uitgevoerd", "Import uitgevoerd"}
    with admin.page.expect_download() as download:
        admin.page.locator("a[href$='resultaat.csv']").click()
    assert Path(download.value.path()).read_text("utf-8-sig").count(";aangemaakt;") == PEOPLE
    everybody = {f"sjabloon{number}@devries.example" for number in range(PEOPLE)}
    deadline = time.monotonic() + SECONDS
    while missing := everybody - {mail["to"] for mail in office.demo.mailbox()}:
        assert time.monotonic() < deadline, f"{len(missing)} invitations were not sent"
        time.sleep(1)
    assert time.monotonic() - started < 300


def test_several_at_once_on_a_telephone_without_scripts(browser: Browser, office: Office) -> None:
    """By keyboard only; users who cannot be changed are named, the others are changed, and it is undone."""
    admin = visitor(browser, office.demo.url, java_script_enabled=False, **PHONE)
    sign_in(admin, office.username, office.password)
    admin.open("/gebruikers/?q=groen")
    for box in admin.page.locator("main [name=users]").all():
        box.press("Space")
    press(admin, ".bulk-bar button[value='']")
    admin.at("/gebruikers/meerdere/")
    admin.page.locator("[name=act][value=two_factor]").press("Space")
    press(admin, "main button.primary")
    admin.at("/gebruikers/plan/{id}/")
    assert "alleen verplicht worden voor gebruikers via website" in admin.page.locator("main").inner_text()
    admin.sees("main button.primary", 0)
    admin.open("/gebruikers/?q=berg")
    admin.page.locator("main [name=users]").first.press("Space")
    press(admin, ".bulk-bar button[value='']")
    admin.page.locator("[name=act][value=block]").press("Space")
    press(admin, "main button.primary")
    plan = admin.page.url
    have_it_done(admin)
    assert status(admin) == "Geblokkeerd"
    admin.open(plan)
    press(admin, "form[action$='terugdraaien/'] button")
    assert "blijven verstuurd" in admin.page.locator("main").inner_text()
    have_it_done(admin)
    assert status(admin) == "Heeft toegang"


def press(admin: Visitor, selector: str) -> None:
    with admin.page.expect_navigation():
        admin.page.locator(selector).press("Enter")
    admin.examine()


def status(admin: Visitor) -> str:
    admin.open("/gebruikers/?q=berg")
    return re.sub(r"\W+", " ", admin.page.locator("tbody td.status").first.inner_text()).strip()
