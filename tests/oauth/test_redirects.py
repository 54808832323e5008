"""Users are never redirected from our URLs without seeing the target, unless it is trusted."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import Provider, User
from audit.actors import build_operator
from oauth import applications
from oauth.models import Application
from tests.helpers.login_methods import make_azure
from tests.helpers.users import signed_in
from tests.oauth.test_authorization_code import BACK, make_application
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_secrets import AFTER, tokens

pytestmark = pytest.mark.django_db
TOP = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
WRONG: list[dict[str, Any]] = [
    {"scope": "alles"}, {"response_type": "token"}, {"response_type": None}, {"code_challenge": None},
    {"nonce": "n" * 256}, {"prompt": "none login"},
]  # fmt: skip


@pytest.fixture
def portal(alice: User) -> Application:
    return make_application(alice)


@pytest.fixture
def partner(db: None) -> Application:
    """A partner's application, registered by the operator for every office."""
    details = {"name": "Loonportaal", "redirect_uris": [BACK], "post_logout_redirect_uris": [AFTER]}
    return applications.register_application(None, details=details | {"scopes": ["openid"]}, by=build_operator("test"))


def stays(response: Any, status: int, address: str) -> None:
    """Check that our page names the host and leaves the choice to the user."""
    assert (response.status_code, "Location" in response) == (status, False)
    assert "<strong>portaal.example</strong>" in response.text
    assert f'href="{address}' in response.text
    assert 'rel="noopener noreferrer"' in response.text
    assert "http-equiv" not in response.text


def after_logout(program: Application, **more: str) -> str:
    query = {"client_id": str(program.client_id), "post_logout_redirect_uri": AFTER}
    return f"/oauth/logout/?{urlencode(query | more)}"


@pytest.mark.parametrize("change", WRONG)
def test_an_error_does_not_send_strangers_elsewhere(
    change: dict[str, Any], portal: Application, charlie_client: Client
) -> None:
    for client in (Client(), charlie_client):
        stays(client.get(URL, asked(portal, **change), headers=TOP), 400, "https://portaal.example/terug?")
        stays(client.post(f"{URL}?{urlencode(asked(portal, **change))}", headers=TOP), 400, "https://portaal.example/")


def test_users_of_the_office_and_of_partners_are_sent_on(portal: Application, partner: Application, bob: User) -> None:
    assert told(signed_in(bob).get(URL, asked(portal, scope="alles"), headers=TOP))["error"] == "invalid_scope"
    assert told(Client().get(URL, asked(partner, scope="alles"), headers=TOP))["error"] == "invalid_scope"
    assert Client().get(after_logout(partner))["Location"] == AFTER


def test_a_browser_goes_back_to_where_it_comes_from(portal: Application) -> None:
    home = TOP | {"Referer": "https://portaal.example/"}
    assert told(Client().get(URL, asked(portal, scope="alles"), headers=home))["error"] == "invalid_scope"
    assert Client().get(after_logout(portal), headers=home)["Location"] == AFTER
    for elsewhere in ("https://portaal.example.evil.example/", "http://portaal.example/", "https://[", ""):
        stays(Client().get(after_logout(portal), headers=TOP | {"Referer": elsewhere}), 200, AFTER)


def test_a_silent_question_never_shows_a_page(portal: Application) -> None:
    question = asked(portal, prompt="none")
    assert told(Client().get(URL, question, headers={"Sec-Fetch-Dest": "iframe"}))["error"] == "login_required"
    assert told(Client().get(URL, question))["error"] == "login_required", "what is no browser hears the error"
    assert told(Client().get(URL, question, headers=TOP))["error"] == "login_required"


def test_logging_out_leads_no_stranger_elsewhere(portal: Application, bob: User) -> None:
    stays(Client().get(after_logout(portal, state="s")), 200, f"{AFTER}?state=s")
    stays(Client().post(after_logout(portal)), 200, AFTER)
    hint = tokens(signed_in(bob), portal)["id_token"]
    stays(Client().get(after_logout(portal, id_token_hint=hint)), 200, AFTER)


def test_logging_out_of_another_offices_program_shows_where_it_leads(
    portal: Application, charlie_client: Client
) -> None:
    page = charlie_client.get(after_logout(portal))
    assert "Portaal" not in page.text
    assert "portaal.example" not in page.headers["Content-Security-Policy"]
    stays(charlie_client.post(after_logout(portal)), 200, AFTER)
    assert "_auth_user_id" not in charlie_client.session


def test_the_page_that_asks_names_where_logging_out_leads(portal: Application, bob_client: Client) -> None:
    assert "portaal.example.</p>" in bob_client.get(after_logout(portal)).content.decode()


def test_users_cannot_deny_for_an_integration_of_another_office(portal: Application, charlie_client: Client) -> None:
    refused = charlie_client.post(f"/oauth/authorize/weigeren/?{urlencode(asked(portal))}")
    assert (refused.status_code, "Location" in refused) == (404, False)


def test_max_age_0_asks_once_and_then_goes_on(portal: Application, bob: User) -> None:
    for seconds_ago, status in ((61, 302), (0, 200)):
        page = signed_in(bob, seconds_ago=seconds_ago).get(URL, asked(portal, max_age="0"))
        assert page.status_code == status


def test_microsoft_is_asked_where_a_recent_sign_in_is_wanted(portal: Application, office: Provider) -> None:
    client = signed_in(make_azure(office))
    assert client.get(URL, asked(portal, max_age="300"))["Location"].startswith("/bevestigen/")
    session = client.session
    session["confirmed_with_factor"] = True
    session.save()
    assert client.get(URL, asked(portal, max_age="300")).status_code == 200
