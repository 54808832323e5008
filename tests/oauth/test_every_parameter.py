"""Each parameter at each address, from each kind of client: no server error, and no 200 without what was asked for."""

import base64
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import Provider, User
from audit.actors import build_operator
from oauth import consents
from oauth.client_assertions import ASSERTION_TYPE
from oauth.models import Application
from tests.helpers.login_methods import make_service
from tests.helpers.users import PASSWORD, signed_in
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.oauth.test_authorize import asked
from tests.oauth.test_client_assertions import EC_KEY, sign, to_jwk
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_public_clients import make_public, obtain_code, redeem
from tests.oauth.test_pushed_requests import refer
from tests.oauth.test_resource_servers import make_server
from tests.oauth.test_secrets import AFTER, VERIFIER, tokens

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PARAMETERS = (
    "acr_values", "assertion", "authorization_details", "claims", "client_assertion", "client_assertion_type",
    "client_id", "client_secret", "code", "code_challenge", "code_challenge_method", "code_verifier", "display",
    "dpop_jkt", "grant_type", "id_token_hint", "interaction", "login_hint", "logout_hint", "max_age", "nonce",
    "post_logout_redirect_uri", "prompt", "redirect_uri", "refresh_token", "registration", "request", "request_uri",
    "resource", "response_mode", "response_type", "scope", "state", "token", "token_type_hint", "ui_locales",
    "username",
)  # fmt: skip
VALUES: tuple[Any, ...] = ("none", '{"id_token": []}', "http://[#%é\x00", ["x", "y"])
CLIENTS = (
    "application", "service user", "stranger", "wrong secret", "in the body", "public", "key", "resource server",
)  # fmt: skip
ENDPOINTS = ("token code", "token refresh", "token service", "revoke", "introspect", "userinfo", "par")


@pytest.fixture
def program(alice: User) -> Application:
    return make_application(alice)


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_pages_never_fail(bob: User, program: Application, name: str, method: str) -> None:
    consents.grant_consent(bob, program, scopes=["openid"], by=build_operator("test"))
    browser, query = signed_in(bob), {"client_id": str(program.client_id), "post_logout_redirect_uri": AFTER}
    for value in VALUES:
        for client, more in ((browser, {}), (browser, {"prompt": "none"}), (Client(), {"response_mode": "form_post"})):
            answer = getattr(client, method)("/oauth/authorize/", asked(program, **more) | {name: value})
            assert answer.status_code in (200, 302, 303, 400, 404), (name, value)
        pushed = getattr(browser, method)("/oauth/authorize/", refer(program) | {name: value})
        assert pushed.status_code in (200, 302, 400), (name, value)
        answer = getattr(browser, method)("/oauth/logout/", query | {name: value})
        assert answer.status_code in (200, 302, 303), (name, value)
        path = "/oauth/authorize/" if method == "get" else "/oauth/authorize/weigeren/"
        decided = browser.post(f"{path}?{urlencode(asked(program) | {name: value}, doseq=True)}")
        assert decided.status_code in (200, 302, 400, 404), (name, value)


def make_client(kind: str, alice: User) -> Application:
    """Register the application that the requests are about."""
    if kind == "public":
        return make_public(alice.provider, BACK)
    if kind == "key":
        return make_public(alice.provider, BACK, authentication="private_key_jwt", public_keys=[to_jwk(EC_KEY)])
    if kind == "resource server":
        return make_server(alice.provider, redirect_uris=[BACK], scopes=["openid"])
    return make_application(alice)


def credentials_of(kind: str, program: Application) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers and the fields with which a kind of client authenticates."""
    name = str(program.client_id)
    if kind == "public":
        return {}, {"client_id": name}
    if kind == "key":
        return {}, {"client_assertion": sign(program, kid=""), "client_assertion_type": ASSERTION_TYPE}
    headers = {
        "application": basic(name, SECRET),
        "resource server": basic(name, SECRET),
        "service user": basic("dienst 1", PASSWORD),
        "wrong secret": {"Authorization": "Basic " + base64.b64encode(b"\xff\x00:").decode()},
    }
    return headers.get(kind, {}), {"client_id": name, "client_secret": SECRET} if kind == "in the body" else {}


def obtain_tokens(bob: User, program: Application, kind: str) -> dict[str, Any]:
    """Return a code that was used and its tokens."""
    if kind not in ("public", "key"):
        return tokens(signed_in(bob), program)
    headers, fields = credentials_of(kind, program)
    code = obtain_code(signed_in(bob), program)
    return {"code": code, **redeem(program, code, headers=headers, **fields).json()}


def build_request(endpoint: str, found: dict[str, Any], program: Application) -> tuple[str, dict[str, str]]:
    """Return the address and the fields of a request that succeeds for the right client."""
    return {
        "token code": ("/oauth/token/", {
            "grant_type": "authorization_code", "code": found["code"], "redirect_uri": BACK, "code_verifier": VERIFIER,
        }),
        "token refresh": ("/oauth/token/", {"grant_type": "refresh_token", "refresh_token": found["refresh_token"]}),
        "token service": ("/oauth/token/", {"grant_type": "client_credentials"}),
        "revoke": ("/oauth/revoke/", {"token": "x"}),
        "introspect": ("/oauth/introspect/", {"token": found["access_token"]}),
        "userinfo": ("/oauth/userinfo/", {}),
        "par": ("/oauth/par/", asked(program)),
    }[endpoint]  # fmt: skip


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_endpoints_never_fail_and_a_200_has_what_was_asked(
    bob: User, alice: User, office: Provider, kind: str, endpoint: str
) -> None:
    make_service(office)
    program = make_client(kind, alice)
    found = obtain_tokens(bob, program, kind)
    path, data = build_request(endpoint, found, program)
    for name in PARAMETERS:
        for value in ("", "https://x.example/", "é\u202e\x00", ["x", "y"]):
            headers, fields = credentials_of(kind, program)
            answer = Client().post(path, data | fields | {name: value}, headers=headers)
            assert answer.status_code in (200, 201, 400, 401, 403, 429), (name, value, answer.content)
            if endpoint == "par" and answer.status_code in (200, 201):
                assert answer.status_code == 201
                assert answer.json()["request_uri"], (name, value)
            elif answer.status_code != 200:
                assert answer.json()["error"], (name, value)
            elif endpoint.startswith("token"):
                assert all(answer.json()[part] for part in ("access_token", "token_type", "expires_in")), (name, value)
            elif endpoint == "introspect":
                assert "active" in answer.json()
