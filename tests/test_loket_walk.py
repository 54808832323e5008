"""The pages of signing in and of the office, in their states, before axe, the rules of pa11y and the W3C's checker."""

import json
import subprocess
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Response

from tests.browser import RULES
from tests.browser import browser as browser
from tests.running import ROOT, Demo, fresh_demo
from tests.screenshots import Camera, signing_in, the_office

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]
PACKAGES = ROOT / "node_modules"
SNIFFER = PACKAGES / "@pa11y" / "html_codesniffer" / "build" / "HTMLCS.js"
CHECKER = PACKAGES / "vnu-jar" / "build" / "dist" / "vnu.jar"
SNIFF = """() => new Promise(done => HTMLCS.process("WCAG2AA", document, () => done(HTMLCS.getMessages()
    .filter(found => found.type === HTMLCS.ERROR)
    .map(found => `${found.code}: ${found.msg} ${found.element.outerHTML?.slice(0, 200)}`))))"""


class Walker(Camera):
    """Somebody who goes the way of the pictures and has every page examined instead of taken."""

    def __init__(self, browser: Browser, demo: Demo, folder: Path, findings: list[str]) -> None:
        super().__init__(browser, demo)
        self.folder, self.findings = folder, findings
        self.source: Response | None = None
        self.page.on("response", self._keep)

    def _keep(self, response: Response) -> None:
        if response.request.is_navigation_request() and not 300 <= response.status < 400:
            self.source = response

    def shoot(self, name: str) -> None:
        """Have this page examined."""
        self.page.wait_for_load_state()
        assert self.source is not None
        (self.folder / f"{len(list(self.folder.iterdir()))}-{name}.html").write_text(self.source.text())
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for violation in Axe().run(self.page, options=RULES).response["violations"]:
                nodes = [node["html"][:200] for node in violation["nodes"]]
                self.findings.append(f"axe {name} {scheme}: {violation['id']} {nodes}")
        self.page.evaluate(SNIFFER.read_text())
        self.findings += [f"pa11y {name}: {found}" for found in self.page.evaluate(SNIFF)]


def check_markup(folder: Path) -> list[str]:
    """Return what the W3C's checker has against the pages in a folder."""
    done = subprocess.run(
        ["java", "-jar", str(CHECKER), "--format", "json", "--exit-zero-always", str(folder)],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    messages = json.loads(done.stderr)["messages"]
    return [
        f"w3c {Path(found.get('url', '')).name}: {found['message']} {found.get('extract', '')[:200]}"
        for found in messages
    ]


def test_the_pages_of_signing_in_and_of_the_office_are_without_findings(browser: Browser, tmp_path: Path) -> None:
    findings: list[str] = []
    with fresh_demo() as (demo, said):
        stranger, administrator = (Walker(browser, demo, tmp_path, findings) for _number in range(2))
        signing_in(stranger)
        administrator.sign_in(said["Gebruikersnaam"], said["Wachtwoord"])
        the_office(administrator)
    assert findings + check_markup(tmp_path) == []
