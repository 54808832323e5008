"""Each scope gives access to exactly what its sentence on the consent page says."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Provider, User
from oauth.models import Application
from oauth.scopes import API_SCOPES, Scope
from tests.helpers.access_tokens import bearing, token_of
from tests.helpers.api_client import Program, program
from tests.helpers.login_methods import make_service
from tests.oauth.test_authorization_code import SECRET, make_application
from tests.oauth.test_client_credentials import ask, basic

pytestmark = pytest.mark.django_db
NAME = {"id", "personalDetails", "contactInformation", "photo", "user"}  # the last two are always empty
ACCOUNT = {
    "loginMethod", "accessStatus", "azureActiveDirectory", "twoFactorAuthenticationRequired",
    "hasMultiFactorAuthentication", "hasAccessToPayrollingTestData", "hasIntegrations", "accessUntil",
    "isDepartmentManager", "isLinkedToMultipleEmployers",
    "dateTimeCreation", "dateTimeModified", "dateTimeLastLogin", "userSpecifiedRole", "userCustomSpecifiedRole",
}  # fmt: skip
SHOWN: dict[Scope, tuple[set[str], set[str]]] = {  # beside NAME, with `profile`
    Scope.OPENID: (set(), set()),
    Scope.PROFILE: (set(), set()),
    Scope.EMAIL: (set(), {"emailAddress"}),
    Scope.PROFILE_WRITE: (set(), {"phoneNumber", "placeOfEmployment"}),
    Scope.ACCOUNT_READ: (ACCOUNT, set()),
    Scope.USERS_READ: (set(), set()),
}
BODY: dict[str, Any] = {
    "personalDetails": {"initials": "B.", "lastName": "Boer"},
    "contactInformation": {"phoneNumber": "0201234567"},
}


def paths(office: Provider) -> list[str]:
    return ["/user", "/providers", f"/providers/{office.pk}/authorizations", "/users/integrations"]


def test_knowing_that_it_is_you_reads_and_changes_nothing_else(bob: User, alice: User, office: Provider) -> None:
    portal = make_application(alice, scopes=list(Scope))
    calls = program(bob, "openid", application=portal)
    for path in paths(office):
        assert calls.get(path).status_code == 403, path
    assert calls.call("PUT", "/user", BODY).status_code == 403
    told = Client().get("/oauth/userinfo/", headers=bearing(calls.token)).json()
    assert told.keys() == {"sub"}


@pytest.mark.parametrize("scope", SHOWN)
def test_one_reads_of_oneself_what_the_scope_says(scope: Scope, bob: User) -> None:
    fields, contact = SHOWN[scope]
    content = program(bob, Scope.PROFILE, scope).content("/user")
    assert content.keys() == NAME | {"userName"} | fields
    assert content["contactInformation"].keys() == contact


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope != Scope.PROFILE_WRITE])
def test_only_its_own_scope_changes_the_profile(scope: Scope, bob: User) -> None:
    refused = program(bob, scope).call("PUT", "/user", BODY)
    assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (403, "client_scope")


def test_changing_the_profile_shows_no_more_than_its_sentence(bob: User) -> None:
    changed = program(bob, Scope.PROFILE_WRITE).call("PUT", "/user", BODY)
    assert changed.status_code == 200, changed.content
    content = changed.json()["content"]
    assert content.keys() == NAME
    assert content["contactInformation"] == {"phoneNumber": "0201234567", "placeOfEmployment": None}
    bob.refresh_from_db()
    assert (bob.last_name, bob.phone_number, bob.email) == ("Boer", "0201234567", "bob@devries.example")


def test_introspection_tells_who_it_is_to_those_who_may_know(bob: User, alice: User) -> None:
    portal: Application = make_application(alice, scopes=list(Scope))
    said = basic(str(portal.client_id), SECRET)
    for scopes, known in [
        (["users:read"], set()), (["openid"], {"sub"}), (["openid", "profile"], {"sub", "username"}),
    ]:  # fmt: skip
        token = token_of(bob, *scopes, application=portal)
        told = Client().post("/oauth/introspect/", {"token": token}, headers=said).json()
        assert told["active"]
        assert told.keys() & {"sub", "username"} == known
        assert told["acr"] == "https://refeds.org/profile/mfa"
    plain = token_of(bob, "openid", application=portal, with_factor=False)
    told = Client().post("/oauth/introspect/", {"token": plain}, headers=said).json()
    assert told["acr"] == "https://refeds.org/profile/sfa"


def test_a_webservice_user_reads_and_changes_its_own_profile(office: Provider, alice: User) -> None:
    service = make_service(office)
    told = ask().json()
    assert set(told["scope"].split()) == set(API_SCOPES) == set(Scope) - {Scope.OPENID, Scope.GROUPS, Scope.RIGHTS}
    calls = Program(service, told["access_token"])
    for path in paths(office):
        assert calls.get(path).status_code == 200, path
    assert calls.call("PUT", "/user", BODY).status_code == 200
