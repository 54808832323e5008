"""The published API: what a program that was written for it sends and reads."""

import copy
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

import notifications.sets
import teams.sets
from accounts.email_kinds import KINDS, EmailCategory
from accounts.email_texts import OfficeEmailText
from accounts.models import Provider, User
from api.changes import build_modified_at
from api.message_codes import MESSAGE_CODES
from core.errors import EditConflict
from notifications import preferences
from oauth.models import Application, Consent
from permissions.catalog import Right
from permissions.models import AuthorizationSet, Employer, IndividualRight, Team, TeamEmployer, TeamMember
from tests.helpers.api_client import Program, program
from tests.helpers.invited_users import invite
from tests.helpers.login_methods import make_azure, make_service, tenant_of
from tests.helpers.users import actor, change_user, make_user

pytestmark = pytest.mark.django_db
VERSION = {"resourceVersion": "2018-01-01", "obsoleteDate": None}
PAGING = {"currentPage", "pageSize", "totalPages", "totalSize"}
SETTING = {
    "notificationType", "isEnabled", "createNumberOfDaysBeforeEvent", "sendMailWhenNotificationIsCreated",
    "receiveDepartmentSignalsOnly",
}  # fmt: skip


@pytest.fixture
def calls(alice: User) -> Program:
    return program(alice)


def page_of(response: Any) -> Any:
    """Return the envelope of a list, checked."""
    body = response.json()
    assert response.status_code == 200, body
    assert body.keys() >= {*PAGING, "version", "messages", "_embedded"}
    assert body["version"] == VERSION
    return body


def test_envelope_and_headers(calls: Program, office: Provider, bob: User) -> None:
    for path in (f"/providers/{office.pk}/users", f"/providers/users/{bob.pk}", "/user"):
        response = calls.get(path)
        assert (response.json()["version"], response.json()["messages"]) == (VERSION, [])
        assert response.headers["Content-Type"] == "application/json;version=2018-01-01"
        assert response.headers["Expires"] == "0"
    refused = calls.get("/providers/nope")
    assert refused.headers["Content-Type"] == "application/json"
    assert refused.json()["messages"][0] == {
        "code": 1015,
        "id": None,
        "type": "NotFound",
        "description": "Dit bestaat niet, of niet in je kantoor.",
        "properties": [],
        "field": None,
        "reason": "not_found",
    }


def test_message_types_and_fields(calls: Program, office: Provider, alice: User, bob: User) -> None:
    body = {"description": "x" * 51, "twoFactorAuthenticationRequired": False}
    (message,) = calls.call("POST", f"/providers/{office.pk}/teams", body).json()["messages"]
    assert (message["code"], message["type"], message["properties"]) == (83, "BrokenBusinessRule", ["description"])
    for answer in (calls.get("/user", Authorization="Bearer x"), program(bob).get(f"/providers/users/{alice.pk}")):
        found = answer.json()
        assert found["message"] == found["messages"][0]["description"]
        assert found["messages"][0]["type"] == "Unauthorized"
    stale = calls.call("PATCH", f"/providers/users/{bob.pk}", {"action": "Block"}, If_Match='"0"')
    assert stale.json()["messages"][0]["type"] == "ConcurrencyViolation"


def test_a_conflict_without_a_condition_is_a_409(calls: Program, office: Provider, bob: User) -> None:
    team = Team.objects.create(provider=office, name="Loon")
    body = {"description": "Zuid", "twoFactorAuthenticationRequired": False}
    for headers, status, field in (({}, 409, None), ({"If_Match": '"1"'}, 412, "If-Match")):
        with patch("teams.actions.edit_team", side_effect=EditConflict):
            refused = calls.call("PUT", f"/providers/teams/{team.pk}", body, **headers)
        (message,) = refused.json()["messages"]
        assert (refused.status_code, message["field"]) == (status, field)
        assert (message["reason"], message["type"]) == ("stale", "ConcurrencyViolation")


def test_message_codes_are_unique_per_reason() -> None:
    assert MESSAGE_CODES["taken"] == 1102
    assert all(code == 83 or 1000 < code < 2000 for code in MESSAGE_CODES.values())


