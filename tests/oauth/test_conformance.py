"""The test list of the OpenID conformance suite, under its names.

Config OP, basic OP, RP-initiated logout and back-channel logout (see `test_backchannel_logout.py` for its details).
"""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.actors import build_operator
from oauth import consents, oidc
from oauth.forms import ApplicationForm
from oauth.models import Application, SigningKey
from outbox.worker import send_due_messages
from tests.helpers.access_tokens import bearing
from tests.helpers.consent import read_target
from tests.helpers.logout_receiver import Receiver, read_logout_token
from tests.helpers.users import signed_in
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_interactions import confirm
from tests.oauth.test_secrets import AFTER, CHALLENGE, VERIFIER, exchange, tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(alice: User, bob: User) -> Application:
    """An application that bob allowed everything it may ask."""
    made = make_application(alice)
    consents.grant_consent(bob, made, scopes=made.scopes, by=build_operator("test"))
    return made


def verify(found: dict[str, Any], program: Application) -> dict[str, Any]:
    """Return the claims of the ID token, after every check of OpenID Connect Core 3.1.3.7."""
    keys = jwt.PyJWKSet.from_dict(Client().get("/oauth/jwks.json").json())
    key = keys[jwt.get_unverified_header(found["id_token"])["kid"]]
    claims: dict[str, Any] = jwt.decode(
        found["id_token"], key, ["RS256"], audience=str(program.client_id), issuer=settings.LOKET_URL,
        options={"require": ["iss", "sub", "aud", "exp", "iat"]},
    )  # fmt: skip
    return claims


def userinfo(found: dict[str, Any], method: str = "get") -> dict[str, Any]:
    answer = getattr(Client(), method)("/oauth/userinfo/", headers=bearing(found["access_token"]))
    assert answer.status_code == 200
    content: dict[str, Any] = answer.json()
    return content


def complete(answer: Any, program: Application) -> dict[str, Any]:
    """Redeem the code that an answer carries, and return the claims of the ID token."""
    address = answer["Location"] if "Location" in answer else answer.context["address"]
    code = parse_qs(urlsplit(address).query)["code"][0]
    found = exchange(program, grant_type="authorization_code", code=code, redirect_uri=BACK, code_verifier=VERIFIER)
    assert found.status_code == 200, found.text
    return verify(found.json(), program)


def test_oidcc_discovery_endpoint_verification(client: Client) -> None:
    SigningKey.objects.create_missing()  # a test that commits leaves none
    found = client.get("/.well-known/openid-configuration").json()
    required = {
        "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "scopes_supported",
        "response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported",
        "claims_supported", "end_session_endpoint",
    }  # fmt: skip
    assert required <= found.keys()
    assert "openid" in found["scopes_supported"]
    assert "RS256" in found["id_token_signing_alg_values_supported"]
    assert client.get(found["jwks_uri"].removeprefix(settings.LOKET_URL)).json()["keys"]


def test_oidcc_server_and_idtoken_signature_and_userinfo(bob: User, program: Application) -> None:
    """oidcc-server, oidcc-idtoken-signature, oidcc-userinfo-get, oidcc-userinfo-post-header."""
    found = tokens(signed_in(bob), program)
    claims = verify(found, program)
    assert claims["sub"] == userinfo(found)["sub"] == userinfo(found, "post")["sub"] == oidc.compute_subject(bob)


def test_oidcc_userinfo_post_body(bob: User, program: Application) -> None:
    """Refused, as the OpenID Connect suite allows: a token belongs in the header (RFC 9700 section 4.3.2)."""
    found = tokens(signed_in(bob), program)
    answer = Client().post("/oauth/userinfo/", {"access_token": found["access_token"]})
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_token"})
    assert answer["WWW-Authenticate"].startswith("Bearer ")


