"""A program that calls the web service for a user, with a token of its own."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from tests.helpers.access_tokens import token_of

VERSION = "application/json;version=2018-01-01"


@dataclass
class Program:
    """Calls for `user` with a token; `headers` go along with every call."""

    user: User
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """Call `/v2` + path; `body` is sent as JSON, text and bytes as they are."""
        sent = {"Accept": VERSION, "Authorization": f"Bearer {self.token}"} | self.headers
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
        kind = "" if body is None else "application/json"
        return Client().generic(method, f"/v2{path}", data, content_type=kind, headers=sent)

    def get(self, path: str, **headers: str) -> HttpResponse:
        """Read."""
        return self.call("GET", path, **headers)

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return what a list holds."""
        response = self.get(path)
        assert response.status_code == 200, response.content
        return response.json()["_embedded"]

    def content(self, path: str) -> Any:
        """Return what one thing reads."""
        response = self.get(path)
        assert response.status_code == 200, response.content
        return response.json()["content"]


def program(user: User, *scopes: str, **fields: Any) -> Program:
    """Return a program with a token for `user`, as `tests.helpers.access_tokens.token_of` makes it."""
    return Program(user, token_of(user, *scopes, **fields))


def machine(user: User, *scopes: str) -> Program:
    """Return a program that authenticated as `user` by client credentials: nobody signed in."""
    return program(user, *scopes, authenticated_at=None, with_factor=False)
