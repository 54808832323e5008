"""The teams of a user, on the page of that user."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

import teams.actions
from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from permissions.checks import Right
from permissions.models import Employer, IndividualRight, Team, TeamMember
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
PAGES = ["user_teams", "add_teams", "leave_teams"]


def url(name: str, user: User) -> str:
    return reverse(f"teams:{name}", args=[user.pk])


def give(user: User, *given: Right) -> None:
    IndividualRight.objects.bulk_create(
        IndividualRight(provider=user.provider, user=user, right=right) for right in given
    )


def names(user: User) -> set[Any]:
    return set(user.memberships.values_list("team__name", flat=True))


@pytest.fixture
def three(office: Provider) -> list[Team]:
    return [teams.actions.create_team(office, name=name, by=actor()) for name in ("Loon", "Hrm", "Controle")]


@pytest.mark.parametrize("name", PAGES)
def test_others_do_not_get_there(bob_client: Client, charlie_client: Client, alice: User, name: str) -> None:
    assert charlie_client.post(url(name, alice)).status_code == (405 if name == "user_teams" else 404)
    assert charlie_client.get(url(name, alice)).status_code == (405 if name == "leave_teams" else 404)
    assert bob_client.get(url(name, alice)).status_code == bob_client.post(url(name, alice)).status_code == 403


def test_user_joins_and_leaves_many_teams_at_once(alice_client: Client, bob: User, three: list[Team]) -> None:
    for _twice in range(2):
        answer = alice_client.post(url("add_teams", bob), {"teams": [team.pk for team in three]})
        assert answer.headers["Location"] == url("user_teams", bob)
    assert names(bob) == {"Loon", "Hrm", "Controle"}
    assert Event.objects.filter(verb=Verb.TEAMS_CHANGED, target_id=bob.pk).count() == 3
    page = alice_client.get(url("user_teams", bob))
    assert len(page.context["shown"]) == 3
    for team in three:
        assert reverse("teams:team_detail", args=[team.pk]) in page.text
    for _twice in range(2):
        alice_client.post(url("leave_teams", bob), {"teams": [three[0].pk, three[1].pk], "sure": "1"})
    assert names(bob) == {"Controle"}


def test_leaving_is_confirmed_first(alice_client: Client, bob: User, three: list[Team]) -> None:
    alice_client.post(url("add_teams", bob), {"teams": [team.pk for team in three]})
    asked = alice_client.post(url("leave_teams", bob), {"teams": [three[0].pk]})
    assert asked.context["confirmation"].names == ["Loon"]
    assert "uit 1 team halen?" in asked.text
    assert len(names(bob)) == 3


def test_the_tab_is_on_every_page_of_a_person(alice_client: Client, bob: User) -> None:
    for name in ("users:user_detail", "teams:user_rights", "teams:user_teams"):
        assert f'href="{url("user_teams", bob)}"' in alice_client.get(reverse(name, args=[bob.pk])).text


def test_who_only_looks_sees_names_without_links(bob_client: Client, bob: User, alice: User, three: list[Team]) -> None:
    TeamMember.objects.create(provider=alice.provider, user=alice, team=three[0])
    give(bob, Right.VIEW_USERS)
    page = bob_client.get(url("user_teams", alice)).text
    assert "Loon" in page
    for address in (
        reverse("teams:team_detail", args=[three[0].pk]),
        url("add_teams", alice),
        url("leave_teams", alice),
    ):
        assert address not in page


def test_users_cannot_change_their_own(alice_client: Client, alice: User, three: list[Team]) -> None:
    TeamMember.objects.create(provider=alice.provider, user=alice, team=three[0])
    assert alice_client.get(url("user_teams", alice)).context["is_self"]
    for name, team in (("add_teams", three[1]), ("leave_teams", three[0])):
        assert alice_client.post(url(name, alice), {"teams": [team.pk], "sure": "1"}).status_code == 403
    assert names(alice) == {"Loon"}


def test_nothing_chosen_and_odd_ids(alice_client: Client, bob: User, charlie: User, three: list[Team]) -> None:
    theirs = teams.actions.create_team(charlie.provider, name="Elders", by=actor())
    for value in ([], ["x"], ["\x00"], ["🙂"], [theirs.pk], [three[0].pk, theirs.pk]):
        assert "teams" in alice_client.post(url("add_teams", bob), {"teams": value, "x": ""}).context["form"].errors
        assert alice_client.post(url("leave_teams", bob), {"teams": value}).headers["Location"] == url(
            "user_teams", bob
        )
    assert not TeamMember.objects.exists()


def test_a_team_beyond_ones_own_rights_is_not_among_them(
    bob_client: Client, bob: User, alice: User, office: Provider, three: list[Team]
) -> None:
    give(bob, Right.MANAGE_TEAMS, Right.VIEW_TEAMS)
    teams.actions.set_team_rights(three[0], [Right.VIEW_AUDIT], by=actor())
    there = Employer.objects.create(provider=office, number=1, name="W")
    teams.actions.set_team_rights(three[1], [Right.VIEW_WAGES], by=actor())
    teams.actions.change_employers(three[1], add=[there], by=actor())
    page = bob_client.get(url("add_teams", alice))
    assert [team.name for team in page.context["rows"]] == ["Controle"]
    refused = bob_client.post(url("add_teams", alice), {"teams": [three[0].pk]})
    assert refused.context["form"].errors.as_data()["teams"][0].code == "invalid_choice"
    TeamMember.objects.create(provider=office, user=alice, team=three[0])
    assert bob_client.post(url("leave_teams", alice), {"teams": [three[0].pk], "sure": "1"}).status_code == 403


def test_all_or_nothing(bob_client: Client, bob: User, office: Provider, three: list[Team]) -> None:
    give(bob, Right.MANAGE_TEAMS)
    other = make_user(office, Right.VIEW_WAGES, username="ander")
    place = Employer.objects.create(provider=office, number=1, name="W")
    teams.actions.change_employers(three[1], add=[place], by=actor())
    asked = {"teams": [team.pk for team in three]}
    assert bob_client.post(url("add_teams", other), asked).status_code == 403, (
        "the new member has an individual right there"
    )
    assert names(other) == set()


def test_a_machine_is_offered_no_team_that_manages_the_office(
    alice_client: Client, office: Provider, three: list[Team]
) -> None:
    machine = make_user(office, username="dienst", login_method=LoginMethod.SSO_WEBSERVICE)
    teams.actions.set_team_rights(three[0], [Right.MANAGE_PROVIDER], by=actor())
    assert {team.name for team in alice_client.get(url("add_teams", machine)).context["rows"]} == {"Hrm", "Controle"}
    assert "teams" in alice_client.post(url("add_teams", machine), {"teams": [three[0].pk]}).context["form"].errors


def test_the_last_administrator_stays_in_the_team(
    alice_client: Client, alice: User, office: Provider, three: list[Team]
) -> None:
    boss = make_user(office, username="boss")
    teams.actions.set_team_rights(three[0], [Right.MANAGE_PROVIDER], by=actor())
    teams.actions.change_members(three[0], add=[boss], by=actor())
    User.objects.filter(pk=alice.pk).update(access_until="2099-01-01")
    answer = alice_client.post(url("leave_teams", boss), {"teams": [three[0].pk], "sure": "1"}, follow=True)
    assert "Na 1 januari 2099" in answer.text
    assert names(boss) == {"Loon"}


@pytest.mark.parametrize("name", ["add_teams", "leave_teams"])
def test_a_team_that_went_meanwhile_is_said(
    alice_client: Client, bob: User, three: list[Team], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.errors import EditConflict

    def gone(*_arguments: Any, **_named: Any) -> None:
        raise EditConflict

    monkeypatch.setattr(teams.actions, "change_members", gone)
    answer = alice_client.post(url(name, bob), {"teams": [three[0].pk], "sure": "1"}, follow=True)
    assert "intussen" in answer.text


def test_queries_do_not_grow_with_teams(
    alice_client: Client, bob: User, office: Provider, django_assert_num_queries: Any
) -> None:
    made = Team.objects.bulk_create(Team(provider=office, name=f"T{n}", sort_name=f"t{n:03}") for n in range(120))
    TeamMember.objects.bulk_create(TeamMember(provider=office, team=team, user=bob) for team in made[:60])
    with django_assert_num_queries(6):  # session, person, rights, the colleague, their teams, counts of the tabs
        page = alice_client.get(url("user_teams", bob))
    assert len(page.context["shown"]) == 50
    assert len(alice_client.get(url("user_teams", bob) + page.context["next_url"]).context["shown"]) == 10
    with django_assert_num_queries(7):  # also: the rights held, and whether they are inactive
        assert len(alice_client.get(url("add_teams", bob)).context["rows"]) == 50
    assert len(alice_client.get(url("add_teams", bob), {"q": "t11"}).context["rows"]) == 10