def test_oidcc_idtoken_unsigned(bob: User, program: Application) -> None:
    """Refused: no client gets unsigned ID tokens, and none of them is taken as a hint."""
    values = {"name": "Portaal", "scopes": ["openid"], "authentication": "client_secret", "version": program.version}
    form = ApplicationForm(values | {"redirect_uris": BACK, "algorithm": "none"}, instance=program)
    assert "algorithm" in form.errors
    claims = jwt.decode(tokens(signed_in(bob), program)["id_token"], options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none")
    assert told(signed_in(bob).get(URL, asked(program, id_token_hint=unsigned)))["error"] == "invalid_request"
    found = Client().get("/.well-known/openid-configuration").json()
    assert set(found["id_token_signing_alg_values_supported"]) == {"RS256", "ES256"}


def test_oidcc_response_type_missing(bob: User, program: Application) -> None:
    assert told(signed_in(bob).get(URL, asked(program, response_type=None)))["error"] == "invalid_request"


def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(bob: User, program: Application) -> None:
    assert told(signed_in(bob).get(URL, asked(program, prompt="none")))["code"]


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("openid profile", {"name", "family_name"}), ("openid email", {"email", "email_verified"}),
        ("openid address", set()), ("openid phone", set()), ("email openid profile", {"email", "name"}),
        ("openid profile email address phone", {"email", "name"}),
    ],
)  # fmt: skip
def test_oidcc_scope(bob: User, program: Application, scope: str, claims: set[str]) -> None:
    """oidcc-scope-profile, -email, -address, -phone, -all, oidcc-ensure-other-scope-order-succeeds."""
    assert claims <= userinfo(tokens(signed_in(bob), program, scope=scope)).keys()


def test_oidcc_alternate_happy_flow(bob: User, program: Application) -> None:
    """The order of the scopes and of the parameters makes no difference."""
    question = asked(program, code_challenge=CHALLENGE, scope="email openid", nonce="n-2", prompt="none")
    address = f"{URL}?{urlencode(dict(reversed(question.items())))}"
    claims = complete(signed_in(bob).get(address), program)
    assert (claims["sub"], claims["nonce"]) == (oidc.compute_subject(bob), "n-2")


@pytest.mark.parametrize(
    "change",
    [
        {"display": "page"}, {"display": "popup"}, {"extra": "foobar"}, {"login_hint": "bob"}, {"ui_locales": "se nl"},
        {"claims_locales": "se"}, {"acr_values": "1 2"},
        {"claims": '{"userinfo": {"name": {"essential": true}}}'},
    ],
)  # fmt: skip
def test_oidcc_optional_parameters_succeed(bob: User, program: Application, change: dict[str, str]) -> None:
    """Parameters that must do no harm.

    oidcc-display-page, -popup, oidcc-ensure-request-with-unknown-parameter-succeeds, oidcc-login-hint,
    oidcc-ui-locales, oidcc-claims-locales, oidcc-ensure-request-with-acr-values-succeeds, oidcc-claims-essential.
    """
    question = asked(program, code_challenge=CHALLENGE, prompt="none", **change)
    assert complete(signed_in(bob).get(URL, question), program)["sub"] == oidc.compute_subject(bob)


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"prompt": "login"}, {"max_age": "1"}])
def test_oidcc_prompt_login_and_max_age_1(bob: User, program: Application, change: dict[str, str]) -> None:
    """oidcc-prompt-login, oidcc-max-age-1: the same user signs in again, at a later time."""
    client = signed_in(bob, seconds_ago=2)
    first = verify(tokens(client, program), program)
    waiting = client.get(URL, asked(program, code_challenge=CHALLENGE, **change))
    second = complete(confirm(client, waiting), program)
    assert second["sub"] == first["sub"]
    assert second["auth_time"] >= first["auth_time"] + 2
    assert client.get(URL, asked(program, prompt="login"))["Location"].startswith("/bevestigen/"), "each time"


