"""The invitation journey in a real browser: an office invites a colleague by e-mail and SMS, who accepts."""

import re

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import Office, Visitor, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office

pytestmark = [pytest.mark.browser, pytest.mark.slow]
USERNAME, PASSWORD, CHANGED, FORGOTTEN = "j.debakker", "Zonnebloem-42", "Korenbloem!17", "Vergeet-mij-niet-8"
PHONE = {"viewport": {"width": 360, "height": 740}}


def sign_in(person: Visitor, username: str, password: str) -> None:
    person.open("/inloggen/")
    person.fill(username=username, password=password)
    person.send()
    if username == "m.vermeer":
        person.pass_second_factor()
    person.at("/")


def sign_out(person: Visitor) -> None:
    person.open("/uitloggen/")
    person.send()
    person.at("/inloggen/")


def invite(admin: Visitor, office: Office, last_name: str, email: str, number: str) -> str:
    """Invite a user; return the link in the e-mail."""
    after = len(office.demo.mailbox())
    admin.open("/gebruikers/")
    admin.follow_to("/gebruikers/nieuw/website/")
    admin.fill(initials="J.A.", prefix="de", last_name=last_name, email=email)
    admin.send()
    admin.at("/gebruikers/nieuw/website/mobiel/")
    admin.fill(mobile_number=number)
    admin.send()
    admin.at("/gebruikers/")
    admin.sees(".note.success a[href$='/rechten/']")
    return link(office, "uitnodiging", email, after)


def link(office: Office, path: str, email: str, after: int) -> str:
    """Return the link in the newest e-mail to a user, once it is there."""
    found = re.search(rf"http\S+/{path}/\S+", office.demo.wait_for("mail", email, after=after))
    assert found
    return found[0]


def open_person(admin: Visitor, last_name: str) -> str:
    """Find a user in the list and open the page; return its URL."""
    admin.open(f"/gebruikers/?q={last_name}")
    admin.sees("tbody tr")
    admin.follow("tbody th a")
    admin.at("/gebruikers/{id}/")
    return admin.page.url


def prove_phone(guest: Visitor, office: Office, opened: str, number: str) -> None:
    """Open the link, request the code, and enter a wrong one first."""
    guest.open(opened)
    guest.at("/uitnodiging/")
    assert office.demo.mailbox()[0]["channel"] == "mail"  # opening it sends nothing
    said = guest.page.locator("main").inner_text()
    assert "Administratiekantoor De Vries" in said
    assert guest.page.locator("main strong", has_text=number[-2:]).count() == 1
    assert number[-3:] not in said
    after = len(office.demo.mailbox())
    guest.send()
    guest.at("/uitnodiging/code/")
    code = re.search(r"\d{6}", office.demo.wait_for("sms", number, after=after))[0]
    guest.fill(code="000000" if code != "000000" else "111111")
    guest.send()
    guest.at("/uitnodiging/code/")
    guest.sees("#id_code[aria-invalid=true]")
    guest.fill(code=f"{code[:3]} {code[3:]}")
    guest.send()
    guest.at("/uitnodiging/account/")


def choose_account(guest: Visitor, username: str) -> None:
    """Choose a username and a password, first too weak a one; scripts mark the rules that are met."""
    guest.fill(username=username, password="abc", password_again="abc")
    guest.send()
    guest.at("/uitnodiging/account/")
    guest.sees("#id_password[aria-invalid=true]")
    guest.fill(password=PASSWORD, password_again=PASSWORD)
    guest.send()
    guest.at("/")


def change_password(guest: Visitor) -> None:
    guest.page.locator("button.avatar").click()
    guest.follow_to("/profiel/")
    guest.at("/profiel/")
    guest.fill(first_name="Jan")
    guest.send()
    guest.at("/profiel/")
    guest.follow_to("/profiel/wachtwoord/")
    guest.fill(current_password=PASSWORD, password=CHANGED, password_again=CHANGED)
    guest.send()
    guest.at("/profiel/")


def manage(admin: Visitor, guest: Visitor, person: str) -> None:
    """Edit, grant a right to, block and unblock a colleague who is signed in."""
    assert "Heeft toegang" in admin.page.locator("main").inner_text()
    admin.sees("#invitation .milestones .good", 5)
    admin.sees("#invitation .buttons", 0)
    admin.follow("a[href$='/bewerken/']")
    admin.fill(place_of_employment="Groningen", has_access_to_test_years=True)
    admin.send()
    assert "Groningen" in admin.page.locator("main").inner_text()
    guest.open("/gebruikers/", status=403)
    admin.follow("a[href$='/rechten/']")
    admin.page.locator("[name=rights][value=view_users]").check()
    admin.send()
    guest.open("/gebruikers/")
    guest.sees("tbody tr", len(admin_rows(admin)))
    admin.open(person)
    admin.follow("a[href$='/blokkeren/']")
    admin.send()
    guest.follow("tbody th a")
    guest.at("/inloggen/")
    guest.fill(username=USERNAME, password=CHANGED)
    guest.send()
    guest.at("/inloggen/")
    guest.sees("#errors")
    admin.send("form[action$='/deblokkeren/'] button")
    sign_in(guest, USERNAME, CHANGED)


