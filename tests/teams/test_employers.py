"""Employers: the list, creating and editing one, and linking it to teams."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

import teams.actions
import teams.employers
from accounts.models import Provider, User
from core.errors import EditConflict
from core.paging import PAGE_SIZE
from permissions.checks import Right
from permissions.models import Employer, IndividualRight, Team, TeamEmployer
from permissions.products import Product
from tests.helpers.users import actor

pytestmark = pytest.mark.django_db
URL, NEW = reverse("teams:employer_list"), reverse("teams:create_employer")


def make(office: Provider, number: int = 7, name: str = "Bakkerij", **fields: Any) -> Employer:
    return teams.employers.create_employer(office, number=number, name=name, by=actor(), **fields)


def url(name: str, employer: Employer) -> str:
    return reverse(f"teams:{name}", args=[employer.pk])


def names(client: Client, **query: str) -> list[str]:
    return [employer.name for employer in client.get(URL, query).context["rows"]]


def errors(response: Any) -> dict[str, Any]:
    return response.context["form"].errors.as_data()


def allow(user: User, *rights: Right) -> None:
    for right in rights:
        IndividualRight.objects.create(provider=user.provider, user=user, right=right)


def test_pages_require_the_right(bob_client: Client, office: Provider) -> None:
    employer = make(office)
    for where in (URL, NEW, url("edit_employer", employer), url("link_teams", employer)):
        assert bob_client.get(where).status_code == 403
        assert bob_client.post(where).status_code == 403


def test_another_office_is_not_there(charlie_client: Client, office: Provider) -> None:
    employer = make(office)
    assert names(charlie_client) == []
    for name in ("edit_employer", "link_teams"):
        assert charlie_client.get(url(name, employer)).status_code == 404
        assert charlie_client.post(url(name, employer)).status_code == 404


def test_search_covers_name_and_number(alice_client: Client, office: Provider) -> None:
    make(office, 1001, "Café Zuid")
    make(office, 1002, "Bakkerij")
    make(office, 2001, "Smederij 100")
    assert names(alice_client, q="CAFE zuid") == ["Café Zuid"]
    assert names(alice_client, q="100") == ["Bakkerij", "Café Zuid", "Smederij 100"]
    assert names(alice_client, q="1002") == ["Bakkerij"]


def test_employers_without_a_team_are_filtered(alice_client: Client, office: Provider) -> None:
    linked, _loose = make(office), make(office, 8, "Molen")
    team = teams.actions.create_team(office, name="Loon", by=actor())
    teams.actions.change_employers(team, add=[linked], by=actor())
    assert names(alice_client) == ["Bakkerij", "Molen"]
    assert names(alice_client, only="1") == ["Molen"]


def test_each_page_takes_the_same_queries(
    alice_client: Client, office: Provider, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make(office)
    with django_assert_num_queries(5):  # session, person, rights, list, count
        alice_client.get(URL)
    for number in range(100, 100 + PAGE_SIZE + 3):
        make(office, number, f"Werkgever {number}")
    with django_assert_num_queries(5):
        first = alice_client.get(URL).context
    assert len(alice_client.get(URL + first["next_url"]).context["rows"]) == 4


def test_making_one_leads_to_its_teams(alice_client: Client, office: Provider) -> None:
    data = {"number": "1001", "name": "Bakkerij Jansen", "products": ["940", "80"]}
    response = alice_client.post(NEW, data)
    employer = Employer.objects.get(provider=office)
    assert response.headers["Location"] == url("link_teams", employer)
    assert employer.products == [Product.LEAVE_SCHEME, Product.JOURNAL]
    assert errors(alice_client.post(NEW, data))["number"][0].code == "taken"
    assert Employer.objects.count() == 1


def test_who_does_not_manage_teams_goes_back_to_the_list(bob_client: Client, bob: User) -> None:
    allow(bob, Right.MANAGE_EMPLOYERS)
    response = bob_client.post(NEW, {"number": "1", "name": "Bakkerij"})
    assert response.headers["Location"] == URL
    assert bob_client.get(url("link_teams", Employer.objects.get())).status_code == 403


@pytest.mark.parametrize("number", ["", "0", "-1", "100000000", "99999999999999999999", "x", "1\x00", "1.5"])
def test_invalid_numbers_are_refused(alice_client: Client, number: str) -> None:
    assert "number" in errors(alice_client.post(NEW, {"number": number, "name": "Bakkerij"}))


@pytest.mark.parametrize("name", ["", "a\x00b", "x" * 71, "\u202egnp"])
def test_invalid_names_are_refused(alice_client: Client, name: str) -> None:
    assert "name" in errors(alice_client.post(NEW, {"number": "1", "name": name}))


@pytest.mark.parametrize("product", ["1", "x", "80\x00", "99999999999999999999"])
def test_unknown_products_are_refused(alice_client: Client, product: str) -> None:
    assert "products" in errors(alice_client.post(NEW, {"number": "1", "name": "B", "products": [product]}))


def test_employer_is_updated_and_another_change_is_noticed(alice_client: Client, office: Provider) -> None:
    employer = make(office, products=[Product.JOURNAL])
    data = {"number": "9", "name": "Molen", "products": ["80"], "version": "1"}
    assert alice_client.post(url("edit_employer", employer), data).headers["Location"] == URL
    employer.refresh_from_db()
    assert (employer.number, employer.name, employer.products) == (9, "Molen", [80])
    response = alice_client.post(url("edit_employer", employer), data | {"name": "Anders", "products": []})
    assert {"__all__", "name", "products"} <= set(errors(response))
    assert response.context["form"]["version"].value() == "2"
    employer.refresh_from_db()
    assert employer.name == "Molen"
    make(office, 10, "Ander")
    response = alice_client.post(url("edit_employer", employer), data | {"number": "10", "version": "2"})
    assert errors(response)["number"][0].code == "taken"


def test_many_teams_are_linked_once(alice_client: Client, office: Provider) -> None:
    employer = make(office)
    chosen = [teams.actions.create_team(office, name=name, by=actor()) for name in ("Noord", "Zuid")]
    page = alice_client.get(url("link_teams", employer)).context
    assert list(page["rows"]) == chosen
    for _twice in range(2):
        response = alice_client.post(url("link_teams", employer), {"teams": [team.pk for team in chosen]})
        assert response.headers["Location"] == URL
    assert TeamEmployer.objects.filter(employer=employer).count() == 2
    assert list(alice_client.get(url("link_teams", employer)).context["rows"]) == []
    assert list(alice_client.get(url("edit_employer", employer)).context["teams"]) == chosen


def test_own_teams_and_those_of_other_offices_are_not_offered(alice_client: Client, alice: User, charlie: User) -> None:
    employer = make(alice.provider)
    own = teams.actions.create_team(alice.provider, name="Eigen", by=actor())
    teams.actions.change_members(own, add=[alice], by=actor())
    theirs = teams.actions.create_team(charlie.provider, name="Elders", by=actor())
    assert list(alice_client.get(url("link_teams", employer)).context["rows"]) == []
    for team in (own.pk, theirs.pk, uuid4(), "x\x00"):
        assert "teams" in errors(alice_client.post(url("link_teams", employer), {"teams": [str(team)]}))
    assert errors(alice_client.post(url("link_teams", employer), {"other": ""}))["teams"][0].code == "required"
    assert not TeamEmployer.objects.exists()


def test_a_link_beyond_ones_own_rights_links_nothing(bob_client: Client, bob: User, office: Provider) -> None:
    allow(bob, Right.MANAGE_TEAMS)
    employer = make(office)
    empty, full = (teams.actions.create_team(office, name=name, by=actor()) for name in ("Aap", "Noot"))
    teams.actions.set_team_rights(full, [Right.VIEW_WAGES], by=actor())
    response = bob_client.post(url("link_teams", employer), {"teams": [empty.pk, full.pk]})
    assert response.status_code == 403
    assert not TeamEmployer.objects.exists()
    response = bob_client.post(url("link_teams", employer), {"teams": [empty.pk]})
    assert response.headers["Location"] == reverse("teams:team_list")
    assert Team.objects.get(employers__employer=employer) == empty


def test_a_team_that_went_meanwhile_is_said(
    alice_client: Client, office: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_arguments: Any, **_named: Any) -> None:
        raise EditConflict

    team = teams.actions.create_team(office, name="Loon", by=actor())
    monkeypatch.setattr(teams.actions, "change_employers", gone)
    response = alice_client.post(url("link_teams", make(office)), {"teams": [team.pk]})
    assert errors(response)["teams"][0].code == "stale"