@pytest.mark.slow
def test_a_body_can_be_what_was_read(calls: Program, office: Provider, alice: User, bob: User) -> None:
    employers = [Employer.objects.create(provider=office, number=number, name="B") for number in (1, 2)]
    team = Team.objects.create(provider=office, name="Loon")
    for employer in employers:
        TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    TeamMember.objects.create(provider=office, team=team, user=bob)
    change_user(bob, second_factor_at=timezone.now(), two_factor_required=True, prefix="de")
    past = make_user(office, username="oud", email="o@x.example", access_until=timezone.localdate() - timedelta(days=3))
    ended = make_service(office, access_until=timezone.localdate() + timedelta(days=3))
    for user in (bob, make_azure(office, tenant=tenant_of(office)), ended, past, invite(alice).invitation.user):
        path = f"/providers/users/{user.pk}"
        before = calls.get(path)
        answer = calls.call("PUT", path, before.json()["content"], If_Match=before.headers["ETag"])
        assert (answer.status_code, answer.json()["messages"]) == (202, []), answer.content
        assert answer.headers["Content-Type"] == "application/json;version=2018-01-01"
        assert calls.content(path) == before.json()["content"], "nothing changed"
    assert calls.content(f"/providers/users/{bob.pk}")["isLinkedToMultipleEmployers"] is True
    for path in ("/user", f"/user/{alice.pk}"):
        own = calls.content("/user")
        assert calls.call("PUT", path, own | {"photo": "https://loket.example/photo"}).status_code == 200
        assert calls.content("/user") == own
    assert calls.call("PUT", f"/user/{bob.pk}", calls.content("/user")).status_code == 403


def test_login_method_does_not_change_with_a_put(calls: Program, office: Provider, bob: User) -> None:
    shown = calls.content(f"/providers/users/{bob.pk}")
    tenant = tenant_of(office)
    account = {"tenant": {"id": str(tenant.pk)}, "userId": "6f1d7a52-38c4-4f0e-9b57-2a6f0c1f8e11"}
    for changes in (
        {"loginMethod": {"key": 2}},
        {"loginMethod": {"code": "azure_ad"}},
        {"azureActiveDirectory": account},
    ):
        refused = calls.call("PUT", f"/providers/users/{bob.pk}", shown | changes)
        assert refused.status_code == 400
        assert "configuredexternaltenant" in refused.json()["messages"][0]["description"]


def test_own_details_are_nested(calls: Program, alice: User) -> None:
    own = calls.content("/user")
    assert own.keys() >= {"personalDetails", "contactInformation", "photo", "user"}
    assert own["user"] == {"userSpecifiedRole": None, "userCustomSpecifiedRole": None}
    other = calls.content(f"/user/{alice.pk}")
    assert other["personalDetails"] == own["personalDetails"] | {"formattedName": alice.full_name}
    assert page_of(calls.get("/user/metadata"))["_embedded"] == [{"field": "userSpecifiedRole", "options": []}]


def test_defaults_are_a_whole_user(calls: Program, office: Provider, bob: User) -> None:
    defaults = calls.content(f"/providers/{office.pk}/users/defaults")
    assert defaults.keys() == calls.content(f"/providers/users/{bob.pk}").keys()
    assert defaults["loginMethod"]["key"] == 3
    assert defaults["personalDetails"]["lastName"] is None


@pytest.mark.slow
def test_rights_are_a_list_of_the_whole_catalog(calls: Program, bob: User, office: Provider) -> None:
    path = f"/providers/users/{bob.pk}/authorizations"
    IndividualRight.objects.create(provider=office, user=bob, right="view_users")
    rows = page_of(calls.get(path))["_embedded"]
    assert [row["code"] for row in rows] == [right.value for right in Right]
    assert [row["code"] for row in rows if row["isEnabled"]] == ["view_users"]
    assert all(len(row["description"]) <= 50 and UUID(row["id"]) for row in rows)
    second = page_of(calls.get(f"{path}?pageSize=10&pageNumber=2"))
    assert (second["_embedded"], second["totalSize"]) == (rows[10:20], len(rows))
    for query in ("filter=isEnabled eq true", "orderBy=code", "pageSize=x", "pageNumber=0"):
        refused = calls.get(f"{path}?{query}")
        assert (refused.status_code, refused.json()["messages"][0]["field"]) == (400, query.partition("=")[0])
    made = AuthorizationSet.objects.create(provider=office, name="Set", codes=["view_teams"])
    changed = copy.deepcopy(rows)
    for row in changed:
        row["isEnabled"] = row["code"] == "view_teams"
    body = {"authorizationSet": {"id": str(made.pk), "description": "Set"}, "authorizations": changed}
    content = calls.call("PATCH", path, body).json()["content"]
    assert content["authorizationSet"] == {"id": str(made.pk), "description": "Set"}
    assert [row["code"] for row in content["authorizations"] if row["isEnabled"]] == ["view_teams"]
    assert calls.rows(path) == content["authorizations"]
    (of_set,) = calls.rows(f"/providers/{office.pk}/authorizationsets")
    assert calls.content(f"/providers/authorizationsets/{made.pk}?authorizationSetId={made.pk}") == of_set
    assert of_set["authorizations"] == content["authorizations"]
    for wrong in ({"id": str(made.pk)}, {"code": "nope"}, {}):
        assert calls.call("PATCH", path, {"authorizations": [wrong]}).status_code == 400


