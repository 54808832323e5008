"""A real Chromium whose visitors examine every page: accessible, without errors, and no wider than the window."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, Route, sync_playwright

from tests.helpers.demo_process import RUNNING, Demo, fresh_demo

CHROMIUM = "/usr/bin/chromium"
WIDTHS = (320, 360, 640, 800, 1024, 1280)  # 320 is WCAG 1.4.10; 640 is a window of 1280 at 200 % zoom
_examined: set[tuple[str, str]] = set()  # pages, so that each is examined once per window size
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
    "iframes": False,  # e-mails in a sandbox, where no script runs; `make email-pictures` examines them
}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield Debian's Chromium; as root, which it refuses otherwise, without its sandbox."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


# Not for the session: its event loop would prevent tests in the same process from querying the database.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of one file."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def office() -> Iterator["Office"]:
    """A demo for the tests of one file."""
    with fresh_demo() as (running, login):
        yield Office(running, login["Gebruikersnaam"], login["Wachtwoord"])


def run_axe(page: Page) -> AxeResults:
    """Examine a page by RULES."""
    return Axe().run(page, options=RULES)


@contextmanager
def without_reload(page: Page) -> Iterator[None]:
    """Keep a page in place that reloads itself every second, as pages do that follow a job; reload it afterwards."""
    reloads: list[str] = []

    def answer(route: Route) -> None:
        if route.request.is_navigation_request() and route.request.frame == page.main_frame:
            reloads.append(route.request.url)
            route.fulfill(status=204)
        else:
            route.fallback()

    page.route("**/*", answer)
    try:
        yield
    finally:
        page.unroute("**/*", answer)
        if reloads:
            page.reload()


@dataclass(frozen=True)
class Office:
    """A running demo and its administrator."""

    demo: Demo
    username: str
    password: str


@dataclass
class Visitor:
    """A visitor with a separate browser, in which every page is examined."""

    page: Page
    url: str
    scripts: bool = True
    faults: list[str] = field(default_factory=list)
    expected: str = ""  # allowed console output, for pages with a status other than 200

    def open(self, path: str, status: int = 200) -> None:
        """Open a URL, which must answer with `status`, and examine the page."""
        self.expected = f"status of {status}" if status >= 400 else ""
        response = self.page.goto(path if path.startswith("http") else self.url + path)
        assert response is not None
        assert response.status == status, f"{path}: {response.status}"
        self.examine()

    def fill(self, **values: str | bool) -> None:
        """Fill fields by their names."""
        for name, value in values.items():
            found = self.page.locator(f"main [name={name}]")
            if isinstance(value, bool):
                found.set_checked(value)
            else:
                found.fill(value)

    def send(self, selector: str = "", status: int = 200) -> None:
        """Press a button, by default the primary one, and examine the next page."""
        self.expected = f"status of {status}" if status >= 400 else ""
        with self.page.expect_navigation() as navigation:
            self.page.locator(selector or "main button.primary").click()
        assert navigation.value.status == status, f"{self.path}: {navigation.value.status}"
        self.examine()

    def enter_code(self, code: str) -> None:
        """Fill in the code of an app that is being added, which submits the form, and examine the next page."""
        self.expected = ""
        with self.page.expect_navigation():
            self.page.locator("main [name=code]").fill(code)
        self.examine()

    def follow(self, selector: str) -> None:
        """Follow the first visible link that matches a selector, and examine the next page."""
        self.expected = ""
        with self.page.expect_navigation():
            self.page.locator(f"{selector} >> visible=true").first.click()
        self.examine()

    def follow_to(self, path: str) -> None:
        """Follow the link to `path` on the page, and examine the next page."""
        self.follow(f'a[href="{path}"]')

    def pass_second_factor(self) -> None:
        """Enter the administrator's two-factor code, and examine the next page."""
        self.at("/inloggen/code/")
        fill_quietly(self.page, RUNNING[self.url].code())
        self.send()

    @property
    def path(self) -> str:
        """The current path, with the ID of a user as {id}."""
        path = self.page.url.removeprefix(self.url).partition("?")[0]
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "{id}", path)

    def at(self, path: str) -> None:
        """Check that the browser is at a path."""
        assert self.path == path, f"at {self.path}, not at {path}"

    def sees(self, selector: str, count: int = 1) -> None:
        """Check the number of elements that match a selector."""
        found = self.page.locator(selector).count()
        assert found == count, f"{self.path}: {found} of {selector}"

    def examine(self) -> None:
        """Check that the page has no errors, one h1, is accessible in light and dark, and fits every window."""
        self.page.wait_for_load_state()
        with without_reload(self.page):
            self._examine()

    def _examine(self) -> None:
        self.sees("h1")
        assert not self.faults, f"{self.path}: {self.faults}"
        drawn = re.sub(r'value="[^"]*"|data-seconds="[^"]*"|[0-9a-f-]{36}', "", self.page.content())
        if (drawn, str(self.page.viewport_size)) in _examined:
            return
        _examined.add((drawn, str(self.page.viewport_size)))
        self._examine_widths()
        for scheme in ("light", "dark") if self.scripts else ():  # axe is a script
            self.page.emulate_media(color_scheme=scheme)
            results = run_axe(self.page)
            assert not results.violations_count, f"{self.path} {scheme}: {results.generate_report()}"
        self.page.emulate_media(color_scheme="light")
        assert not self.faults, f"{self.path}: {self.faults}"

    def _examine_widths(self) -> None:
        size = self.page.viewport_size
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 800})
            wide = self.page.evaluate("document.scrollingElement.scrollWidth")
            assert wide <= width, f"{self.path} is {wide} wide in a window of {width}"
        self.page.set_viewport_size(size)  # type: ignore[arg-type]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not (self.expected and self.expected in message.text):
            self.faults.append(f"{message.type}: {message.text}")

    def _watch(self, response: Response) -> None:
        if response.status >= 500:
            self.faults.append(f"{response.status} {response.url}")


def fill_quietly(page: Page, code: str) -> None:
    """Fill in a code without typing it: a page may submit itself at the last digit."""
    page.locator("main [name=code]").evaluate("(field, code) => { field.value = code }", code)


def visitor(browser: Browser, url: str, **options: Any) -> Visitor:
    """Return a visitor with a separate browser; `options` are those of a browser context."""
    context: BrowserContext = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
    context.set_default_timeout(10_000)
    found = Visitor(context.new_page(), url, scripts=options.get("java_script_enabled", True))
    found.page.on("console", found._hear)
    found.page.on("pageerror", lambda error: found.faults.append(str(error)))
    found.page.on("response", found._watch)
    return found
