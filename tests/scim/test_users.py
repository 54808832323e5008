"""Users over SCIM: created, changed, blocked and found again through the actions of the office."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

import users.actions
import users.change_login_method
from accounts.models import EmailChange, LoginMethod, User
from audit.models import Event, Verb
from invitations.models import Invitation
from outbox.models import Message
from permissions.checks import Right
from permissions.models import IndividualRight
from scim.alerts import find_directory_alert
from scim.models import DirectoryConnection, DirectoryUser
from tests.helpers.invited_users import NUMBER
from tests.helpers.users import actor, letter, make_user, signed_in
from tests.scim.conftest import Directory, make_connection

pytestmark = pytest.mark.django_db
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def entra_user(login: str = "eva", **values: Any) -> dict[str, Any]:
    """Return the body with which Entra creates a user."""
    return {
        "schemas": [CORE, ENTERPRISE],
        "externalId": str(uuid4()),
        "userName": f"{login}@devries.example",
        "active": True,
        "displayName": f"{login} van der Berg",
        "emails": [{"primary": True, "type": "work", "value": f"{login}@devries.example"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": f"{login} van der Berg", "familyName": "van der Berg", "givenName": login.title()},
        "roles": [],
        "title": "Salarisadministrateur",
        ENTERPRISE: {"department": "Loon"},
    } | values


def test_azure_user_is_created_and_may_sign_in(entra: Directory) -> None:
    body = entra_user()
    made = entra.call("POST", "/Users", body, 201)
    user = User.objects.get(pk=made["id"])
    assert user.login_method == LoginMethod.AZURE_AD
    assert str(user.external_user_id) == body["externalId"]
    assert (user.initials, user.first_name, user.prefix, user.last_name) == ("E.", "Eva", "van der", "Berg")
    assert user.may_sign_in
    assert not user.has_password
    assert {name: made[name] for name in ("userName", "externalId", "active", "emails", "name")} == {
        name: body[name] for name in ("userName", "externalId", "active", "emails", "name")
    }
    event = Event.objects.get(target_id=user.pk, verb=Verb.USER_CREATED)
    assert (event.origin, event.actor_name, event.actor_id) == ("scim", "directory Entra ID", None)
    assert event.on_behalf_of_name == entra.connection.owner.full_name


def test_it_is_read_back_by_every_key(entra: Directory) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    response = entra.send("GET", f"/Users/{made['id']}")
    assert json.loads(response.content) == made
    assert response["ETag"] == made["meta"]["version"]
    for expression in (
        'userName eq "EVA@devries.example"',
        f'externalId eq "{made["externalId"]}"',
        'emails[type eq "work"].value eq "eva@devries.example"',
        f'id eq "{made["id"]}" and active eq true',
        'name.familyName sw "van" and not (userName co "zzz")',
        f'{CORE}:userName eq "eva@devries.example"',
    ):
        assert [found["id"] for found in entra.find(expression)] == [made["id"]], expression
    assert entra.find(f'userName eq "{uuid4()}"') == []
    assert entra.send("GET", f"/Users/{made['id']}", If_None_Match=made["meta"]["version"]).status_code == 304
    shown = entra.call("GET", f"/Users/{made['id']}?attributes=userName")
    assert set(shown) == {"schemas", "id", "userName"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "replace", "value": {"active": False}},
        {"op": "Add", "path": "active", "value": False},
        {"op": "replace", "path": f"{CORE}:active", "value": "false"},
        {"op": "Replace", "path": "active", "value": [{"value": "False"}]},
        {"op": "Replace", "value": {"active": "False", 'emails[type eq "work"].value': "x@x.example"}},
        {"op": "Replace", "value": {"active": False, "emails": [{"value": "x@x.example"}], "name.givenName": "X"}},
    ],
)
def test_a_leaver_is_out_at_once(entra: Directory, operation: dict[str, Any]) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    user = User.objects.get(pk=made["id"])
    browser = signed_in(user)
    assert browser.get("/").status_code == 200
    unknown = {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "123"}
    roles = {"op": "Add", "path": 'roles[primary eq "True"].value', "value": "x"}
    entra.patch(user.pk, unknown, operation, roles)
    user.refresh_from_db()
    assert user.blocked_at is not None
    assert browser.get("/").status_code == 302
    assert entra.call("GET", f"/Users/{user.pk}")["active"] is False
    assert entra.find('userName eq "eva@devries.example"')[0]["active"] is False
    entra.patch(user.pk, {"op": "Replace", "path": "active", "value": "True"})
    user.refresh_from_db()
    assert user.blocked_at is None


def test_a_wrong_address_keeps_nobody_in(entra: Directory) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    nonsense = {"op": "Replace", "path": "emails", "value": [{"value": "no address"}]}
    entra.patch(made["id"], nonsense, status=400)
    entra.patch(made["id"], nonsense, {"op": "Replace", "path": "active", "value": False})
    assert User.objects.get(pk=made["id"]).blocked_at is not None
    entra.patch(made["id"], {"op": "Replace", "path": "active", "value": True}, status=400)
    assert User.objects.get(pk=made["id"]).blocked_at is not None


def test_put_blocks_too_and_without_active_changes_nothing(entra: Directory) -> None:
    body = entra_user()
    made = entra.call("POST", "/Users", body, 201)
    assert entra.call("PUT", f"/Users/{made['id']}", body | {"active": False})["active"] is False
    del body["active"]
    assert entra.call("PUT", f"/Users/{made['id']}", body | {"displayName": "X"})["active"] is False
    assert User.objects.get(pk=made["id"]).blocked_at is not None


def test_only_what_the_directory_blocked_is_unblocked(entra: Directory, alice: User) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    user = User.objects.get(pk=made["id"])
    users.actions.block_user(user, by=actor(alice))
    assert entra.call("GET", f"/Users/{user.pk}")["active"] is False
    opened = entra.patch(user.pk, {"op": "Replace", "path": "active", "value": True}, status=200)
    assert (opened["id"], opened["active"]) == (str(user.pk), False), "or the directory believes that it worked"
    entra.patch(user.pk, {"op": "Replace", "path": "displayName", "value": "X"}, status=200)
    user.refresh_from_db()
    assert user.blocked_at is not None
    users.actions.unblock_user(user, by=actor(alice))
    assert entra.call("GET", f"/Users/{user.pk}")["active"] is True


def test_delete_ends_and_the_same_person_comes_back(entra: Directory) -> None:
    body = entra_user()
    made = entra.call("POST", "/Users", body, 201)
    entra.call("DELETE", f"/Users/{made['id']}", status=204)
    entra.call("GET", f"/Users/{made['id']}", status=404)
    entra.call("DELETE", f"/Users/{made['id']}", status=404)
    assert entra.find('userName eq "eva@devries.example"') == []
    assert User.objects.get(pk=made["id"]).blocked_at is not None
    again = entra.call("POST", "/Users", body | {"userName": "eva.nieuw@devries.example"}, 201)
    assert again["id"] == made["id"]
    assert User.objects.get(pk=made["id"]).blocked_at is None


def test_another_person_with_the_same_name_is_not_the_former_one(entra: Directory) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    entra.call("DELETE", f"/Users/{made['id']}", status=204)
    error = entra.call("POST", "/Users", entra_user(), 409)  # the username is still that of the former user
    assert error["scimType"] == "uniqueness"
    assert User.objects.get(pk=made["id"]).blocked_at is not None


def test_duplicates_are_refused(entra: Directory, bob: User) -> None:
    body = entra_user()
    entra.call("POST", "/Users", body, 201)
    same_name = entra_user(userName="EVA@devries.example")
    same_id = entra_user("anna", externalId=body["externalId"])
    for duplicate in (body, same_name, same_id, entra_user(userName="bob")):
        error = entra.call("POST", "/Users", duplicate, 409)
        assert (error["status"], error["scimType"]) == ("409", "uniqueness")
    assert DirectoryUser.objects.count() == 1


def test_existing_colleague_is_taken_on_and_keeps_the_login_method(entra: Directory, bob: User) -> None:
    (found,) = entra.find('userName eq "bob"')
    assert (found["id"], found["active"], found["name"]["familyName"]) == (str(bob.pk), True, "Bakker")
    entra.patch(
        bob.pk,
        {"op": "Add", "path": "externalId", "value": str(uuid4())},
        {"op": "Replace", "path": "name.familyName", "value": "de Bakker"},
    )
    bob.refresh_from_db()
    assert (bob.login_method, bob.prefix, bob.last_name) == (LoginMethod.WEBSITE_SSO, "de", "Bakker")
    assert DirectoryUser.objects.get(pk=bob.pk).user == bob


def test_changing_a_user_whose_access_has_ended_does_not_block_them(entra: Directory, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(access_until=timezone.localdate() - timedelta(days=1))
    assert entra.call("GET", f"/Users/{bob.pk}")["active"] is False
    entra.patch(bob.pk, {"op": "Replace", "path": "name.familyName", "value": "de Bakker"}, status=200)
    bob.refresh_from_db()
    assert (bob.last_name, bob.blocked_at) == ("Bakker", None), "a later end date opens the account"


def test_names_that_were_not_sent_stay(entra: Directory, alice: User) -> None:
    made = make_user(alice.office, username="odd", initials="J.W.", prefix="von und zu", last_name="Van Dam")
    entra.patch(made.pk, {"op": "Add", "path": "externalId", "value": str(uuid4())})
    made.refresh_from_db()
    assert (made.initials, made.first_name, made.prefix, made.last_name) == ("J.W.", "", "von und zu", "Van Dam")


def test_users_of_programs_and_of_other_offices_do_not_exist(entra: Directory, alice: User, charlie: User) -> None:
    program = make_user(alice.office, username="program", login_method=LoginMethod.SSO_WEBSERVICE)
    foreign = Directory(make_connection(charlie, LoginMethod.WEBSITE_SSO))
    assert {user["userName"] for user in entra.call("GET", "/Users")["Resources"]} == {"alice"}
    for pk in (program.pk, charlie.pk, uuid4(), "x", "%00"):
        entra.call("GET", f"/Users/{pk}", status=404)
        entra.patch(pk, {"op": "Replace", "path": "active", "value": False}, status=404)
        entra.call("DELETE", f"/Users/{pk}", status=404)
    foreign.call("GET", f"/Users/{alice.pk}", status=404)
    assert not User.objects.exclude(blocked_at=None).exists()


def test_directory_never_touches_a_user_with_more_rights_than_its_owner(alice: User) -> None:
    weak = make_user(alice.office, Right.MANAGE_USERS, username="weak")
    directory = Directory(make_connection(weak))
    for operation in (
        {"op": "Replace", "path": "active", "value": False},
        {"op": "Replace", "path": "name.givenName", "value": "X"},
    ):
        error = directory.patch(alice.pk, operation, status=403)
        assert error["status"] == "403"
    directory.call("DELETE", f"/Users/{alice.pk}", status=403)
    assert not DirectoryUser.objects.exists()


def test_last_administrator_stays_and_administrators_see_it(
    entra: Directory, alice: User, alice_client: Client
) -> None:
    for method in ("PATCH", "DELETE"):
        body: dict[str, Any] = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
        body["Operations"] = [{"op": "Replace", "path": "active", "value": False}]
        error = entra.call(method, f"/Users/{alice.pk}", body, 409)
        assert "administer" in error["detail"]
    alice.refresh_from_db()
    assert alice.blocked_at is None
    alert = find_directory_alert(alice, frozenset(Right))
    assert alert is not None
    assert "Entra ID" in alert.sentence
    assert 'class="note warning"' in alice_client.get(alert.url).content.decode()
    assert find_directory_alert(alice, frozenset()) is None


def test_owner_who_leaves_is_blocked_and_a_colleague_takes_over(entra: Directory, alice: User) -> None:
    colleague = make_user(alice.office, Right.MANAGE_PROVIDER, username="second")
    entra.patch(alice.pk, {"op": "Replace", "path": "active", "value": False})
    alice.refresh_from_db()
    assert alice.blocked_at is not None
    error = entra.call("GET", "/Users", status=403)
    assert "owner" in error["detail"]
    client = signed_in(colleague)
    assert client.post(f"/kantoor/koppelingen/directory/{entra.connection.pk}/overnemen/").status_code == 302
    entra.call("GET", "/Users")


def test_owner_without_the_right_has_a_powerless_directory(entra: Directory, alice: User) -> None:
    make_user(alice.office, Right.MANAGE_PROVIDER, username="second")
    IndividualRight.objects.filter(user=alice).delete()
    entra.call("POST", "/Users", entra_user(), 403)
    assert not DirectoryUser.objects.exists()
    DirectoryConnection.objects.update(owner=None)
    entra.call("GET", "/Users", status=403)


def test_new_address_is_confirmed_before_it_counts(entra: Directory) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    change = {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "eva@nieuw.example"}
    entra.patch(made["id"], change)
    entra.patch(made["id"], {"op": "Replace", "path": "displayName", "value": "X"})
    assert EmailChange.objects.get().email == "eva@nieuw.example"
    assert Message.objects.filter(kind="confirm_address").count() == 1
    assert User.objects.get(pk=made["id"]).email == "eva@devries.example"


def test_azure_user_needs_the_object_id(entra: Directory) -> None:
    for body in (entra_user(externalId="eva"), entra_user(emails=[], userName="geen adres"), entra_user(userName="x")):
        error = entra.call("POST", "/Users", body, 400)
        assert error["scimType"] == "invalidValue"
    assert not DirectoryUser.objects.exists()
    entra.call("POST", "/Users", entra_user(active=False, externalId="later"), 201)
    assert DirectoryUser.objects.get().user is None


def test_website_user_is_invited_with_a_number_that_nobody_gets_back(okta: Directory) -> None:
    body = entra_user(phoneNumbers=[{"type": "work", "value": "020 1234567"}, {"type": "mobile", "value": NUMBER}])
    made = okta.call("POST", "/Users", body, 201)
    assert "phoneNumbers" not in made
    user = User.objects.get(pk=made["id"])
    assert user.is_website_user
    assert user.invitation.state == Invitation.State.OPEN
    assert made["active"] is True
    message = Message.objects.get(kind="invitation")
    assert NUMBER[-2:] in letter(message)
    assert NUMBER not in json.dumps(DirectoryUser.objects.get().attributes)
    assert NUMBER[3:] not in json.dumps(okta.call("GET", "/Users"))
    okta.patch(user.pk, {"op": "Replace", "path": "active", "value": False})
    user.refresh_from_db()
    assert user.blocked_at is not None


def test_website_user_without_number_waits_for_an_administrator(okta: Directory, alice_client: Client) -> None:
    made = okta.call("POST", "/Users", entra_user(), 201)
    assert made["active"] is True
    row = DirectoryUser.objects.get()
    assert row.user is None
    page = f"/kantoor/koppelingen/directory/{okta.connection.pk}/"
    assert "eva@devries.example" in alice_client.get(page).content.decode()
    assert alice_client.post(f"{page}uitnodigen/{row.pk}/", {"mobile_number": "0612345678"}).status_code == 302
    user = User.objects.get(pk=made["id"])
    assert user.invitation.state == Invitation.State.OPEN
    assert "eva@devries.example" not in alice_client.get(page).content.decode()
    assert alice_client.get(f"{page}uitnodigen/{row.pk}/").status_code == 404
    okta.call("DELETE", f"/Users/{made['id']}", status=204)
    user.refresh_from_db()
    assert user.blocked_at is not None


def test_waiting_user_who_is_deleted_leaves_nothing(okta: Directory) -> None:
    made = okta.call("POST", "/Users", entra_user(), 201)
    okta.call("DELETE", f"/Users/{made['id']}", status=204)
    assert not DirectoryUser.objects.exists()
    assert not User.objects.filter(pk=made["id"]).exists()


def test_list_pages_and_sorts(entra: Directory, alice: User) -> None:
    for name in ("dirk", "anna", "eva", "boris"):
        entra.call("POST", "/Users", entra_user(name), 201)
    first = entra.call("GET", "/Users?startIndex=1&count=2")
    assert (first["totalResults"], first["itemsPerPage"], first["startIndex"]) == (5, 2, 1)
    names = [
        user["userName"]
        for start in (1, 3, 5)
        for user in entra.call("GET", f"/Users?startIndex={start}&count=2")["Resources"]
    ]
    assert sorted(names) == ["alice", *(f"{name}@devries.example" for name in ("anna", "boris", "dirk", "eva"))]
    ordered = entra.call("GET", "/Users?sortBy=userName&sortOrder=descending&count=2&attributes=userName")
    assert [user["userName"][:4] for user in ordered["Resources"]] == ["eva@", "dirk"]
    assert entra.call("GET", "/Users?count=0")["totalResults"] == 5
    assert entra.call("GET", "/Users?startIndex=9")["Resources"] == []
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": 'userName sw "anna"'}
    assert entra.call("POST", "/Users/.search", body)["totalResults"] == 1
    assert entra.call("POST", "/.search", body)["totalResults"] == 1


def test_list_takes_a_fixed_number_of_queries(entra: Directory, django_assert_num_queries: Any) -> None:
    for name in ("dirk", "anna", "eva", "boris"):
        entra.call("POST", "/Users", entra_user(name), 201)
    with django_assert_num_queries(7):
        found = entra.call("GET", "/Users?startIndex=1&count=100")["Resources"]
    assert found == [entra.call("GET", f"/Users/{user['id']}") for user in found]
    assert len(found) == 5


def test_stale_version_is_refused(entra: Directory) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    old = made["meta"]["version"]
    body: dict[str, Any] = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}
    body["Operations"] = [{"op": "Replace", "path": "displayName", "value": "X"}]
    assert entra.send("PATCH", f"/Users/{made['id']}", body, If_Match=old).status_code == 204
    stale = entra.send("PATCH", f"/Users/{made['id']}", body | {"x": 1}, If_Match=old)
    assert stale.status_code == 412
    assert json.loads(stale.content)["status"] == "412"
    unchanged = entra.send("PATCH", f"/Users/{made['id']}", body)
    assert unchanged["ETag"] == entra.call("GET", f"/Users/{made['id']}")["meta"]["version"]


def test_renamed_account_at_microsoft_gets_its_username(entra: Directory, alice: User) -> None:
    made = entra.call("POST", "/Users", entra_user(), 201)
    entra.patch(made["id"], {"op": "Replace", "path": "userName", "value": "eva.smit@devries.example"})
    user = User.objects.get(pk=made["id"])
    assert user.username == "eva.smit@devries.example"
    event = Event.objects.get(verb=Verb.USER_CHANGED, target_id=user.pk)
    assert event.changes == {"username": ["eva@devries.example", "eva.smit@devries.example"]}
    entra.patch(user.pk, {"op": "Replace", "path": "userName", "value": "alice"}, status=409)
    user.refresh_from_db()
    assert user.username == "eva.smit@devries.example"


def test_username_of_a_website_user_is_their_own(okta: Directory, bob: User) -> None:
    okta.patch(bob.pk, {"op": "replace", "path": "userName", "value": "bob@devries.example"})
    bob.refresh_from_db()
    assert bob.username == "bob"


@pytest.fixture
def jan(alice: User) -> User:
    """A website user whose username is not that of the directory."""
    return make_user(alice.office, username="jan", email="jan@devries.example", last_name="Jansen")


@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize("names", ["same name", "same address", "same name, later invited"])
def test_website_user_gets_no_second_account(okta: Directory, jan: User, names: str, shadow: bool) -> None:
    if shadow:
        DirectoryConnection.objects.update(state=DirectoryConnection.State.SHADOW, went_live_at=None)
    body = entra_user("jan", phoneNumbers=[{"type": "mobile", "value": NUMBER}])
    if names == "same address":
        body["userName"] = "j.jansen"
    elif names != "same name":
        body = entra_user("jan", emails=[], active=False)
    refused = okta.call("POST", "/Users", body, 409)
    assert refused["scimType"] == "uniqueness"
    assert "Let the directory find that user by userName" in refused["detail"]
    assert User.objects.filter(email=jan.email).get() == jan
    assert not DirectoryUser.objects.exists()


def test_waiting_user_does_not_become_a_second_account(okta: Directory, jan: User) -> None:
    made = okta.call("POST", "/Users", entra_user(), 201)
    address = {"op": "replace", "path": 'emails[type eq "work"].value', "value": jan.email}
    assert okta.patch(made["id"], address, status=409)["scimType"] == "uniqueness"
    okta.patch(made["id"], {"op": "replace", "path": "name.familyName", "value": "Vos"})
    assert okta.call("GET", f"/Users/{made['id']}")["emails"][0]["value"] == "eva@devries.example"


def test_shared_address_is_no_second_account(okta: Directory, alice: User, jan: User) -> None:
    make_user(alice.office, username="piet", email="jan@devries.example")
    body = entra_user("nieuw", emails=[{"type": "work", "value": "jan@devries.example"}])
    okta.call("POST", "/Users", body, 201)
    assert okta.find('userName eq "jan@devries.example"') == [], "nobody knows who is meant"


@pytest.mark.parametrize("sends_name", [False, True])
def test_website_user_is_found_by_the_address(okta: Directory, jan: User, sends_name: bool) -> None:
    for asked in ("jan@devries.example", "JAN@devries.example", "jan"):
        (found,) = okta.find(f'userName eq "{asked}"')
        assert (found["id"], found["userName"]) == (str(jan.pk), asked)
    assert okta.find('userName eq "Jan Jansen"') == okta.find('userName eq "piet@devries.example"') == []
    change = {"op": "Replace", "path": "displayName", "value": "Jan"}
    name = {"op": "Replace", "path": "userName", "value": "jan@devries.example"}
    okta.patch(jan.pk, *([change, name] if sends_name else [change]))
    (found,) = okta.find('userName eq "jan@devries.example"')
    assert (found["id"], found["displayName"]) == (str(jan.pk), "Jan")
    okta.patch(jan.pk, {"op": "Replace", "path": "active", "value": "False"})
    assert User.objects.get(pk=jan.pk).blocked_at is not None


def test_user_of_the_directory_is_not_found_by_a_shared_address(okta: Directory, jan: User) -> None:
    okta.patch(jan.pk, {"op": "Replace", "path": "userName", "value": "j.jansen@devries.example"})
    assert okta.find('userName eq "jan@devries.example"') == []


def test_directory_of_azure_users_takes_on_whom_it_names(entra: Directory, jan: User) -> None:
    assert entra.find('userName eq "jan@devries.example"') == []
    entra.call("POST", "/Users", entra_user("jan"), 201)


def test_another_object_id_is_shown_as_refused(entra: Directory, alice: User, bob: User) -> None:
    """The directory created the person again, who cannot log in with that account."""
    body = entra_user()
    made = entra.call("POST", "/Users", body, 201)
    other = {"op": "Replace", "path": "externalId", "value": str(uuid4())}
    entra.patch(made["id"], other, {"op": "Replace", "path": "active", "value": True})
    row = DirectoryUser.objects.get()
    assert "Azure AD User ID" in row.refusal
    entra.patch(made["id"], {**other, "value": body["externalId"]})
    entra.patch(bob.pk, other)  # a website user has none
    assert not DirectoryUser.objects.exclude(refusal="").exists()
    entra.call("DELETE", f"/Users/{made['id']}", status=204)
    error = entra.call("POST", "/Users", entra_user(externalId=str(uuid4())), 409)
    assert "deleted" in error["detail"], "and what to do about it"
    user, new = User.objects.get(pk=made["id"]), uuid4()
    tenant = entra.connection.tenant
    assert tenant is not None
    users.change_login_method.change_to_azure(user, tenant=tenant, external_user_id=new, username=None, by=actor(alice))
    again = entra.call("POST", "/Users", entra_user(externalId=str(new)), 201)
    assert (again["id"], again["active"]) == (made["id"], True)


def test_username_of_the_owner_is_shown_as_refused(entra: Directory, alice: User) -> None:
    owner = make_azure_owner(entra, alice)
    entra.patch(owner.pk, {"op": "Replace", "path": "userName", "value": "baas.nieuw@devries.example"})
    owner.refresh_from_db()
    assert owner.username == "baas@devries.example"
    assert "gebruikersnaam" in DirectoryUser.objects.get(user=owner).refusal
    DirectoryConnection.objects.update(owner=alice)
    entra.patch(owner.pk, {"op": "Replace", "path": "displayName", "value": "Baas"})
    owner.refresh_from_db()
    assert (owner.username, DirectoryUser.objects.get(user=owner).refusal) == ("baas.nieuw@devries.example", "")


def make_azure_owner(directory: Directory, administrator: User) -> User:
    made = directory.call("POST", "/Users", entra_user("baas"), 201)
    owner = User.objects.get(pk=made["id"])
    for right in Right:
        owner.individual_rights.create(provider=owner.office, right=right)
    DirectoryConnection.objects.update(owner=owner)
    return owner
