"""API authorization: every operation requires a scope and a right; data of other offices is 404."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db.models import Model
from django.test import Client
from django.utils import timezone

import users.actions
from accounts.models import Provider, User
from api import auth
from api.api import api
from api.auth import OperationAuth
from api.authorization_sets import TEMPLATE_IDS
from audit.models import Event
from core.access import Access, get_policy
from core.models import Throttle
from notifications.models import NotificationSet
from oauth.models import Application, Consent
from oauth.scopes import Scope
from permissions.checks import Right
from permissions.models import AuthorizationSet, DutyRule, Employer, IndividualRight, Team
from tests.helpers.access_tokens import token_of
from tests.helpers.api_client import VERSION, Program, program
from tests.helpers.reviews import start
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
OPERATIONS = [
    operation
    for router in api._get_bound_routers()
    for view in router.path_operations.values()
    for operation in view.operations
]
# Operations on the user of the token, which need no right, and the scope that describes them on the consent page.
OWN = {
    "GetProvidersByUser": Scope.PROFILE,
    "GetAuthorizationsByProviderId": Scope.ACCOUNT_READ,
    "GetUserByToken": Scope.PROFILE,
    "GetUserMetadataByToken": Scope.PROFILE,
    "PutUser": Scope.PROFILE_WRITE,
    "PutUserByToken": Scope.PROFILE_WRITE,
    "GetIntegrationsByBearerToken": Scope.ACCOUNT_READ,
    "PostSsoTicket": Scope.SSO,
}
BODIES: dict[str, Any] = {"PATCH": {"action": "Block"}, "DELETE": None, "GET": None}


def auth_of(operation: Any) -> OperationAuth:
    (found,) = operation.auth_callbacks
    assert isinstance(found, OperationAuth)
    return found


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.operation_id for operation in OPERATIONS])
def test_every_operation_says_what_it_needs(operation: Any) -> None:
    asked = auth_of(operation)
    if operation.operation_id in OWN:
        assert (asked.scope, asked.right) == (OWN[operation.operation_id], None)
    else:
        assert asked.right is not None
        reads = operation.methods == ["GET"]
        assert asked.scope.value.endswith(":read" if reads else ":write")


@pytest.fixture
def ids(office: Provider, alice: User, bob: User) -> dict[str, str]:
    team = Team.objects.create(provider=office, name="Loon Noord")
    made = AuthorizationSet.objects.create(provider=office, name="Set", codes=["view_users"])
    signals = NotificationSet.objects.create(provider=office, name="HR")
    portal = Application.objects.create(name="Portaal", provider=office, scopes=["sso"])
    Consent.objects.create(provider=office, user=bob, application=portal, scopes=["sso"])
    rule = DutyRule.objects.create(
        provider=office, name="Regel", first=["view_users"], second=["view_audit"], severity="warn", reason="Controle"
    )
    review = start(office, alice)
    path = review.items.filter(in_scope=True).exclude(subject__user=alice)[0]
    names: dict[str, Model] = {
        "application_id": portal,
        "duty_rule_id": rule,
        "provider_id": office,
        "user_id": bob,
        "team_id": team,
        "set_id": made,
        "notification_set_id": signals,
        "access_review_id": review,
        "path_id": path,
    }
    return {name: str(row.pk) for name, row in names.items()} | {"email_template_id": str(next(iter(TEMPLATE_IDS)))}


def sent(operation_id: str) -> Any:
    """Return a body that is valid enough to pass authorization."""
    person = {"initials": "P.", "lastName": "Boer"}
    contact = {"emailAddress": "p@devries.example"}
    rights = {"authorizations": []}
    bodies: dict[str, Any] = {
        "PutUserByUserId": {
            "personalDetails": person, "contactInformation": contact, "hasAccessToPayrollingTestData": False,
        },
        "PostUserByProviderId": {
            "loginMethod": {"key": 3}, "personalDetails": person, "contactInformation": contact,
            "ssoAccount": {"userName": "dienst", "password": "Regenboog-17"},
        },
        "PostInviteByProviderId": {
            "personalDetails": person, "contactInformation": contact, "destinationForSecret": "0612345678",
        },
        "PatchUserByUserId": {"action": "Block"},
        "PutPasswordByUserId": {"password": "Regenboog-17"},
        "PatchConfiguredExternalTenantByProviderUserId": {"destinationForSecret": "0612345678"},
        "PatchAuthorizationsByUserId": rights,
        "PatchNotificationSettingsByUserId": {"notifications": []},
        "PatchAuthorizationsByTeamId": rights,
        "PostTeamByProviderId": {"description": "Zuid"},
        "PutTeamByTeamId": {"description": "Zuid", "twoFactorAuthenticationRequired": False},
        "PatchMembersByTeamId": {},
        "PatchEmployersByTeamId": {},
        "PostEmployerByProviderId": {"number": 7, "description": "Zeven"},
        "PutUser": {"personalDetails": person, "contactInformation": contact},
        "PutUserByToken": {"personalDetails": person, "contactInformation": contact},
        "PostSsoTicket": {},
        "PutDecisionByPathId": {"decision": "keep"},
    }  # fmt: skip
    return bodies.get(operation_id)


def call(caller: Program, operation: Any, ids: dict[str, str], **headers: str) -> Any:
    path = re.sub(r"{\w+:(\w+)}", lambda found: ids[found[1]], operation.path)
    return caller.call(operation.methods[0], path, sent(operation.operation_id), **headers)


@pytest.mark.slow
def test_nothing_of_another_office_exists(charlie: User, ids: dict[str, str]) -> None:
    calls, before = program(charlie), Event.objects.count()
    for operation in OPERATIONS:
        if "{" in operation.path:
            response = call(calls, operation, ids)
            assert response.status_code == 404, operation.operation_id
            assert response.json()["messages"][0]["reason"] == "not_found"
    assert Event.objects.count() == before


def test_ids_of_another_office_in_a_body_do_not_exist(alice: User, charlie: User, ids: dict[str, str]) -> None:
    calls, foreign = program(alice), charlie.provider
    theirs = {
        "members": charlie,
        "employers": Employer.objects.create(provider=foreign, number=1, name="Vreemd"),
    }
    for part, row in theirs.items():
        for verb in ("add", "remove"):
            response = calls.call("PATCH", f"/providers/teams/{ids['team_id']}/{part}", {verb: [{"id": str(row.pk)}]})
            assert response.status_code == 400
            assert response.json()["messages"][0]["field"] == f"{verb}.0.id"
    theirs_set = AuthorizationSet.objects.create(provider=foreign, name="Vreemd", codes=["view_users"])
    body = {"description": "Zuid", "authorizationSet": {"id": str(theirs_set.pk)}}
    assert calls.call("POST", f"/providers/{ids['provider_id']}/teams", body).status_code == 400


@pytest.mark.slow
def test_a_colleague_without_the_right_is_told_which_link_failed(bob: User, ids: dict[str, str]) -> None:
    calls = program(bob)
    for operation in OPERATIONS:
        right = auth_of(operation).right
        if right is not None:
            response = call(calls, operation, ids)
            message = response.json()["messages"][0]
            assert (response.status_code, message["reason"]) == (403, "user_right"), operation.operation_id
            assert str(right.label) in message["description"]


@pytest.mark.slow
def test_a_program_without_the_scope_is_told_which_link_failed(alice: User, ids: dict[str, str]) -> None:
    for operation in OPERATIONS:
        scope = auth_of(operation).scope
        response = call(program(alice, *(other for other in Scope if other != scope)), operation, ids)
        assert (response.status_code, response.json()["messages"][0]["reason"]) == (403, "client_scope")
        assert scope.value in response.headers["WWW-Authenticate"]


@pytest.mark.slow
def test_one_right_and_one_scope_suffice(office: Provider, ids: dict[str, str]) -> None:
    """The declared scope and right suffice for each operation, except for refusals by other rules."""
    for number, operation in enumerate(sorted(OPERATIONS, key=lambda one: one.methods == ["DELETE"])):
        asked = auth_of(operation)
        rights = [] if asked.right is None else [asked.right]
        user = make_user(office, *rights, username=f"u{number}", email=f"u{number}@x.example")
        response = call(program(user, asked.scope), operation, ids)
        if response.status_code == 403:
            assert response.json()["messages"][0]["reason"] == "reach", operation.operation_id
        else:
            assert response.status_code in (200, 201, 202, 400), (operation.operation_id, response.content)


@pytest.mark.slow
def test_without_a_token_nothing_is_said(alice: User, ids: dict[str, str]) -> None:
    for token in ("", "x", token_of(alice, expires=timezone.now() - timedelta(seconds=1))):
        for operation in OPERATIONS:
            response = call(Program(alice, token), operation, ids, Accept="text/html")
            assert (response.status_code, response.json()["messages"][0]["reason"]) == (401, "token")
            assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_blocked_user_calls_no_more(alice: User, bob: User, ids: dict[str, str]) -> None:
    calls = program(bob)
    assert calls.get("/user").status_code == 200
    users.actions.block_user(bob, by=actor(alice))
    assert calls.get("/user").status_code == 401


def test_browser_session_is_ignored(alice_client: Client) -> None:
    assert alice_client.get("/v2/user", headers={"Accept": VERSION}).status_code == 401


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json;version=2018-01-01", 200),
        ("application/json; version=2026-11-24", 200),
        ('text/html, application/json;q=0.9;version="2020-02-29"', 200),
        ("*/*;version=2018-01-01", 200),
        ("APPLICATION/JSON;VERSION=2018-01-01", 200),
        ("", 406), ("application/json", 406), ("*/*", 406), ("text/html;version=2018-01-01", 406),
        ("application/json;version=2017-12-31", 406), ("application/json;version=1", 406),
        ("application/json;version=2021-02-29", 406), ("application/json;version=20180101", 406),
        ("application/json;version=９９９９-01-01", 406), (";;;,,,;version", 406), ("x" * 5000, 406),
    ],
)  # fmt: skip
def test_request_without_a_known_version_is_refused(accept: str, status: int, bob: User) -> None:
    response = program(bob).get("/user", Accept=accept.encode().decode("latin-1"))
    assert response.status_code == status
    assert response.json()["version"] == {"resourceVersion": "2018-01-01", "obsoleteDate": None}
    if status == 406:
        assert "application/json;version=2018-01-01" in response.json()["messages"][0]["description"]


def test_calls_are_limited_per_application_and_user(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = auth.RateLimit("web service", burst=3, every=timedelta(minutes=1))
    monkeypatch.setattr(auth, "CALL_LIMIT", limit)
    calls = program(alice)
    left = [calls.get("/user").headers["RateLimit"].partition(";t=")[0] for _call in range(3)]
    assert left == ['"web service";r=2', '"web service";r=1', '"web service";r=0']
    refused = calls.get("/user")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert re.fullmatch(r'"web service";r=0;t=1(79|80)', refused.headers["RateLimit"]), "of three, one a minute"
    assert refused.headers["RateLimit-Policy"] == '"web service";q=3;w=180'
    assert refused.json()["messages"][0]["reason"] == "too_many_requests"
    assert program(bob).get("/user").status_code == 200
    Throttle.objects.all().delete()
    assert calls.get("/user").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "[" * 200_000, '{"a":' * 50_000, b"\xff\xfe\x00",
        '{"description": "\\ud800", "twoFactorAuthenticationRequired": true}',
        "", "null", "1" * 5_000, '"x"', "NaN", "{", '{"description": NaN}', "\x00",
        '{"description": "a\\u0000b", "twoFactorAuthenticationRequired": false}',
        '{"description": "a", "twoFactorAuthenticationRequired": "true"}',
        '{"description": 1, "twoFactorAuthenticationRequired": true}',
        '{"description": "a", "twoFactorAuthenticationRequired": true, "version": 9}',
        '{"description": " ", "twoFactorAuthenticationRequired": true}',
        '{"description": "\u202eknaB", "twoFactorAuthenticationRequired": true}',
    ],
)  # fmt: skip
def test_unknown_team_is_404(body: str | bytes, alice: User, ids: dict[str, str]) -> None:
    response = program(alice).call("PUT", f"/providers/teams/{ids['team_id']}", body)
    assert response.status_code == 400
    assert response.json()["messages"][0]["type"] == "BrokenBusinessRule"
    assert Team.objects.get(pk=ids["team_id"]).version == 1


def test_other_content_type_is_refused(alice: User, ids: dict[str, str]) -> None:
    headers = {"Accept": VERSION, "Authorization": f"Bearer {token_of(alice)}"}
    path = f"/v2/providers/teams/{ids['team_id']}"
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        response = Client().generic("PUT", path, "{}", content_type=kind, headers=headers)
        assert response.status_code == 415


def test_error_does_not_repeat_the_password(alice: User, office: Provider) -> None:
    body = {"ssoAccount": {"userName": "x", "password": "geheim-WOORD-1", "extra": "geheim-WOORD-1"}}
    response = program(alice).call("POST", f"/providers/{office.pk}/users", body)
    assert response.status_code == 400
    assert "geheim-WOORD-1" not in response.content.decode()


@pytest.mark.parametrize(
    "path", ["/nope", "/a%0Ab", "/providers/x/users", f"/providers/{str(UUID(int=0)).upper()}x", "/user/"]
)
def test_an_unknown_address_is_answered_in_json(path: str, alice: User) -> None:
    for method in ("GET", "POST", "DELETE"):
        response = program(alice).call(method, path, {} if method == "POST" else None)
        assert response.status_code == 404
        assert response.json()["messages"][0]["reason"] == "not_found"


def test_another_method_is_refused_with_those_that_are_known(alice: User) -> None:
    response = program(alice).call("DELETE", "/user")
    assert response.status_code == 405
    assert set(response.headers["Allow"].replace(",", " ").split()) == {"GET", "HEAD", "PUT", "OPTIONS"}


@pytest.mark.slow
def test_reading_tenants_texts_and_sets_needs_view_users_only(office: Provider, ids: dict[str, str]) -> None:
    reader = make_user(office, Right.VIEW_USERS, username="lezer", email="l@x.example")
    calls = program(reader, Scope.USERS_READ)
    for path in ("externaltenants", "emailtemplates", "authorizationsets", "notificationsets"):
        assert calls.get(f"/providers/{office.pk}/{path}").status_code == 200
    assert calls.get(f"/providers/authorizationsets/{ids['set_id']}").status_code == 200
    assert calls.get(f"/providers/notificationsets/{ids['notification_set_id']}").status_code == 200
    assert calls.get(f"/providers/{office.pk}/emailtemplates/{uuid4()}").status_code == 404


def test_rights_are_asked_at_every_call(bob: User, office: Provider, ids: dict[str, str]) -> None:
    calls = program(bob)
    given = IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    assert calls.get(f"/providers/users/{ids['user_id']}").status_code == 200
    given.delete()
    assert calls.get(f"/providers/users/{ids['user_id']}").status_code == 403


def test_middleware_refuses_a_view_without_a_mark() -> None:
    """Default deny applies to the API as well: a single place marks every URL of the interface."""
    from api.urls import urlpatterns

    def views(patterns: Any) -> list[Any]:
        found = []
        for pattern in patterns:
            found += views(pattern.url_patterns) if hasattr(pattern, "url_patterns") else [pattern.callback]
        return found

    marks = [get_policy(view).access for view in views(urlpatterns)]
    assert marks.count(Access.TOKEN) == len(OPERATIONS) + 1
    assert "permissions.access.AccessMiddleware" in settings.MIDDLEWARE