def test_the_set_that_was_applied_is_remembered(calls: Program, alice: User, bob: User, office: Provider) -> None:
    path = f"/providers/users/{bob.pk}"
    for part in ("authorizationset", "notificationset"):
        empty = calls.get(f"{path}/{part}").json()
        assert (empty["content"], empty["totalSize"], empty.keys() >= PAGING) == (None, 0, True)
    made = AuthorizationSet.objects.create(provider=office, name="Set", codes=["view_teams"])
    teams.sets.apply_set(made, bob, by=actor(alice))
    signals = notifications.sets.create_set(
        office, name="HR", contents=preferences.DEFAULT_PREFERENCES, by=actor(alice)
    )
    notifications.sets.apply_set(signals, bob, by=actor(alice))
    assert calls.content(f"{path}/authorizationset") == {"id": str(made.pk), "description": "Set"}
    assert calls.content(f"{path}/notificationset") == {"id": str(signals.pk), "description": "HR"}


def test_notifications_are_a_list(calls: Program, bob: User) -> None:
    path = f"/providers/users/{bob.pk}/notificationsettings"
    rows = page_of(calls.get(path))["_embedded"]
    assert rows[0].keys() >= SETTING
    assert {row["notificationType"]["key"] for row in rows} == set(range(1, 20))
    first = rows[0] | {"isEnabled": False}
    content = calls.call("PATCH", path, {"notificationSet": None, "notifications": [first]}).json()["content"]
    assert content["notifications"][0]["isEnabled"] is False


@pytest.mark.slow
def test_email_templates(calls: Program, office: Provider) -> None:
    templates = page_of(calls.get(f"/providers/{office.pk}/emailtemplates"))["_embedded"]
    template = templates[0]
    assert len({one["id"] for one in templates}) == len(KINDS)
    assert {one["category"]["code"] for one in templates} == set(EmailCategory)
    assert template["email"].keys() == {"subject", "body", "senderEmail"}
    assert "@" in template["email"]["senderEmail"]
    assert template["definedAtLevel"] == "loket"
    assert template["isEmailTemplateEditable"] is True
    assert template["category"]["key"] == 1
    assert template["type"]["sortOrder"] == 10
    path = f"/providers/{office.pk}/emailtemplates/{template['type']['id']}"
    detail = page_of(calls.get(f"{path}?emailtemplateId={template['id']}"))
    assert detail["_embedded"] == [detail["content"]] == [template]
    (placeholders,) = page_of(calls.get(f"{path}/metadata"))["_embedded"]
    assert placeholders["field"] == "placeholders"
    assert "UitnodigingLink" in {option["value"] for option in placeholders["options"]}
    OfficeEmailText.objects.create(
        provider=office, kind="invitation", language="nl", number=1, subject="Kom", body="{UitnodigingLink}"
    )
    changed = page_of(calls.get(path))["content"]
    assert (changed["definedAtLevel"], changed["email"]["subject"]) == ("provider", "Kom")
    listed = page_of(calls.get(f"/providers/{office.pk}/emailtemplates"))["_embedded"]
    assert listed == [changed, *templates[1:]]


