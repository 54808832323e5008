"""An API client that calls the web service for a user, with its own token."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from accounts.models import User
from tests.helpers.access_tokens import token_of
from tests.helpers.responses import ClientResponse

VERSION = "application/json;version=2018-01-01"


@dataclass
class Program:
    """Calls the web service for `user`; `headers` are sent with every call."""

    user: User
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> ClientResponse:
        """Call `/v2` + path; `body` is sent as JSON, strings and bytes unchanged."""
        sent = {"Accept": VERSION, "Authorization": f"Bearer {self.token}"} | self.headers
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
        kind = "" if body is None else "application/json"
        return Client().generic(method, f"/v2{path}", data, content_type=kind, headers=sent)

    def get(self, path: str, **headers: str) -> ClientResponse:
        """Send a GET request."""
        return self.call("GET", path, **headers)

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of a list."""
        response = self.get(path)
        assert response.status_code == 200, response.content
        rows: list[dict[str, Any]] = response.json()["_embedded"]
        return rows

    def content(self, path: str) -> Any:
        """Return the content of a single object."""
        response = self.get(path)
        assert response.status_code == 200, response.content
        return response.json()["content"]


def program(user: User, *scopes: str, **fields: Any) -> Program:
    """Return an API client with a token for `user`, as created by `tests.helpers.access_tokens.token_of`."""
    return Program(user, token_of(user, *scopes, **fields))


def machine(user: User, *scopes: str) -> Program:
    """Return an API client with a client credentials token of `user`: no user has signed in."""
    return program(user, *scopes, authenticated_at=None, with_factor=False)
