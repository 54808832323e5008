"""A directory, or a thief of its token, that wants more than its owner may give."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

import teams.actions
from accounts.models import EmailChange, LoginMethod, User
from permissions.checks import Right
from permissions.models import TeamMember
from scim.models import DirectoryConnection, DirectoryGroup, DirectoryUser
from tests.helpers.login_methods import make_service
from tests.helpers.users import actor, make_user
from tests.scim.conftest import PATCH_SCHEMA, Directory, make_connection
from tests.scim.test_groups import ADD, make_group, make_team, map_group, patch_group
from tests.scim.test_users import entra_user

pytestmark = pytest.mark.django_db


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "Replace", "path": path, "value": value}


def test_connection_of_another_office(entra: Directory, charlie: User, bob: User) -> None:
    other = Directory(make_connection(charlie, LoginMethod.WEBSITE_SSO, name="Vreemd"))
    pk = make_group(entra, members=[{"value": str(bob.pk)}])
    for method, path, body in (
        ("GET", f"/Users/{bob.pk}", None),
        ("DELETE", f"/Users/{bob.pk}", None),
        ("PATCH", f"/Users/{bob.pk}", {"schemas": [PATCH_SCHEMA], "Operations": [replace("active", False)]}),
        ("GET", f"/Groups/{pk}", None),
        ("DELETE", f"/Groups/{pk}", None),
    ):
        other.call(method, path, body, 404)
    bob.refresh_from_db()
    assert bob.blocked_at is None
    assert [member["value"] for member in entra.call("GET", f"/Groups/{pk}")["members"]] == [str(bob.pk)]
    make_group(other, "Eigen")
    body = {"schemas": [], "displayName": "X", "members": [{"value": str(bob.pk)}]}
    body["schemas"] = ["urn:ietf:params:scim:schemas:core:2.0:Group"]
    other.call("POST", "/Groups", body, 400)
    other.root = entra.root  # its token at the address of the other
    other.call("GET", "/Users", status=401)
    other.call("GET", "/Groups", status=401)


def test_token_of_a_removed_connection(entra: Directory, alice_client: Client, bob: User) -> None:
    entra.call("GET", "/Groups")
    alice_client.post(reverse("scim:turn_off", args=[entra.connection.pk]))
    entra.patch(bob.pk, replace("active", False), status=403)
    alice_client.post(reverse("scim:delete_connection", args=[entra.connection.pk]))
    entra.call("GET", "/Groups", status=401)
    entra.patch(bob.pk, replace("active", False), status=401)
    bob.refresh_from_db()
    assert bob.blocked_at is None


def test_external_id_of_another_user(entra: Directory, bob: User) -> None:
    first = entra.call("POST", "/Users", entra_user("eva"), 201)
    second = entra.call("POST", "/Users", entra_user("mallory"), 201)
    entra.patch(second["id"], replace("externalId", first["externalId"]), status=409)
    identity = User.objects.get(pk=first["id"]).external_user_id
    entra.patch(first["id"], replace("externalId", str(uuid4())))
    assert User.objects.get(pk=first["id"]).external_user_id == identity  # who signs in does not change
    entra.call("POST", "/Users", entra_user("nieuw", externalId=first["externalId"]), 409)


def test_login_method_and_address_of_another(entra: Directory, bob: User, alice: User) -> None:
    entra.patch(
        bob.pk, replace("loginMethod", "azure_ad"), replace("externalId", str(uuid4())), replace("password", "x" * 20),
        replace('emails[type eq "work"].value', alice.email),
    )  # fmt: skip
    before = bob.password
    bob.refresh_from_db()
    assert (bob.login_method, bob.external_user_id, bob.password) == (LoginMethod.WEBSITE_SSO, None, before)
    assert bob.email != alice.email
    assert EmailChange.objects.get().user == bob  # to be confirmed from there first


def test_service_accounts_are_no_members(entra: Directory, alice: User, alice_client: Client) -> None:
    service = make_service(alice.office)
    pk = make_group(entra)
    map_group(alice_client, pk, make_team(alice.office, name="Lonen"))
    patch_group(entra, pk, *ADD["Okta"]([str(service.pk)]), status=400)
    assert not TeamMember.objects.exists()


@pytest.mark.parametrize("path", ["/Users", "/Groups", "/"])
@pytest.mark.parametrize(
    "bomb",
    [
        "(" * 900 + 'displayName eq "x"' + ")" * 900,
        " or ".join(['displayName co "a"'] * 80),
        "not " * 400 + '(displayName eq "x")',
        'members[value eq "' + "x" * 3000 + '"]',
        "members[" * 200,
        'displayName eq "\\ud800"',
    ],
)
def test_filter_bomb(entra: Directory, path: str, bomb: str) -> None:
    from urllib.parse import quote

    assert entra.send("GET", f"{path}?filter={quote(bomb)}").status_code in (200, 400)
    search = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": bomb}
    target = "/.search" if path == "/" else f"{path}/.search"
    assert entra.send("POST", target, search).status_code in (200, 400)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "members[value eq"},
        {"op": "remove", "path": 'members[value eq "x" and (((('},
        {"op": "add", "path": "members", "value": "x"},
        {"op": "add", "path": "members", "value": [None]},
        {"op": "add", "path": "members", "value": [{"value": {"value": "x"}}]},
        {"op": "add", "path": "members", "value": [{"value": "\u0000"}]},
        {"op": "replace", "path": "displayName", "value": "\u0000"},
        {"op": "replace", "path": "displayName", "value": "x" * 300},
        {"op": "replace", "value": {"members": {"members": []}}},
        {"op": "sing", "path": "members"},
        {"op": "remove"},
    ],
)
def test_broken_change_of_a_group_changes_nothing(entra: Directory, bob: User, operation: dict[str, Any]) -> None:
    pk = make_group(entra, members=[{"value": str(bob.pk)}])
    body = {"schemas": [PATCH_SCHEMA], "Operations": [replace("displayName", "Anders"), operation]}
    assert entra.send("PATCH", f"/Groups/{pk}", body).status_code == 400
    group = DirectoryGroup.objects.get()
    assert (group.name, group.members.count()) == ("Lonen", 1)


def test_last_administrator_through_groups(entra: Directory, alice: User, alice_client: Client) -> None:
    """Neither by removal from the team that makes them administrator, nor by a group that blocks."""
    boss = make_user(alice.office, username="baas")
    bosses = make_team(alice.office, Right.MANAGE_PROVIDER, name="Bazen")
    pk = make_group(entra, members=[{"value": str(boss.pk)}])
    map_group(alice_client, pk, bosses, allows_administrators="on", blocks_removed="on")
    teams.actions.set_individual_rights(alice, [], by=actor(boss))
    owner = User.objects.get(pk=boss.pk)
    DirectoryConnection.objects.update(owner=owner)
    leave = {"op": "Remove", "path": "members", "value": [{"value": str(boss.pk)}]}
    patch_group(entra, pk, leave, status=409)
    entra.call("DELETE", f"/Groups/{pk}", status=409)
    entra.patch(boss.pk, replace("active", False), status=409)
    boss.refresh_from_db()
    assert boss.blocked_at is None
    assert bosses.members.count() == 1
    assert DirectoryConnection.objects.get().has_alarm


def test_users_with_more_rights_than_the_owner(alice: User, alice_client: Client) -> None:
    owner = make_user(alice.office, Right.MANAGE_USERS, Right.MANAGE_TEAMS, Right.VIEW_USERS, username="zwak")
    strong = make_user(alice.office, Right.GRANT_RIGHTS, username="sterk")
    directory = Directory(make_connection(owner, LoginMethod.WEBSITE_SSO, name="Zwak"))
    pk = make_group(directory, members=[{"value": str(strong.pk)}])
    map_group(alice_client, pk, None, blocks_removed="on")
    directory.call("DELETE", f"/Groups/{pk}", status=403)
    directory.patch(strong.pk, replace("active", False), status=403)
    strong.refresh_from_db()
    assert strong.blocked_at is None
    assert not DirectoryUser.objects.get(user=strong).is_out
