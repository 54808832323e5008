"""A shadow answers as a live connection and changes nothing; going live does what it announced."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import EmailChange, LoginMethod, User
from audit.models import Event
from invitations.models import Invitation
from outbox.models import Message
from permissions.checks import Right
from scim.jobs import apply_pending_users
from scim.models import DirectoryConnection, DirectoryUser
from scim.plans import build_plan
from tests.helpers.users import change_user, make_user
from tests.scim.conftest import Directory, make_connection
from tests.scim.test_cycles import ENTRA, OKTA, replace
from tests.scim.test_groups import make_group, make_team, map_group
from tests.scim.test_users import entra_user

pytestmark = pytest.mark.django_db
SHADOW: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}


@pytest.fixture
def shadow(alice: User) -> Directory:
    return Directory(make_connection(alice, **SHADOW))


def go_live(client: Client, directory: Directory, **posted: str) -> str:
    """Confirm the plan and let the worker work; return the page of the plan."""
    address = reverse("scim:go_live", args=[directory.connection.pk])
    page = client.get(address)
    values = dict(page.context["hidden"]) | posted
    assert client.post(address, values).status_code == 302
    while apply_pending_users():
        pass
    return page.content.decode()


def test_shadow_answers_as_if_it_had_acted(shadow: Directory, bob: User) -> None:
    events = Event.objects.count()
    body = entra_user()
    made = shadow.call("POST", "/Users", body, 201)
    assert shadow.find(f'externalId eq "{body["externalId"]}"')[0]["id"] == made["id"]
    for bodies in (ENTRA, OKTA):
        shadow.call("PATCH", f"/Users/{made['id']}", bodies["disable"], 204)
        assert shadow.call("GET", f"/Users/{made['id']}")["active"] is False
        shadow.call("PATCH", f"/Users/{made['id']}", bodies["enable"], 204)
        assert shadow.call("GET", f"/Users/{made['id']}")["active"] is True
    shadow.patch(bob.pk, replace("active", False), replace("name.familyName", "Smit"))
    found = shadow.call("GET", f"/Users/{bob.pk}")
    assert (found["active"], found["name"]["familyName"]) == (False, "Smit")
    bob.refresh_from_db()
    assert (bob.blocked_at, bob.last_name) == (None, "Bakker")
    assert set(User.objects.values_list("username", flat=True)) == {"alice", "bob"}
    assert Event.objects.count() == events
    assert not Message.objects.exists()


def test_shadow_refuses_what_a_live_connection_refuses(shadow: Directory, alice: User, bob: User) -> None:
    shadow.call("POST", "/Users", entra_user(externalId="no object id"), 400)
    shadow.call("POST", "/Users", entra_user(userName="bob"), 409)
    shadow.patch(alice.pk, replace("active", False), status=409)
    owner = make_user(alice.office, Right.MANAGE_USERS, username="weak")
    weak = Directory(make_connection(owner, LoginMethod.WEBSITE_SSO, name="Zwak", **SHADOW))
    weak.patch(alice.pk, replace("active", False), status=403)
    assert not DirectoryUser.objects.exists()


def test_going_live_does_what_the_plan_said(shadow: Directory, bob: User, alice_client: Client) -> None:
    made = shadow.call("POST", "/Users", entra_user(), 201)
    shadow.patch(made["id"], replace("name.familyName", "Smit"))
    left = shadow.call("POST", "/Users", entra_user("weg"), 201)
    shadow.call("DELETE", f"/Users/{left['id']}", status=204)
    idle = shadow.call("POST", "/Users", entra_user("inactief", active=False), 201)
    shadow.patch(bob.pk, replace("active", False))
    renamed = make_user(bob.office, username="carla", last_name="Oud")
    shadow.patch(renamed.pk, replace("name.familyName", "de Nieuw"))
    same = make_user(bob.office, username="dirk", last_name="Zelfde")
    shadow.patch(same.pk, {"op": "Add", "path": "externalId", "value": str(uuid4())})
    text = go_live(alice_client, shadow)
    assert "1 gebruiker wordt aangemaakt: eva@devries.example" in text
    assert "1 gebruiker wordt geblokkeerd: B. Bakker" in text
    user = User.objects.get(pk=made["id"])
    assert (user.last_name, user.may_sign_in) == ("Smit", True)
    bob.refresh_from_db()
    renamed.refresh_from_db()
    same.refresh_from_db()
    assert bob.blocked_at is not None
    assert (renamed.prefix, renamed.last_name, same.last_name) == ("de", "Nieuw", "Zelfde")
    assert not User.objects.filter(pk__in=[left["id"], idle["id"]]).exists()
    page = alice_client.get(reverse("scim:connection_detail", args=[shadow.connection.pk]))
    assert [row[1:] for row in page.context["report"]] == [(1, 1, 0, 0, 0)] * 3
    assert Event.objects.filter(target_id=user.pk, origin="scim").exists()
    shadow.patch(bob.pk, replace("active", True))
    bob.refresh_from_db()
    assert bob.blocked_at is None


def test_only_what_still_differs_is_done(shadow: Directory, bob: User, alice: User, alice_client: Client) -> None:
    shadow.patch(bob.pk, replace("name.familyName", "Smit"))
    shadow.patch(bob.pk, replace("active", False))
    change_user(bob, last_name="Smit")
    address = reverse("scim:go_live", args=[shadow.connection.pk])
    stale = dict(alice_client.get(address).context["hidden"])
    shadow.call("POST", "/Users", entra_user(), 201)
    alice_client.post(address, stale)
    assert DirectoryConnection.objects.get().is_shadow  # another plan than was shown
    go_live(alice_client, shadow)
    assert User.objects.exclude(blocked_at=None).get() == bob
    assert alice_client.get(address).status_code == 302


def test_what_is_refused_at_going_live_is_reported(shadow: Directory, alice_client: Client) -> None:
    body = entra_user()
    made = shadow.call("POST", "/Users", body, 201)
    DirectoryConnection.objects.update(tenant=None)
    go_live(alice_client, shadow)
    row = DirectoryUser.objects.get(pk=made["id"])
    assert (row.user, row.pending) == (None, False)
    page = alice_client.get(reverse("scim:connection_detail", args=[shadow.connection.pk]))
    assert [row[1:] for row in page.context["report"]] == [(1, 0, 0, 1, 0)]
    assert "De tenant van deze koppeling is verwijderd" in page.content.decode()


def test_report_compares_each_step_with_what_is(alice: User, bob: User, alice_client: Client) -> None:
    directory = Directory(make_connection(alice, LoginMethod.WEBSITE_SSO, **SHADOW))
    leaver = make_user(alice.office, username="carla", last_name="Gaat")
    waiting = directory.call("POST", "/Users", entra_user("wachter"), 201)["id"]
    members = [{"value": pk} for pk in (waiting, str(bob.pk), str(alice.pk))]
    team = make_team(alice.office, Right.VIEW_USERS, name="Lonen")
    map_group(alice_client, make_group(directory, members=members), team)
    directory.patch(bob.pk, replace("name.familyName", "Smit"))
    directory.patch(leaver.pk, replace("active", False))
    address = reverse("scim:go_live", args=[directory.connection.pk])
    alice_client.post(address, dict(alice_client.get(address).context["hidden"]))

    def read_report() -> dict[str, tuple[int, ...]]:
        page = alice_client.get(reverse("scim:connection_detail", args=[directory.connection.pk]))
        return {row.step: row[1:] for row in page.context["report"]}

    still_to_do = (1, 0, 1, 0, 0)
    assert read_report() == {
        "Uit te nodigen": still_to_do, "Blokkeren": still_to_do, "Wijzigen": still_to_do,
        "In team Lonen komen": (2, 1, 1, 0, 0),  # the owner was not announced
    }  # fmt: skip
    directory.patch(leaver.pk, replace("active", True))  # before the worker came
    directory.call("DELETE", f"/Users/{waiting}", status=204)
    while apply_pending_users():
        pass
    assert read_report() == {
        "Uit te nodigen": (1, 0, 0, 0, 1), "Blokkeren": (1, 0, 0, 0, 1), "Wijzigen": (1, 1, 0, 0, 0),
        "In team Lonen komen": (2, 1, 0, 0, 1),
    }  # fmt: skip
    directory.patch(bob.pk, replace("name.familyName", "Anders"), replace("active", False))
    team.delete()
    assert read_report()["Wijzigen"] == (1, 1, 0, 0, 0), "what was done stays done, whatever happens later"
    assert read_report()["In een team komen"] == (2, 1, 0, 0, 1)


def test_changed_address_is_done_once_it_is_confirmed(shadow: Directory, bob: User, alice_client: Client) -> None:
    shadow.patch(bob.pk, replace('emails[type eq "work"].value', "bob.nieuw@devries.example"))
    go_live(alice_client, shadow)
    address = reverse("scim:connection_detail", args=[shadow.connection.pk])
    assert [row[1:] for row in alice_client.get(address).context["report"]] == [(1, 0, 1, 0, 0)]
    change_user(bob, email="bob.nieuw@devries.example")
    assert [row[1:] for row in alice_client.get(address).context["report"]] == [(1, 1, 0, 0, 0)]


def test_plan_of_users_without_an_address_opens(shadow: Directory, bob: User, alice_client: Client) -> None:
    shadow.patch(bob.pk, replace("displayName", "Bob"))
    DirectoryConnection.objects.update(email_source="user_name")
    assert "1 gebruiker krijgt een andere naam" in go_live(alice_client, shadow)
    row = DirectoryUser.objects.get(user=bob)
    assert "geen geldig e-mailadres" in row.refusal


def test_mobile_numbers_wait_encrypted(alice: User, alice_client: Client) -> None:
    directory = Directory(make_connection(alice, LoginMethod.WEBSITE_SSO, **SHADOW))
    numbered = entra_user(phoneNumbers=[{"type": "mobile", "value": "0612345678"}])
    made = directory.call("POST", "/Users", numbered, 201)
    bare = directory.call("POST", "/Users", entra_user("zonder"), 201)
    assert b"612345678" not in bytes(DirectoryUser.objects.get(pk=made["id"]).encrypted_phone or b"")
    assert not alice_client.get(reverse("scim:connection_detail", args=[directory.connection.pk])).context["waiting"]
    go_live(alice_client, directory)
    assert User.objects.get(pk=made["id"]).invitation.state == Invitation.State.OPEN
    assert DirectoryUser.objects.get(pk=made["id"]).encrypted_phone is None
    page = alice_client.get(reverse("scim:connection_detail", args=[directory.connection.pk]))
    assert [str(row.pk) for row in page.context["waiting"]] == [bare["id"]]
    assert not EmailChange.objects.exists()


def test_plan_of_another_office_does_not_exist(shadow: Directory, charlie_client: Client, bob_client: Client) -> None:
    address = reverse("scim:go_live", args=[shadow.connection.pk])
    assert [client.post(address, {"sure": 1}).status_code for client in (charlie_client, bob_client)] == [404, 403]
    assert DirectoryConnection.objects.get().is_shadow


def test_plan_takes_three_queries_for_all_users(shadow: Directory, bob: User, django_assert_num_queries: Any) -> None:
    for name in ("anna", "boris", "cees"):
        shadow.call("POST", "/Users", entra_user(name), 201)
    shadow.patch(bob.pk, replace("active", False))
    with django_assert_num_queries(3):
        assert len(build_plan(shadow.connection).list_consequences(with_names=True)) == 3


def test_shadow_takes_nobody_from_a_live_connection(alice: User, bob: User, alice_client: Client) -> None:
    live = Directory(make_connection(alice))
    shadow = Directory(make_connection(alice, LoginMethod.WEBSITE_SSO, name="Okta", **SHADOW))
    shadow.patch(bob.pk, replace("displayName", "B. van Okta"))
    group = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Lonen"}
    shadow.call("POST", "/Groups", group | {"members": [{"value": str(bob.pk)}]}, 201)
    assert [found["id"] for found in live.find('userName eq "bob"')] == [str(bob.pk)]
    assert str(bob.pk) in [found["id"] for found in live.call("GET", "/Users")["Resources"]]
    live.call("POST", "/Users", entra_user(userName="bob"), 409)
    live.patch(bob.pk, replace("active", False))
    bob.refresh_from_db()
    assert bob.blocked_at is not None
    assert DirectoryUser.objects.get().connection == live.connection
    shadow.call("GET", f"/Users/{bob.pk}", status=404)
    shadow.call("GET", "/Users")


def test_live_connection_takes_members_of_a_group_from_a_shadow(alice: User, bob: User) -> None:
    live = Directory(make_connection(alice))
    shadow = Directory(make_connection(alice, LoginMethod.WEBSITE_SSO, name="Okta", **SHADOW))
    shadow.patch(bob.pk, replace("displayName", "B. van Okta"))
    group = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Lonen"}
    live.call("POST", "/Groups", group | {"members": [{"value": str(bob.pk)}]}, 201)
    assert DirectoryUser.objects.get().connection == live.connection


@pytest.mark.parametrize("then", ["worker", "repeated", "returns"])
def test_leaver_of_the_plan_gets_no_rights_at_going_live(
    shadow: Directory, alice: User, bob: User, alice_client: Client, then: str
) -> None:
    team, stays = make_team(alice.office, Right.VIEW_USERS, name="Lonen"), make_user(alice.office, username="blijft")
    pk = make_group(shadow, members=[{"value": str(bob.pk)}, {"value": str(stays.pk)}])
    map_group(alice_client, pk, team)
    shadow.patch(bob.pk, replace("active", False))
    address = reverse("scim:go_live", args=[shadow.connection.pk])
    alice_client.post(address, dict(alice_client.get(address).context["hidden"]))
    assert team.members.get().user == stays
    if then != "worker":
        shadow.patch(bob.pk, replace("active", then == "returns"))
    while apply_pending_users():
        pass
    bob.refresh_from_db()
    assert (bob.blocked_at is None) == (then == "returns")
    assert team.members.count() == 2, "so that they have the team again once they are unblocked"
