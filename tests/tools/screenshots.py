"""`make screenshots`: every page in light and dark, 360 and 1280 pixels wide, in screenshots/."""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import django
from playwright.sync_api import Browser, Error, Page, Route

from tests.helpers.browser import chromium, fill_quietly, run_axe, without_reload
from tests.helpers.demo_process import ROOT, Demo, fresh_demo
from tests.tools.screenshot_pages import employers, ended, kinds, leaving, microsoft, not_vouched_for, two_factor
from tests.tools.screenshot_reviews import access_review, duties

FOLDER = ROOT / "screenshots"
PASSWORD = "Zonnebloem-42"
NUMBER = "06 12345678"
JOB_MS = 120_000  # the worker does a job of many users within this, in milliseconds, on a busy machine too
LONG = {
    "initials": "A.B.C.",
    "prefix": "van der",
    "last_name": "Wolfeschlegelsteinhausen",
    "email": "wolfeschlegelsteinhausenbergerdorff.achternaamsen.van.oudshoorn@administratiekantoor.example",
}


class Camera:
    """A browser that visits the pages and takes four pictures of each."""

    def __init__(self, browser: Browser, demo: Demo) -> None:
        self.demo = demo
        self.page: Page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        self.page.set_default_timeout(10_000)
        self.password = ""  # of the user who signed in last

    def go(self, path: str) -> None:
        """Open a page, re-authenticating where needed: visiting all pages takes longer than five minutes."""
        self.page.goto(path if path.startswith("http") else self.demo.url + path)
        if "/bevestigen/?next=" not in self.page.url or path.startswith("/bevestigen/") or not self.password:
            return
        if self.page.locator("main [name=code]").count():
            self.pass_second_factor()
        elif self.page.locator("main [name=current_password]").count():
            self.send(current_password=self.password)

    def shoot(self, name: str) -> None:
        """Take the current page; report axe's findings and whether the page is too wide."""
        with without_reload(self.page):
            self._shoot(name)

    def _shoot(self, name: str) -> None:
        for width in (360, 1280):
            self.page.set_viewport_size({"width": width, "height": 800})
            if self.page.evaluate("document.scrollingElement.scrollWidth") > width:
                print(f"{name} is wider than {width}")  # noqa: T201
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)
                faults = run_axe(self.page)
                if faults.violations_count:
                    print(f"{name} {width} {scheme}: {faults.generate_snapshot()}")  # noqa: T201
                self.page.screenshot(path=FOLDER / f"{name}-{width}-{scheme}.png", full_page=True)

    def send(self, **values: str) -> None:
        """Fill in fields by their names and press the primary button."""
        for name, value in values.items():
            self.page.locator(f"main [name={name}]").fill(value)
        with self.page.expect_navigation():
            self.page.locator("main button.primary").first.click()

    def wait_for_job(self, selector: str) -> None:
        """Wait until the page of a job has this; a failure shows what the page says instead."""
        try:
            self.page.wait_for_selector(selector, timeout=JOB_MS)
        except Error as error:
            error.add_note(self.page.locator("main").inner_text())
            raise

    def enter_code(self, code: str) -> None:
        """Fill in a code, which submits its form."""
        with self.page.expect_navigation():
            self.page.locator("main [name=code]").fill(code)

    def sign_in(self, username: str, password: str) -> None:
        self.go("/inloggen/")
        self.send(username=username, password=password)
        if "/inloggen/code/" in self.page.url:
            self.pass_second_factor()
        self.password = password

    def pass_second_factor(self) -> None:
        """Enter the administrator's two-factor code."""
        fill_quietly(self.page, self.demo.code())
        self.send()

    def renew_proof(self) -> None:
        """Re-authenticate as the administrator and come back, so that the form of this page does not ask for it."""
        path = self.page.url.removeprefix(self.demo.url)
        self.page.goto(f"{self.demo.url}/bevestigen/?{urlencode({'next': path})}")
        self.pass_second_factor()

    def invite(self, name: str, **details: str) -> str:
        """Invite a user; return the link in the e-mail."""
        email = details.get("email", f"{name.lower()}@devries.example")
        before = len(self.demo.mailbox())
        self.go("/gebruikers/nieuw/website/")
        self.send(**({"initials": "X.", "last_name": name, "email": email} | details))
        self.send(mobile_number=NUMBER)
        text = self.demo.wait_for("mail", email, after=before)
        return first_match(r"http\S+/uitnodiging/\S+", text)

    def code(self) -> str:
        """Request a code with the button on the page; return it."""
        before = len(self.demo.mailbox())
        self.send()
        return first_match(r"\d{6}", self.demo.wait_for("sms", "+31612345678", after=before))

    def of(self, last_name: str) -> str:
        """Return the URL of a user's page."""
        self.go(f"/gebruikers/?q={last_name}")
        return str(self.page.locator("tbody th a").first.get_attribute("href"))

    def show(self, name: str, template: str, **context: object) -> None:
        """Take a page that no request can get: it is rendered here and served at the URL that the browser requests."""
        from django.template.loader import render_to_string
        from django.utils import translation

        with translation.override("nl"):
            self.lay_down(name, render_to_string(template, context))

    def shoot_dialog(self, name: str, *, seconds: str) -> None:
        """Take the session warning on the current page, with this many seconds left of both limits."""
        path = self.page.url

        def hurry(route: Route) -> None:
            answer = route.fetch()
            route.fulfill(
                response=answer, body=re.sub('data-seconds="[^"]*"', f'data-seconds="{seconds}"', answer.text())
            )

        self.page.route(path, hurry)
        self.go(path)
        self.page.wait_for_selector("dialog[open]")
        self.shoot(name)
        self.page.unroute(path)

    def lay_down(self, name: str, body: str) -> None:
        """Take a page that is downloaded as a file."""
        self.page.route("**/drawn/", lambda route: route.fulfill(body=body, content_type="text/html"))
        self.go("/drawn/")
        self.shoot(name)
        self.page.unroute("**/drawn/")


