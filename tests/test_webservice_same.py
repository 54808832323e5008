"""Every change through the web service is the change of the page: the same events but for where they came from."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from audit.models import Event
from invitations.models import Invitation
from outbox.models import Message
from teams.models import AuthorizationSet, Employer, Team, TeamEmployer, TeamMember
from teams.rights import Right
from tests import history
from tests.api import Program, program
from tests.invited import NUMBER, invite
from tests.kinds import GOOD, PERSON, confirmed, make_azure, tenant_of
from tests.people import make_user

pytestmark = pytest.mark.django_db
Change = Callable[[], HttpResponse]
API_PERSON = {"initials": "P.", "prefix": "de", "lastName": "Boer"}
API_CONTACT = {"emailAddress": "p.deboer@devries.example"}


def traces(change: Change, origin: str) -> list[tuple[Any, ...]]:
    """Return what `change` left: its events, and the kinds of mail; it is taken back afterwards."""
    history.empty()
    Message.objects.all().exclude(pk__in=Invitation.objects.values("message")).delete()
    before = set(Message.objects.values_list("pk", flat=True))
    with transaction.atomic():
        response = change()
        assert response.status_code < 400, response.content
        events = Event.objects.order_by("pk")
        assert {event.origin for event in events} == {origin}
        assert all(event.correlation_id and event.address == "127.0.0.1" for event in events)
        found = [
            (event.verb, event.actor_id, event.actor_name, event.provider_id, event.target_kind, event.target_name,
             event.changes)
            for event in events
        ]  # fmt: skip
        mails = Message.objects.exclude(pk__in=before).order_by("kind", "recipient")
        found += list(mails.values_list("kind", "recipient"))
        transaction.set_rollback(True)
    assert found
    return found


class Both:
    """Alice in her browser and a program that calls for her."""

    def __init__(self, alice: User) -> None:
        self.browser: Client = confirmed(alice)
        self.program: Program = program(alice)

    def page(self, name: str, /, *args: Any, **data: Any) -> Change:
        """Return the change by a form; what is not given is as the form shows it."""

        def change() -> HttpResponse:
            url = reverse(name, args=args)
            form = getattr(self.browser.get(url), "context", None)
            shown = form.get("form") if form else None
            values = {field: shown[field].value() for field in shown.fields} if shown else {}
            sent = {field: value for field, value in (values | data).items() if value not in (None, False)}
            return self.browser.post(url, sent)

        return change

    def api(self, method: str, path: str, body: Any = None) -> Change:
        """Return the change by a call."""
        return lambda: self.program.call(method, path, body)


@pytest.fixture
def both(alice: User) -> Both:
    return Both(alice)


def same(page: Change, api: Change) -> None:
    """Assert that both leave the same."""
    assert traces(page, "page") == traces(api, "api")


@pytest.fixture
def piet(office: Provider) -> User:
    return make_user(office, **{**PERSON, "username": "piet"})


@pytest.fixture
def team(office: Provider, piet: User) -> Team:
    team = Team.objects.create(provider=office, name="Loon Noord")
    TeamMember.objects.create(provider=office, team=team, user=piet)
    return team


def test_it_edits(both: Both, piet: User) -> None:
    body = {
        "personalDetails": API_PERSON | {"lastName": "Bakker", "firstName": "Pieter"},
        "contactInformation": {"emailAddress": "nieuw@devries.example", "placeOfEmployment": "Utrecht"},
        "hasAccessToPayrollingTestData": True,
        "twoFactorAuthenticationRequired": True,
        "accessUntil": "2099-01-01",
    }
    form = {
        "last_name": "Bakker", "first_name": "Pieter", "email": "nieuw@devries.example", "access_until": "2099-01-01",
        "place_of_employment": "Utrecht", "has_access_to_test_years": "on", "two_factor_required": "on",
    }  # fmt: skip
    same(both.page("accounts:edit", piet.pk, **form), both.api("PUT", f"/providers/users/{piet.pk}", body))


def test_it_blocks_and_unblocks(both: Both, piet: User) -> None:
    path = f"/providers/users/{piet.pk}"
    same(both.page("accounts:block", piet.pk), both.api("PATCH", path, {"action": "Block"}))
    User.objects.filter(pk=piet.pk).update(blocked_at=timezone.now())
    same(both.page("accounts:unblock", piet.pk), both.api("PATCH", path, {"action": "Unblock"}))


def test_it_resends_and_revokes(both: Both, alice: User) -> None:
    person = invite(alice).invitation.user
    path = f"/providers/users/{person.pk}"
    information = {"destinationForSecret": NUMBER, "emailAddress": "ander@devries.example"}
    resend = both.page("invitations:resend", person.pk, mobile_number=NUMBER, email="ander@devries.example")
    same(resend, both.api("PATCH", path, {"action": "Resend", "resendInformation": information}))
    same(both.page("invitations:revoke", person.pk), both.api("PATCH", path, {"action": "Revoke"}))


def test_it_invites(both: Both, office: Provider) -> None:
    def page() -> HttpResponse:
        first = both.page("invitations:new", **PERSON, two_factor_required="on")()
        concept = first.headers["Location"].partition("concept=")[2]
        return both.browser.post(reverse("invitations:mobile"), {"concept": concept, "mobile_number": NUMBER})

    body = {
        "personalDetails": API_PERSON,
        "contactInformation": API_CONTACT,
        "destinationForSecret": "06-12345678",
        "twoFactorAuthenticationRequired": True,
    }
    same(page, both.api("POST", f"/providers/{office.pk}/users/invite", body))


def test_it_makes_a_service(both: Both, office: Provider) -> None:
    form = PERSON | {"username": "koppeling 1", "password": GOOD, "password_again": GOOD}
    body = {
        "loginMethod": {"key": "sso_webservice"},
        "personalDetails": API_PERSON,
        "contactInformation": API_CONTACT,
        "ssoAccount": {"userName": "koppeling 1", "password": GOOD},
    }
    same(both.page("accounts:new_webservice", **form), both.api("POST", f"/providers/{office.pk}/users", body))


def test_it_makes_an_azure_user(both: Both, office: Provider) -> None:
    tenant, external = tenant_of(office), str(uuid4())
    form = PERSON | {"username": "azuur", "external_tenant": str(tenant.pk), "external_user_id": external}
    account = {"tenant": {"id": str(tenant.pk)}, "externalUserId": external, "userName": "azuur"}
    body = {
        "loginMethod": {"key": LoginMethod.AZURE_AD, "value": "Alleen via Azure AD"},
        "personalDetails": API_PERSON,
        "contactInformation": API_CONTACT,
        "azureActiveDirectory": account,
    }
    same(both.page("accounts:new_azure", **form), both.api("POST", f"/providers/{office.pk}/users", body))


def test_it_changes_the_kind(both: Both, office: Provider, piet: User) -> None:
    tenant, external = tenant_of(office), str(uuid4())
    form = {"external_tenant": str(tenant.pk), "external_user_id": external}
    body = {"tenant": {"id": str(tenant.pk)}, "userId": external}
    path = f"/providers/users/{piet.pk}/configuredexternaltenant"
    same(both.page("accounts:to_azure", piet.pk, **form), both.api("PATCH", path, body))
    azure = make_azure(office, tenant=tenant)
    path = f"/providers/users/{azure.pk}/configuredexternaltenant"
    back = {"tenant": None, "userId": None, "destinationForSecret": NUMBER}
    same(both.page("accounts:to_website", azure.pk, mobile_number=NUMBER), both.api("PATCH", path, back))


def test_it_edits_oneself(both: Both, alice: User) -> None:
    person = {"initials": "A.B.", "prefix": "de", "lastName": "Vries"}
    body = {"personalDetails": person, "contactInformation": {"emailAddress": alice.email, "phoneNumber": "030"}}
    same(both.page("accounts:profile", initials="A.B.", phone_number="030"), both.api("PUT", "/user", body))


def test_it_gives_individual_rights(both: Both, piet: User) -> None:
    page = both.page("teams:rights", piet.pk, rights=["view_users", "view_teams"])
    body = {"authorizations": [{"key": "view_teams"}, {"key": "view_users"}]}
    same(page, both.api("PATCH", f"/providers/users/{piet.pk}/authorizations", body))


def test_it_makes_a_team(both: Both, office: Provider) -> None:
    made = AuthorizationSet.objects.create(provider=office, name="Loon", codes=["view_users"])
    page = both.page("teams:new", name="Team Zuid", authorization_set=str(made.pk))
    body = {"description": "Team Zuid", "authorizationSet": {"id": str(made.pk)}}
    same(page, both.api("POST", f"/providers/{office.pk}/teams", body))


def test_it_changes_and_deletes_a_team(both: Both, team: Team) -> None:
    path = f"/providers/teams/{team.pk}"
    body = {"description": "Loon Zuid", "twoFactorAuthenticationRequired": True}
    same(both.page("teams:edit", team.pk, name="Loon Zuid", two_factor_required="on"), both.api("PUT", path, body))
    same(both.page("teams:delete", team.pk), both.api("DELETE", path))


def test_it_changes_what_is_in_a_team(both: Both, team: Team, bob: User, piet: User) -> None:
    path = f"/providers/teams/{team.pk}"
    employer = Employer.objects.create(provider=team.provider, number=1, name="Bakkerij")
    cases: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
        ("add_users", {"users": [str(bob.pk)]}, "members", {"add": [{"id": str(bob.pk)}]}),
        ("remove_users", {"users": [str(piet.pk)]}, "members", {"remove": [{"id": str(piet.pk)}]}),
        ("add_employers", {"employers": [str(employer.pk)]}, "employers", {"add": [{"id": str(employer.pk)}]}),
        ("change_rights", {"rights": ["view_users"]}, "authorizations", {"authorizations": [{"key": "view_users"}]}),
    ]
    for name, form, part, body in cases:
        same(both.page(f"teams:{name}", team.pk, **form), both.api("PATCH", f"{path}/{part}", body))
    TeamEmployer.objects.create(provider=team.provider, team=team, employer=employer)
    remove = {"remove": [{"id": str(employer.pk)}]}
    page = both.page("teams:remove_employers", team.pk, employers=[str(employer.pk)])
    same(page, both.api("PATCH", f"{path}/employers", remove))


def test_it_makes_an_employer(both: Both, office: Provider) -> None:
    page = both.page("teams:new_employer", number="1042", name="Bakkerij Smit", products=["290"])
    body = {"number": 1042, "description": "Bakkerij Smit", "products": [290]}
    same(page, both.api("POST", f"/providers/{office.pk}/employers", body))


def test_it_resets_a_second_factor_with_a_reason(both: Both, piet: User) -> None:
    User.objects.filter(pk=piet.pk).update(second_factor_at=timezone.now())
    body = {
        "personalDetails": API_PERSON,
        "contactInformation": API_CONTACT,
        "hasAccessToPayrollingTestData": False,
        "hasMultiFactorAuthentication": False,
    }
    assert both.program.call("PUT", f"/providers/users/{piet.pk}", body).status_code == 200
    event = Event.objects.latest("pk")
    assert (event.verb, event.origin, event.target_id) == ("factors_reset", "api", piet.pk)
    assert event.reason
    assert both.program.content(f"/providers/users/{piet.pk}")["hasMultiFactorAuthentication"] is False


def test_it_holds_the_rules_of_the_page(both: Both, alice: User, piet: User, office: Provider) -> None:
    """Rule 5 and 6: nobody grows, nobody changes himself, and an office keeps an administrator."""
    weak = make_user(office, Right.MANAGE_USERS, Right.GRANT_RIGHTS, username="zwak", email="zwak@x.example")
    calls = program(weak)
    for method, path, body in [
        ("PATCH", f"/providers/users/{alice.pk}", {"action": "Block"}),
        ("PATCH", f"/providers/users/{weak.pk}", {"action": "Block"}),
        ("PATCH", f"/providers/users/{piet.pk}/authorizations", {"authorizations": [{"key": "view_audit"}]}),
        ("PATCH", f"/providers/users/{weak.pk}/authorizations", {"authorizations": []}),
    ]:
        response = calls.call(method, path, body)
        assert (response.status_code, response.json()["messages"][0]["code"]) == (403, "reach"), path
    second = make_user(office, Right.MANAGE_PROVIDER, username="tweede", email="2@x.example")
    assert both.program.call("PATCH", f"/providers/users/{second.pk}", {"action": "Block"}).status_code == 200
    machine = make_user(office, login_method=LoginMethod.SSO_WEBSERVICE, username="dienst", email="d@x.example")
    path = f"/providers/users/{machine.pk}/authorizations"
    assert both.program.call("PATCH", path, {"authorizations": [{"key": "manage_provider"}]}).status_code == 403