@pytest.mark.parametrize("change", [{"prompt": "none"}, {"max_age": "10000"}, {"prompt": "none", "max_age": "10000"}])
def test_oidcc_prompt_none_logged_in_and_max_age_10000(bob: User, program: Application, change: dict[str, str]) -> None:
    """oidcc-prompt-none-logged-in, oidcc-max-age-10000: no new sign-in, so its time and the user are the same."""
    client = signed_in(bob, seconds_ago=90)
    first = verify(tokens(client, program), program)
    second = complete(client.get(URL, asked(program, code_challenge=CHALLENGE, **change)), program)
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


def test_oidcc_prompt_none_not_logged_in(program: Application) -> None:
    assert told(Client().get(URL, asked(program, prompt="none")))["error"] == "login_required"


def test_oidcc_id_token_hint(bob: User, program: Application) -> None:
    client = signed_in(bob, seconds_ago=90)
    found = tokens(client, program)
    first = verify(found, program)
    question = asked(program, code_challenge=CHALLENGE, prompt="none", id_token_hint=found["id_token"])
    second = complete(client.get(URL, question), program)
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


@pytest.mark.parametrize("seconds", [0, 30])
def test_oidcc_codereuse(bob: User, program: Application, seconds: int) -> None:
    """oidcc-codereuse, oidcc-codereuse-30seconds: the second use fails, and ends the tokens of the first."""
    found = tokens(signed_in(bob), program)
    data = {"grant_type": "authorization_code", "code": found["code"], "redirect_uri": BACK, "code_verifier": VERIFIER}
    with time_machine.travel(timezone.now().timestamp() + seconds):
        assert exchange(program, **data).json()["error"] == "invalid_grant"
        assert Client().get("/oauth/userinfo/", headers=bearing(found["access_token"])).status_code == 401


def test_oidcc_ensure_registered_redirect_uri(bob: User, program: Application) -> None:
    answer = signed_in(bob).get(URL, asked(program, redirect_uri="https://portaal.example/ander"))
    assert (answer.status_code, "Location" in answer) == (400, False)


def test_oidcc_ensure_post_request_succeeds(bob: User, program: Application) -> None:
    assert told(signed_in(bob).post(URL, asked(program, prompt="none")))["code"]


def test_oidcc_server_client_secret_post(bob: User, program: Application) -> None:
    found = tokens(signed_in(bob), program)
    data = {"grant_type": "refresh_token", "refresh_token": found["refresh_token"]}
    answer = Client().post("/oauth/token/", data | {"client_id": str(program.client_id), "client_secret": SECRET})
    assert answer.json()["access_token"]


def test_oidcc_request_objects_are_rejected_as_unsupported(bob: User, program: Application) -> None:
    """oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported, oidcc-request-uri-unsigned."""
    client = signed_in(bob)
    for name in ("request", "request_uri"):
        assert told(client.get(URL, asked(program, **{name: "x.y.z"})))["error"] == f"{name}_not_supported"


@pytest.mark.parametrize("wrong", ["query", "object"])
def test_oidcc_ensure_request_object_with_redirect_uri(bob: User, program: Application, wrong: str) -> None:
    """A request object is not read: its redirect URI opens nothing, and only that of the query counts."""
    addresses = {"query": BACK, "object": BACK} | {wrong: "https://evil.example/"}
    sent = jwt.encode(asked(program, redirect_uri=addresses["object"]), None, algorithm="none")
    answer = signed_in(bob).get(URL, asked(program, redirect_uri=addresses["query"], request=sent))
    if wrong == "query":
        assert (answer.status_code, "Location" in answer, '"https://evil' in answer.text) == (400, False, False)
    else:
        assert told(answer)["error"] == "request_not_supported"


def test_oidcc_ensure_request_with_valid_pkce_succeeds(bob: User, program: Application) -> None:
    client, question = signed_in(bob), asked(program, code_challenge=CHALLENGE, prompt="none")
    assert complete(client.get(URL, question), program)["sub"] == oidc.compute_subject(bob)
    data = {"grant_type": "authorization_code", "code": told(client.get(URL, question))["code"], "redirect_uri": BACK}
    assert exchange(program, **data, code_verifier=VERIFIER[::-1]).json()["error"] == "invalid_grant"


