"""Teams in a real browser: created, assigned in the invitation, and explained."""

import re

import pytest
from playwright.sync_api import Browser, Locator

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.loket.test_invitation_journey_browser import PHONE, choose_account, link, open_person, prove_phone, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EMAIL, NUMBER = "t.teamlid@devries.example", "+31612345678"
GIVEN = ("Raadplegen gebruikers AK", "Raadplegen teams", "Raadplegen beloningen")


def tick(person: Visitor, *labels: str) -> None:
    """Tick the checkboxes with these labels, ignoring their help texts."""
    for label in labels:
        box(person, label).check()


def pick(person: Visitor, field: str, typed: str, name: str) -> None:
    """Type in a picker and press Enter on the first hit, which must have this name."""
    combobox = person.page.get_by_role("combobox", name=field, exact=True)
    combobox.press_sequentially(typed)
    person.page.get_by_role("option", name=name).wait_for()
    combobox.press("Enter")


def box(person: Visitor, label: str) -> Locator:
    return person.page.locator("main").get_by_role("checkbox", name=re.compile(rf"^{label}"))


def make_employer(admin: Visitor) -> None:
    admin.open("/werkgevers/")
    admin.follow_to("/werkgevers/nieuw/")
    admin.fill(number="4711", name="Kwekerij De Story")
    admin.send()
    admin.at("/werkgevers/{id}/teams/")


def make_team(admin: Visitor) -> str:
    """Create a team with rights and an employer; return its URL."""
    admin.open("/teams/")
    admin.follow_to("/teams/nieuw/")
    admin.fill(name="Team Story")
    admin.send()
    admin.at("/teams/{id}/")
    team = admin.page.url
    admin.sees(".note.warning")
    admin.follow("a[href$='/werkgevers/']:text('Toevoegen')")
    admin.fill(q="kwekerij")
    admin.send("main form[role=search] button")
    tick(admin, "Kwekerij De Story")
    admin.send()
    admin.follow("a[href$='/rechten/']")
    tick(admin, *GIVEN)
    admin.send()
    admin.sees("main .rights-grid .subject :checked", 3)
    return team


def invite_into_team(admin: Visitor, office: Office) -> str:
    """Invite a colleague with the team in the form; return the link in the e-mail."""
    after = len(office.demo.mailbox())
    admin.open("/gebruikers/nieuw/website/")
    admin.fill(initials="T.", last_name="Teamlid", email="geen adres")
    pick(admin, "Teams", "story", "Team Story")
    admin.page.locator("#access-preview strong", has_text="3 rechten bij 1 werkgever").wait_for()
    admin.send()
    admin.sees("#errors")
    assert admin.page.locator(".picker-chip").inner_text() == "Team Story", "what was chosen stays"
    admin.fill(email=EMAIL)
    admin.send()
    admin.at("/gebruikers/nieuw/website/mobiel/")
    assert "team Team Story" in admin.page.locator("main form").inner_text()
    admin.follow("a:text-is('Terug')")
    assert admin.page.locator(".picker-chip").inner_text() == "Team Story"
    admin.send()
    admin.fill(mobile_number=NUMBER)
    admin.send()
    assert "werkt zodra de uitnodiging is geaccepteerd" in admin.page.locator(".note.success").inner_text()
    return link(office, "uitnodiging", EMAIL, after)


def sees_exactly_those(guest: Visitor) -> None:
    guest.open("/profiel/")
    assert guest.page.locator("section[aria-labelledby=own-rights] li").all_inner_texts() == list(GIVEN[:2])
    guest.open("/gebruikers/?q=Teamlid")
    guest.follow("tbody th a")
    guest.follow("nav.tabs a:text-is('Teams')")
    guest.at("/gebruikers/{id}/teams/")
    assert "Team Story" in guest.page.locator("main").inner_text()
    guest.sees("main form", 0)
    guest.follow("nav.tabs a:text-is('Rechten')")
    given = guest.page.locator("td.given input:checked:disabled")
    assert [box.get_attribute("aria-label") for box in given.all()] == list(GIVEN)
    sources = guest.page.locator("td.given a.source").all_text_contents()
    assert [" ".join(text.split()) for text in sources] == ["via team Team Story"] * len(GIVEN)
    guest.sees("main input:enabled[name=rights]", 0)
    guest.open("/werkgevers/", status=403)
    guest.open("/gebruikers/nieuw/website/", status=403)


