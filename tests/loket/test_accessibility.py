"""Every page, in its states, checked with axe, the rules of pa11y and the W3C's checker.

HTML_CodeSniffer is what pa11y itself runs, here with the same standard, WCAG2AA, in the browser where the page is
already open: pa11y would open every page again, without the states that users bring it into.
"""

import inspect
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve
from playwright.sync_api import Browser, Response

from core.access import get_policy
from tests.helpers.browser import browser as browser
from tests.helpers.browser import run_axe, without_reload
from tests.helpers.demo_process import ROOT, Demo, fresh_demo
from tests.tools.screenshots import Camera, every_page, inviting, signing_in, the_office

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]
PACKAGES = ROOT / "node_modules"
SNIFFER = PACKAGES / "@pa11y" / "html_codesniffer" / "build" / "HTMLCS.js"
CHECKER = PACKAGES / "vnu-jar" / "build" / "dist" / "vnu.jar"
SNIFF = """() => new Promise(done => HTMLCS.process("WCAG2AA", document, () => done(HTMLCS.getMessages()
    .filter(found => found.type === HTMLCS.ERROR)
    .map(found => `${found.code}: ${found.msg} ${found.element.outerHTML?.slice(0, 200)}`))))"""
NO_PAGES = {
    "a file": {
        "history:personal_data_html",  # rendered, and so examined, but returned as a file
        "history:personal_data_json", "v2:guide", "history:download_checkpoint", "history:download_public_key",
        "users:show_logo", "oauth:guide", "reviews:report_workbook", "reviews:review_file", "oauth:client_settings",
        "imports:faulty_rows", "imports:result", "imports:teams_result", "imports:user_template", "teams:matrix_xlsx",
        *(f"{app}:export_{form}" for app in ("users", "history", "teams") for form in ("csv", "jsonl", "xlsx")),
        *(f"teams:grants_{form}" for form in ("csv", "jsonl", "xlsx")),
    },
    "for programs and scripts": {
        "demo:mailbox_json", "authentication:passkey_translations", "v2:openapi_document", "v2:not_found",
        "teams:preview_team_rights",
        "scim_v2:root", "scim_v2:root_with_slash", "scim_v2:endpoint", "scim_v2:unknown_address",
        "oauth:openid_configuration", "oauth:jwks", "oauth:server_metadata", "oauth:userinfo",
    },
    "an e-mail in the frame of a page that is walked": {"demo:mailbox_email", "users:preview_email_text"},
    "leads on to a page that is walked": {
        "admin:login", "invitations:open_link", "authentication:reauthenticate_microsoft",
        "authentication:microsoft_sign_in", "authentication:microsoft_callback", "authentication:confirm_tenant",
        "authentication:open_password_link", "authentication:long_url",
    },
}  # fmt: skip


@dataclass
class Walk:
    """Results of the crawl: page sources, URL names, and findings."""

    folder: Path
    findings: list[str] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)

    def note(self, url: str) -> None:
        """Record the URL of a page, unless it is drawn only for the screenshots."""
        try:
            self.addresses.add(resolve("/" + url.split("/", 3)[3].partition("?")[0]).view_name)
        except Resolver404:
            return


class Walker(Camera):
    """A visitor on the route of the screenshots who has every page examined instead."""

    def __init__(self, browser: Browser, demo: Demo, walk: Walk) -> None:
        super().__init__(browser, demo)
        self.walk, self.language = walk, "nl"
        self.source: Response | None = None
        self.page.on("response", self._keep)

    def _keep(self, response: Response) -> None:
        of_page = response.request.is_navigation_request() and response.frame == self.page.main_frame
        if of_page and response.status != 204 and not 300 <= response.status < 400:
            self.source = response

    def speak_english(self) -> None:
        """Press the language switch; every page from here on is English."""
        self.go("/inloggen/")
        with self.page.expect_navigation():
            self.page.locator("form[action='/taal/'] button").first.click()
        self.language = "en"

    def shoot(self, name: str) -> None:
        """Examine this page; the mailbox is always Dutch, as are the e-mails of the demo."""
        if (name, self.language) == ("mailbox", "en"):
            return
        self.page.wait_for_load_state()
        with without_reload(self.page):
            self._examine(name)

    def _examine(self, name: str) -> None:
        assert self.page.locator("html").get_attribute("lang") == self.language, name
        assert self.source is not None
        self.walk.note(self.source.url)
        number = len(list(self.walk.folder.iterdir()))
        (self.walk.folder / f"{number}-{name}.html").write_text(self.source.text())
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            for violation in run_axe(self.page).response["violations"]:
                nodes = [node["html"][:200] for node in violation["nodes"]]
                self.walk.findings.append(f"axe {name} {scheme}: {violation['id']} {nodes}")
        self.page.evaluate(SNIFFER.read_text())
        self.walk.findings += [f"pa11y {name}: {found}" for found in self.page.evaluate(SNIFF)]


def check_markup(folder: Path) -> list[str]:
    """Return the W3C checker's findings for the pages in a folder."""
    done = subprocess.run(
        ["java", "-jar", str(CHECKER), "--format", "json", "--exit-zero-always", str(folder)],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    messages = json.loads(done.stderr)["messages"]
    return [
        f"w3c {Path(found.get('url', '')).name}: {found['message']} {found.get('extract', '')[:200]}"
        for found in messages
    ]


def answers_get(pattern: URLPattern) -> bool:
    """Return whether a URL answers GET: by the policy of its page, otherwise by Django's own decorators."""

    def methods(view: object) -> list[str]:
        found = inspect.getclosurevars(view).nonlocals if inspect.isfunction(view) else {}
        return list(found.get("request_method_list", []))

    allowed = get_policy(pattern.callback).methods
    if allowed is None:
        view = inspect.unwrap(pattern.callback, stop=lambda view: bool(methods(view)))
        allowed = tuple(methods(view) or ["GET"])
    return "GET" in allowed


def shown(patterns: list[URLPattern | URLResolver], space: str = "") -> set[str]:
    """Return the names of all URLs that answer a GET request."""
    found = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found |= shown(pattern.url_patterns, f"{space}{pattern.namespace}:" if pattern.namespace else space)
        elif answers_get(pattern) and space != "v2:interface:":  # JSON, all of it
            found.add(f"{space}{pattern.name}")
    return found


@pytest.fixture(scope="module")
def walk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The crawl of every page, in Dutch."""
    walked = Walk(tmp_path_factory.mktemp("pages"))
    with fresh_demo() as (demo, said):
        every_page(said, lambda: Walker(browser, demo, walked))
    walked.findings += check_markup(walked.folder)
    return walked


def test_no_page_has_a_finding(walk: Walk) -> None:
    assert walk.findings == []


def test_every_address_that_shows_a_page_is_walked(walk: Walk) -> None:
    excepted = set().union(*NO_PAGES.values())
    assert shown(get_resolver().url_patterns) - walk.addresses == excepted


def test_the_main_pages_have_no_finding_in_english(browser: Browser, tmp_path: Path) -> None:
    """Sign-in, the office's pages, inviting, and a user's page; the others differ only in their texts."""
    walked = Walk(tmp_path)
    with fresh_demo() as (demo, said):
        stranger, administrator = (Walker(browser, demo, walked) for _number in range(2))
        for walker in (stranger, administrator):
            walker.speak_english()
        signing_in(stranger)
        administrator.sign_in(said["Gebruikersnaam"], said["Wachtwoord"])
        the_office(administrator)
        inviting(administrator)
        administrator.go(administrator.of("Berg"))
        administrator.shoot("user-active")
    assert walked.findings + check_markup(tmp_path) == []