def test_oidcc_refresh_token(bob: User, program: Application) -> None:
    found = tokens(signed_in(bob), program)
    again = exchange(program, grant_type="refresh_token", refresh_token=found["refresh_token"]).json()
    first, second = verify(found, program), verify(again, program)
    assert [first[name] for name in ("iss", "sub", "aud", "auth_time")] == [
        second[name] for name in ("iss", "sub", "aud", "auth_time")
    ]
    assert second["iat"] >= first["iat"]


@pytest.mark.parametrize(
    ("change", "goes_to"),
    [
        ({}, f"{AFTER}?state=s-2"), ({"state": None}, AFTER), ({"post_logout_redirect_uri": None}, "/inloggen/"),
        ({"post_logout_redirect_uri": "https://portaal.example/ander"}, "/inloggen/"),
        ({"post_logout_redirect_uri": f"{AFTER}?x=1"}, "/inloggen/"), ({"id_token_hint": None}, "/inloggen/"),
        ({"id_token_hint": "modified"}, "/inloggen/"), ({"id_token_hint": "x"}, "/inloggen/"),
        ({"id_token_hint": None, "post_logout_redirect_uri": None}, "/inloggen/"),
        ({"id_token_hint": None, "post_logout_redirect_uri": None, "state": None}, "/inloggen/"),
    ],
    ids=[
        "oidcc-rp-initiated-logout", "no-state", "no-post-logout-redirect-uri", "bad-post-logout-redirect-uri",
        "query-added-to-post-logout-redirect-uri", "no-id-token-hint", "modified-id-token-hint", "bad-id-token-hint",
        "only-state", "no-params",
    ],
)  # fmt: skip
def test_oidcc_rp_initiated_logout(
    bob: User, program: Application, change: dict[str, str | None], goes_to: str
) -> None:
    client = signed_in(bob)
    hint = tokens(client, program)["id_token"]
    if change.get("id_token_hint") == "modified":
        change = {"id_token_hint": hint[:-8] + "AAAAAAAA"}
    query = {"id_token_hint": hint, "post_logout_redirect_uri": AFTER, "state": "s-2"} | change
    page = client.get(f"/oauth/logout/?{urlencode({name: value for name, value in query.items() if value})}")
    assert ("data-submit-at-once" in page.text) == (query["id_token_hint"] == hint), "without a valid hint it asks"
    assert read_target(client.post(page.context["confirm_url"])) == goes_to
    assert "_auth_user_id" not in client.session


def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(client: Client) -> None:
    found = client.get("/.well-known/openid-configuration").json()
    address = found["end_session_endpoint"]
    assert address.startswith(f"{found['issuer']}/")
    assert (urlsplit(address).query, urlsplit(address).fragment) == ("", "")
    assert client.get(address.removeprefix(settings.LOKET_URL))["Location"] == "/inloggen/"


def test_oidcc_backchannel_logout_discovery_endpoint_verification(client: Client) -> None:
    found = client.get("/.well-known/openid-configuration").json()
    assert found["backchannel_logout_supported"] is True
    assert found["backchannel_logout_session_supported"] is True
    assert found["end_session_endpoint"]


def test_oidcc_backchannel_rp_initiated_logout(bob: User, program: Application, receiver: Receiver) -> None:
    """The portal that sends the user to log out is told as well, before or after the browser comes back."""
    Application.objects.update(backchannel_logout_uri=receiver.url)
    client = signed_in(bob)
    found = tokens(client, program)
    query = {"id_token_hint": found["id_token"], "post_logout_redirect_uri": AFTER, "state": "s-2"}
    page = client.get(f"/oauth/logout/?{urlencode(query)}")
    assert read_target(client.post(page.context["confirm_url"])) == f"{AFTER}?state=s-2"
    send_due_messages()
    claims, told = verify(found, program), read_logout_token(receiver.tokens[0], program)
    assert (told["sub"], told["sid"]) == (claims["sub"], claims["sid"])