def test_integrations_of_a_user(calls: Program, office: Provider, bob: User) -> None:
    portal = Application.objects.create(name="Portaal", provider=office, scopes=["sso"])
    Consent.objects.create(provider=office, user=bob, application=portal, scopes=["sso"])
    path = f"/providers/users/{bob.pk}/integrations"
    (row,) = page_of(calls.get(f"{path}?filter=application.name eq 'PORTAAL'"))["_embedded"]
    assert row["application"] == {"id": str(portal.pk), "name": "Portaal", "logo": None, "isBlocked": False}
    assert (row["isBlocked"], row["lastLogin"]) == (False, None)
    assert calls.rows(f"{path}?filter=id eq '{row['id']}'") == [row]
    removed = calls.call("DELETE", f"{path}/{row['id']}")
    assert (removed.status_code, removed.json()["content"], removed.headers["Content-Type"]) == (
        200,
        {},
        "application/json",
    )
    assert calls.call("DELETE", f"{path}/{portal.pk}").status_code == 404
    assert not Consent.objects.exists()


def test_the_integrations_of_a_user_take_what_their_page_takes(office: Provider, alice: User, bob: User) -> None:
    for user in (alice, bob):
        portal = Application.objects.create(name=f"Portaal {user}", provider=office, scopes=["sso"])
        Consent.objects.create(provider=office, user=user, application=portal, scopes=["sso"])
    manager = make_user(office, username="beheer", email="b@x.example")
    IndividualRight.objects.create(provider=office, user=manager, right=Right.VIEW_USERS)
    path = "/providers/users/{}/integrations"
    refused = program(manager).get(path.format(bob.pk))
    assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (403, "user_right")
    IndividualRight.objects.create(provider=office, user=manager, right=Right.MANAGE_USERS)
    assert len(program(manager).rows(path.format(bob.pk))) == 1
    assert program(manager).rows(path.format(manager.pk)) == []
    refused = program(manager).get(path.format(alice.pk))
    assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (403, "reach")


def test_employers(calls: Program, office: Provider, bob: User) -> None:
    made = calls.call("POST", f"/providers/{office.pk}/employers", {"number": 7, "companyName": "Bakkerij"})
    content = made.json()["content"]
    assert (made.status_code, content["employerNumber"], content["companyName"]) == (201, 7, "Bakkerij")
    assert calls.rows("/providers/employers") == calls.rows(f"/providers/{office.pk}/employers") == [content]
    assert content["address"]["city"] is None
    path = f"/providers/{office.pk}/employers"
    assert calls.call("POST", path, content | {"number": 8}).status_code == 201, "what was read"
    for field, value in (("sbi", {"key": 1}), ("address", {"city": "Utrecht"}), ("providerSettings", "x")):
        refused = calls.call("POST", path, content | {"number": 9, field: value})
        (message,) = refused.json()["messages"]
        assert (refused.status_code, message["field"].partition(".")[0]) == (400, field)
    Employer.objects.filter(number=8).delete()
    team = Team.objects.create(provider=office, name="Loon")
    TeamMember.objects.create(provider=office, team=team, user=bob)
    path = f"/providers/users/{bob.pk}/employers"
    assert calls.rows(path) == []
    TeamEmployer.objects.create(provider=office, team=team, employer_id=content["id"])
    (workplace,) = calls.rows(f"{path}?filter=companyname eq 'BAKKERIJ'")
    assert (workplace["id"], workplace["contact"]) == (content["id"], {"name": None, "phoneNumber": None})


