"""Signing in at an external identity provider over TLS, in a real browser.

The provider is oidc-provider-mock; what it lacks compared to Entra (the key ID, `nbf`, a single `aud`) is added here.
"""

import ipaddress
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.contrib.sessions.models import Session
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from accounts.models import User
from audit.models import Verb
from authentication.microsoft import oidc
from tests.helpers import audit_events
from tests.helpers.browser import chromium, visitor
from tests.helpers.entra import OID, TID
from tests.helpers.entra import dora as dora
from tests.helpers.entra import tenant as tenant

CLIENT_ID = "0b5f7c1e-6a53-4c0c-8c51-1f3f6f1d9a10"


@dataclass
class ForeignProvider:
    """An external provider on loopback, and the file with its CA certificate."""

    url: str
    certificate: Path

    def knows(self, sub: str, **claims: Any) -> None:
        """Register a user with claims as Entra sends them."""
        with requests.Session() as session:
            session.trust_env = False
            claims = {"aud": CLIENT_ID, "nbf": int(datetime.now(UTC).timestamp()), "tid": str(TID), **claims}
            put = session.put(f"{self.url}/v2.0/users/{sub}", json=claims, verify=str(self.certificate))
            put.raise_for_status()


def certificate_in(folder: Path, *, days: int = 1) -> tuple[Path, Path]:
    """Create a self-signed certificate for localhost, valid for `days`; return its file and its key file."""
    key, now = rsa.generate_private_key(public_exponent=65537, key_size=2048), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=9)).not_valid_after(now + timedelta(days=days, minutes=1))
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, hashes.SHA256())
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, private


class Quiet(WSGIRequestHandler):
    """A request handler without logging."""

    def log(self, *args: Any) -> None:
        """Log nothing."""


@pytest.fixture
def foreign_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForeignProvider]:
    """The external provider."""
    with warnings.catch_warnings(record=True):  # of the libraries below it
        import oidc_provider_mock
        from oidc_provider_mock import _app

    plain = _app.OpenIDCode.get_jwt_config
    monkeypatch.setattr(
        _app.OpenIDCode, "get_jwt_config", lambda *args: {**plain(*args), "kid": _app.storage.jwk.thumbprint()}
    )
    certificate, private = certificate_in(tmp_path)
    application = DispatcherMiddleware(NotFound(), {"/tenant/v2.0": oidc_provider_mock.app().wsgi_app})
    context = (str(certificate), str(private))
    server = make_server("localhost", 0, application, threaded=True, request_handler=Quiet, ssl_context=context)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield ForeignProvider(f"https://localhost:{server.server_port}/tenant", certificate)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def product(live_server: Any, foreign_provider: ForeignProvider, settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The product on loopback with the external provider in place of Microsoft; returns its URL."""

    def trusting() -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.request = partial(session.request, timeout=10, verify=str(foreign_provider.certificate))  # type: ignore[method-assign]
        return session

    settings.LOKET_URL = live_server.url.replace("127.0.0.1", "localhost")
    settings.LOKET_ENTRA_AUTHORITY = foreign_provider.url
    settings.LOKET_ENTRA_CLIENT_ID, settings.LOKET_ENTRA_CLIENT_SECRET = CLIENT_ID, "secret"
    monkeypatch.setattr(oidc, "_create_http_client", trusting)
    monkeypatch.setattr(oidc, "_http_cache", {})
    return str(settings.LOKET_URL)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.filterwarnings("ignore")
def test_browser_signs_in_at_a_foreign_provider(
    transactional_db: None, dora: User, foreign_provider: ForeignProvider, product: str
) -> None:
    foreign_provider.knows("dora", oid=str(OID))
    foreign_provider.knows("stranger", oid=str(TID))
    with chromium() as running:
        for sub, path in (("stranger", "/inloggen/microsoft/mislukt/"), ("dora", "/profiel/")):
            guest = visitor(running, product, ignore_https_errors=True)
            guest.page.goto(f"{product}/profiel/")
            guest.page.locator("main a[href*='/inloggen/microsoft/']").click()
            guest.page.locator("input[name=sub]").fill(sub)
            guest.page.locator("button", has_text="Authorize").click()
            guest.page.wait_for_url(f"{product}{path}**")
    assert [session.get_decoded()["_auth_user_id"] for session in Session.objects.all()] == [str(dora.pk)]
    assert audit_events.list_reasons() == [
        (Verb.SIGN_IN_REFUSED, "unknown"),
        (Verb.SIGNED_IN, ""),
    ]
