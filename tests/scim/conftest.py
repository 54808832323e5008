"""A connection with a token, and a client that calls it as a directory does."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import ExternalTenant, LoginMethod, User
from core import encryption
from scim.models import ConnectionToken, DirectoryConnection

TENANT_ID = "6f2b8c1e-7c1d-4a53-9f43-5f1b1f7f0a11"
PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def make_connection(owner: User, login_method: str = LoginMethod.AZURE_AD, **values: Any) -> DirectoryConnection:
    if login_method == LoginMethod.AZURE_AD and "tenant" not in values:
        values["tenant"] = ExternalTenant.objects.create(
            provider=owner.office,
            name="T",
            tenant_id=TENANT_ID,
            confirmed_at=timezone.now(),
            confirmation_method=ExternalTenant.ConfirmationMethod.MICROSOFT,
        )
    live = {"state": DirectoryConnection.State.ON, "went_live_at": timezone.now()}
    defaults = live | {"name": "Entra ID", "provider": owner.office, "owner": owner, "login_method": login_method}
    return DirectoryConnection.objects.create(**(defaults | values))


class Directory:
    """The client of a directory: JSON in, status and JSON out."""

    def __init__(self, connection: DirectoryConnection) -> None:
        self.connection, self.secret = connection, encryption.generate_token()
        ConnectionToken.objects.create(
            provider=connection.provider, connection=connection, token_hash=encryption.hash_token(self.secret)
        )
        self.root = f"/scim/v2/{connection.pk}"
        self.client = Client(raise_request_exception=False)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> HttpResponse:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.secret}"} | {
            name.replace("_", "-"): headers[name] for name in headers
        }
        response = self.client.generic(
            method, self.root + path, content, content_type="application/scim+json", headers=headers
        )
        assert response["Content-Type"] == "application/scim+json"
        return response  # type: ignore[return-value]

    def call(self, method: str, path: str, body: object = None, status: int = 200) -> dict[str, Any]:
        """Return the answer, which has this status."""
        response = self.send(method, path, body)
        assert response.status_code == status, response.content.decode()
        return json.loads(response.content) if response.content else {}

    def patch(self, pk: object, *operations: dict[str, Any], status: int = 204) -> dict[str, Any]:
        body = {"schemas": [PATCH_SCHEMA], "Operations": list(operations)}
        return self.call("PATCH", f"/Users/{pk}", body, status)

    def find(self, expression: str) -> list[dict[str, Any]]:
        from urllib.parse import quote

        return self.call("GET", f"/Users?filter={quote(expression)}")["Resources"]


@pytest.fixture
def entra(alice: User) -> Directory:
    """A directory whose new users sign in at Microsoft."""
    return Directory(make_connection(alice))


@pytest.fixture
def okta(alice: User) -> Directory:
    """A directory whose new users are invited."""
    return Directory(make_connection(alice, LoginMethod.WEBSITE_SSO, name="Okta"))
