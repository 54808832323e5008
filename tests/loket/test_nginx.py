"""The configuration of deploy/nginx/, in a real nginx in front of a real web server."""

import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import requests

from core.embedded_postgres import server
from core.processes import build_granian_arguments
from tests.authentication.microsoft.test_sign_in_browser import certificate_in
from tests.helpers.demo_process import ROOT, free_port
from tests.helpers.servers import own_environment
from tests.helpers.users import PASSWORD
from tests.monitoring.test_metrics import wait_until_alive
from tests.outbox.test_killed_processes import SET_UP

pytestmark = [pytest.mark.slow, pytest.mark.nginx]
ADDRESS = "203.0.113.66"  # an address that the client sends
ADDRESSES = "from audit.models import Event; print({event.address for event in Event.objects.filter(verb='signed_in')})"


class Site:
    """The site behind nginx, and the web server itself."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.port, self.plain, self.https, self.for_prometheus = (free_port() for _number in range(4))
        self.url = f"https://localhost:{self.https}"
        self.environment = own_environment(self.data) | {
            "LOKET_URL": self.url, "LOKET_TRUSTED_PROXIES": "127.0.0.1", "LOKET_METRICS_TOKEN": "t" * 32,
        }  # fmt: skip
        self.processes: list[subprocess.Popen[bytes]] = []

    def manage(self, *arguments: str) -> str:
        """Return the output of `manage.py`."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    def configuration(self) -> Path:
        """Return the configuration with the paths and ports of this test."""
        block = (ROOT / "deploy" / "nginx" / "loket.conf").read_text()
        for old, new in {
            "listen 80;": f"listen 127.0.0.1:{self.plain};",
            "listen 443 ": f"listen 127.0.0.1:{self.https} ",
            "listen 9443 ": f"listen 127.0.0.1:{self.for_prometheus} ",
            "allow 192.0.2.10;": "allow 127.0.0.1;",
            "loket.example": "localhost",
            "/etc/loket/fullchain.pem": str(self.folder / "certificate.pem"),
            "/etc/loket/privkey.pem": str(self.folder / "key.pem"),
            "127.0.0.1:8000": f"127.0.0.1:{self.port}",
        }.items():
            assert old in block
            block = block.replace(old, new)
        temporary = "\n".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""  # the folder of a test is closed to other accounts
        file = self.folder / "nginx.conf"
        file.write_text(
            f"{user} pid {self.folder}/nginx.pid; error_log {self.folder}/error.log; daemon off;\n"
            f"events {{}}\nhttp {{\n{temporary}\n{block}\n}}\n"
        )
        return file

    def start(self, *command: str) -> None:
        """Start a process that belongs to the site."""
        with (self.folder / "log").open("ab") as output:
            self.processes.append(
                subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=output, stderr=output)
            )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, with an office and its administrator."""
    found = Site(tmp_path_factory.mktemp("nginx"))
    found.folder.chmod(0o755)
    certificate_in(found.folder)
    try:
        found.manage("migrate", "-v0")
        found.manage("shell", "-v0", "-c", SET_UP)
        found.start(sys.executable, *build_granian_arguments(found.port, workers=2), "--respawn-failed-workers")
        wait_until_alive(f"http://127.0.0.1:{found.port}")
        found.start("/usr/sbin/nginx", "-p", str(found.folder), "-c", str(found.configuration()))
        time.sleep(0.5)
        yield found
    finally:
        for process in reversed(found.processes):
            process.terminate()
            process.wait(15)
        server.stop_server(found.data / "postgresql")


@pytest.fixture
def browser(site: Site) -> Iterator[requests.Session]:
    """A browser that trusts the test's certificate."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(site.folder / "certificate.pem")
        yield session


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "attacker.example"])
def test_plain_http_leads_to_https_of_this_site(site: Site, browser: requests.Session, host: str) -> None:
    url = f"http://localhost:{site.plain}/inloggen/?next=/x/"
    response = browser.get(url, headers={"Host": host}, allow_redirects=False)
    assert response.status_code == 301
    assert response.headers["Location"] == "https://localhost/inloggen/?next=/x/"


def test_signing_in_sets_secure_cookies_and_records_the_client_address(site: Site, browser: requests.Session) -> None:
    page = browser.get(f"{site.url}/inloggen/", headers={"X-Forwarded-For": ADDRESS})
    assert page.status_code == 200
    assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
    assert "nginx/" not in page.headers["Server"]
    form = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["__Host-csrftoken"]}
    headers = {"Referer": f"{site.url}/inloggen/", "Origin": site.url, "X-Forwarded-For": ADDRESS}
    response = browser.post(f"{site.url}/inloggen/", form, headers=headers, allow_redirects=False)
    assert response.status_code == 302
    assert all(cookie.secure for cookie in browser.cookies)
    assert browser.get(f"{site.url}/gebruikers/").status_code == 200
    assert site.manage("shell", "-v0", "-c", ADDRESSES).strip() == "{'127.0.0.1'}"


def test_a_style_sheet_comes_through_compressed(site: Site, browser: requests.Session) -> None:
    page = browser.get(f"{site.url}/inloggen/").text
    (sheet,) = re.findall(r'href="(/static/loket[^"]+css)"', page)
    response = browser.get(site.url + sheet)
    assert response.status_code == 200
    assert response.headers["Content-Encoding"] == "gzip"


def test_no_page_is_compressed(site: Site, browser: requests.Session) -> None:
    assert "Content-Encoding" not in browser.get(f"{site.url}/inloggen/").headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_for_the_operator_only(site: Site, browser: requests.Session, path: str) -> None:
    token = {"Authorization": f"Bearer {'t' * 32}"}
    assert browser.get(site.url + path, headers=token).status_code == 404
    expected = 503 if path == "/readyz" else 200  # no worker runs here
    assert browser.get(f"http://127.0.0.1:{site.port}{path}", headers=token).status_code == expected


def test_metrics_are_for_the_address_of_prometheus_only(site: Site, browser: requests.Session) -> None:
    url, token = f"https://localhost:{site.for_prometheus}", {"Authorization": f"Bearer {'t' * 32}"}
    assert "loket_requests_total" in browser.get(f"{url}/metrics", headers=token).text
    assert browser.get(f"{url}/readyz").status_code == browser.get(f"{url}/inloggen/").status_code == 404
    context = ssl.create_default_context(cafile=site.folder / "certificate.pem")
    connection = HTTPSConnection(
        "localhost", site.for_prometheus, context=context, timeout=10, source_address=("127.0.0.2", 0)
    )
    connection.request("GET", "/metrics", headers=token)
    assert connection.getresponse().status == 403
    connection.close()


def test_every_request_that_nginx_passes_on_has_the_address_of_its_client(site: Site) -> None:
    """Also for static files: a location with a header of its own would lose those of the server."""
    block = site.configuration().read_text()
    assert re.findall(r"^ {8,}proxy_set_header", block, re.M) == []


def test_what_is_too_large_is_refused(site: Site, browser: requests.Session) -> None:
    assert browser.post(f"{site.url}/inloggen/", data=b"x" * 600_000).status_code == 400
    context = ssl.create_default_context(cafile=site.folder / "certificate.pem")
    connection = HTTPSConnection("localhost", site.https, context=context, timeout=10)
    connection.request("POST", "/inloggen/", headers={"Content-Length": "7000000"})  # and does not wait for the rest
    assert connection.getresponse().status == 413
    connection.close()