def signing_in(camera: Camera) -> None:
    for path, name in (("inloggen", "login"), ("inloggen/hulp", "help"), ("wachtwoord-vergeten", "forgotten")):
        camera.go(f"/{path}/")
        camera.shoot(name)
    camera.send(email="m.vermeer@devries.example")
    camera.shoot("forgotten-sent")
    text = camera.demo.wait_for("mail", "m.vermeer@devries.example", after=0)
    camera.go(first_match(r"http\S+/wachtwoord-vergeten/\S+", text))
    camera.shoot("reset")
    camera.send(password="kort", password_again="anders")
    camera.shoot("reset-errors")
    camera.go("/wachtwoord-vergeten/onbekend/")
    camera.shoot("reset-closed")
    camera.sign_in("m.vermeer", "fout")
    camera.shoot("login-error")
    camera.go("/email-bevestigen/onbekend/")
    camera.shoot("email-link-dead")


def the_office(camera: Camera) -> str:
    """Take the pages of the office; return the client ID of an integration that it registers."""
    pages = {
        "home": "/",
        "list": "/gebruikers/",
        "list-nobody": "/gebruikers/?q=y",
        "list-filtered": "/gebruikers/?status=blocked",
        "list-attention": "/gebruikers/?attention=undelivered",
        "office": "/kantoor/",
        "office-logo": "/kantoor/logo/",
        "office-sender": "/kantoor/afzender/",
        "new-dkim-key": "/kantoor/afzender/sleutel/",
        "remove-sender": "/kantoor/afzender/verwijderen/",
        "policies": "/kantoor/twee-factor/",
        "policies-effect": "/kantoor/twee-factor/gevolgen/?version=1&two_factor_managers=on&two_factor_days=14",
        "policies-errors": "/kantoor/twee-factor/gevolgen/?version=1&two_factor_days=91&two_factor_from=2020-01-01",
        "texts": "/kantoor/e-mailteksten/",
        "text": "/kantoor/e-mailteksten/invitation/nl/",
        "text-english": "/kantoor/e-mailteksten/password_changed/en/",
        "profile": "/profiel/",
        "password": "/profiel/wachtwoord/",
        "own-email": "/profiel/email/",
        "own-sessions": "/profiel/sessies/",
        "matrix": "/autorisatiematrix/",
        "deviations": "/afwijkingen/",
        "hygiene": "/gebruikers/opruimen/?days=30&password_days=60",
        "hygiene-errors": "/gebruikers/opruimen/?days=0",
        "who": "/rechten/wie/?right=view_users",
        "history": "/historie/",
        "history-filtered": "/historie/?person=vermeer&kind=user",
        "history-nothing": "/historie/?person=y",
        "history-lines": "/historie/?view=lines",
        "audit-package": "/historie/auditpakket/",
        "history-moment": "/historie/op/",
        "history-moment-error": "/historie/op/?day=2999-01-01",
        "keeping": "/kantoor/historie/",
        "messages": "/berichten/",
        "messages-undelivered": "/berichten/?state=undelivered",
        "messages-nothing": "/berichten/?person=y",
        "sets": "/kantoor/sets/",
        "set-new": "/kantoor/sets/nieuw/",
        "signals": "/signalen/",
        "own-signals": "/profiel/signalen/",
        "office-signals": "/kantoor/signalen/",
        "signal-sets": "/kantoor/sets/signalen/",
        "signal-set-new": "/kantoor/sets/signalen/nieuw/",
        "logout": "/uitloggen/",
        "integrations": "/kantoor/koppelingen/",
        "integration-new": "/kantoor/koppelingen/nieuw/",
        "own-integrations": "/profiel/koppelingen/",
        "404": "/bestaat-niet/",
        "mailbox": "/demo/postvak/",
    }
    for name, path in pages.items():
        camera.go(path)
        camera.shoot(name)
    camera.go("/kantoor/e-mailteksten/invitation/nl/")
    camera.send(subject="Welkom {Naam}", body="Zonder link")
    camera.shoot("text-errors")
    camera.go("/kantoor/e-mailteksten/invitation/nl/")
    with camera.page.expect_navigation():
        camera.page.locator("main [formaction$='proef/']").click()
    camera.shoot("text-test-sent")
    camera.go("/profiel/wachtwoord/")
    camera.send(current_password="fout", password="kort", password_again="x")
    camera.shoot("password-errors")
    camera.go("/kantoor/")
    camera.send(name="", invitation_days="90")
    camera.shoot("office-errors")
    camera.go("/kantoor/afzender/")
    camera.send(address="loket@co.uk", reply_to="x")
    camera.shoot("office-sender-errors")
    camera.go("/kantoor/afzender/")
    camera.send(address="loket@devries.example", reply_to="info@devries.example")
    camera.shoot("office-sender-records")
    return programs(camera)


