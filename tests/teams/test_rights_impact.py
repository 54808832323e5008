"""Before the rights of a team are saved, the page says whom that reaches."""

import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Provider, User
from permissions.action_helpers import get_team_rights
from permissions.catalog import Right
from permissions.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from permissions.products import Product
from teams.rights_impact import RightsImpact
from teams.rights_impact import compute_rights_impact as compute
from tests.helpers.users import make_user
from tests.teams.test_members import crowd, shops

pytestmark = pytest.mark.django_db


@pytest.fixture
def employers(office: Provider) -> list[Employer]:
    return [
        Employer.objects.create(provider=office, number=number, name=f"Bakker {number}", products=products)
        for number, products in enumerate([[Product.JOURNAL], [], []], 1)
    ]


def make_team(office: Provider, name: str, users: list[User], employers: list[Employer], *rights: Right) -> Team:
    team = Team.objects.create(provider=office, name=name)
    TeamMember.objects.bulk_create(TeamMember(provider=office, team=team, user=user) for user in users)
    TeamEmployer.objects.bulk_create(TeamEmployer(provider=office, team=team, employer=one) for one in employers)
    TeamRight.objects.bulk_create(TeamRight(provider=office, team=team, right=right) for right in rights)
    return team


@pytest.fixture
def team(office: Provider, bob: User, employers: list[Employer]) -> Team:
    carl, dora = make_user(office, username="carl", last_name="Carels"), make_user(office, username="dora")
    User.objects.filter(pk=dora.pk).update(blocked_at=timezone.now())
    return make_team(office, "Loon Noord", [bob, carl, dora], employers, Right.VIEW_WAGES)


def compute_rights_impact(team: Team, rights: list[Right]) -> RightsImpact:
    return compute(team, get_team_rights(team), frozenset(rights))


def url(name: str, team: Team) -> str:
    return reverse(f"teams:{name}", args=[team.pk])


def test_only_who_has_it_no_other_way_is_counted(
    office: Provider, bob: User, team: Team, employers: list[Employer]
) -> None:
    make_team(office, "Elders", [bob], employers[:2], Right.EXPORT_JOURNAL)
    impact = compute_rights_impact(team, [Right.EXPORT_JOURNAL])
    assert (len(impact.gaining.users), len(impact.gaining.employers)) == (3, 3)
    assert impact.without_product == {Right.EXPORT_JOURNAL: 2}
    assert list(impact.inactive.values()) == [1]
    assert (len(impact.losing.users), len(impact.losing.employers)) == (3, 3)
    IndividualRight.objects.create(provider=office, user=bob, right=Right.EXPORT_JOURNAL)
    assert bob.pk not in compute_rights_impact(team, [Right.EXPORT_JOURNAL]).gaining.users
    IndividualRight.objects.all().delete()
    TeamEmployer.objects.filter(team=team, employer=employers[2]).delete()
    assert bob.pk not in compute_rights_impact(team, [Right.EXPORT_JOURNAL]).gaining.users


def test_managing_the_office_includes_its_rights(office: Provider, team: Team) -> None:
    boss = make_user(office, Right.MANAGE_PROVIDER, username="boss")
    TeamMember.objects.create(provider=office, team=team, user=boss)
    impact = compute_rights_impact(team, [Right.VIEW_WAGES, Right.VIEW_USERS, Right.VIEW_BILLING])
    assert len(impact.gaining.users) == 4
    assert impact.gaining.office_wide
    assert boss.pk not in compute_rights_impact(team, [Right.VIEW_WAGES, Right.VIEW_USERS]).gaining.users


def test_the_page_asks_first_and_saves_what_was_asked(alice_client: Client, team: Team) -> None:
    data: dict[str, Any] = {"rights": ["export_journal"], "version": team.version}
    page = alice_client.post(url("change_team_rights", team), data)
    assert get_team_rights(team) == {Right.VIEW_WAGES}
    assert "3 collega’s krijgen dit bij 3 werkgevers" in page.text
    assert "werkt bij 2 van de 3 werkgevers niet" in page.text
    assert "Carels" in page.text
    hidden = dict(page.context["hidden"])
    assert alice_client.post(url("change_team_rights", team), hidden).status_code == 302
    assert get_team_rights(team) == {Right.EXPORT_JOURNAL}


def test_who_reaches_no_one_is_not_asked(alice_client: Client, office: Provider) -> None:
    team = make_team(office, "Leeg", [], [])
    data = {"rights": ["view_hrm"], "version": team.version}
    assert alice_client.post(url("change_team_rights", team), data).status_code == 302
    assert get_team_rights(team) == {Right.VIEW_HRM}


def test_the_preview_names_no_one_to_whom_may_not_view_users(client: Client, office: Provider, team: Team) -> None:
    client.force_login(make_user(office, Right.MANAGE_TEAMS, Right.VIEW_WAGES, username="planner"))
    page = client.get(url("preview_team_rights", team))
    assert "3 collega’s raken iets kwijt bij 3 werkgevers" in page.text
    assert "Carels" not in page.text
    assert "<summary>" not in page.text
    page = client.post(url("change_team_rights", team), {"rights": [], "version": team.version})
    assert "3 collega’s raken iets kwijt" in page.text
    assert "Carels" not in page.text


def test_the_preview_changes_nothing_and_refuses_others(
    alice_client: Client, bob_client: Client, charlie_client: Client, team: Team
) -> None:
    path = url("preview_team_rights", team)
    assert alice_client.get(path, {"rights": "view_hrm"}).status_code == 200
    assert alice_client.get(path, {"rights": "root"}).status_code == 400
    assert get_team_rights(team) == {Right.VIEW_WAGES}
    assert bob_client.get(path).status_code == 403
    assert charlie_client.get(path).status_code == 404


def test_queries_do_not_grow(
    alice_client: Client, office: Provider, team: Team, django_assert_num_queries: Any
) -> None:
    path = url("preview_team_rights", team)
    with django_assert_num_queries(16):
        alice_client.get(path, {"rights": ["view_hrm", "view_users"]})
    users = [make_user(office, username=f"u{number}") for number in range(5)]
    for number in range(4):
        make_team(office, f"T{number}", users, list(Employer.objects.all()), Right.VIEW_HRM)
    TeamMember.objects.bulk_create(TeamMember(provider=office, team=team, user=user) for user in users)
    with django_assert_num_queries(16):
        alice_client.get(path, {"rights": ["view_hrm", "view_users"]})


@pytest.mark.slow
def test_a_large_team_is_previewed_in_bounded_time(alice_client: Client, office: Provider) -> None:
    """200 members in 20 other teams, and 1,000 employers in each."""
    users, employers = crowd(office, 200), shops(office, 1000)
    team = make_team(office, "Groot", users, employers)
    for number in range(20):
        make_team(office, f"T{number}", users[number * 10 :], employers, *list(Right)[30 + number // 2 :])
    started = time.perf_counter()
    page = alice_client.get(url("preview_team_rights", team), {"rights": [right.value for right in Right]})
    assert page.status_code == 200
    assert time.perf_counter() - started < 5, page.text