def why_names_the_team(admin: Visitor, person: str) -> None:
    admin.open(person)
    admin.follow("nav.tabs a:text-is('Rechten')")
    admin.follow(".where a[href*='right=view_wages']")
    said = admin.page.locator("main").text_content() or ""  # what is folded too
    assert "Kwekerij De Story" in said
    assert "Team Team Story geeft “Raadplegen beloningen”." in said
    assert "Haal de gebruiker uit team Team Story." in said


def individual_rights_are_flagged(admin: Visitor, person: str) -> None:
    admin.open(f"{person}rechten/")
    assert box(admin, GIVEN[1]).is_disabled(), "a team gives it already"
    tick(admin, "Raadplegen historie")
    admin.send()
    admin.sees("td.stored:has([value=view_audit]) .chip.warning:text-is('individueel')")
    admin.open("/afwijkingen/")
    assert "Teamlid" in admin.page.locator("main").inner_text()


def test_a_colleague_is_invited_into_a_team_and_holds_what_it_gives(browser: Browser, office: Office) -> None:
    admin, guest = visitor(browser, office.demo.url), visitor(browser, office.demo.url, **PHONE)
    sign_in(admin, office.username, office.password)
    make_employer(admin)
    team = make_team(admin)
    opened = invite_into_team(admin, office)
    prove_phone(guest, office, opened, NUMBER)
    choose_account(guest, "t.teamlid")
    sees_exactly_those(guest)
    person = open_person(admin, "Teamlid")
    why_names_the_team(admin, person)
    individual_rights_are_flagged(admin, person)
    guest.open(f"{team.removeprefix(office.demo.url)}")
    assert "Team Story" in guest.page.locator("h1").inner_text()
    guest.sees("main form[method=post]", 0)


def test_a_person_is_put_into_teams_and_taken_out(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url, java_script_enabled=False)
    sign_in(admin, office.username, office.password)
    open_person(admin, "Bouzid")
    assert "kan nog niets" in admin.page.locator(".note.warning").inner_text()
    admin.follow(".note a:text-is('teams')")
    admin.follow("a:text-is('In teams zetten')")
    tick(admin, "Accountants", "Loon Zuid")
    admin.send()
    admin.at("/gebruikers/{id}/teams/")
    tick(admin, "Loon Zuid")
    admin.send("main button.danger")
    assert "uit 1 team halen?" in admin.page.locator("h1").inner_text()
    admin.send("main button.danger")
    admin.at("/gebruikers/{id}/teams/")
    assert "Loon Zuid" not in admin.page.locator("main form").inner_text()
    admin.follow("nav.tabs a:text-is('Overzicht')")
    admin.sees(".note.warning", 0)


def test_a_set_and_everybody_who_matches(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url)
    sign_in(admin, office.username, office.password)
    admin.open("/teams/nieuw/")
    admin.fill(name="Allemaal")
    admin.send()
    admin.follow("nav.tabs a[href$='tab=rights']")
    admin.follow("a[href$='/set/']")
    admin.page.locator("main select").select_option(label="Meekijken")
    admin.send("main .filters button")
    admin.sees("section[aria-labelledby=apply-set] li", 4)
    admin.sees("section[aria-labelledby=make-equal]", 0)
    admin.send()
    admin.at("/teams/{id}/")
    admin.follow("nav.tabs a[href$='tab=rights']")
    admin.sees("main .rights-grid .subject :checked", 4)
    admin.follow("nav.tabs a:text('Leden')")
    admin.follow("a[href$='/gebruikers/']:text('Toevoegen')")
    admin.fill(q="van")
    admin.send("main form[role=search] button")
    count = admin.page.locator("main fieldset input[type=checkbox]").count()
    admin.send(f"button:text-is('Alle {count} die overeenkomen toevoegen')")
    admin.at("/teams/{id}/")
    assert f"Leden {count}" in admin.page.locator("nav.tabs").inner_text()
