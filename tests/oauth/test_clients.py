"""Clients of others with the settings of their quick starts: a whole login, a refresh, a logout, over TLS."""

import os
import ssl
import sys
import tempfile
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import quote

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer
from django.test.testcases import LiveServerThread
from pytest_django.live_server_helper import LiveServer

import oauth.applications
from accounts.models import User
from oauth import oidc
from oauth.models import AccessToken, RefreshToken
from tests.authentication.microsoft.test_sign_in_browser import certificate_in
from tests.helpers.demo_process import free_port
from tests.helpers.portals import PortalUser, running_portal
from tests.helpers.users import PASSWORD, actor
from tests.oauth.test_authorization_code import SECRET

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
CLIENTS = Path(__file__).parent / "clients"


class Library(NamedTuple):
    """A client of others: its portal, and where that portal does what."""

    command: list[str]
    login: str = "/login"
    callback: str = "/callback"
    refresh: str = ""
    logout: str = ""
    logout_method: str = "GET"


PYTHON_LIBRARIES = {
    "authlib": Library([sys.executable, "authlib_site.py"], refresh="/refresh", logout="/logout"),
    "requests-oauthlib": Library([sys.executable, "requests_oauthlib_site.py"], refresh="/refresh"),
    "mozilla-django-oidc": Library(
        [sys.executable, "mozilla_django_oidc_site.py"], login="/oidc/authenticate/", callback="/oidc/callback/",
        refresh="/refresh", logout="/oidc/logout/", logout_method="POST",
    ),
    "django-allauth": Library(
        [sys.executable, "django_allauth_site.py"], login="/accounts/oidc/loket/login/",
        callback="/accounts/oidc/loket/login/callback/",
    ),
}  # fmt: skip
NODE_LIBRARIES = {
    "openid-client": Library(["node", "openid_client.mjs"], refresh="/refresh", logout="/logout"),
    "oauth4webapi": Library(["node", "oauth4webapi.mjs"], refresh="/refresh"),
    "auth-js": Library(
        ["node", "auth_js.mjs"], login="/api/auth/signin?callbackUrl=/", callback="/api/auth/callback/loket"
    ),
}
APACHE = Library(["apache2"], login="/secure/", callback="/secure/redirect_uri")
LIBRARIES = [
    *(pytest.param(library, id=name) for name, library in PYTHON_LIBRARIES.items()),
    *(pytest.param(library, id=name, marks=pytest.mark.node) for name, library in NODE_LIBRARIES.items()),
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The certificate of the server, which the clients trust, and its key."""
    return certificate_in(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def live_server(certificate: tuple[Path, Path]) -> Iterator[LiveServer]:
    """The live server, over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    class TlsServer(ThreadedWSGIServer):
        def server_bind(self) -> None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
            super().server_bind()

        def setup_environ(self) -> None:
            super().setup_environ()
            self.base_environ["HTTPS"] = "on"

    with patch.object(LiveServerThread, "server_class", TlsServer):
        server = LiveServer("localhost")
    yield server
    server.stop()


class Setting(NamedTuple):
    """What a portal is told by its environment, and the user who signs in."""

    environment: dict[str, str]
    portal: str
    port: int
    user: PortalUser

    def register(self, owner: User, library: Library) -> None:
        """Register the portal as an integration of the office."""
        details = {
            "name": "Portaal", "redirect_uris": [self.portal + library.callback],
            "post_logout_redirect_uris": [f"{self.portal}/left"], "scopes": ["openid", "profile", "email"],
        }  # fmt: skip
        made = oauth.applications.register_application(owner.provider, details=details, by=actor(owner))
        oauth.applications.set_client_secret(made, secret=SECRET, hours=0, version=made.version, by=actor(owner))
        self.environment["CLIENT_ID"] = str(made.client_id)


@pytest.fixture
def setting(
    live_server: LiveServer, certificate: tuple[Path, Path], bob: User, settings: Any, tmp_path: Path
) -> Iterator[Setting]:
    loket = live_server.url.replace("http:", "https:")
    settings.LOKET_URL = loket
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "OIDC_ISS_ENDPOINT": loket}
    port, trusted = free_port(), str(certificate[0])
    portal = f"http://127.0.0.1:{port}"  # another host than Loket's, for cookies
    environment = {
        "LOKET": loket, "CLIENT_SECRET": SECRET, "PORT": str(port), "PORTAL": portal,
        "DATABASE": str(tmp_path / "portal.sqlite3"), "PASSPHRASE": "p" * 32,
        "OAUTHLIB_INSECURE_TRANSPORT": "1",  # as its example says for a portal without TLS
        "REQUESTS_CA_BUNDLE": trusted, "SSL_CERT_FILE": trusted, "NODE_EXTRA_CA_CERTS": trusted,
    }  # fmt: skip
    user = PortalUser("bob", PASSWORD, certificate[0])
    yield Setting(environment, portal, port, user)
    user.browser.close()


