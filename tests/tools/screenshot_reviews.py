"""Pages of `make screenshots`: segregation of duties, and an access review from its form to its report."""

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

if TYPE_CHECKING:
    from tests.tools.screenshots import Camera

_JOB_MS = 120_000


def duties(camera: "Camera") -> None:
    """Make a rule of a suggestion, and take what breaks it."""
    camera.go("/functiescheiding/")
    camera.shoot("duties")
    _follow(camera, "main a[href*='voorstel=']")
    camera.shoot("duty-rule-new")
    camera.send(name="")
    camera.shoot("duty-rule-errors")
    camera.send(name="Vaste gegevens en journaal")
    rules = camera.page.locator("main a[href^='/functiescheiding/'][href$='/']:not([href*='nieuw'])")
    rule = str(rules.first.get_attribute("href"))
    camera.go(rule)
    camera.shoot("duty-rule")
    camera.go(f"{rule}verwijderen/")
    camera.shoot("duty-rule-delete")
    camera.go(camera.of("Berg"))
    user = camera.page.url.rstrip("/").rsplit("/", 1)[-1]
    camera.go(f"{rule}gebruikers/{user}/")
    camera.shoot("duty-conflict")


def access_review(camera: "Camera") -> None:
    """Take the running review of the demo, and play one of a team from its form to the end."""
    camera.go("/beoordelingen/")
    camera.shoot("reviews")
    _follow(camera, "main tbody th a")
    camera.shoot("review-running")
    decide = f"{camera.page.url}beslissen/"
    for name, query in (("open", ""), ("striking", "?view=striking"), ("all", "?view=all"), ("right", "?team=right")):
        camera.go(decide + query)
        camera.shoot(f"review-decide-{name}")
    camera.go(decide)
    _press(camera, "form[action*='/behouden/'] button")
    camera.shoot("review-keep-plain")
    camera.go(camera.page.url.partition("behouden/")[0] + "verslag/")
    camera.shoot("review-report-so-far")
    _make_review(camera)
    _end_review(camera)


def _make_review(camera: "Camera") -> None:
    camera.go("/beoordelingen/nieuw/")
    camera.shoot("review-new")
    camera.send()
    camera.shoot("review-new-errors")
    camera.send(name="Individuele rechten", deadline=(timezone.localdate() + timedelta(days=9)).isoformat())
    camera.shoot("review-draft")
    address = camera.page.url
    camera.go(f"{address}wijzigen/")
    camera.shoot("review-edit")
    camera.go(f"{address}beoordelaars/")
    camera.shoot("review-reviewers")
    camera.go(address)
    _press(camera, "form[action$='/starten/'] button")
    camera.shoot("review-start")
    camera.send()
    camera.shoot("review-started")
    camera.go(f"{address}beslissen/?team=right&view=all")
    camera.page.locator("button[id^=revoke-]").first.click()
    camera.page.locator("button[id^=revoke-][aria-pressed=true]").first.wait_for()
    camera.shoot("review-decided")
    camera.go(address)


def _end_review(camera: "Camera") -> None:
    address = camera.page.url
    _press(camera, "form[action$='/beeindigen/'] button")
    camera.shoot("review-close")
    camera.page.locator("main form button").first.click()
    camera.page.locator("form[action$='/plan/'] button").wait_for()
    camera.shoot("review-closed")
    _press(camera, "form[action$='/plan/'] button")
    camera.page.wait_for_selector("section[aria-labelledby=totals]", timeout=_JOB_MS)
    camera.shoot("review-plan")
    camera.send()
    camera.page.wait_for_selector("form[action$='terugdraaien/'] button", timeout=_JOB_MS)
    camera.go(f"{address}verslag/")
    camera.shoot("review-report")


def _press(camera: "Camera", selector: str) -> None:
    with camera.page.expect_navigation():
        camera.page.locator(selector).first.click()


def _follow(camera: "Camera", selector: str) -> None:
    camera.go(str(camera.page.locator(selector).first.get_attribute("href")))
