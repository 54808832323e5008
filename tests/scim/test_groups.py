"""Groups over SCIM, and the teams that follow them by choice of an administrator."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import teams.actions
from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from permissions.checks import Right
from permissions.explain import explain_access
from permissions.models import DutyRule, ManagedBy, Team, TeamMember, TeamRight
from scim.announcements import report_steps
from scim.jobs import apply_pending_users
from scim.models import DirectoryConnection, DirectoryGroup, DirectoryGroupMember, JoinRefusal
from tests.helpers.users import actor, change_user, make_user
from tests.permissions.test_duties import make_rule
from tests.scim.conftest import PATCH_SCHEMA, Directory, make_connection
from tests.scim.test_users import entra_user

pytestmark = pytest.mark.django_db
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTRA_GROUP = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"


def make_team(office: Provider, *rights: Right, name: str) -> Team:
    team = Team.objects.create(provider=office, name=name)
    TeamRight.objects.bulk_create(TeamRight(provider=office, team=team, right=right) for right in rights)
    return team


def make_group(directory: Directory, name: str = "Lonen", **values: Any) -> str:
    body = {"schemas": [GROUP, ENTRA_GROUP], "externalId": str(uuid4()), "displayName": name} | values
    return str(directory.call("POST", "/Groups", body, 201)["id"])


def map_group(client: Client, pk: str, team: Team | None, **values: Any) -> Any:
    group = DirectoryGroup.objects.get(pk=pk)
    posted = {"team": team.pk if team else "", "version": group.version} | values
    return client.post(reverse("scim:map_group", args=[group.connection_id, pk]), posted)


def patch_group(directory: Directory, pk: str, *operations: dict[str, Any], status: int = 204) -> dict[str, Any]:
    body = {"schemas": [PATCH_SCHEMA], "Operations": list(operations)}
    return directory.call("PATCH", f"/Groups/{pk}", body, status)


def read_members(directory: Directory, pk: str) -> set[str]:
    return {member["value"] for member in directory.call("GET", f"/Groups/{pk}").get("members", [])}


def members_of(team: Team) -> dict[str, str]:
    return dict(team.members.values_list("user__last_name", "managed_by"))


@pytest.fixture
def team(alice: User) -> Team:
    return make_team(alice.office, Right.VIEW_USERS, name="Lonen")


@pytest.fixture
def people(alice: User) -> list[User]:
    return [make_user(alice.office, username=name, last_name=name.title()) for name in ("anna", "boris", "cees")]


ADD = {
    "Entra one by one": lambda ids: [
        {"op": "Add", "path": "members", "value": [{"$ref": None, "value": pk}]} for pk in ids
    ],
    "Entra in bulk": lambda ids: [{"op": "Add", "path": "members", "value": [{"value": pk} for pk in ids]}],
    "Okta": lambda ids: [{"op": "add", "path": "members", "value": [{"value": pk, "display": "x"} for pk in ids]}],
    "without a path": lambda ids: [{"op": "add", "value": {"members": [{"value": pk} for pk in ids]}}],
    "replace of all": lambda ids: [{"op": "replace", "path": "members", "value": [{"value": pk} for pk in ids]}],
}  # fmt: skip
REMOVE = {
    "Entra without the flag": lambda pk: {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": pk}]},
    "path filter": lambda pk: {"op": "remove", "path": f'members[value eq "{pk}"]'},
    "path filter with the URN": lambda pk: {"op": "Remove", "path": f'{GROUP}:members[value eq "{pk}"]'},
}


@pytest.mark.parametrize("add", ADD)
@pytest.mark.parametrize("remove", REMOVE)
def test_members_in_every_form(
    entra: Directory, alice_client: Client, team: Team, people: list[User], add: str, remove: str
) -> None:
    pk, ids = make_group(entra), [str(user.pk) for user in people]
    assert map_group(alice_client, pk, team).status_code == 302
    patch_group(entra, pk, *ADD[add](ids))
    assert read_members(entra, pk) == set(ids)
    assert members_of(team) == dict.fromkeys(("Anna", "Boris", "Cees"), "directory")
    patch_group(entra, pk, REMOVE[remove](ids[0]))
    assert read_members(entra, pk) == set(ids[1:])
    assert set(members_of(team)) == {"Boris", "Cees"}
    patch_group(entra, pk, REMOVE[remove](str(uuid4())))  # nobody: no error, and no emptied group
    assert read_members(entra, pk) == set(ids[1:])


def test_cycle_of_okta(okta: Directory, alice_client: Client, team: Team, people: list[User]) -> None:
    assert okta.call("GET", "/Groups?startIndex=1&count=100")["Resources"] == []
    by_name = quote('displayName eq "Lonen"')
    query = f"/Groups?filter={by_name}&startIndex=1&count=100"
    assert okta.call("GET", query)["totalResults"] == 0
    members = [{"value": str(user.pk), "display": user.username} for user in people]
    pk = make_group(okta, members=members)
    map_group(alice_client, pk, team)
    assert set(members_of(team)) == {"Anna", "Boris", "Cees"}
    patch_group(okta, pk, {"op": "replace", "value": {"id": pk, "displayName": "Salaris"}})
    assert okta.call("GET", f"/Groups/{pk}")["displayName"] == "Salaris"
    assert okta.call("GET", query)["totalResults"] == 0
    body = {"schemas": [GROUP], "displayName": "Salaris", "members": members[:2]}
    assert len(okta.call("PUT", f"/Groups/{pk}", body)["members"]) == 2
    assert set(members_of(team)) == {"Anna", "Boris"}
    okta.call("DELETE", f"/Groups/{pk}", status=204)
    okta.call("GET", f"/Groups/{pk}", status=404)
    assert members_of(team) == {}


def test_dialogue_of_entra(entra: Directory, people: list[User]) -> None:
    pk = make_group(entra, members=[{"value": str(people[0].pk)}])
    by_name = quote('displayName eq "lonen"')
    query = f"/Groups?excludedAttributes=members&filter={by_name}"
    (found,) = entra.call("GET", query)["Resources"]
    assert (found["id"], found["displayName"], "members" in found) == (pk, "Lonen", False)
    assert "members" not in entra.call("GET", f"/Groups/{pk}?excludedAttributes=members")
    member = f'members[value eq "{people[0].pk}"]'
    assert entra.call("GET", f"/Groups?filter={quote(member)}")["totalResults"] == 1
    entra.call("POST", "/Groups", {"schemas": [GROUP], "displayName": "LONEN"}, 409)
    entra.call("POST", "/Groups", {"schemas": [GROUP], "displayName": " "}, 400)
    unknown = {"schemas": [GROUP], "displayName": "X", "members": [{"value": str(uuid4())}]}
    entra.call("POST", "/Groups", unknown, 400)
    assert {found["meta"]["resourceType"] for found in entra.call("GET", "/")["Resources"]} == {"User", "Group"}


def test_group_without_a_team_changes_nothing(entra: Directory, people: list[User]) -> None:
    events = Event.objects.count()
    make_group(entra, members=[{"value": str(user.pk)} for user in people])
    assert (TeamMember.objects.count(), Event.objects.count()) == (0, events)


def test_neither_overwrites_the_other(
    entra: Directory, alice: User, alice_client: Client, team: Team, people: list[User]
) -> None:
    anna, boris, _cees = people
    teams.actions.change_members(team, add=[anna], by=actor(alice))
    pk = make_group(entra, members=[{"value": str(anna.pk)}, {"value": str(boris.pk)}])
    map_group(alice_client, pk, team)
    assert members_of(team) == {"Anna": "both", "Boris": "directory"}
    refused = alice_client.post(reverse("teams:remove_users", args=[team.pk]), {"users": boris.pk, "sure": 1})
    assert (refused.status_code, "via de directory" in refused.content.decode()) == (403, True)
    patch_group(entra, pk, REMOVE["path filter"](str(anna.pk)))
    assert members_of(team) == {"Anna": "manual", "Boris": "directory"}
    patch_group(entra, pk, *ADD["Entra in bulk"]([str(anna.pk)]))
    teams.actions.change_members(team, remove=[anna], by=actor(alice))
    assert members_of(team) == {"Anna": "directory", "Boris": "directory"}
    shared = Event.objects.filter(verb=Verb.MEMBERSHIP_SHARED, target_id=anna.pk).order_by("at")
    assert [event.changes[team.name] for event in shared] == [
        ["manual", "both"], ["both", "manual"], ["manual", "both"], ["both", "directory"],
    ]  # fmt: skip


def test_why_says_who_keeps_the_membership(
    entra: Directory, alice_client: Client, team: Team, people: list[User]
) -> None:
    pk = make_group(entra, members=[{"value": str(people[0].pk)}])
    map_group(alice_client, pk, team)
    explained = explain_access(people[0], Right.VIEW_USERS)
    assert explained.ways[0].links[0].text == "is lid via de directory"
    assert "in de directory" in explained.revocation[0].text
    page = alice_client.get(reverse("teams:team_detail", args=[team.pk])).content.decode()
    assert "via de directory" in page


def test_mapping_needs_the_rights_of_the_team(
    alice: User, alice_client: Client, team: Team, bob_client: Client, charlie_client: Client, charlie: User
) -> None:
    weak = make_user(alice.office, Right.MANAGE_INTEGRATIONS, Right.MANAGE_USERS, Right.MANAGE_TEAMS, username="zwak")
    directory = Directory(make_connection(weak, LoginMethod.WEBSITE_SSO, name="Zwak"))
    pk = make_group(directory)
    strong = make_team(alice.office, Right.GRANT_RIGHTS, name="Sterk")
    assert map_group(alice_client, pk, strong).context["form"].errors["team"]  # the owner cannot give it
    assert map_group(bob_client, pk, team).status_code == 403
    assert map_group(charlie_client, pk, None).status_code == 404
    foreign = make_team(charlie.office, name="Vreemd")
    assert map_group(alice_client, pk, foreign).context["form"].errors["team"]
    assert DirectoryGroup.objects.get().team is None


def test_a_team_of_administrators_is_a_decision(
    entra: Directory, alice: User, alice_client: Client, team: Team, people: list[User]
) -> None:
    bosses = make_team(alice.office, Right.MANAGE_PROVIDER, name="Bazen")
    pk = make_group(entra, members=[{"value": str(people[0].pk)}])
    assert map_group(alice_client, pk, bosses).context["form"].errors["allows_administrators"]
    assert map_group(alice_client, pk, bosses, allows_administrators="on").status_code == 302
    assert members_of(bosses) == {"Anna": "directory"}
    other = make_group(entra, "Anders")
    assert map_group(alice_client, other, bosses, allows_administrators="on").context["form"].errors["team"]
    map_group(alice_client, other, team)
    teams.actions.set_team_rights(team, [Right.MANAGE_PROVIDER], by=actor(alice))  # the team grew meanwhile
    patch_group(entra, other, *ADD["Okta"]([str(people[1].pk)]), status=403)
    assert members_of(team) == {}
    assert read_members(entra, other) == set()


def test_directory_gives_nothing_that_its_owner_lost(
    alice: User, alice_client: Client, team: Team, people: list[User]
) -> None:
    owner = make_user(
        alice.office, Right.MANAGE_USERS, Right.MANAGE_TEAMS, Right.VIEW_USERS, username="eigenaar", last_name="Baas"
    )
    directory = Directory(make_connection(owner, LoginMethod.WEBSITE_SSO, name="Zwak"))
    pk = make_group(directory)
    map_group(alice_client, pk, team)
    patch_group(directory, pk, *ADD["Okta"]([str(owner.pk), str(people[0].pk)]))
    assert set(members_of(team)) == {"Anna"}  # the owner never changes their own rights
    assert DirectoryGroupMember.objects.get(row__user=owner).refusal == JoinRefusal.OWNER
    teams.actions.set_team_rights(team, [Right.VIEW_USERS, Right.VIEW_AUDIT], by=actor(alice))
    patch_group(directory, pk, *ADD["Okta"]([str(people[1].pk)]), status=403)
    assert set(members_of(team)) == {"Anna"}


def test_unmapping_and_removing_leave_members_to_the_office(
    entra: Directory, alice_client: Client, team: Team, people: list[User]
) -> None:
    pk = make_group(entra, members=[{"value": str(user.pk)} for user in people[:2]])
    map_group(alice_client, pk, team)
    map_group(alice_client, pk, None)
    assert members_of(team) == {"Anna": "manual", "Boris": "manual"}
    map_group(alice_client, pk, team)
    assert members_of(team) == {"Anna": "both", "Boris": "both"}
    alice_client.post(reverse("scim:delete_connection", args=[entra.connection.pk]))
    assert members_of(team) == {"Anna": "manual", "Boris": "manual"}


def test_user_joins_once_there_is_an_account(okta: Directory, alice_client: Client, team: Team, bob: User) -> None:
    made = okta.call("POST", "/Users", entra_user(externalId="00u1"), 201)
    pk = make_group(okta, members=[{"value": made["id"]}])
    map_group(alice_client, pk, team)
    assert members_of(team) == {}
    address = reverse("scim:invite_waiting_user", args=[okta.connection.pk, made["id"]])
    alice_client.post(address, {"mobile_number": "0612345678"})
    assert members_of(team) == {"Berg": "directory"}
    okta.call("DELETE", f"/Users/{made['id']}", status=204)
    assert members_of(team) == {}
    assert read_members(okta, pk) == set()


def test_removal_from_the_group_blocks_where_so_chosen(
    entra: Directory, alice_client: Client, people: list[User]
) -> None:
    pk, other = make_group(entra), make_group(entra, "Allen")
    for group in (pk, other):
        map_group(alice_client, group, None, blocks_removed="on")
        patch_group(entra, group, *ADD["Okta"]([str(people[0].pk)]))
    for group, blocked in ((pk, False), (other, True)):
        patch_group(entra, group, REMOVE["Entra without the flag"](str(people[0].pk)))
        people[0].refresh_from_db()
        assert (people[0].blocked_at is not None) is blocked
    active = {"op": "Replace", "path": "active", "value": "True"}
    assert entra.patch(people[0].pk, active, status=200)["active"] is False, "still in no group"
    people[0].refresh_from_db()
    assert people[0].blocked_at is not None
    patch_group(entra, pk, *ADD["Okta"]([str(people[0].pk)]))
    people[0].refresh_from_db()
    assert people[0].blocked_at is None
    change_user(people[1], username="boris2")
    patch_group(entra, pk, *ADD["Okta"]([str(people[1].pk)]))
    people[1].refresh_from_db()
    assert people[1].blocked_at is None


def test_shadow_plans_the_teams_and_going_live_fills_them(
    alice: User, alice_client: Client, team: Team, people: list[User]
) -> None:
    shadow: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}
    directory = Directory(make_connection(alice, **shadow))
    made = directory.call("POST", "/Users", entra_user(), 201)
    pk = make_group(directory, members=[{"value": made["id"]}, {"value": str(people[0].pk)}])
    map_group(alice_client, pk, team)
    assert read_members(directory, pk) == {made["id"], str(people[0].pk)}
    assert not TeamMember.objects.exists()
    address = reverse("scim:go_live", args=[directory.connection.pk])
    page = alice_client.get(address)
    assert "2 gebruikers komen in team Lonen" in page.content.decode()
    alice_client.post(address, dict(page.context["hidden"]))
    assert members_of(team) == {"Anna": "directory"}
    apply_pending_users()
    assert members_of(team) == {"Anna": "directory", "Berg": "directory"}


def test_plan_is_stale_once_the_team_or_the_connection_changes(
    alice: User, alice_client: Client, team: Team, people: list[User]
) -> None:
    shadow: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}
    directory = Directory(make_connection(alice, **shadow))
    map_group(alice_client, make_group(directory, members=[{"value": str(people[0].pk)}]), team)
    address = reverse("scim:go_live", args=[directory.connection.pk])

    def is_live_with(shown: dict[str, Any]) -> bool:
        alice_client.post(address, shown)
        return DirectoryConnection.objects.get().state == DirectoryConnection.State.ON

    shown = dict(alice_client.get(address).context["hidden"])
    teams.actions.set_team_rights(team, [Right.VIEW_USERS, Right.VIEW_AUDIT], by=actor(alice))
    assert not is_live_with(shown), "the team gives more than was shown"
    shown = dict(alice_client.get(address).context["hidden"])
    DirectoryConnection.objects.update(name_source="display_name", version=F("version") + 1)
    assert not is_live_with(shown)
    assert is_live_with(dict(alice_client.get(address).context["hidden"]))


def test_queries_do_not_grow_with_the_members(
    entra: Directory, alice: User, alice_client: Client, team: Team, django_assert_max_num_queries: Any
) -> None:
    pk = make_group(entra)
    map_group(alice_client, pk, team)
    made = [make_user(alice.office, username=f"u{number}", last_name=f"U{number}") for number in range(12)]
    patch_group(entra, pk, *ADD["Okta"]([str(user.pk) for user in made[:6]]))
    with django_assert_max_num_queries(14):
        assert len(entra.call("GET", "/Groups")["Resources"][0]["members"]) == 6
    with django_assert_max_num_queries(80):
        patch_group(entra, pk, *ADD["Okta"]([str(user.pk) for user in made[6:]]))
    assert team.members.filter(managed_by=ManagedBy.DIRECTORY).count() == 12


@pytest.fixture
def rule(alice: User, team: Team, people: list[User]) -> DutyRule:
    """A rule of which boris and cees have one side, and the team gives the other."""
    other = make_team(alice.office, Right.VIEW_AUDIT, name="Controle")
    teams.actions.change_members(other, add=people[1:], by=actor(alice))
    return make_rule(alice.office, [Right.VIEW_USERS], [Right.VIEW_AUDIT], name="Vier ogen")


def test_rule_about_duties_keeps_out_only_whom_it_is_about(
    entra: Directory, alice_client: Client, team: Team, people: list[User], rule: DutyRule
) -> None:
    pk = make_group(entra)
    map_group(alice_client, pk, team)
    patch_group(entra, pk, *ADD["Entra in bulk"]([str(user.pk) for user in people]))
    assert members_of(team) == {"Anna": "directory"}
    assert read_members(entra, pk) == {str(user.pk) for user in people}
    refused = DirectoryGroupMember.objects.filter(refusal=JoinRefusal.DUTIES)
    assert {member.row.user for member in refused} == set(people[1:])
    text = alice_client.get(reverse("scim:map_group", args=[entra.connection.pk, pk])).content.decode()
    assert "2 leden: Een functiescheidingsregel houdt hen erbuiten." in text
    assert not any(user.last_name in text for user in people)
    DutyRule.objects.all().delete()
    map_group(alice_client, pk, team)
    assert set(members_of(team)) == {"Anna", "Boris", "Cees"}
    assert not DirectoryGroupMember.objects.exclude(refusal="").exists()


def test_who_is_kept_out_of_a_team_is_reported_as_refused(
    alice: User, alice_client: Client, team: Team, people: list[User], rule: DutyRule
) -> None:
    shadow: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}
    directory = Directory(make_connection(alice, **shadow))
    pk = make_group(directory, members=[{"value": str(user.pk)} for user in people])
    map_group(alice_client, pk, team)
    address = reverse("scim:go_live", args=[directory.connection.pk])
    alice_client.post(address, dict(alice_client.get(address).context["hidden"]))
    connection = DirectoryConnection.objects.get()
    assert [row[1:] for row in report_steps(connection)] == [(3, 1, 0, 2, 0)]
    DutyRule.objects.all().delete()
    map_group(alice_client, pk, team)
    assert [row[1:] for row in report_steps(connection)] == [(3, 3, 0, 0, 0)]


def test_rule_about_duties_does_not_stop_a_mapping_or_an_invitation(
    okta: Directory, alice_client: Client, team: Team, people: list[User], rule: DutyRule
) -> None:
    made = okta.call("POST", "/Users", entra_user(externalId="00u1"), 201)
    pk = make_group(okta, members=[{"value": str(user.pk)} for user in people] + [{"value": made["id"]}])
    map_group(alice_client, pk, team)
    assert members_of(team) == {"Anna": "directory"}
    address = reverse("scim:invite_waiting_user", args=[okta.connection.pk, made["id"]])
    alice_client.post(address, {"mobile_number": "0612345678"})
    assert set(members_of(team)) == {"Anna", "Berg"}


def test_member_who_became_the_owner_stays_by_hand(
    entra: Directory, alice: User, alice_client: Client, team: Team, people: list[User]
) -> None:
    pk = make_group(entra, members=[{"value": str(user.pk)} for user in people])
    map_group(alice_client, pk, team)
    make_owner(entra, people[0])
    patch_group(entra, pk, REMOVE["path filter"](str(people[0].pk)))
    assert members_of(team) == {"Anna": "manual", "Boris": "directory", "Cees": "directory"}
    shared = Event.objects.get(verb=Verb.MEMBERSHIP_SHARED, target_id=people[0].pk)
    assert shared.changes == {team.name: ["directory", "manual"]}


def make_owner(directory: Directory, user: User) -> None:
    rights = (Right.MANAGE_USERS, Right.MANAGE_TEAMS)
    for right in rights:
        user.individual_rights.create(provider=user.office, right=right)
    DirectoryConnection.objects.filter(pk=directory.connection.pk).update(owner=user)


def test_user_taken_on_through_a_group_keeps_what_is_known(entra: Directory, people: list[User]) -> None:
    anna = people[0]
    change_user(anna, first_name="Anna", prefix="van", last_name="Dam")
    before = entra.call("GET", f"/Users/{anna.pk}")
    make_group(entra, members=[{"value": str(anna.pk)}])
    after = entra.call("GET", f"/Users/{anna.pk}")
    assert {name: after[name] for name in ("name", "emails", "active", "userName")} == {
        name: before[name] for name in ("name", "emails", "active", "userName")
    }
    entra.patch(anna.pk, {"op": "Replace", "path": "name.familyName", "value": "Smit"})
    anna.refresh_from_db()
    assert (anna.first_name, anna.prefix, anna.last_name) == ("Anna", "", "Smit")


def test_list_of_groups_loads_the_members_of_its_page(entra: Directory, people: list[User]) -> None:
    for name in ("Een", "Twee", "Drie"):
        make_group(entra, name, members=[{"value": str(user.pk)} for user in people])
    with CaptureQueriesContext(connection) as queries:
        page = entra.call("GET", "/Groups?startIndex=2&count=1")
    (found,) = page["Resources"]
    assert (page["totalResults"], page["startIndex"], found["displayName"]) == (3, 2, "Twee")
    assert len(found["members"]) == 3
    assert [query["sql"] for query in queries if "LIMIT 1 OFFSET 1" in query["sql"]]
    assert entra.call("GET", "/Groups?startIndex=99&count=10")["Resources"] == []
    both = quote('displayName eq "een" and externalId pr')
    assert [group["displayName"] for group in entra.call("GET", f"/Groups?filter={both}")["Resources"]] == ["Een"]


def test_shadow_answers_as_a_live_group_that_blocks(alice: User, alice_client: Client, people: list[User]) -> None:
    shadow: dict[str, Any] = {"state": DirectoryConnection.State.SHADOW, "went_live_at": None}
    directory = Directory(make_connection(alice, **shadow))
    pk = make_group(directory, members=[{"value": str(people[0].pk)}])
    map_group(alice_client, pk, None, blocks_removed="on")
    patch_group(directory, pk, REMOVE["path filter"](str(people[0].pk)))
    assert directory.call("GET", f"/Users/{people[0].pk}")["active"] is False


@pytest.mark.parametrize("has_account", [True, False])
def test_deleted_user_changes_the_version_of_the_group(okta: Directory, people: list[User], has_account: bool) -> None:
    waiting = okta.call("POST", "/Users", entra_user(externalId="00u1"), 201)["id"]
    pk = make_group(okta, members=[{"value": str(people[0].pk)}, {"value": waiting}])
    known = okta.call("GET", f"/Groups/{pk}")["meta"]["version"]
    assert okta.send("GET", f"/Groups/{pk}", If_None_Match=known).status_code == 304
    okta.call("DELETE", f"/Users/{people[0].pk if has_account else waiting}", status=204)
    found = okta.send("GET", f"/Groups/{pk}", If_None_Match=known)
    assert found.status_code == 200
    assert len(read_members(okta, pk)) == 1
