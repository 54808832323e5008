"""What administrators do by hand with teams that a directory keeps: lists, plans, reviews and colleagues."""

import pytest
from django.test import Client
from django.urls import reverse

import teams.actions
from accounts.models import Provider, User
from imports.bulk_actions import BulkAction, BulkActionRequest, RevokedPaths, plan_bulk_action
from imports.plans.plan import Plan, apply_plan
from permissions.checks import Right
from permissions.models import IndividualRight, ManagedBy, Team, TeamMember
from tests.helpers.users import actor, make_user
from tests.scim.test_groups import make_team, members_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(office: Provider) -> Team:
    return make_team(office, Right.VIEW_USERS, name="Lonen")


@pytest.fixture
def people(office: Provider, team: Team) -> list[User]:
    """One member by hand, one by the directory, one by both."""
    made = [make_user(office, username=name, last_name=name.title()) for name in ("anna", "boris", "cees")]
    for user, managed_by in zip(made, ManagedBy, strict=True):
        TeamMember.objects.create(provider=office, team=team, user=user, managed_by=managed_by)
    return made


def plan(alice: User, act: BulkAction, people: list[User], **values: object) -> Plan:
    request = BulkActionRequest(act, [str(user.pk) for user in people], **values)
    return plan_bulk_action(alice.office, request, by=actor(alice))


def test_one_member_of_the_directory_does_not_stop_the_others(alice: User, team: Team, people: list[User]) -> None:
    found = plan(alice, BulkAction.LEAVE, people, team=str(team.pk))
    (fault,) = found.faults
    assert (fault["value"], "directory" in fault["what"]) == (people[1].list_name, True)
    effects = {step.item["name"]: "lost" in step.item["effect"] for step in found.steps}
    assert effects == {people[0].list_name: True, people[2].list_name: False}, "who stays through it loses nothing"
    assert any("Lonen" in notice for notice in found.notices)
    apply_plan(alice.office, found, by=actor(alice))
    assert members_of(team) == {"Boris": "directory", "Cees": "directory"}


def test_a_review_revokes_the_rest(alice: User, team: Team, people: list[User]) -> None:
    boris = people[1]
    IndividualRight.objects.create(provider=alice.office, user=boris, right=Right.VIEW_AUDIT)
    revoked = RevokedPaths(teams=[str(team.pk)], rights=[Right.VIEW_AUDIT.value], integrations=[], since={})
    paths = {str(boris.pk): revoked}
    found = plan(alice, BulkAction.REVOKE, [boris], paths=paths)
    assert any("Lonen" in notice for notice in found.notices)
    apply_plan(alice.office, found, by=actor(alice))
    assert not boris.individual_rights.exists()
    assert members_of(team)["Boris"] == "directory"


def test_who_lacks_the_rights_of_a_shared_team_is_refused_by_the_plan(
    alice: User, team: Team, people: list[User]
) -> None:
    weak = make_user(alice.office, Right.MANAGE_USERS, Right.VIEW_USERS, username="zwak")
    request = BulkActionRequest(BulkAction.LEAVE, [str(people[2].pk)], team=str(team.pk))
    found = plan_bulk_action(alice.office, request, by=actor(weak))
    assert (found.steps, len(found.faults)) == ([], 1)


def test_added_by_hand_as_well(alice: User, team: Team, people: list[User]) -> None:
    teams.actions.change_members(team, add=people, by=actor(alice))
    assert members_of(team) == {"Anna": "manual", "Boris": "both", "Cees": "both"}


def test_match_to_a_colleague_leaves_teams_of_the_directory(
    alice: User, alice_client: Client, team: Team, people: list[User]
) -> None:
    other = make_team(alice.office, name="Controle")
    model = make_user(alice.office, username="voorbeeld")
    teams.actions.change_members(other, add=[model], by=actor(alice))
    for user in people:
        page = alice_client.get(reverse("teams:compare_users", args=[user.pk]), {"colleague": model.pk})
        stays = user != people[0]
        assert [item.name for item in page.context["comparison"].kept_teams] == (["Lonen"] if stays else [])
        posted = {"colleague": model.pk, "shown": page.context["shown"]}
        alice_client.post(reverse("teams:copy_colleague_access", args=[user.pk]), posted)
        again = alice_client.get(reverse("teams:compare_users", args=[user.pk]), {"colleague": model.pk})
        assert again.context["comparison"].is_equal
    assert members_of(team) == {"Boris": "directory", "Cees": "directory"}
    assert other.members.count() == 4


def test_set_teams_leaves_them_too(alice: User, team: Team, people: list[User]) -> None:
    for user in people:
        teams.actions.set_teams(user, [], by=actor(alice))
    assert members_of(team) == {"Boris": "directory", "Cees": "directory"}
