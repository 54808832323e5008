"""A team's page: its three tabs, and changing, renaming and deleting the team."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

import teams.actions
import teams.employers
from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from core.errors import EditConflict
from core.paging import PAGE_SIZE
from permissions.action_helpers import get_team_rights
from permissions.checks import Right
from permissions.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember
from tests.helpers.users import actor, hash_of, make_user

pytestmark = pytest.mark.django_db
PAGES = ["team_detail", "edit_team", "delete_team", "add_users", "add_employers", "change_team_rights"]
POSTS = ["remove_users", "remove_employers"]


def url(name: str, team: Team) -> str:
    return reverse(f"teams:{name}", args=[team.pk])


def code(response: Any, field: str) -> str:
    return response.context["form"].errors.as_data()[field][0].code


@pytest.fixture
def team(office: Provider) -> Team:
    return teams.actions.create_team(office, name="Loon Noord", by=actor())


@pytest.fixture
def bakery(office: Provider) -> Employer:
    return teams.employers.create_employer(office, number=7, name="Bakkerij", by=actor())


def members(team: Team) -> set[Any]:
    return set(team.members.values_list("user__last_name", flat=True))


@pytest.mark.parametrize("name", [*PAGES, *POSTS])
def test_another_office_is_not_there(charlie_client: Client, team: Team, name: str) -> None:
    assert charlie_client.post(url(name, team)).status_code == (405 if name == "team_detail" else 404)
    assert charlie_client.get(url(name, team)).status_code == (405 if name in POSTS else 404)


@pytest.mark.parametrize("name", [*PAGES, *POSTS])
def test_a_colleague_without_the_right_is_refused(bob_client: Client, bob: User, team: Team, name: str) -> None:
    if name != "team_detail":
        IndividualRight.objects.create(provider=team.provider, user=bob, right=Right.VIEW_TEAMS)
    assert bob_client.get(url(name, team)).status_code == 403
    assert bob_client.post(url(name, team)).status_code == 403


def test_who_only_looks_changes_nothing(bob_client: Client, bob: User, team: Team, alice: User) -> None:
    IndividualRight.objects.create(provider=team.provider, user=bob, right=Right.VIEW_TEAMS)
    teams.actions.change_members(team, add=[alice], by=actor())
    assert alice.list_name in bob_client.get(url("team_detail", team)).text
    for tab in ("", "employers", "rights"):
        page = bob_client.get(url("team_detail", team), {"tab": tab}).text.partition("<main")[2]
        for name in [*PAGES[1:], *POSTS]:
            assert url(name, team) not in page
        assert 'type="checkbox" name=' not in page


def test_many_members_are_added_and_removed_at_once(
    alice_client: Client, team: Team, office: Provider, bob: User
) -> None:
    others = [make_user(office, username=f"u{number}", last_name=f"Naam{number}") for number in range(4)]
    chosen = [user.pk for user in others]
    for _twice in range(2):
        response = alice_client.post(url("add_users", team), {"users": [*chosen, bob.pk]})
        assert response.headers["Location"] == url("team_detail", team)
    assert team.members.count() == 5
    assert Event.objects.filter(verb=Verb.TEAM_CHANGED).count() == 1
    for _twice in range(2):
        alice_client.post(url("remove_users", team), {"users": chosen, "sure": "1"})
    assert members(team) == {"Bakker"}


def test_employers_are_added_and_removed(alice_client: Client, team: Team, bakery: Employer, office: Provider) -> None:
    mill = teams.employers.create_employer(office, number=8, name="Molen", by=actor())
    for _twice in range(2):
        alice_client.post(url("add_employers", team), {"employers": [bakery.pk, mill.pk]})
    assert team.employers.count() == 2
    for _twice in range(2):
        alice_client.post(url("remove_employers", team), {"employers": [mill.pk], "sure": "1"})
    assert team.employers.get().employer == bakery


def test_removal_is_confirmed_first(alice_client: Client, team: Team, bob: User, bakery: Employer) -> None:
    teams.actions.change_members(team, add=[bob], by=actor())
    teams.actions.change_employers(team, add=[bakery], by=actor())
    for name, field, one in (("remove_users", "users", bob), ("remove_employers", "employers", bakery)):
        asked = alice_client.post(url(name, team), {field: [one.pk]})
        assert asked.status_code == 200
        assert asked.context["hidden"] == [("sure", 1), (field, one.pk)]
        assert any(one.name in text if isinstance(one, Employer) else one.last_name in text
                   for text in asked.context["confirmation"].names)  # fmt: skip
    assert (team.members.count(), team.employers.count()) == (1, 1)


def test_nothing_chosen_is_said(alice_client: Client, team: Team) -> None:
    for name, field in (("add_users", "users"), ("add_employers", "employers")):
        assert code(alice_client.post(url(name, team), {"other": ""}), field) == "required"
    for name in POSTS:
        assert alice_client.post(url(name, team)).headers["Location"].startswith(url("team_detail", team))


@pytest.mark.parametrize("value", ["x", "a\x00b", "🙂", "00000000-0000-7000-8000-000000000000"])
def test_invalid_ids_are_refused(alice_client: Client, team: Team, value: str) -> None:
    for name, field in (("add_users", "users"), ("add_employers", "employers")):
        assert field in alice_client.post(url(name, team), {field: [value]}).context["form"].errors
    for name, field in (("remove_users", "users"), ("remove_employers", "employers")):
        assert alice_client.post(url(name, team), {field: [value]}).status_code == 302


def test_rows_of_another_office_are_refused(alice_client: Client, team: Team, charlie: User) -> None:
    theirs = teams.employers.create_employer(charlie.provider, number=7, name="Elders", by=actor())
    assert code(alice_client.post(url("add_users", team), {"users": [charlie.pk]}), "users") == "invalid_choice"
    response = alice_client.post(url("add_employers", team), {"employers": [theirs.pk]})
    assert code(response, "employers") == "invalid_choice"
    assert not TeamMember.objects.exists()
    assert not TeamEmployer.objects.exists()


def test_users_cannot_add_or_remove_themselves(alice_client: Client, alice: User, team: Team) -> None:
    assert code(alice_client.post(url("add_users", team), {"users": [alice.pk]}), "users") == "invalid_choice"
    teams.actions.change_members(team, add=[alice], by=actor())
    assert alice_client.post(url("remove_users", team), {"users": [alice.pk], "sure": "1"}).status_code == 403
    assert team.members.count() == 1


def test_users_cannot_change_the_rights_of_their_own_team(
    alice_client: Client, alice: User, team: Team, bakery: Employer
) -> None:
    teams.actions.change_members(team, add=[alice], by=actor())
    version = Team.objects.get().version
    assert alice_client.post(url("add_employers", team), {"employers": [bakery.pk]}).status_code == 403
    data = {"rights": ["view_wages"], "version": version}
    assert alice_client.post(url("change_team_rights", team), data).status_code == 403
    assert alice_client.post(url("delete_team", team), {"version": version}).status_code == 403
    alice_client.post(url("edit_team", team), {"name": "Anders", "two_factor_required": "on", "version": version})
    fresh = Team.objects.get()
    assert (fresh.name, fresh.two_factor_required) == ("Anders", False)


def test_the_last_administrator_stays_in_the_team(
    alice_client: Client, alice: User, team: Team, office: Provider
) -> None:
    boss = make_user(office, username="boss", last_name="Baas")
    for change in (
        lambda: teams.actions.set_team_rights(team, [Right.MANAGE_PROVIDER], by=actor()),
        lambda: teams.actions.change_members(team, add=[boss], by=actor()),
        lambda: teams.actions.set_individual_rights(alice, [Right.MANAGE_TEAMS, Right.VIEW_TEAMS], by=actor()),
    ):
        change()
    assert alice_client.post(url("remove_users", team), {"users": [boss.pk], "sure": "1"}).status_code == 403
    assert members(team) == {"Baas"}
    User.objects.filter(pk=alice.pk).update(access_until="2099-01-01")
    IndividualRight.objects.create(provider=office, user=alice, right=Right.MANAGE_PROVIDER)
    version = Team.objects.get().version
    assert alice_client.post(url("remove_users", team), {"users": [boss.pk], "sure": "1"}).status_code == 302
    assert alice_client.post(url("delete_team", team), {"version": version}).context["confirmation"].error
    response = alice_client.post(url("change_team_rights", team), {"rights": [], "version": version, "sure": "1"})
    assert code(response, "__all__") == "last_administrator"
    assert members(team) == {"Baas"}


def test_rights_are_set_once_and_another_change_is_noticed(alice_client: Client, team: Team) -> None:
    data = {"rights": ["view_wages", "view_hrm"], "version": 1}
    assert alice_client.post(url("change_team_rights", team), data).status_code == 302
    assert get_team_rights(team) == {Right.VIEW_WAGES, Right.VIEW_HRM}
    response = alice_client.post(url("change_team_rights", team), data | {"rights": []})
    assert "__all__" in response.context["form"].errors
    assert response.context["form"]["version"].value() == "2"
    assert get_team_rights(team) == {Right.VIEW_WAGES, Right.VIEW_HRM}
    assert code(alice_client.post(url("change_team_rights", team), {"rights": ["root"], "version": 2}), "rights")


def test_what_one_does_not_hold_stays(bob_client: Client, bob: User, team: Team) -> None:
    teams.actions.set_team_rights(team, [Right.VIEW_AUDIT], by=actor())
    for right in (Right.MANAGE_TEAMS, Right.VIEW_TEAMS):
        IndividualRight.objects.create(provider=team.provider, user=bob, right=right)
    response = bob_client.post(url("change_team_rights", team), {"rights": ["view_users"], "version": 2})
    assert code(response, "rights") == "invalid_choice"
    bob_client.post(url("change_team_rights", team), {"rights": ["view_teams"], "version": 2})
    assert get_team_rights(team) == {Right.VIEW_AUDIT, Right.VIEW_TEAMS}


def test_team_is_renamed_and_requires_two_factor(alice_client: Client, team: Team) -> None:
    data = {"name": "Loon Zuid", "two_factor_required": "on", "version": 1}
    assert alice_client.post(url("edit_team", team), data).status_code == 302
    fresh = Team.objects.get()
    assert (fresh.name, fresh.two_factor_required) == ("Loon Zuid", True)
    response = alice_client.post(url("edit_team", team), data | {"name": "Anders"})
    assert "__all__" in response.context["form"].errors
    assert Team.objects.get().name == "Loon Zuid"


def test_taken_name_is_refused(alice_client: Client, team: Team, office: Provider) -> None:
    teams.actions.create_team(office, name="Salaris", by=actor())
    response = alice_client.post(url("edit_team", team), {"name": "salaris", "two_factor_required": "on", "version": 1})
    assert code(response, "name") == "taken"
    assert not Team.objects.filter(two_factor_required=True).exists()


def test_deletion_is_confirmed_first(alice_client: Client, team: Team, bob: User) -> None:
    teams.actions.change_members(team, add=[bob], by=actor())
    assert alice_client.get(url("delete_team", team)).context["team"].member_count == 1
    stale = alice_client.post(url("delete_team", team), {"version": 1})
    assert stale.context["confirmation"].error
    assert "version" in alice_client.post(url("delete_team", team), {"version": ""}).context["form"].errors
    assert alice_client.post(url("delete_team", team), {"version": 2}).headers["Location"] == reverse("teams:team_list")
    assert not Team.objects.exists()
    assert alice_client.post(url("delete_team", team), {"version": 2}).status_code == 404


def test_search_covers_members_and_employers(alice_client: Client, team: Team, bob: User, bakery: Employer) -> None:
    teams.actions.change_members(team, add=[bob], by=actor())
    teams.actions.change_employers(team, add=[bakery], by=actor())
    for q, tab, number in (("bakker", "", 1), ("bakker", "employers", 1), ("7", "employers", 1), ("7", "", 0)):
        page = alice_client.get(url("team_detail", team), {"q": q, "tab": tab})
        assert len(page.context["rows"]) == number, (q, tab)
        assert ("1–1 van 1" if number else "0 gevonden") in page.text
    parts = alice_client.get(url("team_detail", team), {"tab": "employers", "q": "x"}, headers={"HX-Request": "true"})
    assert "<html" not in parts.text
    assert parts["HX-Push-Url"] == url("team_detail", team) + "?tab=employers&q=x"


def test_tabs_say_how_much_they_hold(
    alice_client: Client, bob_client: Client, team: Team, bob: User, bakery: Employer
) -> None:
    assert "Onvolledig" in alice_client.get(url("team_detail", team)).text
    teams.actions.change_members(team, add=[bob], by=actor())
    teams.actions.change_employers(team, add=[bakery], by=actor())
    teams.actions.set_team_rights(team, [Right.VIEW_WAGES, Right.EXPORT_JOURNAL], by=actor())
    pages = [alice_client.get(url("team_detail", team), {"tab": tab}).text for tab in ("", "employers", "rights")]
    for page in [*pages, alice_client.get(reverse("history:team_events", args=[team.pk])).text]:
        tabs = page.partition('<nav class="tabs"')[2].partition("</nav>")[0]
        counts = dict(re.findall(r'>(\w+) <span class="count">(\d+)', tabs))
        assert counts == {"Leden": "1", "Werkgevers": "1", "Rechten": "2"}
        assert tabs.count("aria-current") == 1
    assert bob.email in pages[0]
    assert "Bakkerij" in pages[1]
    assert "1 van 1 zonder product" in pages[2]
    assert url("change_team_rights", team) in pages[2]
    assert 'name="rights"' not in pages[2], "nothing can be ticked"
    assert "Volledig" in pages[0]


def test_candidates_are_those_outside(alice_client: Client, team: Team, bob: User, office: Provider) -> None:
    other = make_user(office, username="ander", last_name="Anders")
    teams.actions.change_members(team, add=[bob], by=actor())
    shown = alice_client.get(url("add_users", team)).context["rows"]
    assert [key for key, _text in shown] == [other.pk]
    assert not alice_client.get(url("add_users", team), {"q": "nobody"}).context["rows"]


@pytest.mark.slow
def test_ten_thousand_members_are_a_small_page(
    alice_client: Client, team: Team, office: Provider, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(6):  # session, person, rights, team, own, members
        alice_client.get(url("team_detail", team))
    made = User.objects.bulk_create(
        User(
            provider=office, initials="A.", last_name=f"Naam {number}", sort_name=f"naam {number:05}",
            email=f"{number}@x.example", username=f"u{number}", username_key=f"u{number}",
            password=hash_of("Zonnebloem-42"), search_text="naam", login_method=LoginMethod.WEBSITE_SSO,
            accepted_at=timezone.now(),
        )
        for number in range(10_000)
    )  # fmt: skip
    TeamMember.objects.bulk_create(TeamMember(provider=office, team=team, user=user) for user in made)
    with django_assert_num_queries(6):
        response = alice_client.get(url("team_detail", team))
    assert len(response.context["rows"]) == PAGE_SIZE
    assert "1–50 van 10.000" in response.text
    assert len(response.content) < 60_000
    following = alice_client.get(url("team_detail", team) + response.context["next_url"])
    assert not {row[0].pk for row in following.context["rows"]} & {row[0].pk for row in response.context["rows"]}
    with django_assert_num_queries(5):  # session, person, rights, team, candidates
        alice_client.get(url("add_users", team))


@pytest.mark.slow
@pytest.mark.parametrize("value", ["\x00", "🙂", "\u202e<b>", "<script>alert(1)</script>", "x" * 5_000, "-1", "9" * 20])
def test_nasty_input_is_no_fault(alice_client: Client, team: Team, value: str) -> None:
    fields = ["name", "version", "rights", "users", "employers", "two_factor_required"]
    for name in PAGES:
        response = alice_client.get(
            url(name, team), dict.fromkeys(["q", "only", "page", "members", "employers"], value)
        )
        assert response.status_code == 200
        assert b"<script>alert" not in response.content
        assert alice_client.post(url(name, team), dict.fromkeys(fields, value)).status_code in (200, 405)
    assert Team.objects.get().name == "Loon Noord"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("add_users", "users"),
        ("remove_users", "users"),
        ("add_employers", "employers"),
        ("remove_employers", "employers"),
    ],
)
def test_a_team_that_went_meanwhile_is_said(
    alice_client: Client,
    team: Team,
    bob: User,
    bakery: Employer,
    name: str,
    field: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(*_arguments: Any, **_named: Any) -> None:
        raise EditConflict

    monkeypatch.setattr(teams.actions, "change_members", gone)
    monkeypatch.setattr(teams.actions, "change_employers", gone)
    response = alice_client.post(url(name, team), {field: [bob.pk if field == "users" else bakery.pk], "sure": "1"})
    assert response.headers["Location"] == reverse("teams:team_list")
