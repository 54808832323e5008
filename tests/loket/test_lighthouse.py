"""Lighthouse for the user list, the invitation form and a user's page, signed in."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.helpers.browser import CHROMIUM, Office, visitor
from tests.helpers.browser import browser as browser
from tests.helpers.browser import office as office
from tests.helpers.demo_process import ROOT
from tests.loket.test_invitation_journey_browser import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]
LIGHTHOUSE = ROOT / "node_modules" / ".bin" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
TRIES = 3  # a busy machine is slow, which is no fault of the page


def pages(browser: Browser, office: Office) -> tuple[str, list[str]]:
    """Sign in; return the cookies and the URLs of the three pages."""
    admin = visitor(browser, office.demo.url)
    sign_in(admin, office.username, office.password)
    cookies = "; ".join(f"{found['name']}={found['value']}" for found in admin.page.context.cookies())
    admin.page.goto(f"{office.demo.url}/gebruikers/")
    person = admin.page.locator("tbody th a").first.get_attribute("href")
    return cookies, [office.demo.url + path for path in ("/gebruikers/", "/gebruikers/nieuw/website/", str(person))]


def judge(url: str, headers: Path) -> tuple[dict[str, float], str]:
    """Return Lighthouse's score of a page in each category, and the failed audits."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [
            str(LIGHTHOUSE), url, "--quiet", "--preset=desktop", f"--only-categories={','.join(CATEGORIES)}",
            f"--extra-headers={headers}", f"--chrome-flags={' '.join(['--headless=new', *sandbox])}", "--output=json",
        ],
        capture_output=True, text=True, timeout=60, check=True, env=os.environ | {"CHROME_PATH": CHROMIUM},
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["finalDisplayedUrl"] == url
    faults = [key for key, audit in report["audits"].items() if audit["score"] not in (None, 1)]
    return {name: report["categories"][name]["score"] * 100 for name in CATEGORIES}, f"{url}: {faults}"


def test_lighthouse_gives_the_pages_of_every_day_100(browser: Browser, office: Office, tmp_path: Path) -> None:
    cookies, addresses = pages(browser, office)
    headers = tmp_path / "headers.json"
    headers.write_text(json.dumps({"Cookie": cookies}))
    for url in addresses:
        for _number in range(TRIES):
            scores, faults = judge(url, headers)
            assert scores["accessibility"] == scores["best-practices"] == 100, f"{scores} {faults}"
            if scores["performance"] == 100:
                break
        assert scores["performance"] == 100, f"{scores} {faults}"
