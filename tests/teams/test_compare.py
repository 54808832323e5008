"""Comparing two colleagues, and giving one the access of the other."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Provider, User
from permissions import checks
from permissions.checks import Right
from permissions.models import TeamMember
from tests.helpers.users import make_user
from tests.teams.test_user_rights import employer, give, put

pytestmark = pytest.mark.django_db


def url(user: User, name: str = "teams:compare_users") -> str:
    return reverse(name, args=[user.pk])


@pytest.fixture
def eve(office: Provider) -> User:
    return make_user(office, Right.VIEW_HRM, last_name="Eerste", username="eve", email="eve@devries.example")


def teams_of(user: User) -> set[str]:
    return set(TeamMember.objects.filter(user=user).values_list("team__name", flat=True))


def test_the_difference_is_shown_first_and_then_made(
    alice_client: Client, bob: User, eve: User, office: Provider
) -> None:
    place = employer(office, 1)
    put(office, "Loon", [bob, eve], [place], Right.VIEW_WAGES)
    put(office, "Controle", [eve], [], Right.VIEW_AUDIT)
    put(office, "Oud", [bob], [], Right.VIEW_TEAMS)
    give(bob, Right.VIEW_BILLING)
    context = alice_client.get(url(bob), {"colleague": eve.pk}).context
    found = context["comparison"]
    assert [[team.name for team in side] for side in found.teams] == [["Oud"], ["Loon"], ["Controle"]]
    assert found.employers.both == [place]
    assert teams_of(bob) == {"Loon", "Oud"}, "looking changes nothing"
    alice_client.post(url(bob, "teams:copy_colleague_access"), {"colleague": eve.pk, "shown": context["shown"]})
    assert teams_of(bob) == {"Loon", "Controle"}
    assert checks.individual_rights(bob) == {Right.VIEW_HRM}
    assert alice_client.get(url(bob), {"colleague": eve.pk}).context["comparison"].is_equal


def test_rights_are_compared_in_the_grid(alice_client: Client, bob: User, eve: User) -> None:
    give(bob, Right.VIEW_HRM, Right.VIEW_BILLING)
    page = alice_client.get(url(bob), {"colleague": eve.pk})
    grid = page.text.split('class="rights-grid')[1]
    cells = dict(re.findall(r'<td[^>]*>(?=(?:(?!</td>).)*aria-label="([^"]+)")((?:(?!</td>).)*)</td>', grid, re.S))
    both, first = cells[Right.VIEW_HRM.label], cells[Right.VIEW_BILLING.label]
    assert (" checked" in both, "difference" in both) == (True, False)
    assert (" checked" in first, f"alleen {bob.full_name}" in first) == (True, True)
    assert " checked" not in cells[Right.VIEW_WAGES.label]
    assert "name=" not in grid.split("<table")[1].split("</table>")[0], "nothing can be ticked"
    assert "Alleen verschillen" in grid
    give(eve, Right.VIEW_BILLING)
    assert "Alleen verschillen" not in alice_client.get(url(bob), {"colleague": eve.pk}).text


def test_what_changed_since_it_was_shown_stops_it(alice_client: Client, bob: User, eve: User) -> None:
    shown = alice_client.get(url(bob), {"colleague": eve.pk}).context["shown"]
    give(eve, Right.VIEW_AUDIT)
    for old in (shown, "", "\x00"):
        alice_client.post(url(bob, "teams:copy_colleague_access"), {"colleague": eve.pk, "shown": old})
    assert not checks.individual_rights(bob)


@pytest.mark.slow
def test_users_cannot_copy_rights_they_lack(bob_client: Client, alice: User, bob: User, eve: User) -> None:
    give(bob, Right.VIEW_USERS, Right.GRANT_RIGHTS, Right.MANAGE_TEAMS)
    for person, other in ((bob, alice), (eve, alice)):
        shown = bob_client.get(url(person), {"colleague": other.pk}).context["shown"]
        asked = {"colleague": other.pk, "shown": shown}
        assert bob_client.post(url(person, "teams:copy_colleague_access"), asked).status_code == 403
    assert not bob_client.get(url(bob), {"colleague": alice.pk}).context["may_change"]
    assert checks.individual_rights(eve) == {Right.VIEW_HRM}


def test_others_do_not_exist(
    alice_client: Client, bob_client: Client, charlie_client: Client, charlie: User, alice: User, bob: User
) -> None:
    assert (
        charlie_client.get(url(bob)).status_code
        == charlie_client.post(url(bob, "teams:copy_colleague_access")).status_code
        == 404
    )
    assert (
        bob_client.get(url(alice)).status_code
        == bob_client.post(url(alice, "teams:copy_colleague_access")).status_code
        == 403
    )
    for odd in (charlie.pk, bob.pk, "x\x00", ""):
        assert "colleague" in alice_client.get(url(bob), {"colleague": odd}).context["form"].errors
        assert alice_client.post(url(bob, "teams:copy_colleague_access"), {"colleague": odd}).status_code == 404


def test_queries_do_not_grow(
    alice_client: Client, bob: User, eve: User, office: Provider, django_assert_max_num_queries
) -> None:
    for number in range(9):
        put(office, f"Team {number}", [bob, eve], [employer(office, number)], Right.VIEW_WAGES)
    with django_assert_max_num_queries(20):
        assert alice_client.get(url(bob), {"colleague": eve.pk}).status_code == 200
