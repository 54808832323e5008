"""Portals of others, which let users sign in with Loket: each a process, and a user with a browser in front of it."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import requests

LIFETIME_SECONDS = 60  # of a process, also if the test does not end it
START_SECONDS = 20
_REFRESH_PATTERN = re.compile(r"0; url=(.+)")


@contextmanager
def running_portal(command: list[str], port: int, environment: dict[str, str], folder: Path) -> Iterator[None]:
    """Run the portal until the block ends. Fails with what it printed if it does not start, or if the block fails."""
    log = folder / "portal.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["timeout", str(LIFETIME_SECONDS), *command],
            env={"PATH": f"{os.environ['PATH']}:/usr/sbin", "NO_PROXY": "localhost,127.0.0.1"} | environment,
            stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
    try:
        _wait_until_listening(process, port)
        yield
    except Exception as error:
        raise AssertionError(f"{error!r}; the portal printed:\n{log.read_text()[-5000:]}") from error
    finally:
        process.terminate()
        process.wait(15)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the portal does not start")


class _Page(HTMLParser):
    """Where a page leads: its immediate refresh, and the POST forms of its main part with their fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.refresh, self.forms = "", list[tuple[str, dict[str, str]]]()
        self._is_open = False
        self.feed(text if "<main" not in text else text[: text.find("<body")] + text[text.find("<main") :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "meta" and (onward := _REFRESH_PATTERN.fullmatch(found.get("content", ""))):
            self.refresh = onward[1]
        elif tag == "form":
            self._is_open = found.get("method", "").lower() == "post"
            if self._is_open:
                self.forms.append((found.get("action", ""), {}))
        elif tag == "input" and self._is_open and "name" in found:
            self.forms[-1][1][found["name"]] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._is_open = self._is_open and tag != "form"


class PortalUser:
    """A user with a browser without scripts, who signs in where that is asked, and presses the button of every form."""

    def __init__(self, username: str, password: str, certificate: Path) -> None:
        self.values = {"username": username, "password": password}
        self.browser = requests.Session()
        self.browser.trust_env, self.browser.verify = False, str(certificate)

    def open(self, url: str, method: str = "GET") -> requests.Response:
        """Open a URL and go on until a page leads nowhere; return that page, which has no error."""
        response = self.browser.request(method, url, timeout=20)
        for _step in range(10):
            assert response.ok, f"{response.status_code} {response.url}: {response.text[-2000:]}"
            page = _Page(response.text)
            if page.refresh:
                response = self.browser.get(urljoin(response.url, page.refresh), timeout=20)
            elif page.forms:
                action, fields = page.forms[0]
                fields |= {name: value for name, value in self.values.items() if name in fields}
                headers = {"Referer": response.url}
                response = self.browser.post(urljoin(response.url, action), fields, headers=headers, timeout=20)
            else:
                return response
        raise AssertionError(f"no end of pages, at {response.url}")
