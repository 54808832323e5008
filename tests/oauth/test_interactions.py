"""What an authorization request demands of the user: who, how recently, and without or with a page."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.actors import build_operator
from oauth import consents
from oauth.models import Application, AuthorizationCode, Consent
from tests.helpers import mfa
from tests.helpers.consent import allow
from tests.helpers.login_methods import confirmed
from tests.helpers.users import PASSWORD, signed_in
from tests.oauth.test_authorization_code import BACK, SECRET, make_application
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_client_credentials import basic
from tests.oauth.test_pushed_requests import refer
from tests.oauth.test_secrets import exchange, tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(alice: User) -> Application:
    return make_application(alice)


@pytest.fixture(params=["get", "post"])
def method(request: Any) -> str:
    """How the application sends its request: both are required (OpenID Connect Core 3.1.2.1)."""
    return str(request.param)


def send(client: Client, method: str, program: Application, **change: Any) -> Any:
    return getattr(client, method)(URL, asked(program, **change))


def agree(user: User, program: Application) -> None:
    consents.grant_consent(user, program, scopes=["openid"], by=build_operator("test"))


def target(response: Any) -> str:
    """Return where the user goes after signing in or confirming."""
    return parse_qs(urlsplit(response["Location"]).query)["next"][0]


def confirm(client: Client, response: Any) -> Any:
    """Confirm with the password, and return the response to the request that waited for it."""
    assert response["Location"].startswith("/bevestigen/?next=")
    done = client.post(response["Location"], {"current_password": PASSWORD, "next": target(response)})
    assert done.status_code == 302, done.text
    return client.get(done["Location"])


def test_a_login_prompt_always_wants_a_new_proof(bob: User, program: Application, method: str) -> None:
    agree(bob, program)
    client = confirmed(bob)
    for _time in range(2):
        page = confirm(client, send(client, method, program, prompt="login"))
        assert "code=" in page.text


def test_a_proof_for_one_request_serves_no_other(bob: User, program: Application) -> None:
    agree(bob, program)
    client = confirmed(bob)
    page = confirm(client, send(client, "get", program, prompt="login"))
    assert "code=" in page.text
    with_note = parse_qs(urlsplit(page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]).query)
    note = with_note["interaction"][0]
    other = send(client, "get", program, prompt="login", state="s-2", interaction=note)
    assert other["Location"].startswith("/bevestigen/")
    assert send(client, "get", program, prompt="login", interaction="x")["Location"].startswith("/bevestigen/")


def test_a_note_of_an_anonymous_browser_does_not_serve_one_that_was_signed_in(bob: User, program: Application) -> None:
    agree(bob, program)
    address = target(send(Client(), "get", program, prompt="login"))
    assert signed_in(bob, seconds_ago=90).get(address)["Location"].startswith("/bevestigen/")


def test_a_note_counts_only_in_the_browser_that_was_asked(bob: User, program: Application) -> None:
    """A link with the note of another browser does not pass an earlier sign-in off as a new proof."""
    agree(bob, program)
    elsewhere = [target(send(client, "get", program, prompt="login")) for client in (confirmed(bob), Client())]
    victim = confirmed(bob)
    confirm(victim, send(victim, "get", program, prompt="login", state="s-2"))
    for address in elsewhere:
        assert victim.get(address)["Location"].startswith("/bevestigen/")
        victim.cookies["interaction"] = "x"
        assert victim.get(address)["Location"].startswith("/bevestigen/")
    assert AuthorizationCode.objects.count() == 1


def test_a_chosen_account_counts_only_in_the_browser_that_chose(bob: User, program: Application) -> None:
    agree(bob, program)
    chooser, other = confirmed(bob), confirmed(bob)
    asking = send(chooser, "get", program, prompt="select_account")
    chosen = chooser.post(asking["Location"], {"account": str(bob.pk)})["Location"]
    assert other.get(chosen)["Location"].startswith("/oauth/authorize/account/?")
    assert "code=" in chooser.get(chosen).text


def test_signing_in_is_the_proof_of_a_visitor(bob: User, program: Application, method: str) -> None:
    agree(bob, program)
    client = Client()
    response = send(client, method, program, prompt="login", login_hint="bob")
    if method == "post":
        assert response.status_code == 303, "the browser sent no cookie with a POST from another site"
        response = client.get(response["Location"])
    page = client.get(response["Location"])
    assert 'value="bob"' in page.text, "the login hint is filled in"
    done = client.post("/inloggen/", {"username": "bob", "password": PASSWORD, "next": target(response)})
    assert "code=" in client.get(done["Location"]).text


def test_the_consent_page_keeps_the_proof(bob: User, program: Application) -> None:
    client = confirmed(bob)
    page = confirm(client, send(client, "get", program, prompt="login"))
    assert told(allow(client, page.context["allow_url"]))["code"]


def test_a_small_max_age_is_met_by_a_proof_that_took_longer(bob: User, program: Application) -> None:
    agree(bob, program)
    client = signed_in(bob, seconds_ago=90)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        waiting = send(client, "get", program, max_age="1")
        done = client.post(waiting["Location"], {"current_password": PASSWORD, "next": target(waiting)})
        clock.shift(5)
        assert "code=" in client.get(done["Location"]).text


@pytest.mark.parametrize(
    ("change", "seconds_ago", "error"),
    [
        ({}, 0, None), ({"max_age": "60"}, 90, "login_required"), ({"max_age": "120"}, 90, None),
        ({"max_age": "0"}, 90, "login_required"), ({"scope": "openid email"}, 0, "consent_required"),
    ],
)  # fmt: skip
def test_a_silent_request_never_shows_a_page(
    bob: User, program: Application, method: str, change: dict[str, str], seconds_ago: int, error: str | None
) -> None:
    agree(bob, program)
    response = send(signed_in(bob, seconds_ago=seconds_ago), method, program, prompt="none", **change)
    assert told(response).get("error") == error


def test_a_silent_request_waits_for_no_second_factor(bob: User, program: Application, method: str) -> None:
    agree(bob, program)
    mfa.give_app(bob)
    client = signed_in(bob)
    assert told(send(client, method, program, prompt="none"))["error"] == "login_required"
    assert send(client, "get", program)["Location"].startswith("/inloggen/code/?next=")
    User.objects.filter(pk=bob.pk).update(second_factor_at=None, two_factor_required=True)
    assert told(send(signed_in(bob), method, program, prompt="none"))["error"] == "login_required"


def test_a_silent_request_for_another_office_says_that_nobody_is_there(charlie: User, program: Application) -> None:
    response = signed_in(charlie).get(URL, asked(program, prompt="none"), headers={"Sec-Fetch-Dest": "iframe"})
    assert told(response)["error"] == "login_required"


@pytest.mark.parametrize("prompt", ["none", None])
def test_the_hint_of_one_user_never_gives_the_code_of_another(
    alice: User, bob: User, program: Application, method: str, prompt: str | None
) -> None:
    hint = tokens(signed_in(alice), program)["id_token"]
    agree(bob, program)
    client = signed_in(bob)
    response = send(client, method, program, id_token_hint=hint, prompt=prompt)
    answer = told(response) if prompt else response.text
    assert "login_required" in (answer["error"] if prompt else answer)
    assert not AuthorizationCode.objects.exists()
    assert "code=" in send(signed_in(alice), method, program, id_token_hint=hint).text
    assert told(send(client, method, program, id_token_hint="x", prompt=prompt))["error"] == "invalid_request"


@pytest.mark.parametrize("is_pushed", [False, True])
def test_the_hint_of_another_user_counts_on_the_consent_page_too(
    alice: User, bob: User, program: Application, is_pushed: bool
) -> None:
    hint = tokens(signed_in(alice), program)["id_token"]
    for user, is_other in ((bob, True), (alice, False)):
        client, address = signed_in(user), f"{URL}?{urlencode(asked(program, id_token_hint=hint))}"
        if is_pushed:
            address = client.get(URL, refer(program, id_token_hint=hint))["Location"]
        for answer in (client.get(address), allow(client, address)):
            assert ("login_required" in (answer.text + answer.get("Location", ""))) == is_other
        assert AuthorizationCode.objects.filter(user=user).exists() != is_other
        assert Consent.objects.filter(user=user).exists() != is_other


def test_the_time_of_sign_in_is_that_of_this_session(bob: User, program: Application) -> None:
    first, second = signed_in(bob, seconds_ago=600), signed_in(bob, seconds_ago=5)
    times = [
        jwt.decode(tokens(client, program)["id_token"], options={"verify_signature": False})["auth_time"]
        for client in (first, second)
    ]
    assert 590 <= times[1] - times[0] <= 600


def test_choosing_an_account_goes_on_with_this_or_another(
    alice: User, bob: User, program: Application, method: str
) -> None:
    agree(bob, program)
    agree(alice, program)
    client = confirmed(bob)
    response = send(client, method, program, prompt="select_account", login_hint="alice")
    assert "(bob)" in client.get(response["Location"]).text
    same = client.post(response["Location"], {"account": str(bob.pk)})
    assert "code=" in client.get(same["Location"]).text
    other = client.post(response["Location"], {"account": ""})
    assert 'value="alice"' in client.get(other["Location"]).text
    done = client.post("/inloggen/", {"username": "alice", "password": PASSWORD, "next": target(other)})
    assert "code=" in client.get(done["Location"]).text
    assert AuthorizationCode.objects.filter(user=alice).count() == AuthorizationCode.objects.filter(user=bob).count()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://x.example/"}, "request_uri_not_supported"),
        ({"response_mode": "fragment"}, "invalid_request"), ({"response_mode": "web_message"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"resource": "https://x.example/"}, "invalid_target"),
        ({"resource": ["https://x.example/", "http://localhost:8000"]}, "invalid_target"),
        ({"resource": "\u00e9"}, "invalid_target"), ({"prompt": "create"}, "invalid_request"),
        ({"max_age": ["1", "2"]}, "invalid_request"), ({"max_age": "x"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"), ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "\u0663"}, "invalid_request"), ({"scope": "offline_access x"}, "invalid_scope"),
        ({"dpop_jkt": "x"}, "invalid_request"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_told(
    bob: User, program: Application, method: str, change: dict[str, Any], error: str
) -> None:
    answer = told(send(signed_in(bob), method, program, **change))
    assert (answer["error"], answer["state"]) == (error, "s-1")
    assert told(send(signed_in(bob), method, program, **({"prompt": "none"} | change)))["error"] == error


@pytest.mark.parametrize(
    "scope", ["openid  email", " openid email ", "openid email phone address", "openid email offline_access"]
)
def test_unknown_scopes_and_spaces_are_forgiven(bob: User, program: Application, scope: str) -> None:
    found = tokens(signed_in(bob), program, scope=scope)
    assert {"openid", "email"} <= set(found["scope"].split()) <= {"openid", "email", "offline_access"}
    assert found["refresh_token"]
    again = exchange(program, grant_type="refresh_token", refresh_token=found["refresh_token"], scope="openid  phone")
    assert (again.status_code, again.json()["scope"]) == (200, "openid")


@pytest.mark.parametrize("resource", ["", "/", "/v2", "/v2/"])
def test_a_known_resource_is_accepted_at_each_address(
    bob: User, program: Application, settings: Any, resource: str
) -> None:
    resource = settings.LOKET_URL + resource
    found = tokens(signed_in(bob), program, resource=resource)
    data = {"grant_type": "refresh_token", "refresh_token": found["refresh_token"]}
    assert exchange(program, **data, resource="https://x.example/").json()["error"] == "invalid_target"
    assert exchange(program, **data, resource=resource).json()["access_token"]


def test_the_answer_can_be_posted(bob: User, program: Application, settings: Any, method: str) -> None:
    """OAuth 2.0 Form Post Response Mode: code and errors, without a query."""
    client = signed_in(bob)
    page = allow(client, f"{URL}?{urlencode(asked(program, response_mode='form_post'))}")
    fields = dict(page.context["fields"])
    assert (fields["state"], fields["iss"]) == ("s-1", settings.LOKET_URL)
    assert page.context["form_target"] == BACK
    assert f'value="{fields["code"]}"' in page.text
    assert "form-action 'self' https://portaal.example" in page["Content-Security-Policy"]
    assert "submit-form.js" in page.text
    wrong = send(client, method, program, response_mode="form_post", scope="alles")
    assert dict(wrong.context["fields"])["error"] == "invalid_scope"
    stranger = send(Client(), "get", program, response_mode="form_post", scope="alles")
    assert (stranger.status_code, "data-submit" in stranger.text) == (400, False)
    assert dict(stranger.context["fields"])["error"] == "invalid_scope"


def test_a_passed_factor_is_enough(bob: User, program: Application) -> None:
    agree(bob, program)
    client = mfa.signed_in(bob, mfa.give_app(bob))
    assert told(send(client, "get", program, prompt="none"))["code"]


def test_a_client_that_binds_tokens_to_its_key_gets_none_that_is_not_bound(bob: User, program: Application) -> None:
    found = tokens(signed_in(bob), program)
    headers = basic(str(program.client_id), SECRET) | {"DPoP": "x.y.z"}
    for data in (
        {"grant_type": "refresh_token", "refresh_token": found["refresh_token"]},
        {"grant_type": "client_credentials"},
    ):
        answer = Client().post("/oauth/token/", data, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    bound = Client().get("/oauth/userinfo/", headers={"Authorization": f"DPoP {found['access_token']}"})
    assert bound.status_code == 401
