"""One member of a group who cannot be changed keeps nobody else in, and nobody else out."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

import users.actions
from accounts.models import Provider, User
from core.throttle import Throttled
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS
from permissions.checks import Right
from permissions.models import Employer, IndividualRight, ManagedBy, Team, TeamEmployer
from scim.jobs import apply_pending_users
from scim.models import DirectoryConnection, DirectoryGroup, DirectoryGroupMember, DirectoryUser, JoinRefusal
from tests.helpers.invited_users import NUMBER
from tests.helpers.users import change_user, make_user, signed_in
from tests.scim.conftest import Directory, make_connection
from tests.scim.test_brake import OUT, count_blocked, make_people
from tests.scim.test_groups import ADD, GROUP, make_group, make_team, map_group, members_of, patch_group, read_members
from tests.scim.test_shadow import SHADOW
from tests.scim.test_users import entra_user

pytestmark = pytest.mark.django_db
ALMOST_ALL = [right for right in Right if right is not Right.MANAGE_PROVIDER]
AT_EMPLOYER = sorted(EMPLOYER_LEVEL_RIGHTS)[0]


def name_members(found: list[User]) -> list[dict[str, str]]:
    return [{"value": str(user.pk)} for user in found]


def let_go(directory: Directory, pk: str, leavers: list[User], how: str, status: int = 204) -> None:
    """Let the group, which has no other members, lose these."""
    if how == "PATCH":
        remove = {"op": "Remove", "path": "members", "value": name_members(leavers)}
        patch_group(directory, pk, remove, status=status)
    elif how == "PUT":
        body = {"schemas": [GROUP], "displayName": "Lonen", "members": []}
        directory.call("PUT", f"/Groups/{pk}", body, 200 if status == 204 else status)
    else:
        directory.call("DELETE", f"/Groups/{pk}", status=status)


def make_directory(owner: User, **values: Any) -> Directory:
    return Directory(make_connection(owner, **values))


def make_blocking(directory: Directory, client: Client, found: list[User], name: str = "Lonen") -> str:
    pk = make_group(directory, name, members=name_members(found))
    assert map_group(client, pk, None, blocks_removed="on").status_code == 302
    return pk


def is_blocked(user: User) -> bool:
    return User.objects.get(pk=user.pk).blocked_at is not None


@pytest.fixture
def people(alice: User) -> list[User]:
    return make_people(alice.office, 60)


@pytest.mark.parametrize("how", ["PATCH", "PUT", "DELETE"])
def test_user_with_more_rights_keeps_no_leaver_in(
    alice: User, alice_client: Client, people: list[User], how: str
) -> None:
    owner = make_user(alice.office, *ALMOST_ALL, username="eigenaar")
    directory = make_directory(owner)
    leavers = [people[0], alice, people[1]]
    let_go(directory, make_blocking(directory, alice_client, leavers), leavers, how)
    assert (count_blocked(people), is_blocked(alice)) == (2, False)
    row = DirectoryUser.objects.get(user=alice)
    assert "eigenaar van de koppeling" in row.refusal
    assert "Je" not in row.refusal
    assert row.is_out, "or nobody blocks them any more"
    assert DirectoryUser.objects.exclude(refusal="").count() == 1


@pytest.mark.parametrize("how", ["PATCH", "PUT", "DELETE"])
def test_owner_among_the_leavers_leaves_last(alice: User, alice_client: Client, people: list[User], how: str) -> None:
    owner = make_user(alice.office, Right.MANAGE_PROVIDER, username="eigenaar")
    User.objects.filter(pk=owner.pk).update(created_at=people[0].created_at)
    leavers = [owner, *people[:2]]
    directory = make_directory(owner)
    let_go(directory, make_blocking(directory, alice_client, leavers), leavers, how)
    assert (count_blocked(people), is_blocked(owner)) == (2, True)


@pytest.mark.parametrize("how", ["PATCH", "PUT", "DELETE"])
def test_last_administrator_stays_alone(entra: Directory, alice: User, people: list[User], how: str) -> None:
    leavers = [alice, *people[:2]]
    let_go(entra, make_blocking(entra, signed_in(alice), leavers), leavers, how)
    assert (count_blocked(people), is_blocked(alice)) == (2, False)
    assert DirectoryConnection.objects.get().has_alarm
    assert DirectoryUser.objects.get(user=alice).refusal


def test_refused_leaver_is_blocked_by_the_next_owner(alice: User, alice_client: Client, people: list[User]) -> None:
    owner = make_user(alice.office, *ALMOST_ALL, username="eigenaar")
    strong = make_user(alice.office, Right.MANAGE_PROVIDER, username="sterk")
    directory = make_directory(owner)
    leavers = [people[0], strong]
    let_go(directory, make_blocking(directory, alice_client, leavers), leavers, "DELETE")
    assert not is_blocked(strong)
    alice_client.post(f"/kantoor/koppelingen/directory/{directory.connection.pk}/overnemen/")
    while apply_pending_users():
        pass
    assert is_blocked(strong)
    assert not DirectoryUser.objects.filter(is_out=True).exists(), "the group that said so is gone"


def test_who_may_not_join_keeps_no_leaver_in(alice: User, alice_client: Client, people: list[User]) -> None:
    """Also if the owner can change the members of no team any more."""
    owner = make_user(alice.office, Right.MANAGE_USERS, Right.MANAGE_TEAMS, Right.VIEW_USERS, username="zwak")
    directory = make_directory(owner)
    team = make_team(alice.office, Right.VIEW_USERS, name="Lonen")
    pk = make_group(directory, members=name_members(people[:1]))
    map_group(alice_client, pk, team, blocks_removed="on")
    owner.individual_rights.filter(right=Right.MANAGE_TEAMS).delete()
    patch_group(directory, pk, *ADD["Okta"]([str(people[1].pk)]), status=403)
    replace = {"op": "replace", "path": "members", "value": name_members(people[1:2])}
    patch_group(directory, pk, replace)
    assert is_blocked(people[0])
    refusals = dict(DirectoryGroupMember.objects.values_list("row__user", "refusal"))
    assert refusals == {people[0].pk: JoinRefusal.STAYS, people[1].pk: JoinRefusal.RIGHTS}


@pytest.fixture
def team_with_employer(alice: User) -> Team:
    team = make_team(alice.office, Right.VIEW_USERS, name="Lonen")
    employer = Employer.objects.create(provider=alice.office, name="Werkgever", number=1)
    TeamEmployer.objects.create(provider=alice.office, team=team, employer=employer)
    return team


def make_weak_owner(office: Provider) -> User:
    return make_user(office, *(set(ALMOST_ALL) - EMPLOYER_LEVEL_RIGHTS), username="eigenaar")


@pytest.mark.parametrize("way", ["call", "mapping"])
def test_individual_right_keeps_only_its_holder_out(
    alice: User, alice_client: Client, people: list[User], team_with_employer: Team, way: str
) -> None:
    directory = make_directory(make_weak_owner(alice.office))
    strong = people[1]
    IndividualRight.objects.create(provider=alice.office, user=strong, right=AT_EMPLOYER)
    pk = make_group(directory, members=name_members(people[:4]) if way == "mapping" else [])
    map_group(alice_client, pk, team_with_employer)
    if way == "call":
        patch_group(directory, pk, *ADD["Okta"]([str(strong.pk)]), status=403)
        patch_group(directory, pk, *ADD["Okta"]([str(user.pk) for user in people[:4]]))
    assert set(members_of(team_with_employer)) == {"U00", "U02", "U03"}
    refused = DirectoryGroupMember.objects.exclude(refusal="")
    assert [(member.row.user, member.refusal) for member in refused] == [(strong, JoinRefusal.RIGHTS)]


@pytest.fixture
def staying(alice: User, alice_client: Client, people: list[User], team_with_employer: Team) -> tuple[Directory, str]:
    """A group that lost four users, one of whom its team kept."""
    directory = make_directory(make_weak_owner(alice.office), max_removed_percent=100)
    pk = make_group(directory, members=name_members(people[:4]))
    map_group(alice_client, pk, team_with_employer)
    IndividualRight.objects.create(provider=alice.office, user=people[1], right=AT_EMPLOYER)
    let_go(directory, pk, people[1:2], "PATCH", status=403)
    let_go(directory, pk, people[:4], "PATCH")
    assert members_of(team_with_employer) == {"U01": ManagedBy.DIRECTORY}
    assert read_members(directory, pk) == {str(people[1].pk)}, "so that the directory can remove them once more"
    return directory, pk


@pytest.mark.parametrize("way", ["call", "saved again", "group deleted", "other team", "added again"])
def test_who_could_not_be_removed_from_the_team(
    alice: User, alice_client: Client, people: list[User], team_with_employer: Team,
    staying: tuple[Directory, str], way: str,
) -> None:  # fmt: skip
    directory, pk = staying
    page = alice_client.get(f"/kantoor/koppelingen/directory/{directory.connection.pk}/groepen/{pk}/").content.decode()
    assert "1 lid: Door de directory verwijderd" in page
    if way == "group deleted":
        directory.call("DELETE", f"/Groups/{pk}", status=403)
        other = make_user(alice.office, username="x", last_name="X")
        patch_group(directory, pk, *ADD["Okta"]([str(other.pk)]))
        directory.call("DELETE", f"/Groups/{pk}", status=204)
        assert members_of(team_with_employer) == {"U01": ManagedBy.MANUAL}
    elif way == "other team":
        map_group(alice_client, pk, other_team := make_team(alice.office, Right.VIEW_USERS, name="Anders"))
        assert (members_of(other_team), members_of(team_with_employer)) == ({}, {"U01": ManagedBy.MANUAL})
        assert read_members(directory, pk) == set()
    elif way == "added again":
        patch_group(directory, pk, *ADD["Okta"]([str(people[1].pk)]))
        assert DirectoryGroupMember.objects.get().refusal == ""
        assert members_of(team_with_employer) == {"U01": ManagedBy.DIRECTORY}
    else:
        IndividualRight.objects.filter(user=people[1]).delete()
        if way == "call":
            let_go(directory, pk, people[1:2], "PATCH")
        else:
            map_group(alice_client, pk, team_with_employer)
        assert (members_of(team_with_employer), read_members(directory, pk)) == ({}, set())


def test_last_member_of_a_team_of_administrators_stays(alice: User, alice_client: Client) -> None:
    owner = make_user(alice.office, Right.MANAGE_PROVIDER, username="eigenaar")
    bosses = [make_user(alice.office, username=name, last_name=name) for name in ("een", "twee")]
    team = make_team(alice.office, Right.MANAGE_PROVIDER, name="Bazen")
    directory = make_directory(owner, max_removed_percent=100)
    pk = make_group(directory, members=name_members(bosses))
    map_group(alice_client, pk, team, allows_administrators="on")
    change_user(alice, access_until=owner.created_at.date())
    change_user(owner, access_until=owner.created_at.date())
    let_go(directory, pk, bosses, "PATCH")
    assert len(members_of(team)) == 1
    assert DirectoryGroupMember.objects.get().refusal == JoinRefusal.LAST_ADMINISTRATOR
    assert DirectoryConnection.objects.get().has_alarm


def test_blocking_takes_a_fixed_number_of_queries(entra: Directory, alice_client: Client, people: list[User]) -> None:
    DirectoryConnection.objects.update(max_blocked_count=100, max_blocked_percent=100)
    for back in (False, True):
        found = []
        for name, leavers in (("Klein", people[:2]), ("Groot", people[2:8])):
            group = DirectoryGroup.objects.filter(name=name).first()
            pk = str(group.pk) if group else make_blocking(entra, alice_client, leavers, name)
            with CaptureQueriesContext(database) as queries:
                if back:
                    patch_group(entra, pk, *ADD["Okta"]([str(user.pk) for user in leavers]))
                else:
                    let_go(entra, pk, leavers, "PATCH")
            assert count_blocked(leavers) == (0 if back else len(leavers))
            found.append(len(queries))
        assert found[0] == found[1]


def test_invited_user_with_another_address_keeps_nobody_out(
    okta: Directory, alice_client: Client, people: list[User]
) -> None:
    phone = {"phoneNumbers": [{"type": "mobile", "value": NUMBER}]}
    ina = User.objects.get(pk=okta.call("POST", "/Users", entra_user("ina", **phone), 201)["id"])
    pk = make_blocking(okta, alice_client, [ina, people[0]])
    let_go(okta, pk, [ina, people[0]], "PATCH")
    assert (is_blocked(ina), is_blocked(people[0])) == (True, True)
    address = {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "ina2@devries.example"}
    okta.patch(ina.pk, address, status=200)
    patch_group(okta, pk, *ADD["Entra in bulk"]([str(ina.pk), str(people[0].pk)]))
    assert (is_blocked(ina), is_blocked(people[0])) == (False, False)
    assert "uitnodiging" in DirectoryUser.objects.get(user=ina).refusal


def test_member_added_again_who_is_inactive_stays_out(
    entra: Directory, alice_client: Client, people: list[User]
) -> None:
    pk = make_blocking(entra, alice_client, people[:2])
    let_go(entra, pk, people[:2], "PATCH")
    entra.patch(people[0].pk, OUT)
    patch_group(entra, pk, *ADD["Okta"]([str(user.pk) for user in people[:2]]))
    assert (is_blocked(people[0]), is_blocked(people[1])) == (True, False)


def test_limit_on_messages_lets_the_others_in(entra: Directory, alice_client: Client, people: list[User]) -> None:
    pk = make_blocking(entra, alice_client, people[:2])
    let_go(entra, pk, people[:2], "PATCH")
    unblock = users.actions.unblock_users

    def refuse_one(found: list[User], **values: Any) -> list[User]:
        if people[0] in found:
            raise Throttled(timedelta(seconds=5))
        return unblock(found, **values)

    with patch("users.actions.unblock_users", refuse_one):
        patch_group(entra, pk, *ADD["Okta"]([str(people[0].pk)]), status=429)
        patch_group(entra, pk, *ADD["Okta"]([str(user.pk) for user in people[:2]]))
    assert (is_blocked(people[0]), is_blocked(people[1])) == (True, False)
    apply_pending_users()
    assert not is_blocked(people[0])


@pytest.mark.parametrize("state", ["shadow", "live"])
def test_shadow_answers_as_a_live_group_that_may_not_block(alice: User, alice_client: Client, state: str) -> None:
    owner = make_user(alice.office, *ALMOST_ALL, username="eigenaar")
    directory = make_directory(owner, **(SHADOW if state == "shadow" else {}))
    let_go(directory, make_blocking(directory, alice_client, [alice]), [alice], "PATCH", status=403)
    DirectoryConnection.objects.update(owner=alice)
    pk = str(DirectoryGroup.objects.get().pk)
    let_go(directory, pk, [alice], "PATCH", status=409)
    assert DirectoryConnection.objects.get().has_alarm
    colleague = make_user(alice.office, username="collega")
    patch_group(directory, pk, *ADD["Okta"]([str(colleague.pk)]))
    let_go(directory, pk, [alice, colleague], "PATCH")
    assert is_blocked(colleague) is (state == "live")
    for user in (alice, colleague):
        assert directory.call("GET", f"/Users/{user.pk}")["active"] is (user == alice and state == "live")
