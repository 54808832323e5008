"""Users in the web service, and the query cost of lists."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import jsonschema_rs
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import EmailChange, Provider, User
from api.examples import SCHEMA_EXAMPLES
from api.metadata import ACCESS_STATUS_KEYS, ACCESS_STATUS_NAMES
from api.openapi import build_openapi_document
from audit.models import Event
from oauth.models import Application, Consent
from outbox.models import Message
from permissions.checks import Right
from permissions.models import AuthorizationSet, Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from tests.helpers.api_client import Program, program
from tests.helpers.invited_users import invite
from tests.helpers.login_methods import make_azure, make_service, tenant_of
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
PUT = {
    "personalDetails": {"initials": "B.", "lastName": "Bakker"},
    "contactInformation": {"emailAddress": "bob@devries.example"},
    "hasAccessToPayrollingTestData": False,
}


@pytest.fixture
def calls(alice: User) -> Program:
    """An API client on behalf of alice."""
    return program(alice)


def of(calls: Program, user: User) -> dict[str, Any]:
    return calls.content(f"/providers/users/{user.pk}")


def refused(response: Any, field: str | None, status: int = 400) -> None:
    assert response.status_code == status, response.content
    assert field in [message["field"] for message in response.json()["messages"]]


def test_user_is_shown_as_in_the_original(calls: Program, office: Provider) -> None:
    piet = make_user(
        office, initials="P.", prefix="de", last_name="Boer", first_name="Pieter", username="piet ",
        email="p@x.example", phone_number="030", place_of_employment="Utrecht", has_access_to_test_years=True,
        last_login=timezone.now(), access_until=date(2099, 1, 1), second_factor_at=timezone.now(),
        two_factor_required=True,
    )  # fmt: skip
    Consent.objects.create(provider=office, user=piet, application=Application.objects.get_built_in(), scopes=["sso"])
    shown = of(calls, piet)
    moments = {name: shown.pop(name) for name in ("dateTimeCreation", "dateTimeModified", "dateTimeLastLogin")}
    assert all(moment.endswith("Z") for moment in moments.values())
    assert shown == {
        "id": str(piet.pk),
        "userName": "piet ",
        "loginMethod": {"key": 1, "value": "Via website en SSO", "code": "website_sso"},
        "accessStatus": {"key": 3, "value": "Heeft toegang", "code": "active", "name": "HasAccessToClient"},
        "personalDetails": {"initials": "P.", "firstName": "Pieter", "prefix": "de", "lastName": "Boer"},
        "contactInformation": {"emailAddress": "p@x.example", "phoneNumber": "030", "placeOfEmployment": "Utrecht"},
        "azureActiveDirectory": None,
        "twoFactorAuthenticationRequired": True,
        "hasMultiFactorAuthentication": True,
        "hasAccessToPayrollingTestData": True,
        "hasIntegrations": True,
        "isDepartmentManager": False,
        "isLinkedToMultipleEmployers": False,
        "accessUntil": "2099-01-01",
        "userSpecifiedRole": None,
        "userCustomSpecifiedRole": None,
    }


def test_each_login_method_and_status_is_shown(calls: Program, office: Provider, alice: User) -> None:
    azure = make_azure(office, tenant=tenant_of(office, name="Groep"))
    shown = of(calls, azure)["azureActiveDirectory"]
    assert (shown["userId"], shown["tenant"]["description"]) == (str(azure.external_user_id), "Groep")
    assert shown["tenant"]["tenantRegistrationLevel"] == "provider"
    assert calls.content(f"/providers/users/{azure.pk}/configuredexternaltenant") == {
        "externalTenant": {"id": shown["tenant"]["id"], "name": "Groep"},
        "externalUser": {"id": shown["userId"]},
    }
    unlinked = {"externalTenant": None, "externalUser": None}
    assert calls.content(f"/providers/users/{alice.pk}/configuredexternaltenant") == unlinked
    invited = invite(alice).invitation.user
    assert of(calls, invited)["accessStatus"]["name"] == "InvitePending"
    assert of(calls, invited)["userName"] is None
    ended = make_service(office, access_until=timezone.localdate() - timedelta(days=1))
    assert of(calls, ended)["accessStatus"]["name"] == "NoAccessToClient"
    for path in (f"/providers/{office.pk}/users/metadata", f"/providers/users/{azure.pk}/metadata"):
        methods, statuses, roles = calls.rows(path)
        assert [one["key"] for one in statuses["options"]] == sorted(ACCESS_STATUS_KEYS.values())
        assert {one["name"] for one in statuses["options"]} == set(ACCESS_STATUS_NAMES.values())
        assert (methods["field"], [one["key"] for one in methods["options"]]) == ("loginMethod", [1, 2, 3])
        assert roles == {"field": "userSpecifiedRole", "options": []}


@pytest.mark.slow
def test_a_list_costs_the_same_for_one_as_for_many(
    calls: Program, office: Provider, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    team = Team.objects.create(provider=office, name="Loon")
    paths = ["users", "teams", "employers", "externaltenants", "authorizationsets"]
    for path in paths:
        calls.get(f"/providers/{office.pk}/{path}")
    for round_ in range(2):
        for path in paths:
            with django_assert_num_queries(6):  # token, factor, limit, right, how many, which
                calls.get(f"/providers/{office.pk}/{path}")
        with django_assert_num_queries(7):
            calls.get(f"/providers/teams/{team.pk}/members")
        with django_assert_num_queries(4):
            calls.get("/user")
        if round_ == 0:
            many(office, team)


def many(office: Provider, team: Team) -> None:
    """Add rows to every list."""
    tenant = tenant_of(office)
    for number in range(30):
        user = make_azure(
            office, tenant=tenant, username=f"u{number}", email=f"{number}@x.example", external_user_id=uuid4()
        )
        TeamMember.objects.create(provider=office, team=team, user=user)
        Team.objects.create(provider=office, name=f"Team {number}")
        Employer.objects.create(provider=office, number=number + 1, name=f"Werkgever {number}", products=[290])
        AuthorizationSet.objects.create(provider=office, name=f"Set {number}", codes=["view_users"])
        tenant_of(office, uuid4(), name=f"T{number}")


def test_a_new_address_waits_for_its_confirmation(calls: Program, bob: User) -> None:
    body = PUT | {"contactInformation": {"emailAddress": "nieuw@devries.example"}}
    response = calls.call("PUT", f"/providers/users/{bob.pk}", body)
    assert response.status_code == 202
    (message,) = response.json()["messages"]
    assert (message["type"], message["reason"]) == ("Warning", "email_asked")
    assert "nieuw@devries.example" in message["description"]
    assert response.json()["content"]["contactInformation"]["emailAddress"] == "bob@devries.example"
    assert EmailChange.objects.get(user=bob).email == "nieuw@devries.example"
    assert set(Message.objects.values_list("recipient", flat=True)) == {"nieuw@devries.example", "bob@devries.example"}


@pytest.mark.slow
def test_mails_by_call_are_limited_as_by_button(calls: Program, bob: User) -> None:
    for number in range(10):
        body = PUT | {"contactInformation": {"emailAddress": f"n{number}@devries.example"}}
        assert calls.call("PUT", f"/providers/users/{bob.pk}", body).status_code == 202
    body = PUT | {"contactInformation": {"emailAddress": "n11@devries.example"}}
    response = calls.call("PUT", f"/providers/users/{bob.pk}", body)
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0


def test_what_is_left_out_stays_where_the_document_says_so(calls: Program, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(access_until=date(2099, 1, 1), second_factor_at=timezone.now())
    assert calls.call("PUT", f"/providers/users/{bob.pk}", PUT).status_code == 202
    shown = of(calls, bob)
    assert (shown["accessUntil"], shown["hasMultiFactorAuthentication"]) == ("2099-01-01", True)
    assert calls.call("PUT", f"/providers/users/{bob.pk}", PUT | {"accessUntil": None}).status_code == 202
    assert of(calls, bob)["accessUntil"] is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hasMultiFactorAuthentication": True}, "hasMultiFactorAuthentication"),
        ({"accessUntil": "2020-01-01"}, "accessUntil"),
        ({"accessUntil": "2020-02-30"}, "accessUntil"),
        ({"contactInformation": {"emailAddress": "geen adres"}}, "contactInformation.emailAddress"),
        (
            {"contactInformation": {"emailAddress": "b@x.example", "phoneNumber": "bel me"}},
            "contactInformation.phoneNumber",
        ),
        ({"personalDetails": {"initials": "B.", "lastName": "Bak\u202eker"}}, "personalDetails.lastName"),
        ({"personalDetails": {"initials": "B.B.B.B.", "lastName": "Bakker"}}, "personalDetails.initials"),
        ({"personalDetails": {"initials": " ", "lastName": "Bakker"}}, "personalDetails.initials"),
        ({"username": "bob2"}, "username"),
        ({"loginMethod": {"key": 3}}, "loginMethod"),
        ({"userCustomSpecifiedRole": "Chef"}, "userCustomSpecifiedRole"),
    ],
)
def test_error_names_the_field(changes: dict[str, Any], field: str, calls: Program, bob: User) -> None:
    refused(calls.call("PUT", f"/providers/users/{bob.pk}", PUT | changes), field)
    bob.refresh_from_db()
    assert (bob.version, Event.objects.count()) == (1, 0)


def test_two_factor_is_for_website_users_only(calls: Program, office: Provider) -> None:
    body = PUT | {"twoFactorAuthenticationRequired": True}
    response = calls.call("PUT", f"/providers/users/{make_service(office).pk}", body)
    refused(response, "twoFactorAuthenticationRequired")


def test_an_invited_person_changes_address_by_resending(calls: Program, alice: User) -> None:
    person = invite(alice).invitation.user
    refused(calls.call("PUT", f"/providers/users/{person.pk}", PUT), "contactInformation.emailAddress")


def test_oneself_is_changed_with_put_user(calls: Program, alice: User) -> None:
    assert calls.call("PUT", f"/providers/users/{alice.pk}", PUT).status_code == 403
    body = {"personalDetails": PUT["personalDetails"], "contactInformation": PUT["contactInformation"]}
    refused(calls.call("PUT", "/user", body), "contactInformation.emailAddress")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "Resend"}, "resendInformation"),
        ({"action": "Block", "resendInformation": {"destinationForSecret": "0612345678"}}, "resendInformation"),
        ({"action": "Delete"}, "action"),
        ({"action": "Revoke"}, None),
        ({"action": "Resend", "resendInformation": {"destinationForSecret": "0612345678"}}, None),
    ],
)
def test_action_that_does_not_fit_is_refused(body: Any, field: str | None, calls: Program, bob: User) -> None:
    refused(calls.call("PATCH", f"/providers/users/{bob.pk}", body), field)


@pytest.mark.slow
def test_sixty_calls_do_not_send_sixty_mails(calls: Program, alice: User) -> None:
    person = invite(alice).invitation.user
    information = {"emailAddress": person.email, "destinationForSecret": "0612345678"}
    path, body = f"/providers/users/{person.pk}", {"action": "Resend", "resendInformation": information}
    answers = [calls.call("PATCH", path, body) for _time in range(60)]
    assert [answer.status_code for answer in answers] == [200] * 9 + [429] * 51
    assert 0 < int(answers[-1]["Retry-After"]) <= 360
    assert Message.objects.filter(kind="invitation").count() == 10


@pytest.mark.slow
def test_an_unknown_foreign_number_is_accepted_with_a_warning(calls: Program, alice: User) -> None:
    invited = invite(alice).invitation.user
    information = {"destinationForSecret": "+32612345678"}
    answers = [
        calls.call("PATCH", f"/providers/users/{invited.pk}", {"action": "Resend", "resendInformation": information}),
        calls.call(
            "POST",
            f"/providers/{alice.provider_id}/users/invite",
            {
                "personalDetails": {"initials": "V.", "lastName": "Waal"},
                "contactInformation": {"emailAddress": "v.waal@devries.example"},
                **information,
            },
        ),
    ]
    assert [answer.status_code for answer in answers] == [200, 201]
    for answer in answers:
        assert [message["reason"] for message in answer.json()["messages"]] == ["mobile_number_unknown"]


@pytest.mark.slow
def test_resending_can_ask_for_two_factor_as_well(calls: Program, alice: User) -> None:
    person = invite(alice).invitation.user
    information = {"destinationForSecret": "0612345678", "twoFactorAuthenticationRequired": True}
    path, body = f"/providers/users/{person.pk}", {"action": "Resend", "resendInformation": information}
    assert calls.call("PATCH", path, body).json()["content"]["twoFactorAuthenticationRequired"] is True
    wrong = {"action": "Resend", "resendInformation": information | {"destinationForSecret": "030-1234567"}}
    refused(calls.call("PATCH", path, wrong), "resendInformation.destinationForSecret")


@pytest.mark.slow
def test_who_manages_users_does_not_rename_an_administrator(alice: User, bob: User) -> None:
    for right in (Right.VIEW_USERS, Right.MANAGE_USERS):
        IndividualRight.objects.create(provider=bob.provider, user=bob, right=right)
    person, path = program(bob), f"/providers/users/{alice.pk}"
    body = PUT | {"contactInformation": {"emailAddress": alice.email}}
    refused(person.call("PUT", path, body | {"personalDetails": {"initials": "A.", "lastName": "Directie"}}), None, 403)
    mailed = PUT | {"contactInformation": {"emailAddress": "elders@devries.example"}}
    for _try in range(11):  # refused before an e-mail is counted
        refused(person.call("PUT", path, mailed), None, 403)
        refused(person.call("PATCH", path, {"action": "Unblock"}), None, 403)
    alice.refresh_from_db()
    assert alice.last_name == "Vries"
    assert not Event.objects.filter(target_id=alice.pk).exists()


@pytest.mark.parametrize(
    ("account", "field"),
    [
        ({"userName": "bob", "password": "Regenboog-17"}, "ssoAccount.userName"),
        ({"userName": "dienst\u0000", "password": "Regenboog-17"}, "ssoAccount.userName"),
        ({"userName": "dienst", "password": "zwakzwakzwak"}, "ssoAccount.password"),
        ({"userName": "dienst", "password": "kort"}, "ssoAccount.password"),
        ({"userName": "dienst", "password": "Welkom2026!"}, "ssoAccount.password"),
        ({"userName": "dienst", "password": "Vries-2026!!"}, "ssoAccount.password"),
    ],
)
def test_invalid_webservice_user_is_refused(
    account: Any, field: str, calls: Program, office: Provider, bob: User
) -> None:
    body = {name: PUT[name] for name in ("personalDetails", "contactInformation")}
    body |= {"loginMethod": {"key": 3}, "ssoAccount": account}
    refused(calls.call("POST", f"/providers/{office.pk}/users", body), field)


def test_an_account_belongs_to_its_login_method(calls: Program, office: Provider) -> None:
    body = {name: PUT[name] for name in ("personalDetails", "contactInformation")}
    body |= {"ssoAccount": {"userName": "dienst", "password": "Regenboog-17"}}
    for method in ("azure_ad", "website_sso", "x", 1, 2, 9):
        sent = body | {"loginMethod": {"key": method}}
        refused(calls.call("POST", f"/providers/{office.pk}/users", sent), "loginMethod")


@pytest.mark.slow
def test_who_left_is_erased_after_the_term_of_the_office(calls: Program, alice: User, bob: User) -> None:
    path = f"/providers/users/{bob.pk}"
    response = calls.call("DELETE", path)
    assert (response.status_code, response.json()["messages"][0]["reason"]) == (400, "kept")
    User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now() - timedelta(days=800))
    assert calls.call("DELETE", path, If_Match='"99"').status_code == 412
    erased = calls.call("DELETE", path)
    assert (erased.status_code, erased.json()["content"]) == (200, {})
    assert not User.objects.filter(pk=bob.pk).exists()
    assert calls.get(path).status_code == calls.call("DELETE", path).status_code == 404
    assert Event.objects.get(verb="user_erased").origin == "api"
    assert calls.call("DELETE", f"/providers/users/{alice.pk}").status_code == 403, "oneself"


def test_second_account_with_the_same_address_gives_a_warning(calls: Program, office: Provider, bob: User) -> None:
    body = {name: PUT[name] for name in ("personalDetails", "contactInformation")}
    response = calls.call(
        "POST", f"/providers/{office.pk}/users/invite", body | {"destinationForSecret": "+32470123456"}
    )
    (message,) = response.json()["messages"]
    assert (response.status_code, message["reason"]) == (201, "same_email")
    assert "B. Bakker" in message["description"]


def test_effective_rights_name_their_paths(calls: Program, office: Provider, bob: User) -> None:
    team = Team.objects.create(provider=office, name="Loon Noord")
    TeamMember.objects.create(provider=office, team=team, user=bob)
    TeamRight.objects.bulk_create(
        TeamRight(provider=office, team=team, right=right) for right in ("view_users", "view_employee_file")
    )
    for number, products in enumerate([[904], []]):
        employer = Employer.objects.create(provider=office, number=number, name="W", products=products)
        TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    IndividualRight.objects.create(provider=office, user=bob, right="view_users")
    found = calls.content(f"/providers/users/{bob.pk}/effectiveauthorizations")["effectiveAuthorizations"]
    by_key = {one["authorization"]["code"]: one for one in found}
    assert by_key["view_users"]["isSuperfluous"] is by_key["view_users"]["isIndividual"] is True
    assert by_key["view_users"]["teams"] == [{"id": str(team.pk), "description": "Loon Noord"}]
    file = by_key["view_employee_file"]
    assert (file["numberOfEmployers"], file["numberOfEmployersWithEffect"], file["hasEffect"]) == (2, 1, True)
    assert len(file["limitations"]) == 1


def test_own_rights_are_shown(bob: User, office: Provider) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_TEAMS)
    own = program(bob, "account:read", "teams:read").get(f"/providers/{office.pk}/authorizations").json()
    assert [right["code"] for right in own["rights"] if right["isEnabled"]] == ["view_teams"]
    assert own["scopes"] == ["account:read", "teams:read"]
    names = {row["description"] for row in own["_embedded"]}
    assert {"GetTeamsByProviderId", "GetIntegrationsByBearerToken"} <= names
    assert not names & {"PatchMembersByTeamId", "GetUsersByProviderId", "GetProvidersByUser"}
    office.name = "k" * 100
    office.save()
    assert program(bob).rows("/providers") == [{"id": str(office.pk), "name": "k" * 70, "description": "k" * 70}]


def test_own_integrations_are_shown(bob: User, office: Provider, alice: User) -> None:
    portal = Application.objects.create(name="Portaal", provider=office, scopes=["sso"])
    for user in (bob, alice):
        Consent.objects.create(provider=office, user=user, application=portal, scopes=["sso"])
    (row,) = program(bob).rows("/users/integrations")
    assert (row["application"]["name"], row["scopes"], row["isBlocked"]) == ("Portaal", ["sso"], False)
    assert row["application"].keys() == {"id", "name", "logo", "isBlocked"}
    assert row.keys() >= {"createdOn", "lastLogin"}


def test_a_ticket_is_for_a_page_of_ours(bob: User, settings: Any) -> None:
    calls = program(bob, "sso")
    content = calls.call("POST", "/sso/tickets", {"next": "/profiel/"}).json()["content"]
    assert content["url"].startswith(f"{settings.LOKET_URL}/sso/")
    assert content["expiresAt"].endswith("Z")
    for next_ in ("https://kwaad.example/", "//kwaad.example", "javascript:alert(1)", "/\\kwaad.example"):
        refused(calls.call("POST", "/sso/tickets", {"next": next_}), "next")


def test_examples_of_the_document_are_good() -> None:
    schemas = build_openapi_document()["components"]["schemas"]
    for name, example in SCHEMA_EXAMPLES.items():
        schema = schemas[name] | {"components": {"schemas": schemas}}
        jsonschema_rs.Draft202012Validator(schema).validate(example)


def test_the_document_and_its_page_are_for_everybody(client: Client) -> None:
    document = client.get("/v2/openapi.json")
    assert document.json()["openapi"].startswith("3.1")
    page = client.get("/v2/")
    assert page.status_code == 200
    for path in document.json()["paths"]:
        assert path in page.text
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert reverse("v2:guide") in page.text
    guide = client.get(reverse("v2:guide"))
    assert guide.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert guide.text.startswith("# The web service")


def test_the_page_of_an_integration_links_to_guide_and_reference(alice_client: Client, office: Provider) -> None:
    portal = Application.objects.create(name="Portaal", provider=office, scopes=["sso"])
    shown = alice_client.get(reverse("oauth:application_detail", args=[portal.pk])).text
    assert all(f'href="{reverse(name)}"' in shown for name in ("v2:guide", "v2:reference"))


def test_ids_are_time_ordered_uuids(calls: Program, office: Provider) -> None:
    response = calls.call("POST", f"/providers/{office.pk}/employers", {"number": 7, "description": "Zeven"})
    assert UUID(response.json()["content"]["id"]).version == 7
    refused(calls.call("POST", f"/providers/{office.pk}/employers", {"number": 7, "description": "Z"}), "number")
    body = {"number": 8, "description": "Acht", "products": [1]}
    refused(calls.call("POST", f"/providers/{office.pk}/employers", body), "products")
    assert calls.content(f"/providers/{office.pk}/employers/defaults") == {"products": []}
    (products,) = calls.rows(f"/providers/{office.pk}/employers/metadata")
    assert {"key": 290, "value": "Signaleringen", "code": "signals"} in products["options"]
