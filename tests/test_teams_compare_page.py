"""Two colleagues beside each other, and making one like the other."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Provider, User
from teams import rights
from teams.models import TeamMember
from teams.rights import Right
from tests.people import make_user
from tests.test_teams_rights_page import employer, give, put

pytestmark = pytest.mark.django_db


def url(user: User, name: str = "teams:compare") -> str:
    return reverse(name, args=[user.pk])


@pytest.fixture
def eve(office: Provider) -> User:
    return make_user(office, Right.VIEW_HRM, last_name="Eerste", username="eve", email="eve@devries.example")


def teams_of(user: User) -> set[str]:
    return set(TeamMember.objects.filter(user=user).values_list("team__name", flat=True))


def test_the_difference_is_shown_first_and_then_made(alices: Client, bob: User, eve: User, office: Provider) -> None:
    place = employer(office, 1)
    put(office, "Loon", [bob, eve], [place], Right.VIEW_WAGES)
    put(office, "Controle", [eve], [], Right.VIEW_AUDIT)
    put(office, "Oud", [bob], [], Right.VIEW_TEAMS)
    give(bob, Right.VIEW_BILLING)
    context = alices.get(url(bob), {"colleague": eve.pk}).context
    found = context["comparison"]
    assert [[team.name for team in side] for side in found.teams] == [["Oud"], ["Loon"], ["Controle"]]
    assert found.employers.both == [place]
    assert teams_of(bob) == {"Loon", "Oud"}, "looking changes nothing"
    alices.post(url(bob, "teams:make_like"), {"colleague": eve.pk, "shown": context["shown"]})
    assert teams_of(bob) == {"Loon", "Controle"}
    assert rights.individual_rights(bob) == {Right.VIEW_HRM}
    assert alices.get(url(bob), {"colleague": eve.pk}).context["comparison"].is_equal


def test_what_changed_since_it_was_shown_stops_it(alices: Client, bob: User, eve: User) -> None:
    shown = alices.get(url(bob), {"colleague": eve.pk}).context["shown"]
    give(eve, Right.VIEW_AUDIT)
    for old in (shown, "", "\x00"):
        alices.post(url(bob, "teams:make_like"), {"colleague": eve.pk, "shown": old})
    assert not rights.individual_rights(bob)


def test_nobody_grows_by_it(bobs: Client, alice: User, bob: User, eve: User) -> None:
    give(bob, Right.VIEW_USERS, Right.GRANT_RIGHTS, Right.MANAGE_TEAMS)
    for person, other in ((bob, alice), (eve, alice)):
        shown = bobs.get(url(person), {"colleague": other.pk}).context["shown"]
        asked = {"colleague": other.pk, "shown": shown}
        assert bobs.post(url(person, "teams:make_like"), asked).status_code == 403
    assert not bobs.get(url(bob), {"colleague": alice.pk}).context["may_change"]
    assert rights.individual_rights(eve) == {Right.VIEW_HRM}


def test_others_do_not_exist(
    alices: Client, bobs: Client, charlies: Client, charlie: User, alice: User, bob: User
) -> None:
    assert charlies.get(url(bob)).status_code == charlies.post(url(bob, "teams:make_like")).status_code == 404
    assert bobs.get(url(alice)).status_code == bobs.post(url(alice, "teams:make_like")).status_code == 403
    for odd in (charlie.pk, bob.pk, "x\x00", ""):
        assert "colleague" in alices.get(url(bob), {"colleague": odd}).context["form"].errors
        assert alices.post(url(bob, "teams:make_like"), {"colleague": odd}).status_code == 404


def test_queries_do_not_grow(
    alices: Client, bob: User, eve: User, office: Provider, django_assert_max_num_queries
) -> None:
    for number in range(9):
        put(office, f"Team {number}", [bob, eve], [employer(office, number)], Right.VIEW_WAGES)
    with django_assert_max_num_queries(20):
        assert alices.get(url(bob), {"colleague": eve.pk}).status_code == 200
