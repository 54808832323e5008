"""Each parameter at each address, from each kind of client: no server error, and no 200 without what was asked for."""

import base64
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import Provider, User
from audit.actors import build_operator
from core.models import Throttle
from oauth import consents, oidc, tokens
from oauth.client_assertions import ASSERTION_TYPE
from oauth.models import Application
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.login_methods import make_service
from tests.helpers.users import PASSWORD, signed_in
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.oauth.test_authorize import asked
from tests.oauth.test_client_assertions import EC_KEY, sign, to_jwk
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_public_clients import make_public, obtain_code, redeem
from tests.oauth.test_resource_servers import make_server
from tests.oauth.test_secrets import AFTER, VERIFIER

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
BROWSER_CLIENTS = ("application", "public", "key", "resource server")
WITH_USERS = {"application", "in the body", "public", "key", "resource server"}
# Endpoints, each with the kinds of client whose plain request succeeds.
ENDPOINTS = {
    "token code": WITH_USERS, "token refresh": WITH_USERS, "token service": {"service user"},
    "revoke": WITH_USERS | {"service user"}, "introspect": WITH_USERS - {"public"} | {"service user"},
    "userinfo": WITH_USERS, "par": WITH_USERS,
}  # fmt: skip


def check(answer: Any, statuses: tuple[int, ...], sent: Any) -> None:
    """Check that a page answers as expected, and that nobody is led to an address that is not registered."""
    assert answer.status_code in statuses, (sent, answer.status_code)
    assert answer.get("Location", "/").startswith(("/", BACK, AFTER)), sent
    assert not answer.get("Location", "/").startswith("//"), sent


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("kind", BROWSER_CLIENTS)
def test_pages_never_fail(bob: User, alice: User, kind: str, name: str, method: str) -> None:
    program = make_client(kind, alice)
    consents.grant_consent(bob, program, scopes=["openid"], by=build_operator("test"))
    browser, query = signed_in(bob), {"client_id": str(program.client_id), "post_logout_redirect_uri": AFTER}
    for value in VALUES:
        sent = (name, value)
        for client, more in ((browser, {}), (browser, {"prompt": "none"}), (Client(), {"response_mode": "form_post"})):
            answer = getattr(client, method)("/oauth/authorize/", asked(program, **more) | {name: value})
            check(answer, (200, 302, 303, 400, 404), sent)
        pushed = getattr(browser, method)("/oauth/authorize/", refer_to(program, kind) | {name: value})
        check(pushed, (200, 302, 400), sent)
        check(getattr(browser, method)("/oauth/logout/", query | {name: value}), (200, 302, 303), sent)
        path = "/oauth/authorize/" if method == "get" else "/oauth/authorize/weigeren/"
        address = f"{path}?{urlencode(asked(program) | {name: value}, doseq=True)}"
        decided = browser.post(address, {"shown_version": program.version})
        check(decided, (200, 302, 400, 404), sent)


@pytest.mark.parametrize("kind", BROWSER_CLIENTS)
@pytest.mark.parametrize("is_pushed", [False, True])
def test_choosing_an_account_never_fails(bob: User, alice: User, kind: str, is_pushed: bool) -> None:
    program = make_client(kind, alice)
    consents.grant_consent(bob, program, scopes=["openid"], by=build_operator("test"))
    browser = signed_in(bob)
    for name in ("client_id", "interaction", "request_uri") if is_pushed else PARAMETERS:  # others count for nothing
        for value in VALUES:
            question = asked(program, prompt="select_account") | (refer_to(program, kind) if is_pushed else {})
            address = f"/oauth/authorize/account/?{urlencode(question | {name: value}, doseq=True)}"
            check(browser.get(address), (200,), (name, value))
            same = browser.post(address, {"account": str(bob.pk)})
            check(same, (302, 400), (name, value))
            if same.status_code == 302:
                check(browser.get(same["Location"]), (200, 302, 400, 404), (name, value))
            other = signed_in(bob)
            left = other.post(address, {"account": ""})
            check(left, (302, 400), (name, value))
            assert ("_auth_user_id" in other.session) == (left.status_code == 400), (name, value)


