"""Additional pages of `make screenshots`: login methods, tenants, employers, two-factor."""

import base64
import time
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from tests.tools.screenshots import Camera

SEND = """path => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = path;
    form.append(document.querySelector("[name=csrfmiddlewaretoken]").cloneNode());
    document.body.append(form);
    form.submit();
}"""


def kinds(camera: "Camera") -> None:
    """Take the pages of Azure and SSO/Webservice users, and of the tenants."""
    for path, name in {
        "gebruikers/nieuw/webservice": "new-webservice",
        "gebruikers/nieuw/azure": "new-azure",
        "kantoor/tenants": "tenants",
        "kantoor/tenants/nieuw": "tenant-new",
    }.items():
        camera.go(f"/{path}/")
        camera.shoot(name)
    for name, selector in {
        "tenant-rename": "main tbody a:not([href$='/verwijderen/']):not([href$='/bevestigen/'])",
        "tenant-remove": "main a[href$='/verwijderen/']",
    }.items():
        camera.go("/kantoor/tenants/")
        camera.go(str(camera.page.locator(selector).first.get_attribute("href")))
        camera.shoot(name)
    for last_name, page in (
        ("Groen", "inlogmethode"), ("Groen", "inlogmethode/azure"), ("Groen", "inlogmethode/website"),
        ("Berg", "inlogmethode/azure"), ("Exact", "wachtwoord"), ("Berg", "sessies"), ("Berg", "koppelingen"),
        ("Berg", "vergelijken"), ("Berg", "rechten/waarom"), ("Berg", "rechten/set"),
    ):  # fmt: skip
        camera.go(f"{camera.of(last_name)}{page}/")
        camera.shoot(f"{page.replace('/', '-')}-{last_name.lower()}")
    everything = camera.page.request.get(f"{camera.demo.url}{camera.of('Berg')}alles.html")
    camera.lay_down("everything", everything.text())


def employers(camera: "Camera") -> None:
    """Take the pages of one employer, and those for deleting a team or a set."""
    camera.go("/werkgevers/nieuw/")
    camera.shoot("employer-new")
    camera.go("/werkgevers/")
    employer = str(camera.page.locator("tbody th a").first.get_attribute("href"))
    for page, name in (("", "employer"), ("teams/", "employer-teams")):
        camera.go(f"{employer}{page}")
        camera.shoot(name)
    for path, name in (("teams", "team"), ("kantoor/sets", "set")):
        camera.go(f"/{path}/")
        address = str(camera.page.locator("tbody th a").first.get_attribute("href"))
        camera.go(address)
        camera.shoot(f"{name}-first")
        if name == "team":
            taken_out(camera)
        camera.go(f"{address}verwijderen/")
        camera.shoot(f"{name}-delete")


def taken_out(camera: "Camera") -> None:
    """Start removing the first member of the team on the page, and take the confirmation page."""
    form = camera.page.locator("form[action$='/gebruikers/verwijderen/']")
    form.locator("input[name=users]").first.check()
    form.locator("button.danger").click()
    camera.shoot("team-take-out")


def two_factor(camera: "Camera", username: str, password: str) -> None:
    """Add an app to the administrator of the other office, use it, and reset two-factor for a colleague."""
    from tests.helpers.mfa import code_at  # it has models, for which Django must be set up

    camera.go("/profiel/twee-factor/passkey/")
    camera.shoot("add-passkey")
    camera.go("/profiel/twee-factor/app/")
    camera.shoot("add-app")
    key = base64.b32decode(camera.page.locator("main code").first.inner_text().replace(" ", ""))
    camera.enter_code("000000")
    camera.shoot("add-app-error")
    camera.enter_code(code_at(key, time.time()))
    camera.shoot("recovery-codes")
    camera.send()
    camera.shoot("recovery-codes-shown")
    camera.go("/profiel/twee-factor/")
    camera.shoot("factors-some")
    for page in ("naam", "verwijderen"):
        camera.go("/profiel/twee-factor/")
        camera.page.locator(f"main a[href$='/{page}/']").first.click()
        camera.shoot(f"factor-{page}")
    reset = f"{camera.of('Prins')}twee-factor-resetten/"
    camera.page.evaluate(SEND, reset)  # a form that was open for a long time
    camera.page.wait_for_url("**/bevestigen/?next=*")
    camera.shoot("confirm")
    camera.send(code=code_at(key, time.time() + 30))  # the current code has been used
    camera.shoot("go-on")
    camera.go(reset)
    camera.shoot("reset-factors")
    camera.go("/uitloggen/")
    camera.send()
    camera.go("/inloggen/")
    camera.send(username=username, password=password)
    camera.shoot("second-step")
    camera.send(code="000000")
    camera.shoot("second-step-error")
    camera.go("/inloggen/herstelcode/")
    camera.shoot("recovery")


def microsoft(guest: "Camera") -> None:
    """Sign in at the stand-in for Microsoft: a user who is refused, and one who is not."""
    guest.go("/inloggen/microsoft/")
    guest.shoot("standin")
    guest.page.locator("main section li:last-child a").first.click()
    guest.shoot("microsoft-refused")
    guest.go("/inloggen/microsoft/")
    guest.page.locator("main section li a").first.click()
    guest.go("/bevestigen/")
    guest.shoot("confirm-microsoft")


def ended(camera: "Camera", password: str) -> None:
    """Submit a form too late: the login page says so, and continues with what was typed."""
    camera.go("/kantoor/")
    camera.shoot_dialog("session-warning", seconds="100 9999")
    camera.shoot_dialog("session-over", seconds="9999 0")
    camera.go("/kantoor/")
    with camera.demo.database() as connection:
        connection.execute(
            "UPDATE authentication_usersession SET last_used_at = now() - %s"
            " WHERE user_id = (SELECT id FROM accounts_user WHERE username = 'c.smit')",
            [timedelta(hours=3)],
        )
    camera.send()
    camera.shoot("login-ended")
    camera.send(username="c.smit", password=password)
    camera.shoot("go-on-ended")


def not_vouched_for(camera: "Camera", guest: "Camera") -> None:
    """Take the pages of an invitation that must be resent, for the administrator and the invited user."""
    link = camera.invite("Zonder")
    with camera.demo.database() as connection:
        connection.execute(
            "UPDATE invitations_invitation SET sent_by_id = (SELECT id FROM accounts_user WHERE username = 'h.j.smits')"
            " WHERE email = 'zonder@devries.example'"
        )
    guest.go(link)
    guest.send()
    guest.shoot("invitation-refused")
    for page in ("", "rechten/"):
        camera.go(f"{camera.of('Zonder')}{page}")
        camera.shoot(f"{page.strip('/') or 'user'}-refused")
    camera.go("/")
    camera.shoot("home-refused")


def leaving(guest: "Camera", client_id: str) -> None:
    """Take the page shown to a visitor who is not redirected to an integration's URL automatically."""
    asked = {"client_id": client_id, "redirect_uri": "https://portaal.example/terug", "response_type": "token"}
    guest.go(f"/oauth/authorize/?{urlencode(asked)}")
    guest.shoot("leave")
