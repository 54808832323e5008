"""Changes through the web service equal those of the pages: same events, except for the origin."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import LoginMethod, User
from audit.models import Event
from invitations.models import Invitation
from notifications.catalog import NotificationType
from oauth.models import Application, Consent
from outbox.models import Message
from permissions.checks import Right
from permissions.models import AuthorizationSet, Employer, Team, TeamEmployer, TeamMember
from reviews.models import ReviewItem
from tests.api.test_auth import OPERATIONS
from tests.helpers import audit_events
from tests.helpers.api_client import Program, program
from tests.helpers.invited_users import NUMBER, invite
from tests.helpers.login_methods import GOOD, PERSON, confirmed, make_azure, make_service, tenant_of
from tests.helpers.notification_events import wants
from tests.helpers.responses import ClientResponse
from tests.helpers.reviews import start
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
Change = Callable[[], ClientResponse]
Case = tuple[Change, list[object], Any]  # by the page; by the operation: the parts of its URL, and its body
API_PERSON = {"initials": "P.", "prefix": "de", "lastName": "Boer"}
API_CONTACT = {"emailAddress": "p.deboer@devries.example"}


def traces(change: Change, origin: str) -> list[tuple[Any, ...]]:
    """Return the events and message kinds that `change` produces; the change is rolled back."""
    audit_events.truncate_history()
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
    """Alice in a browser, an API client on behalf of alice, a colleague and a team."""

    def __init__(self, alice: User, bob: User) -> None:
        self.alice, self.bob, self.office = alice, bob, alice.provider
        self.piet = make_user(self.office, **{**PERSON, "username": "piet"})
        self.team = Team.objects.create(provider=self.office, name="Loon Noord")
        TeamMember.objects.create(provider=self.office, team=self.team, user=self.piet)
        self.browser: Client = confirmed(alice)
        self.program: Program = program(alice)

    def page(self, name: str, /, *args: Any, **data: Any) -> Change:
        """Return a change through a form; omitted fields keep the values that the form shows."""

        def change() -> ClientResponse:
            url = reverse(name, args=args)
            form = getattr(self.browser.get(url), "context", None)
            shown = form.get("form") if form else None
            values = {field: shown[field].value() for field in shown.fields} if shown else {}
            sent = {field: value for field, value in (values | data).items() if value not in (None, False)}
            return self.browser.post(url, sent)

        return change

    def call(self, operation_id: str, ids: list[object], body: Any) -> ClientResponse:
        """Return the response of an operation."""
        (operation,) = (one for one in OPERATIONS if one.operation_id == operation_id)
        left = [str(user_id) for user_id in ids]
        path = re.sub(r"{\w+:\w+}", lambda _found: left.pop(0), operation.path)
        assert not left
        return self.program.call(operation.methods[0], path, body)


@pytest.fixture
def both(alice: User, bob: User) -> Both:
    return Both(alice, bob)


COMPARED: dict[str, Callable[[Both], Iterator[Case]]] = {}
NO_PAGE = {"PostSsoTicket": "a program asks for it, and the person who opens it is on a page"}


def compared(operation_id: str) -> Callable[..., None]:
    """Register how an operation is compared with its page."""
    return lambda cases: COMPARED.update({operation_id: cases})


@compared("PutUserByUserId")
def edit(both: Both) -> Iterator[Case]:
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
    yield both.page("users:edit_user", both.piet.pk, **form), [both.piet.pk], body


@compared("PatchUserByUserId")
def act(both: Both) -> Iterator[Case]:
    ids: list[object] = [both.piet.pk]
    yield both.page("users:block_user", *ids), ids, {"action": "Block"}
    User.objects.filter(pk=both.piet.pk).update(blocked_at=timezone.now())
    yield both.page("users:unblock_user", *ids), ids, {"action": "Unblock"}
    ids = [invite(both.alice).invitation.user.pk]
    information = {"destinationForSecret": NUMBER, "emailAddress": "ander@devries.example"}
    resend = both.page("users:resend_invitation", *ids, mobile_number=NUMBER, email="ander@devries.example")
    yield resend, ids, {"action": "Resend", "resendInformation": information}
    yield both.page("users:revoke_invitation", *ids), ids, {"action": "Revoke"}
    ids = [both.piet.pk]
    yield both.page("authentication:end_user_sessions", *ids), ids, {"action": "EndSessions"}


@compared("PutPasswordByUserId")
def set_a_password(both: Both) -> Iterator[Case]:
    service = make_service(both.office)
    page = both.page("users:set_password", service.pk, password=GOOD, password_again=GOOD)
    yield page, [service.pk], {"password": GOOD}


@compared("DeleteUserByUserId")
def erase(both: Both) -> Iterator[Case]:
    User.objects.filter(pk=both.piet.pk).update(blocked_at=timezone.now() - timedelta(days=800))
    yield both.page("history:erase_user", both.piet.pk), [both.piet.pk], None


@compared("PostInviteByProviderId")
def invites(both: Both) -> Iterator[Case]:
    def page() -> ClientResponse:
        first = both.page("users:invite_user", **PERSON, two_factor_required="on")()
        concept = first.headers["Location"].partition("concept=")[2]
        return both.browser.post(reverse("users:send_invitation"), {"concept": concept, "mobile_number": NUMBER})

    body = {
        "personalDetails": API_PERSON,
        "contactInformation": API_CONTACT,
        "destinationForSecret": "06-12345678",
        "twoFactorAuthenticationRequired": True,
    }
    yield page, [both.office.pk], body


@compared("PostUserByProviderId")
def make(both: Both) -> Iterator[Case]:
    ids: list[object] = [both.office.pk]
    body = {"personalDetails": API_PERSON, "contactInformation": API_CONTACT}
    form = PERSON | {"username": "koppeling 1", "password": GOOD, "password_again": GOOD}
    service = {"loginMethod": {"key": 3}, "ssoAccount": {"userName": "koppeling 1", "password": GOOD}}
    yield both.page("users:create_webservice_user", **form), ids, body | service
    tenant, external = tenant_of(both.office), str(uuid4())
    form = PERSON | {"username": "azuur", "external_tenant": str(tenant.pk), "external_user_id": external}
    azure = {
        "loginMethod": {"key": 2, "value": "Alleen via Azure AD"},
        "azureActiveDirectory": {"tenant": {"id": str(tenant.pk)}, "externalUserId": external, "userName": "azuur"},
    }
    yield both.page("users:create_azure_user", **form), ids, body | azure


@compared("PatchConfiguredExternalTenantByProviderUserId")
def change_kind(both: Both) -> Iterator[Case]:
    tenant, external = tenant_of(both.office), str(uuid4())
    form = {"external_tenant": str(tenant.pk), "external_user_id": external}
    body = {"externalTenant": {"id": str(tenant.pk)}, "externalUser": {"id": external}}
    yield both.page("users:change_to_azure", both.piet.pk, **form), [both.piet.pk], body
    azure = make_azure(both.office, tenant=tenant)
    back = {"externalTenant": None, "externalUser": None, "destinationForSecret": NUMBER}
    yield both.page("users:change_to_website", azure.pk, mobile_number=NUMBER), [azure.pk], back


@compared("PutUser")
def edit_oneself(both: Both) -> Iterator[Case]:
    person = {"initials": "A.B.", "prefix": "de", "lastName": "Vries"}
    body = {"personalDetails": person, "contactInformation": {"emailAddress": both.alice.email, "phoneNumber": "030"}}
    yield both.page("users:profile", initials="A.B.", phone_number="030"), [], body


@compared("PutUserByToken")
def edit_oneself_by_id(both: Both) -> Iterator[Case]:
    for page, _ids, body in COMPARED["PutUser"](both):
        yield page, [both.alice.pk], body


@compared("DeleteIntegrationByUserIdAndApplicationId")
def end_an_integration(both: Both) -> Iterator[Case]:
    portal = Application.objects.create(name="Portaal", provider=both.office, scopes=["sso"])
    Consent.objects.create(provider=both.office, user=both.piet, application=portal, scopes=["sso"])
    consent = both.piet.consents.get()
    yield both.page("oauth:end_user_integration", both.piet.pk, consent.pk), [both.piet.pk, portal.pk], None


@compared("PatchAuthorizationsByUserId")
def give_individual_rights(both: Both) -> Iterator[Case]:
    page = both.page("teams:user_rights", both.piet.pk, rights=["view_users", "view_teams"])
    yield page, [both.piet.pk], {"authorizations": [{"code": "view_teams"}, {"code": "view_users"}]}


@compared("PatchNotificationSettingsByUserId")
def choose_signals(both: Both) -> Iterator[Case]:
    ids: list[object] = [both.piet.pk]
    page = both.page(
        "notifications:user_preferences", *ids, appraisal_is_on="y", appraisal_days="21", birthday_mail="y"
    )
    settings = [
        {"notificationType": {"key": "appraisal"}, "isEnabled": True, "createNumberOfDaysBeforeEvent": 21},
        {"notificationType": {"key": "birthday"}, "sendMailWhenNotificationIsCreated": True},
    ]
    yield page, ids, {"notifications": settings}
    wants(both.office, NotificationType.APPRAISAL, both.piet, days=21, mail=True)
    page = both.page("notifications:user_preferences", *ids, appraisal_days="")
    back = {"notificationType": {"key": "appraisal"}, "createNumberOfDaysBeforeEvent": None}
    yield page, ids, {"notifications": [back]}
    whole = back | {"sendMailWhenNotificationIsCreated": None}
    yield both.page("notifications:clear_user_overrides", *ids), ids, {"notifications": [whole]}


@compared("PostTeamByProviderId")
def make_a_team(both: Both) -> Iterator[Case]:
    made = AuthorizationSet.objects.create(provider=both.office, name="Loon", codes=["view_users"])
    page = both.page("teams:create_team", name="Team Zuid", authorization_set=str(made.pk))
    yield page, [both.office.pk], {"description": "Team Zuid", "authorizationSet": {"id": str(made.pk)}}


@compared("PutTeamByTeamId")
def change_a_team(both: Both) -> Iterator[Case]:
    page = both.page("teams:edit_team", both.team.pk, name="Loon Zuid", two_factor_required="on")
    yield page, [both.team.pk], {"description": "Loon Zuid", "twoFactorAuthenticationRequired": True}


@compared("DeleteTeamByTeamId")
def delete_a_team(both: Both) -> Iterator[Case]:
    yield both.page("teams:delete_team", both.team.pk), [both.team.pk], None


@compared("PatchMembersByTeamId")
def change_members(both: Both) -> Iterator[Case]:
    ids: list[object] = [both.team.pk]
    yield both.page("teams:add_users", *ids, users=[str(both.bob.pk)]), ids, {"add": [{"id": str(both.bob.pk)}]}
    remove = {"remove": [{"id": str(both.piet.pk)}]}
    yield both.page("teams:remove_users", *ids, users=[str(both.piet.pk)], sure="1"), ids, remove


@compared("PatchEmployersByTeamId")
def change_employers(both: Both) -> Iterator[Case]:
    ids: list[object] = [both.team.pk]
    employer = Employer.objects.create(provider=both.office, number=1, name="Bakkerij")
    form, one = {"employers": [str(employer.pk)]}, [{"id": str(employer.pk)}]
    yield both.page("teams:add_employers", *ids, **form), ids, {"add": one}
    TeamEmployer.objects.create(provider=both.office, team=both.team, employer=employer)
    yield both.page("teams:remove_employers", *ids, **form, sure="1"), ids, {"remove": one}


@compared("PatchAuthorizationsByTeamId")
def change_the_rights_of_a_team(both: Both) -> Iterator[Case]:
    page = both.page("teams:change_team_rights", both.team.pk, rights=["view_users"], sure="1")
    yield page, [both.team.pk], {"authorizations": [{"code": "view_users"}]}


@compared("PostEmployerByProviderId")
def make_an_employer(both: Both) -> Iterator[Case]:
    page = both.page("teams:create_employer", number="1042", name="Bakkerij Smit", products=["290"])
    yield page, [both.office.pk], {"number": 1042, "companyName": "Bakkerij Smit", "products": [290]}


@compared("PutDecisionByPathId")
def decide_about_access(both: Both) -> Iterator[Case]:
    campaign = start(both.office, both.alice)
    item = ReviewItem.objects.get(campaign=campaign, subject__person_id=both.piet.pk, object_id=both.team.pk)
    page = both.page(
        "reviews:decide", campaign.pk, **{"decision": f"{item.pk}:0:revoke", f"reason-{item.pk}": "Andere afdeling"}
    )
    yield page, [item.pk], {"decision": "revoke", "reason": "Andere afdeling"}


@pytest.mark.slow
@pytest.mark.parametrize("operation_id", COMPARED)
def test_operation_has_the_same_result_as_the_page(both: Both, operation_id: str) -> None:
    for page, ids, body in COMPARED[operation_id](both):
        call = partial(both.call, operation_id, ids, body)
        assert traces(page, "page") == traces(call, "api")


def test_every_change_is_compared_with_its_page() -> None:
    changing = {operation.operation_id for operation in OPERATIONS if operation.methods != ["GET"]}
    assert changing == COMPARED.keys() | NO_PAGE.keys()


def test_resetting_a_second_factor_records_a_reason(both: Both) -> None:
    piet = both.piet
    User.objects.filter(pk=piet.pk).update(second_factor_at=timezone.now())
    body = {
        "personalDetails": API_PERSON,
        "contactInformation": API_CONTACT,
        "hasAccessToPayrollingTestData": False,
        "hasMultiFactorAuthentication": False,
    }
    path = f"/providers/users/{piet.pk}"
    etag = both.program.get(path).headers["ETag"]
    assert both.program.call("PUT", path, body, If_Match=etag).status_code == 202
    event = Event.objects.latest("pk")
    assert (event.verb, event.origin, event.target_id) == ("factors_reset", "api", piet.pk)
    assert event.reason
    assert both.program.content(f"/providers/users/{piet.pk}")["hasMultiFactorAuthentication"] is False


@pytest.mark.slow
def test_operation_keeps_the_rules_of_the_page(both: Both) -> None:
    """Rule 5 and 6: users cannot raise or change their own rights, and an office keeps an administrator."""
    alice, piet, office = both.alice, both.piet, both.office
    weak = make_user(office, Right.MANAGE_USERS, Right.GRANT_RIGHTS, username="zwak", email="zwak@x.example")
    calls = program(weak)
    for method, path, body in [
        ("PATCH", f"/providers/users/{alice.pk}", {"action": "Block"}),
        ("PATCH", f"/providers/users/{weak.pk}", {"action": "Block"}),
        ("PATCH", f"/providers/users/{piet.pk}/authorizations", {"authorizations": [{"code": "view_audit"}]}),
        ("PATCH", f"/providers/users/{weak.pk}/authorizations", {"authorizations": []}),
    ]:
        response = calls.call(method, path, body)
        assert (response.status_code, response.json()["messages"][0]["reason"]) == (403, "reach"), path
    second = make_user(office, Right.MANAGE_PROVIDER, username="tweede", email="2@x.example")
    assert both.program.call("PATCH", f"/providers/users/{second.pk}", {"action": "Block"}).status_code == 200
    machine = make_user(office, login_method=LoginMethod.SSO_WEBSERVICE, username="dienst", email="d@x.example")
    path = f"/providers/users/{machine.pk}/authorizations"
    assert both.program.call("PATCH", path, {"authorizations": [{"code": "manage_provider"}]}).status_code == 403
