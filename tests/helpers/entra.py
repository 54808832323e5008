"""The stand-in for Microsoft under the control of a test, which can forge all of its responses."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from django.utils import timezone

from accounts.models import ExternalTenant, LoginMethod, Provider, User
from authentication.microsoft import oidc
from demo import fake_entra
from demo.fake_entra import FakeEntra, FakeResponse
from tests.helpers.users import make_user

TID = UUID("6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11")
OID = UUID("2b1e9c04-77ad-4c3b-8d10-5e90f2a4c100")
BACK = "/inloggen/microsoft/terug/"
_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Forger(FakeEntra):
    """A stand-in whose claims, signature and responses a test replaces."""

    said: dict[str, Any] = field(default_factory=dict)  # claims that replace others; None omits one
    sign: Callable[[dict[str, Any]], str] | None = None
    answer: FakeResponse | None = None  # to requests for tokens
    published: list[dict[str, Any]] | None = None  # keys
    out_of_reach: bool = False
    fetched: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def build_claims(self, kept: dict[str, Any]) -> dict[str, Any]:
        """Return the claims of the ID token."""
        claims = {**super().build_claims(kept), **self.said}
        return {name: value for name, value in claims.items() if value is not None}

    def sign_id_token(self, claims: dict[str, Any]) -> str:
        """Return the signed ID token."""
        self.tokens.append(self.sign(claims) if self.sign else super().sign_id_token(claims))
        return self.tokens[-1]

    def get(self, url: str, **options: Any) -> FakeResponse:
        """Answer a GET request, or fail."""
        self._reach(url)
        if self.published is not None and url.endswith("/keys"):
            return FakeResponse(200, {"keys": self.published})
        return super().get(url, **options)

    def post(self, url: str, *, data: dict[str, str], **options: Any) -> FakeResponse:
        """Answer a token request, or fail."""
        self._reach(url)
        return self.answer or super().post(url, data=data, **options)

    def _reach(self, url: str) -> None:
        if self.out_of_reach:
            raise requests.ConnectionError("no route to Microsoft")
        self.fetched.append(url)


@pytest.fixture
def entra(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Forger:
    """A stand-in that has not received a request yet."""
    found = Forger(_key)
    settings.LOKET_DEMO = True
    monkeypatch.setattr(fake_entra, "get_fake_entra", lambda: found)
    monkeypatch.setattr(oidc, "_http_cache", {})
    monkeypatch.setattr(oidc, "_key_caches", {})
    return found


@pytest.fixture
def tenant(office: Provider) -> ExternalTenant:
    """The office's tenant, confirmed."""
    return make_tenant(office, TID)


@pytest.fixture
def dora(office: Provider, tenant: ExternalTenant) -> User:
    """A colleague who signs in at Microsoft."""
    return make_azure_user(office, tenant, OID, initials="D.", last_name="Dekker", username="dora@devries.example")


def make_tenant(office: Provider, tid: UUID, *, proved: bool = True, name: str = "De Vries Groep") -> ExternalTenant:
    """Create a tenant, either confirmed by signing in or unconfirmed."""
    proof = {"confirmed_at": timezone.now(), "confirmation_method": "microsoft"} if proved else {}
    return ExternalTenant.objects.create(provider=office, name=name, tenant_id=tid, **proof)


def make_azure_user(office: Provider, tenant: ExternalTenant, oid: UUID, **fields: Any) -> User:
    """Create an Azure user; `fields` override the defaults."""
    return make_user(
        office,
        **{
            "login_method": LoginMethod.AZURE_AD, "external_tenant": tenant, "external_user_id": oid, "password": "!",
            "password_changed_at": None, **fields,
        },
    )  # fmt: skip


def start_sign_in(client: Client, start: str = "/inloggen/microsoft/") -> dict[str, str]:
    """Go to Microsoft; return the parameters of Loket's request."""
    response = client.get(start)
    assert response.status_code == 302, response.status_code
    return dict(parse_qsl(urlsplit(response["Location"]).query))


def get_flow_cookies(client: Client) -> dict[str, Any]:
    """Return the cookies of the flows that this browser has started and not finished, the oldest first."""
    kept = {name: cookie for name, cookie in client.cookies.items() if name.startswith("microsoft-") and cookie.value}
    return dict(sorted(kept.items(), key=lambda item: item[1].value.rsplit(":", 2)[1]))


def copy_flow_cookies(from_client: Client, to_client: Client) -> None:
    """Give the flows of one browser to another."""
    for name, cookie in get_flow_cookies(from_client).items():
        to_client.cookies[name] = cookie.value


def build_callback_url(entra: FakeEntra, asked: dict[str, str], tid: UUID = TID, oid: UUID = OID) -> str:
    """Return the URL at which the user comes back, without the host."""
    return entra.build_code_url(entra.parse_request(asked), tid=tid, oid=oid).removeprefix("http://localhost:8000")


def visit(
    client: Client, entra: FakeEntra, tid: UUID = TID, oid: UUID = OID, start: str = "/inloggen/microsoft/"
) -> Any:
    """Go to Microsoft and come back as the user with `oid`."""
    return client.get(build_callback_url(entra, start_sign_in(client, start), tid, oid))