def is_signed_in(setting: Setting) -> bool:
    page = setting.user.browser.get(f"{setting.environment['LOKET']}/profiel/", allow_redirects=False, timeout=20)
    return page.status_code == 200


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_whole_login(library: Library, setting: Setting, alice: User, bob: User, tmp_path: Path) -> None:
    setting.register(alice, library)
    program, file = library.command[:-1], library.command[-1]
    with running_portal([*program, str(CLIENTS / file)], setting.port, setting.environment, tmp_path):
        shown = setting.user.open(setting.portal + library.login).json()
        assert shown["userinfo"]["email"] == bob.email
        if claims := shown.get("claims"):
            assert claims["sub"] == oidc.compute_subject(bob)
        if library.refresh:
            before = AccessToken.objects.count()
            assert setting.user.open(setting.portal + library.refresh).json()["userinfo"]["email"] == bob.email
            assert AccessToken.objects.count() == before + 1
        assert is_signed_in(setting)
        if library.logout:
            assert setting.user.open(setting.portal + library.logout, library.logout_method).text.strip('"') == "left"
            assert not is_signed_in(setting)


APACHE_CONFIGURATION = """\
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
DocumentRoot {folder}/www
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
OIDCCABundlePath {certificate}
OIDCInfoHook access_token id_token userinfo
Include {portal}
"""


def configure_apache(folder: Path, port: int, certificate: Path) -> Path:
    """Write the configuration of an Apache with the portal's, and its pages."""
    (folder / "www" / "secure").mkdir(parents=True)
    for page in (folder / "www" / "secure" / "index.html", folder / "www" / "left"):
        page.write_text(page.stem)
    above = takewhile(lambda path: path != Path(tempfile.gettempdir()), folder.parents)
    for path in (folder, *above, certificate.parent):  # Apache gives up being root
        path.chmod(0o755)
    text = APACHE_CONFIGURATION.format(
        folder=folder, port=port, certificate=certificate, portal=CLIENTS / "mod_auth_openidc.conf",
        modules="/usr/lib/apache2/modules",
    )  # fmt: skip
    file = folder / "apache.conf"
    file.write_text(text + ("User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""))
    return file


@pytest.mark.apache
def test_a_whole_login_through_apache(
    setting: Setting, certificate: tuple[Path, Path], alice: User, bob: User, tmp_path: Path
) -> None:
    setting.register(alice, APACHE)
    file = configure_apache(tmp_path, setting.port, certificate[0])
    hook = f"{setting.portal}{APACHE.callback}"
    command = ["apache2", "-f", str(file), "-D", "FOREGROUND"]
    with running_portal(command, setting.port, setting.environment, tmp_path):
        assert setting.user.open(setting.portal + APACHE.login).text == "index"
        shown = setting.user.open(f"{hook}?info=json").json()
        assert shown["userinfo"]["email"] == bob.email
        assert shown["id_token"]["sub"] == oidc.compute_subject(bob)
        back = quote(setting.portal + APACHE.login)
        assert setting.user.open(f"{hook}?refresh={back}&access_token={shown['access_token']}").text == "index"
        assert RefreshToken.objects.exclude(revoked=None).count() == 1
        assert setting.user.open(f"{hook}?info=json").json()["access_token"] != shown["access_token"]
        assert setting.user.open(f"{hook}?logout={quote(f'{setting.portal}/left')}").text == "left"
        assert not is_signed_in(setting)