def test_teams_of_a_user(calls: Program, office: Provider, bob: User) -> None:
    team = Team.objects.create(provider=office, name="Loon")
    Team.objects.create(provider=office, name="Noord")
    TeamMember.objects.create(provider=office, team=team, user=bob)
    (row,) = calls.rows(f"/providers/users/{bob.pk}/teams")
    assert (row["description"], row["numberOfMembers"]) == ("Loon", 1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("PERSONALDETAILS.LASTNAME EQ 'BOER'", {"piet"}),
        ("userName EQ 'PIET' OR username eq 'ALICE'", {"piet", "alice"}),
        ("loginmethod.key eq 2", {"azuur"}),
        ("loginMethod.code eq 'AZURE_AD'", {"azuur"}),
        ("loginMethod.key gt 1", {"azuur"}),
        ("accessStatus.key eq 3 and accessUntil eq null", {"alice", "azuur"}),
        ("accessUntil ge '2099-01-01' and accessUntil lt '2099-01-02'", {"piet"}),
        ("teams.description eq 'LOON'", {"piet"}),
        ("teams.id ne null", {"piet"}),
        ("teams.description ne 'loon'", {"alice", "azuur"}),
        ("authorizations.code eq 'manage_provider'", {"alice"}),
        ("azureActiveDirectory.tenant.id eq '{tenant}'", {"azuur"}),
        ("azureActiveDirectory.tenant.description lk 'GROEP'", {"azuur"}),
        ("userSpecifiedRole.key eq null", {"piet", "alice", "azuur"}),
        ("userSpecifiedRole.key eq 3", set()),
        ("isDepartmentManager eq true", set()),
        ("isLinkedToMultipleEmployers eq FALSE and hasIntegrations eq false and teams.id eq '{team}'", {"piet"}),
    ],
)
def test_filters_of_users(text: str, names: set[str], calls: Program, office: Provider) -> None:
    piet = make_user(office, username="piet", last_name="Boer", email="p@x.example", access_until=date(2099, 1, 1))
    tenant = tenant_of(office, name="Groep")
    make_azure(office, tenant=tenant, username="azuur")
    team = Team.objects.create(provider=office, name="Loon")
    TeamMember.objects.create(provider=office, team=team, user=piet)
    rows = calls.rows(f"/providers/{office.pk}/users?FILTER={text.format(tenant=tenant.pk, team=team.pk)}")
    assert {row["userName"] for row in rows} == names


@pytest.mark.parametrize("text", ["teams.description lk 'l'", "TEAMS.ID ne null", "authorizations.code eq 'x'"])
def test_filtering_on_teams_and_rights_takes_their_scope(text: str, alice: User, office: Provider) -> None:
    path = f"/providers/{office.pk}/users?filter=userName eq 'alice' or {text}"
    refused = program(alice, "users:read").get(path)
    assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (403, "client_scope")
    assert 'scope="teams:read"' in refused["WWW-Authenticate"]
    assert len(program(alice, "users:read", "teams:read").rows(path)) == 1


def test_numbers_are_compared_as_decimals(calls: Program, office: Provider) -> None:
    Team.objects.create(provider=office, name="Loon")
    path = f"/providers/{office.pk}/teams?filter=numberOfMembers"
    assert len(calls.rows(f"{path} eq 0.0")) == len(calls.rows(f"{path} lt 0.5")) == 1
    assert calls.rows(f"{path} eq 0.5") == []


def test_every_field_can_be_sorted_on_regardless_of_case(calls: Program, office: Provider) -> None:
    order = "-ACCESSSTATUS.KEY,accessUntil,azureactivedirectory.tenant.id,LOGINMETHOD.KEY"
    assert calls.get(f"/providers/{office.pk}/users?orderby={order}&PAGESIZE=1").json()["pageSize"] == 1
    refused = calls.get(f"/providers/{office.pk}/users?orderby=teams.id")
    assert refused.json()["messages"][0]["field"] == "orderBy"


def test_one_language_per_answer(calls: Program, office: Provider) -> None:
    body = {"description": 3, "authorizationSet": "x", "twoFactorAuthenticationRequired": "ja"}
    path = f"/providers/{office.pk}/teams"
    dutch = calls.call("POST", path, body)
    english = calls.call("POST", path, body, Accept_Language="en-GB,en;q=0.8")
    assert (dutch.headers["Content-Language"], english.headers["Content-Language"]) == ("nl", "en")
    assert "Accept-Language" in english.headers["Vary"]
    shown = [message["description"] for message in english.json()["messages"]]
    assert shown[:2] == ["This must be a string.", "This must be an object."]
    for message in dutch.json()["messages"]:
        assert not {"This", "Input", "TeamCreate", "IdInput", "should"} & set(message["description"].split()), message
    assert calls.rows(f"/providers/{office.pk}/users/metadata")[0]["options"][0]["value"] == "Via website en SSO"


def test_what_was_not_changed_is_304(calls: Program, bob: User) -> None:
    path = f"/providers/users/{bob.pk}"
    etag = calls.get(path).headers["ETag"]
    for header in (etag, f'"0", W/{etag}', "*"):
        unchanged = calls.get(path, If_None_Match=header)
        assert (unchanged.status_code, unchanged.content, unchanged.headers["ETag"]) == (304, b"", etag)
    assert calls.get(path, If_None_Match='"0"').status_code == 200