def directories(camera: Camera) -> None:
    """Add a directory that invites users, and let it create one whom an administrator has to invite."""
    camera.go("/kantoor/koppelingen/directory/")
    camera.shoot("directories")
    camera.go("/kantoor/koppelingen/directory/nieuw/")
    camera.shoot("directory-new")
    camera.page.locator("main [name=login_method][value=website_sso]").check()
    camera.send(name="Okta")
    page = camera.page.url.removeprefix(camera.demo.url)
    camera.go(f"{page}token/")
    camera.shoot("directory-token")
    camera.send()
    camera.shoot("directory-token-shown")
    secret = camera.page.locator("main dl code").nth(1).inner_text()
    body = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "noor@devries.example",
        "name": {"familyName": "van Dam", "givenName": "Noor"},
    }  # fmt: skip
    root, headers = f"{camera.demo.url}/scim/v2/{page.split('/')[-2]}", {"Authorization": f"Bearer {secret}"}
    made = camera.page.request.post(f"{root}/Users", data=body, headers=headers)
    assert made.status == 201, made.text()
    group = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Loonadministratie",
        "members": [{"value": made.json()["id"]}],
    }  # fmt: skip
    kept = camera.page.request.post(f"{root}/Groups", data=group, headers=headers)
    assert kept.status == 201, kept.text()
    camera.go(f"{page}groepen/")
    camera.shoot("directory-groups")
    camera.go(f"{page}groepen/{kept.json()['id']}/")
    camera.shoot("directory-group")
    camera.go(f"{page}aanroepen/")
    camera.shoot("directory-calls")
    camera.go(page)
    camera.shoot("directory")
    camera.go(f"{page}plan/")
    camera.shoot("directory-plan")
    camera.send()
    camera.shoot("directory-live")
    camera.go(f"{page}uitnodigen/{made.json()['id']}/")
    camera.shoot("directory-invite")
    camera.go(page)
    remove = camera.page.locator("main td a[href*='/token/']").first.get_attribute("href")
    camera.go(str(remove))
    camera.shoot("directory-token-remove")
    for name in ("uitzetten", "overnemen", "verwijderen"):
        camera.go(f"{page}{name}/")
        camera.shoot(f"directory-{name}")
    camera.go("/kantoor/koppelingen/directory/")
    camera.shoot("directories-some")