def admin_rows(admin: Visitor) -> list[str]:
    admin.open("/gebruikers/")
    return admin.page.locator("tbody th a").all_inner_texts()


@pytest.mark.slow
def test_an_office_invites_a_colleague_who_gets_in(browser: Browser, office: Office) -> None:
    admin, guest = visitor(browser, office.demo.url), visitor(browser, office.demo.url, **PHONE)
    sign_in(admin, office.username, office.password)
    admin.follow_to("/gebruikers/")
    opened = invite(admin, office, "Bakker-Story", "j.debakker@devries.example", "06 - 1234 56 78")
    prove_phone(guest, office, opened, "+31612345678")
    guest.fill(password="zonne")
    guest.sees(".password-rules [data-rule=lower].rule-met")
    guest.sees(".password-rules .rule-met", 1)
    guest.fill(password=PASSWORD)
    guest.sees(".password-rules .rule-met", 6)
    choose_account(guest, USERNAME)
    guest.sees(".note.success")
    sign_out(guest)
    guest.open(opened, status=410)
    sign_in(guest, USERNAME, PASSWORD)
    change_password(guest)
    manage(admin, guest, open_person(admin, "Bakker-Story"))
    assert "345678" not in re.sub(r"\D", "", admin.page.locator("main").inner_text()), "the number is not kept"


@pytest.mark.slow
def test_an_invitation_is_sent_again_and_revoked(browser: Browser, office: Office) -> None:
    admin, guest = visitor(browser, office.demo.url), visitor(browser, office.demo.url, **PHONE)
    sign_in(admin, office.username, office.password)
    first = invite(admin, office, "Nogmaals", "nogmals@devries.example", "0031 6 12345678")
    open_person(admin, "Nogmaals")
    after = len(office.demo.mailbox())
    admin.follow("a[href$='/opnieuw-versturen/']")
    admin.fill(mobile_number="020 1234567")
    admin.send()
    admin.sees("#id_mobile_number[aria-invalid=true]")
    admin.fill(email="nogmaals@devries.example", mobile_number="+32 470 12 34 56")
    admin.send()
    admin.at("/gebruikers/{id}/")
    second = link(office, "uitnodiging", "nogmaals@devries.example", after)
    guest.open(first, status=404)
    guest.open(second)
    admin.follow("a[href$='/intrekken/']")
    admin.send()
    assert "ingetrokken" in admin.page.locator("main").inner_text()
    guest.open(second, status=404)


@pytest.mark.slow
def test_an_office_writes_its_own_mail(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url)
    sign_in(admin, office.username, office.password)
    admin.open("/kantoor/")
    admin.send()
    admin.follow_to("/kantoor/e-mailteksten/")
    admin.follow_to("/kantoor/e-mailteksten/invitation/nl/")
    admin.fill(subject="Kom erbij {Naam}")
    admin.send()
    admin.sees("#id_subject[aria-invalid=true]")
    admin.fill(subject="Kom erbij, {GebruikerVoorletters}")
    admin.fill(body="Dag {GebruikerVoorletters},\n\n{UitnodigingLink}\n\n{CodeTekst}\n\n{TwoFactorTekst}")
    admin.page.locator("main [formaction$='/voorbeeld/']").click()
    admin.page.frame_locator("iframe[name=email-preview]").get_by_text("Dag M.,").wait_for()
    admin.examine()
    after = len(office.demo.mailbox())
    admin.send("main [formaction$='/proef/']")
    office.demo.wait_for("mail", "m.vermeer@devries.example", after=after)
    assert office.demo.mailbox()[0]["subject"].startswith("Test: Kom erbij, ")
    admin.send()
    admin.open("/demo/postvak/")
    shown = admin.page.frame_locator("iframe").first
    assert shown.locator("h1").inner_text() == "M. Vermeer nodigt je uit voor Loket"
    with admin.page.expect_popup() as opened:
        shown.get_by_role("link", name="Uitnodiging openen").click()
    opened.value.wait_for_url("**/uitnodiging/**")
    opened.value.close()
    admin.open("/kantoor/e-mailteksten/invitation/nl/")
    admin.follow("a[href='?version=loket']")
    admin.send()


