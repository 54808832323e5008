"""The list of teams, creating one, and the menu."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

import teams.actions
import teams.employers
import teams.sets
from accounts.models import Provider, User
from core.errors import EditConflict
from core.paging import PAGE_SIZE
from permissions.action_helpers import get_team_rights
from permissions.checks import Right
from permissions.models import IndividualRight, Team
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
URL, NEW = reverse("teams:team_list"), reverse("teams:create_team")


def names(client: Client, **query: str) -> list[str]:
    return [team.name for team, _gaps in client.get(URL, query).context["rows"]]


def make_teams(office: Provider, *wanted: str) -> list[Team]:
    return [teams.actions.create_team(office, name=name, by=actor()) for name in wanted]


@pytest.mark.parametrize("url", [URL, NEW])
def test_list_requires_the_right(bob_client: Client, url: str) -> None:
    assert bob_client.get(url).status_code == 403
    assert bob_client.post(url, {"name": "Loon"}).status_code == 403
    assert not Team.objects.exists()


def test_only_teams_of_the_own_office_are_listed(
    alice_client: Client, charlie_client: Client, office: Provider
) -> None:
    make_teams(office, "Émile", "eva", "aap")
    assert names(alice_client) == ["aap", "Émile", "eva"]
    assert names(charlie_client) == []


def test_parts_are_counted_and_missing_ones_named(alice_client: Client, office: Provider, bob: User) -> None:
    empty, full = make_teams(office, "Leeg", "Vol")
    employer = teams.employers.create_employer(office, number=7, name="Bakkerij", by=actor())
    teams.actions.change_members(full, add=[bob, make_user(office, username="nog")], by=actor())
    teams.actions.change_employers(full, add=[employer], by=actor())
    teams.actions.set_team_rights(full, [Right.VIEW_WAGES, Right.VIEW_HRM, Right.VIEW_USERS], by=actor())
    rows = dict(alice_client.get(URL).context["rows"])
    assert len(rows[empty]) == 3
    assert rows[full] == []
    counted = next(team for team in rows if team == full)
    assert (counted.member_count, counted.employer_count, counted.right_count) == (2, 1, 3)
    assert names(alice_client, only="1") == ["Leeg"]


def test_a_team_with_rights_at_the_office_only_needs_no_employers(
    alice_client: Client, office: Provider, bob: User
) -> None:
    (team,) = make_teams(office, "Beheer")
    teams.actions.change_members(team, add=[bob], by=actor())
    teams.actions.set_team_rights(team, [Right.VIEW_USERS], by=actor())
    assert dict(alice_client.get(URL).context["rows"])[team] == []
    assert names(alice_client, only="1") == []
    teams.actions.set_team_rights(team, [Right.VIEW_USERS, Right.VIEW_WAGES], by=actor())
    assert dict(alice_client.get(URL).context["rows"])[team] == ["geen werkgevers"]
    assert names(alice_client, only="1") == ["Beheer"]


@pytest.mark.slow
def test_list_is_searched_and_paged(alice_client: Client, office: Provider) -> None:
    make_teams(office, *[f"Loon {number:03}" for number in range(PAGE_SIZE + 5)], "Salaris Zuid")
    assert names(alice_client, q="SALARIS zuid") == ["Salaris Zuid"]
    assert names(alice_client, q="100%_") == []
    first = alice_client.get(URL, {"q": "loon"}).context
    second = alice_client.get(URL + first["next_url"]).context
    assert (len(first["rows"]), len(second["rows"]), second["next_url"]) == (PAGE_SIZE, 5, "")


def test_queries_do_not_grow_with_teams(
    alice_client: Client, office: Provider, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for wanted in (["Een"], [f"Team {number}" for number in range(PAGE_SIZE)]):
        make_teams(office, *wanted)
        with django_assert_num_queries(5):  # session, person, rights, list, count
            alice_client.get(URL)


def test_team_is_created_once(alice_client: Client, office: Provider) -> None:
    response = alice_client.post(NEW, {"name": "Loon Noord"})
    team = Team.objects.get(provider=office)
    assert response.headers["Location"] == reverse("teams:team_detail", args=[team.pk])
    again = alice_client.post(NEW, {"name": "LOON noord"})
    assert again.context["form"].errors.as_data()["name"][0].code == "taken"
    assert Team.objects.count() == 1


def test_team_is_created_from_a_set(alice_client: Client, office: Provider) -> None:
    wanted = {Right.VIEW_WAGES, Right.VIEW_HRM}
    basis = teams.sets.create_set(office, name="Basis", contents=wanted, by=actor())
    alice_client.post(NEW, {"name": "Loon", "authorization_set": basis.pk})
    team = Team.objects.get(name="Loon")
    assert get_team_rights(team) == wanted
    assert team.applied_sets.get().authorization_set == basis


def test_a_set_of_rights_that_one_does_not_hold_makes_no_team(bob_client: Client, bob: User, office: Provider) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.MANAGE_TEAMS)
    basis = teams.sets.create_set(office, name="Basis", contents=[Right.VIEW_AUDIT], by=actor())
    response = bob_client.post(NEW, {"name": "Loon", "authorization_set": basis.pk})
    assert response.context["form"].errors.as_data()["authorization_set"][0].code == "not_held"
    assert not Team.objects.exists()


def test_the_set_of_another_office_is_not_there(alice_client: Client, charlie: User) -> None:
    theirs = teams.sets.create_set(charlie.provider, name="Basis", contents=[Right.VIEW_AUDIT], by=actor())
    response = alice_client.post(NEW, {"name": "Loon", "authorization_set": theirs.pk})
    assert response.context["form"].errors.as_data()["authorization_set"][0].code == "invalid_choice"
    assert not Team.objects.exists()


@pytest.mark.parametrize("name", ["", " ", "a\x00b", "x" * 51, "\u202egnp"])
def test_invalid_names_are_refused(alice_client: Client, name: str) -> None:
    assert "name" in alice_client.post(NEW, {"name": name}).context["form"].errors


@pytest.mark.parametrize(
    ("right", "url"), [(Right.VIEW_TEAMS, URL), (Right.MANAGE_EMPLOYERS, reverse("teams:employer_list"))]
)
def test_the_menu_has_what_one_may_open(
    bob_client: Client, bob: User, office: Provider, right: Right, url: str
) -> None:
    def entries() -> list[Any]:
        menu = bob_client.get(reverse("home")).context["menu"]
        return [entry["url"] for group in menu for entry in group["entries"]]

    assert url not in entries()
    IndividualRight.objects.create(provider=office, user=bob, right=right)
    assert url in entries()
    assert bob_client.get(url).status_code == 200


def test_a_set_that_went_meanwhile_makes_no_team(
    alice_client: Client, office: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_arguments: Any, **_named: Any) -> None:
        raise EditConflict

    basis = teams.sets.create_set(office, name="Basis", contents=[Right.VIEW_AUDIT], by=actor())
    monkeypatch.setattr(teams.sets, "apply_set", gone)
    response = alice_client.post(NEW, {"name": "Loon", "authorization_set": basis.pk})
    assert response.context["form"].errors.as_data()["authorization_set"][0].code == "gone"
    assert not Team.objects.exists()


def test_htmx_gets_the_rows_and_the_count(alice_client: Client, office: Provider) -> None:
    make_teams(office, "Noord", "Zuid")
    response = alice_client.get(URL, {"q": "noord"}, headers={"HX-Request": "true"})
    assert "<html" not in response.text
    assert "1–1 van 1" in response.text
    assert re.search('id="list-count" role="status" data-hx-swap-oob', response.text)
    assert response.headers["HX-Push-Url"] == f"{URL}?q=noord"
    assert "1–2 van 2" in alice_client.get(URL).text
