"""How strongly a user signed in is told, and a portal can demand a second factor (OpenID Connect Core, RFC 9470)."""

import json
from typing import Any

import jwt
import pytest
from django.test import Client

from accounts.models import Provider, User
from audit.actors import build_operator
from oauth import consents
from oauth.authentication_context import MULTI_FACTOR, SINGLE_FACTOR
from oauth.models import Application
from tests.helpers import mfa
from tests.helpers.login_methods import make_azure
from tests.helpers.users import signed_in
from tests.oauth.test_authorization_code import make_application
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_secrets import exchange, tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(alice: User, bob: User) -> Application:
    made = make_application(alice)
    consents.grant_consent(bob, made, scopes=["openid"], by=build_operator("test"))
    return made


def demand(value: str) -> dict[str, str]:
    """Return the parameter that demands a class, so that the answer is an error without it."""
    return {"claims": json.dumps({"id_token": {"acr": {"essential": True, "values": [value]}}})}


def read(found: dict[str, Any]) -> tuple[str, list[str]]:
    claims = jwt.decode(found["id_token"], options={"verify_signature": False})
    return claims["acr"], claims["amr"]


@pytest.mark.slow
def test_the_class_is_told_and_refreshing_keeps_it(bob: User, program: Application) -> None:
    assert read(tokens(signed_in(bob), program)) == (SINGLE_FACTOR, ["pwd"])
    found = tokens(mfa.signed_in(bob, mfa.give_app(bob)), program)
    again = exchange(program, grant_type="refresh_token", refresh_token=found["refresh_token"]).json()
    assert read(found) == read(again) == (MULTI_FACTOR, ["mfa"])


@pytest.mark.parametrize("ask", [{"acr_values": f"x {MULTI_FACTOR} {SINGLE_FACTOR}"}, demand(MULTI_FACTOR)])
def test_a_portal_demands_a_second_factor(bob: User, program: Application, ask: dict[str, str]) -> None:
    client = mfa.signed_in(bob, mfa.give_app(bob))
    assert told(client.get(URL, asked(program, prompt="none", **ask)))["code"]
    session = client.session
    session["confirmed_with_factor"] = False  # the password has been confirmed since
    session.save()
    assert client.get(URL, asked(program, **ask))["Location"].startswith("/bevestigen/?next=")
    assert told(client.get(URL, asked(program, prompt="none", **ask)))["error"] == "login_required"


def test_a_user_without_a_second_factor_is_refused_if_it_is_essential(bob: User, program: Application) -> None:
    client = signed_in(bob)
    refused = client.get(URL, asked(program, **demand(MULTI_FACTOR)))
    assert "unmet_authentication_requirements" in refused.text
    refused = client.get(URL, asked(program, prompt="none", **demand("unknown")))
    assert told(refused)["error"] == "unmet_authentication_requirements"
    assert told(client.get(URL, asked(program, prompt="none", **demand(SINGLE_FACTOR))))["code"]
    assert told(client.get(URL, asked(program, prompt="none", acr_values=MULTI_FACTOR)))["code"], "a wish, no demand"


def test_microsoft_is_asked_for_a_second_factor(office: Provider, program: Application) -> None:
    client = signed_in(make_azure(office))
    assert client.get(URL, asked(program, acr_values=MULTI_FACTOR))["Location"].startswith("/bevestigen/?next=")


@pytest.mark.slow
def test_the_method_at_microsoft_is_told_if_it_was_asked_for_a_second_factor(
    office: Provider, program: Application
) -> None:
    """Without that, Microsoft does not say how the user signed in: a password would be a guess."""
    client = signed_in(make_azure(office))
    claims = jwt.decode(tokens(client, program)["id_token"], options={"verify_signature": False})
    assert (claims["acr"], "amr" in claims) == (SINGLE_FACTOR, False)
    session = client.session
    session["confirmed_with_factor"] = True
    session.save()
    assert read(tokens(client, program)) == (MULTI_FACTOR, ["mfa"])


def test_the_claims_request_names_the_user_and_is_checked(bob: User, program: Application) -> None:
    client = signed_in(bob)
    sub = jwt.decode(tokens(client, program)["id_token"], options={"verify_signature": False})["sub"]
    for value, error in ((sub, None), ("x", "login_required")):
        claims = json.dumps({"id_token": {"sub": {"value": value}, "auth_time": {"essential": True}, "name": None}})
        answer = told(client.get(URL, asked(program, prompt="none", claims=claims)))
        assert ("code" in answer, answer.get("error")) == (error is None, error)
    for claims in ("{", "[]", '{"id_token": 1}', "[" * 3000):
        assert told(client.get(URL, asked(program, claims=claims)))["error"] == "invalid_request"


def test_discovery_names_the_classes() -> None:
    found = Client().get("/.well-known/openid-configuration").json()
    assert found["acr_values_supported"] == [MULTI_FACTOR, SINGLE_FACTOR]
    assert found["claims_parameter_supported"] is True
    assert {"acr", "amr", "auth_time"} <= set(found["claims_supported"])