def refer_to(program: Application, kind: str) -> dict[str, str]:
    """Push a request as this kind of client, and return the parameters that refer to it."""
    headers, fields = credentials_of(kind, program)
    answer = Client().post("/oauth/par/", asked(program) | fields, headers=headers)
    assert answer.status_code == 201, answer.text
    return {"client_id": str(program.client_id), "request_uri": answer.json()["request_uri"]}


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


def obtain_refresh_token(browser: Client, program: Application, kind: str) -> str:
    headers, fields = credentials_of(kind if kind in ("public", "key") else "application", program)
    answer = redeem(program, obtain_code(browser, program), headers=headers, **fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


def build_request(endpoint: str, browser: Client, program: Application, user: User, kind: str) -> Any:
    """Return address, fields and headers of a request that succeeds for the right client, with a grant of its own."""
    headers, fields = credentials_of(kind, program)
    if endpoint == "token code":
        data = {"grant_type": "authorization_code", "code": obtain_code(browser, program)}
        data |= {"redirect_uri": BACK, "code_verifier": VERIFIER}
    elif endpoint == "token refresh":
        data = {"grant_type": "refresh_token", "refresh_token": obtain_refresh_token(browser, program, kind)}
    elif endpoint == "token service":
        data = {"grant_type": "client_credentials"}
    elif endpoint == "par":
        data = asked(program)
    else:
        is_service = kind == "service user"
        token = token_of(user, application=None) if is_service else token_of(user, "openid", application=program)
        data = {} if endpoint == "userinfo" else {"token": token}
        if endpoint == "userinfo" and kind not in ("stranger", "wrong secret"):
            headers = bearing(token)
    return f"/oauth/{endpoint.split(maxsplit=1)[0]}/", data | fields, headers


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_endpoints_never_fail_and_a_200_has_what_was_asked(
    bob: User, alice: User, office: Provider, kind: str, endpoint: str
) -> None:
    user = make_service(office) if kind == "service user" else bob
    program, browser = make_client(kind, alice), signed_in(bob)
    path, data, headers = build_request(endpoint, browser, program, user, kind)
    plain = Client().post(path, data, headers=headers)
    assert (plain.status_code in (200, 201)) == (kind in ENDPOINTS[endpoint]), plain.text
    for name in PARAMETERS:
        for value in ("", "https://x.example/", "é\u202e\x00", ["x", "y"]):
            Throttle.objects.all().delete()
            path, data, headers = build_request(endpoint, browser, program, user, kind)
            answer = Client().post(path, data | {name: value}, headers=headers)
            assert answer.status_code in (200, 201, 400, 401, 403), (name, value, answer.content)
            if answer.status_code not in (200, 201):
                assert answer.json()["error"], (name, value)
            else:
                check_success(endpoint, answer, data, name, user)


def check_success(endpoint: str, answer: Any, data: dict[str, Any], name: str, user: User) -> None:
    """Check that the answer has what was asked for: for this user, and for this token."""
    found = answer.json() if answer.content else {}
    if endpoint == "par":
        assert (answer.status_code, bool(found["request_uri"])) == (201, True), name
    elif endpoint.startswith("token"):
        assert all(found[part] for part in ("access_token", "token_type", "expires_in")), name
        stored = tokens.find_access_token(found["access_token"])
        assert stored is not None, name
        assert stored.user == user, name
    elif endpoint == "introspect":
        assert found["active"] == (name != "token"), name
    elif endpoint == "revoke":
        assert (tokens.find_access_token(data["token"]) is None) == (name != "token"), name
    else:
        assert found == {"sub": oidc.compute_subject(user)}, name
