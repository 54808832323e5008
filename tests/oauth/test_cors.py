"""CORS: browser clients read the endpoints and the web service from the origins that they registered."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, User
from oauth.models import Application
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.api_client import VERSION
from tests.helpers.consent import allow
from tests.oauth.test_applications import GOOD, LIST
from tests.oauth.test_authorization_code import BACK, make_application
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_public_clients import make_public
from tests.oauth.test_secrets import CHALLENGE, VERIFIER

pytestmark = pytest.mark.django_db
ORIGIN = "https://app.example"
# Addresses, each with the status of a GET without a token.
ENDPOINTS = {
    "/oauth/token/": 405, "/oauth/revoke/": 405, "/oauth/userinfo/": 401, "/oauth/par/": 405, "/v2/user": 401,
    "/v2/bestaat/niet": 404,
}  # fmt: skip
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture
def app(office: Provider) -> Application:
    return make_public(office, origins=[ORIGIN, "http://localhost:5173"])


def preflight(path: str, origin: str = ORIGIN, method: str = "POST") -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x"}
    return Client().options(path, headers=headers)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_registered_origin_reads_every_answer(app: Application, path: str) -> None:
    """Errors too: each of these requests is refused."""
    for origin in (ORIGIN, "http://localhost:5173"):
        answer = Client().get(path, headers={"Origin": origin})
        assert answer.status_code == ENDPOINTS[path]
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


@pytest.mark.parametrize("is_pushed", [False, True])
def test_a_browser_client_signs_in_and_calls(bob_client: Client, app: Application, is_pushed: bool) -> None:
    """Each answer that the browser reads is the one of success."""
    browser, here = Client(), {"Origin": ORIGIN}
    query = asked(app, code_challenge=CHALLENGE, scope="openid profile")
    if is_pushed:
        pushed = browser.post("/oauth/par/", query, headers=here)
        assert (pushed.status_code, pushed[ALLOWED]) == (201, ORIGIN)
        query = {"client_id": query["client_id"], "request_uri": pushed.json()["request_uri"]}
    agreed = allow(bob_client, f"{URL}?{urlencode(query)}")
    code = told(allow(bob_client, agreed["Location"]) if is_pushed else agreed)["code"]
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": app.client_id}
    redeemed = browser.post("/oauth/token/", data | {"code_verifier": VERIFIER}, headers=here)
    assert (redeemed.status_code, redeemed[ALLOWED]) == (200, ORIGIN), redeemed.text
    found = redeemed.json()
    for path, headers in (("/oauth/userinfo/", {}), ("/v2/user", {"Accept": VERSION})):
        answer = browser.get(path, headers=here | headers | bearing(found["access_token"]))
        assert (answer.status_code, answer[ALLOWED]) == (200, ORIGIN), (path, answer.text)
    ending = {"token": found["refresh_token"], "client_id": app.client_id}
    revoked = browser.post("/oauth/revoke/", ending, headers=here)
    assert (revoked.status_code, revoked[ALLOWED]) == (200, ORIGIN)


def test_another_origin_reads_no_answer_of_success(bob: User, app: Application) -> None:
    headers = {"Origin": "https://evil.example", "Accept": VERSION} | bearing(token_of(bob, "profile", application=app))
    answer = Client().get("/v2/user", headers=headers)
    assert answer.status_code == 200
    assert ALLOWED not in answer
    assert "Origin" in answer["Vary"]


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
