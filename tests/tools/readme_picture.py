"""`make picture`: the picture in README.md, of the user list in the example office."""

import os

import django

from tests.helpers.browser import chromium
from tests.helpers.demo_process import ROOT, fresh_demo
from tests.tools.screenshots import Camera


def main() -> None:
    """Sign in and take the picture of the list, in light mode, 1280 pixels wide."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loket.settings")
    django.setup()
    with fresh_demo() as (demo, login), chromium() as browser:
        camera = Camera(browser, demo)
        camera.sign_in(login["Gebruikersnaam"], login["Wachtwoord"])
        camera.go("/gebruikers/")
        camera.page.screenshot(path=ROOT / "docs" / "user-list.png")


if __name__ == "__main__":
    main()