def test_options_tells_the_methods(calls: Program, bob: User) -> None:
    response = calls.call("OPTIONS", f"/providers/users/{bob.pk}")
    assert (response.status_code, response.content) == (204, b"")
    methods = {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}
    assert set(response.headers["Allow"].replace(",", " ").split()) == methods


def test_a_refused_token_is_told_from_a_missing_one(calls: Program) -> None:
    assert 'error="invalid_token"' in calls.get("/user", Authorization="Bearer x").headers["WWW-Authenticate"]
    missing = Program(calls.user, "", {"Authorization": ""}).get("/user")
    assert "error" not in missing.headers["WWW-Authenticate"]


@pytest.mark.slow
def test_only_what_changed_is_read_again(calls: Program, office: Provider, alice: User, bob: User) -> None:
    path = f"/providers/{office.pk}/users"
    assert calls.content(f"/providers/users/{bob.pk}")["dateTimeModified"]
    since = timezone.now().isoformat().replace("+", "%2B")
    assert calls.rows(f"{path}?filter=dateTimeModified ge '{since}'") == []
    etag = calls.get(f"/providers/users/{bob.pk}").headers["ETag"]
    rights = {"authorizations": [{"code": "view_users"}]}
    assert calls.call("PATCH", f"/providers/users/{bob.pk}/authorizations", rights).status_code == 200
    rows = calls.rows(f"{path}?filter=dateTimeModified ge '{since}'&orderBy=-dateTimeModified")
    assert [row["userName"] for row in rows] == ["bob"]
    assert calls.get(f"/providers/users/{bob.pk}").headers["ETag"] != etag
    User.objects.filter(pk=bob.pk).update(blocked_at=timezone.now() - timedelta(days=800))
    assert calls.call("DELETE", f"/providers/users/{bob.pk}").status_code == 200
    assert calls.rows(f"{path}?filter=dateTimeModified ge '{since}'") == []
    (erased,) = calls.rows(f"{path}/erased?filter=dateTimeErased ge '{since}'")
    assert erased["id"] == str(bob.pk)


def test_deleted_teams_are_told(calls: Program, office: Provider, alice: User, charlie: User) -> None:
    team = Team.objects.create(provider=office, name="Loon")
    since = timezone.now().isoformat().replace("+", "%2B")
    path = f"/providers/{office.pk}/teams/deleted"
    assert calls.rows(path) == []
    assert calls.call("DELETE", f"/providers/teams/{team.pk}").status_code == 200
    (row,) = calls.rows(f"{path}?filter=dateTimeDeleted ge '{since}'")
    assert row["id"] == str(team.pk)
    assert calls.rows(f"{path}?filter=dateTimeDeleted lt '{since}'") == []
    assert program(charlie).get(path).status_code == 404


@pytest.mark.slow
def test_reading_when_a_user_changed_skips_the_sign_ins_of_a_program(office: Provider) -> None:
    service = make_service(office)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (id, provider_id, at, who, origin, verb, target_kind, target_id, what,"
            " correlation_id) SELECT gen_random_uuid(), %s, now() - seconds * interval '1 second', '{}', 'api',"
            " 'signed_in', 'user', %s, '{}', '' FROM generate_series(1, 20000) AS seconds",
            [office.pk, service.pk],
        )
        cursor.execute("ANALYZE audit_event")
    rows = User.objects.filter(pk=service.pk).annotate(modified_at=build_modified_at()).values("modified_at")
    plan = rows.explain(analyze=True)
    assert "audit_event_changes" in plan
    assert "Rows Removed by Filter: 2" not in plan


def test_ending_sessions_ends_tokens_too(calls: Program, alice: User, bob: User) -> None:
    own = program(bob)
    assert own.get("/user").status_code == 200
    assert calls.call("PATCH", f"/providers/users/{bob.pk}", {"action": "EndSessions"}).status_code == 200
    assert own.get("/user").status_code == 401
    manager = program(make_user(bob.office, Right.MANAGE_USERS, username="zwak", email="z@x.example"))
    assert manager.call("PATCH", f"/providers/users/{alice.pk}", {"action": "EndSessions"}).status_code == 403
    assert calls.get("/user").status_code == 200