@pytest.mark.slow
def test_a_forgotten_password_is_replaced(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url, **PHONE)
    after = len(office.demo.mailbox())
    admin.open("/inloggen/")
    admin.follow_to("/wachtwoord-vergeten/")
    admin.fill(email="c.smit@smit.example")
    admin.send()
    admin.open(link(office, "wachtwoord-vergeten", "c.smit@smit.example", after))
    admin.at("/wachtwoord-vergeten/nieuw/")
    admin.fill(password=FORGOTTEN, password_again="iets anders")
    admin.send()
    admin.sees("#id_password_again[aria-invalid=true]")
    admin.fill(password=FORGOTTEN, password_again=FORGOTTEN)
    admin.send()
    admin.at("/inloggen/")
    sign_in(admin, "c.smit", FORGOTTEN)
    assert admin.page.locator("button.avatar").get_attribute("title") == "C. Smit"


@pytest.mark.slow
def test_a_colleague_gets_in_without_scripts(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url, java_script_enabled=False)
    guest = visitor(browser, office.demo.url, java_script_enabled=False, **PHONE)
    sign_in(admin, office.username, office.password)
    opened = invite(admin, office, "Zonder Script", "zonder@devries.example", "+31687654321")
    prove_phone(guest, office, opened, "+31687654321")
    choose_account(guest, "zonder.script")
    guest.sees(".note.success")
    assert "Zonder Script" in str(guest.page.locator("button.avatar").get_attribute("title"))


def tab_to(person: Visitor, selector: str) -> None:
    """Press Tab until an element of the page has the focus."""
    for _press in range(60):
        if person.page.locator(f"{selector}:focus").count():
            return
        person.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


def type_into(person: Visitor, **values: str) -> None:
    for name, value in values.items():
        tab_to(person, f"main [name={name}]")
        person.page.keyboard.type(value)


def press_enter(person: Visitor) -> None:
    with person.page.expect_navigation():
        person.page.keyboard.press("Enter")
    person.examine()


@pytest.mark.slow
def test_the_keyboard_is_enough(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url)
    admin.open("/inloggen/")
    type_into(admin, username=office.username, password=office.password)
    press_enter(admin)
    admin.pass_second_factor()
    admin.open("/gebruikers/")
    tab_to(admin, "a[href='/gebruikers/nieuw/website/']")
    press_enter(admin)
    type_into(admin, initials="T.", last_name="Toets", email="t.toets@devries.example")
    tab_to(admin, "main [name=two_factor_required]")
    admin.page.keyboard.press("Space")
    tab_to(admin, "main button.primary")
    press_enter(admin)
    admin.at("/gebruikers/nieuw/website/mobiel/")
    type_into(admin, mobile_number="0612345678")
    press_enter(admin)
    admin.at("/gebruikers/")
    assert "Toets" in admin.page.locator(".note.success").inner_text()


def test_the_screens_say_what_the_seed_says(browser: Browser, office: Office) -> None:
    admin = visitor(browser, office.demo.url)
    sign_in(admin, office.username, office.password)
    admin.open("/gebruikers/")
    admin.page.locator(".split-button summary").click()
    admin.follow(".popover a:text-is('Via website en SSO')")
    for label in ("Voorletters", "Voorvoegsel", "Achternaam", "Email"):
        assert admin.page.get_by_label(re.compile(rf"^{label}\b")).count() == 1, label
    admin.fill(initials="S.", last_name="Seed", email="seed@devries.example")
    admin.send("main button:text-is('Uitnodigen')")
    admin.sees("main button:text-is('Uitnodiging versturen')")


def test_a_password_is_shown_on_request_and_sent_as_a_password(browser: Browser, office: Office) -> None:
    person = visitor(browser, office.demo.url)
    person.open("/inloggen/")
    person.fill(username=office.username, password=office.password)
    field, button = person.page.locator("#id_password"), person.page.get_by_role("button", name="wachtwoord")
    for kind, word in (("text", "Verbergen"), ("password", "Tonen"), ("text", "Verbergen")):
        button.click()
        assert (field.get_attribute("type"), button.locator("span").first.inner_text()) == (kind, word)
        assert field.input_value() == office.password
    person.examine()
    person.page.evaluate(
        "document.querySelector('main form').addEventListener('submit', event => event.preventDefault())"
    )
    person.page.locator("main button.primary").click()
    assert field.get_attribute("type") == "password"


def test_without_scripts_nothing_offers_to_show_a_password(browser: Browser, office: Office) -> None:
    person = visitor(browser, office.demo.url, java_script_enabled=False)
    person.open("/inloggen/")
    assert person.page.locator("main button >> visible=true").count() == 1