def programs(camera: Camera) -> str:
    camera.go("/kantoor/koppelingen/nieuw/")
    camera.send(name="", redirect_uris="http://portaal.example/")
    camera.shoot("integration-errors")
    camera.go("/kantoor/koppelingen/nieuw/")
    camera.send(name="Loonportaal", redirect_uris="https://portaal.example/terug")
    camera.shoot("integration")
    client_id, page = camera.page.locator("main dl code").first.inner_text(), camera.page.url
    camera.go(f"{page.removeprefix(camera.demo.url)}geheim/")
    camera.shoot("integration-secret")
    camera.send()
    camera.shoot("integration-secret-shown")
    camera.go(f"{page.removeprefix(camera.demo.url)}gebruikers/")
    camera.shoot("integration-users")
    camera.send()
    camera.shoot("integration-users-consent")
    camera.go(f"{page.removeprefix(camera.demo.url)}intrekken/")
    camera.shoot("integration-consent-withdraw")
    camera.send()
    camera.go(f"{page.removeprefix(camera.demo.url)}uitzetten/")
    camera.shoot("integration-switch-off")
    camera.go(f"{page.removeprefix(camera.demo.url)}verwijderen/")
    camera.shoot("integration-remove")
    directories(camera)
    camera.go("/kantoor/koppelingen/")
    camera.shoot("integrations-some")
    parameters = {
        "client_id": client_id, "response_type": "code", "redirect_uri": "https://portaal.example/terug",
        "scope": "openid profile", "code_challenge": "x" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    camera.go(f"/oauth/authorize/?{urlencode(parameters)}")
    camera.shoot("authorize")
    camera.go(f"/oauth/authorize/?{urlencode(parameters | {'prompt': 'select_account'})}")
    camera.shoot("select-account")
    camera.go(f"/oauth/authorize/?{urlencode(parameters)}")
    allow(camera)
    camera.page.route("https://portaal.example/**", lambda route: route.fulfill(status=204))  # the page stays
    camera.go(f"/oauth/authorize/?{urlencode(parameters)}")
    camera.shoot("authorize-onward")
    camera.go("/profiel/koppelingen/")
    camera.shoot("own-integrations-some")
    camera.go("/oauth/authorize/?client_id=x")
    camera.shoot("authorize-refused")
    camera.go("/oauth/logout/")
    camera.shoot("logout-for-program")
    camera.go("/sso/" + "q" * 43 + "/")
    camera.shoot("sso-dead")
    return client_id


def first_match(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found[0]


def allow(camera: Camera) -> None:
    """Give consent on the page, without following the redirect, because nothing listens at its URL."""
    names = ("csrfmiddlewaretoken", "shown_version")
    form: dict[str, str | float | bool] = {
        name: camera.page.locator(f"main [name={name}]").first.input_value() for name in names
    }
    answer = camera.page.request.post(camera.page.url, form=form, max_redirects=0)
    assert "https://portaal.example/terug?code=" in answer.text(), answer.status


def from_a_portal(guest: Camera, name: str, password: str) -> None:
    """Sign in with a ticket, as the user of an integration."""
    form: dict[str, str | float | bool] = {"grant_type": "client_credentials"}
    form |= {"client_id": name, "client_secret": password}
    token = guest.page.request.post(f"{guest.demo.url}/oauth/token/", form=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json;version=2018-01-01"}
    response = guest.page.request.post(f"{guest.demo.url}/v2/sso/tickets", data={}, headers=headers)
    guest.go(response.json()["content"]["url"])
    guest.shoot("sso")
    guest.send()
    guest.go("/bevestigen/")
    guest.shoot("confirm-elsewhere")


def telling(camera: Camera) -> None:
    camera.go("/kantoor/signalen/")
    camera.send(birthday_days="100", sickness_days="")
    camera.shoot("office-signals-errors")
    camera.go("/kantoor/sets/signalen/")
    camera.page.locator("tbody th a").first.click()
    camera.shoot("signal-set")
    camera.page.locator(".page-header a.danger").click()
    camera.shoot("signal-set-delete")
    for last_name in ("Hendriks", "Berg"):
        camera.go(f"{camera.of(last_name)}signalen/")
        camera.shoot(f"signals-{last_name.lower()}")
    with camera.page.expect_navigation():
        camera.page.locator("main form.filters button").click()
    camera.shoot("signal-set-difference")
    camera.go("/signalen/")
    with camera.page.expect_navigation():
        camera.page.locator("main form[action$='signalen/gelezen/'] button").click()
    camera.shoot("signals-read")
    camera.go("/signalen/?unread=1")
    camera.shoot("signals-all-read")
    camera.go("/")
    camera.shoot("home-no-signals")


def inviting(camera: Camera) -> None:
    for q, name in (("", "search"), ("bakk", "search-hits"), ("niets dat bestaat", "search-nothing")):
        camera.go(f"/zoeken/?q={q}")
        camera.shoot(name)
    camera.go("/gebruikers/nieuw/website/")
    camera.shoot("new")
    for summary in camera.page.locator("main details summary >> visible=true").all():
        summary.click()
    camera.shoot("new-all-open")
    camera.send(initials="P.", prefix="de", email="geen adres", access_until="2020-01-01")
    camera.shoot("new-errors")
    camera.go("/gebruikers/nieuw/website/")
    for field in ("teams", "rights"):
        camera.page.locator(f"main details:has([name={field}]) summary").click()
        camera.page.locator(f"main [name={field}]").first.check()
    camera.send(initials="P.", prefix="de", last_name="Boer", email="p.deboer@devries.example")
    camera.shoot("mobile-namesakes")
    camera.send(mobile_number="020 1234567")
    camera.shoot("mobile-error")
    camera.invite("Long", **LONG)
    camera.shoot("list-message")
    camera.go(camera.of("Wolfe"))
    camera.shoot("user-long-name")


def teams(camera: Camera) -> None:
    for path, name in (("teams", "teams"), ("teams/nieuw", "team-new"), ("werkgevers", "employers")):
        camera.go(f"/{path}/")
        camera.shoot(name)
    camera.go("/teams/?q=noord")
    team = str(camera.page.locator("tbody th a").first.get_attribute("href"))
    pages = (
        "",
        "bewerken",
        "gebruikers",
        "gebruikers/alle",
        "werkgevers",
        "werkgevers/alle",
        "rechten",
        "set",
        "historie",
    )
    for page in pages:
        camera.go(f"{team}{page}/".replace("//", "/"))
        camera.shoot(f"team-{page.replace('/', '-') or 'page'}")
    camera.go(f"{team}set/")
    camera.page.locator("main select").select_option(label="Meekijken")
    with camera.page.expect_navigation():
        camera.page.locator("main .filters button").click()
    camera.shoot("team-set-difference")
    camera.go(f"{team}bewerken/")
    camera.send(name="Loon Noord en West")
    with camera.page.expect_navigation():
        camera.page.locator("main a[href*='/terugdraaien/']").click()
    camera.shoot("undo")
    with camera.page.expect_navigation():
        camera.page.locator("main button.primary").click()
    camera.go("/werkgevers/")
    camera.go(f"{camera.page.locator('tbody th a').first.get_attribute('href')}gegevens/")
    camera.shoot("employer-details")


def people(camera: Camera) -> None:
    states = {
        "Willems": "invited", "Horst": "opened", "Visser": "code-sent", "Peters": "locked", "Leeuwen": "expired",
        "Jansen": "revoked", "Koster": "bounced", "Maas": "failed", "Scholten": "blocked", "Verhoeven": "ended",
        "Berg": "active", "Exact": "webservice", "Groen": "azure", "Vermeer": "oneself",
    }  # fmt: skip
    for last_name, state in states.items():
        camera.go(camera.of(last_name))
        camera.shoot(f"user-{state}")
    for last_name, page in (
        ("Berg", "rechten"), ("Vermeer", "rechten"), ("Dubois", "rechten"), ("Berg", "bewerken"), ("Berg", "blokkeren"),
        ("Dijk", "vertrek"), ("Dijk", "acties"),
        ("Horst", "bewerken"), ("Horst", "opnieuw-versturen"), ("Horst", "intrekken"), ("Dijk", "teams"),
        ("Berg", "teams"), ("Berg", "teams/toevoegen"), ("Berg", "historie"), ("Berg", "berichten"), ("Berg", "wissen"),
    ):  # fmt: skip
        camera.go(f"{camera.of(last_name)}{page}/")
        camera.shoot(f"{page.replace('/', '-')}-{last_name.lower()}")
    camera.go(f"{camera.of('Berg')}bewerken/")
    camera.send(initials="", access_until="2020-01-01", email="x")
    camera.shoot("edit-errors")


def importing(camera: Camera) -> None:
    camera.go("/gebruikers/importeren/")
    camera.shoot("import")
    for name, lines in {
        "import-nothing": "Gebruikersnaam;Voornaam\nm.vermeer;Maria",
        "import-plan": (
            "Gebruikersnaam;Inlogmethode;Voorletters;Achternaam;E-mail;Mobiel nummer;Teams;Geblokkeerd;Opmerking\n"
            f";Via website en SSO;N.;Nieuw;n.nieuw@devries.example;{NUMBER};Loon Noord;;x\n"
            "r.m.hendriks;;;;;;Loon Zuid;;\n"
            "h.j.smits;;;;;;;ja;\n"
        ),
        "import-faults": (
            "Inlogmethode;Voorletters;Achternaam;E-mail;Mobiel nummer;Toegang tot en met\n"
            "Fax;N.;Nieuw;geen adres;020 1234567;46387\n"
        ),
    }.items():
        camera.go("/gebruikers/importeren/")
        file = {"name": "nieuwe-collegas.csv", "mimeType": "text/csv", "buffer": lines.encode()}
        camera.page.locator("main [name=file]").set_input_files(file)  # type: ignore[arg-type]
        camera.send()
        camera.wait_for_job("section[aria-labelledby=totals]")  # the worker plans it
        camera.shoot(name)
    camera.go("/gebruikers/importeren/")
    camera.send()
    camera.shoot("import-errors")


def several(camera: Camera) -> None:
    """Block two users in a bulk action: the plan, the waiting page, the result, and undoing it."""
    camera.go("/gebruikers/?q=jans")
    for box in camera.page.locator("main [name=users]").all():
        box.check()
    camera.shoot("list-ticked")
    camera.page.locator("#selection-form button[value='']").click()
    camera.shoot("several")
    camera.send()
    camera.shoot("several-errors")
    camera.go("/gebruikers/meerdere/?all=1")
    camera.page.locator("[name=act][value=two_factor]").check()
    camera.send()
    camera.shoot("several-plan")
    camera.renew_proof()
    with camera.demo.database() as waiting:
        waiting.execute("SELECT 1 FROM accounts_provider FOR NO KEY UPDATE")
        camera.send()
        camera.shoot("several-running")
    camera.wait_for_job("a[href$='resultaat.csv']")
    camera.shoot("several-done")
    with camera.page.expect_navigation():
        camera.page.locator("form[action$='terugdraaien/'] button").click()
    camera.shoot("several-undo")
    camera.go("/historie/")
    with camera.page.expect_navigation():
        camera.page.locator("main a[href*='/handeling/']").first.click()
    camera.shoot("history-act")
    camera.go("/gebruikers/meerdere/nummers/?all=1")
    camera.shoot("several-numbers")
    camera.go("/gebruikers/importeren/")
    camera.shoot("import-earlier")
    camera.go("/teams/importeren/")
    camera.shoot("import-teams")
    lines = "Team;Raadplegen historie\nLoon Noord;x\n"
    file = {"name": "rechten.csv", "mimeType": "text/csv", "buffer": lines.encode()}
    camera.page.locator("main [name=file]").set_input_files(file)  # type: ignore[arg-type]
    camera.send()
    camera.wait_for_job("section[aria-labelledby=totals]")
    camera.shoot("import-teams-plan")


def accepting(camera: Camera, guest: Camera) -> None:
    guest.go("/uitnodiging/" + "q" * 43 + "/")
    guest.shoot("invitation-unknown")
    link = camera.invite("Gast")
    guest.go(link)
    guest.shoot("invitation-welcome")
    code = guest.code()
    guest.shoot("invitation-code")
    guest.send(code="000000" if code != "000000" else "000001")
    guest.shoot("invitation-code-wrong")
    guest.send(code=code)
    guest.shoot("invitation-account")
    guest.send(username="x", password="kort", password_again="anders")
    guest.shoot("invitation-account-errors")
    guest.send(username="de.gast", password=PASSWORD, password_again=PASSWORD)
    guest.shoot("home-no-rights")
    guest.go("/gebruikers/")
    guest.shoot("403")
    guest.go("/profiel/")
    guest.shoot("profile-no-rights")
    guest.page.context.clear_cookies(name="csrftoken")
    guest.send()
    guest.shoot("403-csrf")
    guest.go("/v2/")
    guest.page.locator("#PutUserByUserId summary").click()
    guest.shoot("webservice-reference")
    guest.go(link)
    guest.page.context.clear_cookies(name="sessionid")
    guest.go(link)
    guest.shoot("invitation-used")


def not_accepting(camera: Camera, guest: Camera) -> None:
    other, link = camera.invite("Andere"), camera.invite("Pauze")
    guest.go(other)
    guest.page.evaluate("document.querySelector('main [name=invitation]').value = crypto.randomUUID()")
    guest.send()
    guest.shoot("invitation-other")
    guest.go(link)
    for number in range(3):
        right = guest.code() if number == 0 else _again(guest)
        for _try in range(5 if number else 1):
            guest.send(code="111111" if right != "111111" else "222222")
    guest.shoot("invitation-code-dead-and-paused")
    link = camera.invite("Verlopen")
    with camera.demo.database() as connection:
        connection.execute(
            "UPDATE invitations_invitation SET expires_at = now() - %s WHERE state = 'open'", [timedelta(hours=1)]
        )
    guest.go(link)
    guest.shoot("invitation-expired")


def with_a_deadline(camera: Camera) -> None:
    """Take the pages of a user who must have two-factor by a later day, and those of the administrator."""
    with camera.demo.database() as connection:
        connection.execute("UPDATE accounts_provider SET two_factor_from = current_date + 9")
    for name, path in {"home": "/", "factors": "/profiel/twee-factor/", "list": "/gebruikers/"}.items():
        camera.go(path)
        camera.shoot(f"deadline-{name}")
    camera.go(camera.of("Berg"))
    camera.shoot("deadline-user")
    camera.go("/kantoor/twee-factor/gevolgen/?version=1")
    camera.shoot("policies-refused")


def _again(guest: Camera) -> str:
    """Request another code, from the page that offers it."""
    before = len(guest.demo.mailbox())
    with guest.page.expect_navigation():
        guest.page.locator("form[action$='versturen/'] button").click()
    return first_match(r"\d{6}", guest.demo.wait_for("sms", "+31612345678", after=before))


def supporting(camera: Camera, password: str) -> None:
    camera.sign_in("support", password)
    camera.shoot("support-index")
    for name, path in (
        ("people", "accounts/user/?q=berg"), ("offices", "accounts/provider/"), ("tenants", "accounts/externaltenant/"),
        ("invitations", "invitations/invitation/"), ("messages", "outbox/message/"),
    ):  # fmt: skip
        camera.go(f"/admin/{path}")
        camera.shoot(f"support-{name}")
        rows = camera.page.locator("#result_list th a")
        if rows.count():
            rows.first.click()
            camera.shoot(f"support-{name}-one")
    camera.go("/admin/accounts/user/?q=berg")
    camera.page.locator("#result_list th a").first.click()
    camera.shoot("support-user")
    camera.page.locator(".page-header .buttons a").first.click()
    camera.shoot("support-help")
    camera.send()
    camera.shoot("support-help-errors")
    camera.go("/gebruikers/")
    camera.shoot("support-403")
    of_offices_and_partners(camera)
    looking_along(camera)


def of_offices_and_partners(camera: Camera) -> None:
    camera.go("/admin/accounts/provider/?q=kantoor smit")
    camera.page.locator("#result_list th a").first.click()
    camera.shoot("support-office")
    camera.page.locator(".page-header .buttons a[href*='/kantoor-sluiten/']").click()
    camera.shoot("support-close-office")
    camera.go("/admin/hulp/kantoor-maken/")
    camera.shoot("support-new-office")
    camera.send()
    camera.shoot("support-new-office-errors")
    camera.go("/admin/hulp/partner-maken/")
    camera.shoot("support-new-partner")
    camera.send(name="Loonportaal", redirect_uris="https://portaal.example/terug", reason="Contract getekend")
    camera.shoot("support-program")
    program = camera.page.url
    camera.go(program.replace("/admin/oauth/application/", "/admin/hulp/partner/"))
    camera.shoot("support-partner")
    camera.go(program)
    camera.page.locator(".page-header .buttons a[href*='/geheim/']").click()
    camera.shoot("support-partner-secret")
    camera.send(reason="Contract getekend")
    camera.shoot("support-partner-secret-created")
    for name, path in (("programs", "oauth/application/"), ("queue", "wachtrij/"), ("group", "support/")):
        camera.go(f"/admin/{path}")
        camera.shoot(f"support-{name}")


def looking_along(camera: Camera) -> None:
    camera.go("/admin/accounts/user/?q=m.vermeer")
    camera.page.locator("#result_list th a").first.click()
    camera.page.locator(".page-header .buttons a[href*='/meekijken/']").click()
    camera.shoot("support-impersonate")
    camera.send(reason="Ziet het team niet, zaak 4712")
    camera.shoot("impersonation-home")
    camera.go("/gebruikers/")
    camera.shoot("impersonation-users")
    camera.go("/profiel/")
    camera.shoot("impersonation-refused")
    camera.go("/gebruikers/")
    with camera.page.expect_navigation():
        camera.page.locator(".impersonation-banner button").click()
    camera.shoot("impersonation-stopped")


def every_page(login: dict[str, str], come: Callable[[], Camera]) -> None:
    """Visit every page, in its states, as every user who may see it; `come` gives a user a browser."""
    stranger, camera, guest, smit, helper = (come() for _number in range(5))
    signing_in(stranger)
    stranger.show("500", "500.html")
    stranger.show("503", "503.html")
    stranger.show("400", "400.html")
    stranger.show("throttled", "authentication/throttled.html", message="Probeer het om 16:05 opnieuw.")
    camera.sign_in(login["Gebruikersnaam"], login["Wachtwoord"])
    leaving(come(), the_office(camera))
    telling(camera)
    inviting(camera)
    teams(camera)
    importing(camera)
    several(camera)
    people(camera)
    accepting(camera, guest)
    not_accepting(camera, come())
    not_vouched_for(camera, come())
    with_a_deadline(camera)
    from_a_portal(come(), "webservice-de-vries", login["Wachtwoord"])
    smit.sign_in("c.smit", login["Wachtwoord"])
    smit.shoot("home-few")
    ended(smit, login["Wachtwoord"])
    supporting(helper, login["Wachtwoord"])
    kinds(camera)
    employers(camera)
    access_review(camera)
    duties(camera)
    microsoft(come())
    two_factor(smit, "c.smit", login["Wachtwoord"])


def main() -> None:
    """Take every picture."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loket.settings")
    django.setup()
    FOLDER.mkdir(exist_ok=True)
    for old in Path(FOLDER).glob("*.png"):
        old.unlink()
    with fresh_demo() as (demo, login), chromium() as browser:
        every_page(login, lambda: Camera(browser, demo))
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")  # noqa: T201


if __name__ == "__main__":
    main()
