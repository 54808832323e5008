"""CORS: browser clients read the endpoints and the web service from the origins that they registered."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, User
from oauth.models import Application
from tests.helpers.access_tokens import bearing, token_of
from tests.oauth.test_applications import GOOD, LIST
from tests.oauth.test_authorization_code import make_application
from tests.oauth.test_public_clients import make_public, obtain_code

pytestmark = pytest.mark.django_db
ORIGIN = "https://app.example"
ENDPOINTS = ("/oauth/token/", "/oauth/revoke/", "/oauth/userinfo/", "/v2/users/accounts", "/v2/bestaat/niet")
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture
def app(office: Provider) -> Application:
    return make_public(office, origins=[ORIGIN, "http://localhost:5173"])


def preflight(path: str, origin: str = ORIGIN, method: str = "POST") -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x"}
    return Client().options(path, headers=headers)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_registered_origin_reads_every_answer(app: Application, path: str) -> None:
    for origin in (ORIGIN, "http://localhost:5173"):
        answer = Client().get(path, headers={"Origin": origin})
        assert answer[ALLOWED] == origin
        assert "Origin" in answer["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer
        exposed = set(answer["Access-Control-Expose-Headers"].split(", "))
        assert {"WWW-Authenticate", "RateLimit", "RateLimit-Policy", "ETag", "Location", "Retry-After"} <= exposed


@pytest.mark.parametrize("path", ENDPOINTS)
def test_its_preflight_is_answered(app: Application, path: str) -> None:
    answer = preflight(path)
    assert (answer.status_code, answer[ALLOWED], answer.content) == (204, ORIGIN, b"")
    assert {"POST", "PUT", "PATCH", "DELETE", "GET"} <= set(answer["Access-Control-Allow-Methods"].split(", "))
    headers = {name.lower() for name in answer["Access-Control-Allow-Headers"].split(", ")}
    assert {"authorization", "content-type", "if-match", "if-none-match", "idempotency-key", "accept"} <= headers
    assert "Origin" in answer["Vary"]


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "https://app.example.evil.example", "http://app.example", "https://app.example:8443",
     "HTTPS://APP.EXAMPLE", "https://app.example/", "", "*", "https://app.example\x00"],
)  # fmt: skip
def test_no_other_origin_reads_anything(app: Application, path: str, origin: str) -> None:
    for answer in (preflight(path, origin), Client().get(path, headers={"Origin": origin})):
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        assert "Origin" in answer["Vary"]


def test_it_ends_with_the_integration(app: Application, alice: User) -> None:
    make_application(alice)
    Application.objects.filter(pk=app.pk).update(switched_off_at=timezone.now())
    assert ALLOWED not in preflight("/oauth/token/")
    Application.objects.filter(pk=app.pk).delete()
    assert ALLOWED not in preflight("/oauth/token/")


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
                                  "/oauth/jwks.json"])  # fmt: skip
def test_every_origin_reads_discovery_and_keys(path: str) -> None:
    assert Client().get(path, headers={"Origin": "https://x.example"})[ALLOWED] == "*"
    assert preflight(path, "https://x.example", "GET").status_code == 204


@pytest.mark.parametrize("path", ["/", "/inloggen/", "/oauth/authorize/", "/oauth/logout/", "/oauth/introspect/"])
def test_no_origin_reads_pages(app: Application, path: str) -> None:
    assert ALLOWED not in Client().get(path, headers={"Origin": ORIGIN})
    assert ALLOWED not in preflight(path)


def test_a_browser_client_signs_in_and_calls(bob_client: Client, bob: User, app: Application) -> None:
    data = {"grant_type": "authorization_code", "code": obtain_code(bob_client, app), "client_id": app.client_id}
    refused = Client().post("/oauth/token/", data, headers={"Origin": ORIGIN})
    assert (refused.status_code, refused[ALLOWED]) == (400, ORIGIN)
    token = token_of(bob, application=app)
    answer = Client().get("/oauth/userinfo/", headers={"Origin": ORIGIN, **bearing(token)})
    assert answer[ALLOWED] == ORIGIN


def test_a_body_that_is_too_large_is_refused_readably(app: Application) -> None:
    answer = Client().post("/oauth/token/", {"x": "x" * 600_000}, headers={"Origin": ORIGIN})
    assert (answer.status_code, answer[ALLOWED]) == (400, ORIGIN)


@pytest.mark.parametrize(
    "origin", ["app.example", "http://app.example", "https://app.example/pad", "https://*.example", "https://a b",
               "https://app.example:443", "null", "*", "https://wie@app.example"],
)  # fmt: skip
def test_only_origins_are_registered(office: Provider, origin: str) -> None:
    with pytest.raises(ValidationError, match="origin"):
        make_public(office, origins=[origin])


def test_the_page_registers_origins_of_public_clients_only(alice_client: Client) -> None:
    values = GOOD | {"origins": "https://App.example/\nhttp://localhost:5173"}
    page = alice_client.post(f"{LIST}nieuw/", values)
    assert set(page.context["form"].errors) == {"origins"}
    alice_client.post(f"{LIST}nieuw/", values | {"authentication": "none"})
    made = Application.objects.get()
    assert made.origins == [ORIGIN, "http://localhost:5173"]
    assert ORIGIN in alice_client.get(f"{LIST}{made.pk}/").text
    with pytest.raises(IntegrityError), transaction.atomic():
        Application.objects.filter(pk=made.pk).update(authentication="client_secret")
