"""A real portal on loopback that receives logout tokens, and the checks of OpenID Connect Back-Channel Logout 2.6."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client
from werkzeug import Request, Response

from oauth.models import Application
from tests.helpers.servers import QuickServer

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass
class Receiver:
    """What a portal received, and how it answers."""

    url: str = ""
    status: int = 200
    tokens: list[str] = field(default_factory=list)
    arrived: Event = field(default_factory=Event)

    def answer(self, request: Request) -> Response:
        assert request.content_type == "application/x-www-form-urlencoded"
        assert request.form.keys() == {"logout_token"}
        self.tokens.append(request.form["logout_token"])
        self.arrived.set()
        return Response(status=self.status, headers={"Location": "http://127.0.0.1:1/"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    with QuickServer("127.0.0.1", threaded=True) as server:
        server.expect_request("/uit", method="POST").respond_with_handler(found.answer)
        found.url = f"http://{server.host}:{server.port}/uit"
        yield found


def read_logout_token(token: str, portal: Application) -> dict[str, Any]:
    """Return the claims of a logout token, after every check of section 2.6."""
    keys = jwt.PyJWKSet.from_dict(Client().get("/oauth/jwks.json").json())
    header = jwt.get_unverified_header(token)
    assert header["typ"] == "logout+jwt"
    claims: dict[str, Any] = jwt.decode(
        token, keys[header["kid"]], [portal.algorithm], audience=str(portal.client_id), issuer=settings.LOKET_URL,
        options={"require": ["iss", "aud", "iat", "exp", "jti", "sub", "sid", "events"]},
    )  # fmt: skip
    assert claims["events"] == {LOGOUT_EVENT: {}}
    assert "nonce" not in claims
    assert claims["exp"] - claims["iat"] <= 120
    return claims
