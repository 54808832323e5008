"""Adding all search results to a team, and applying a set to a team."""

import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import teams.actions
import teams.sets
from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from core.paging import PAGE_SIZE
from permissions.action_helpers import get_team_rights
from permissions.checks import Right
from permissions.models import AuthorizationSet, Employer, IndividualRight, SetApplication, Team, TeamMember
from tests.helpers.users import actor, hash_of

pytestmark = pytest.mark.django_db
ALL = ["add_all_users", "add_all_employers"]
SET = ["preview_team_set", "apply_set_to_team", "replace_team_rights_with_set"]


def url(name: str, team: Team) -> str:
    return reverse(f"teams:{name}", args=[team.pk])


def crowd(office: Provider, count: int, name: str = "Naam") -> list[User]:
    people = [
        User(
            provider=office, initials="A.", last_name=f"{name} {number}", email=f"{name}{number}@x.example",
            username=f"{name}{number}", password=hash_of("Zonnebloem-42"), login_method=LoginMethod.WEBSITE_SSO,
            accepted_at=timezone.now(),
        )
        for number in range(count)
    ]  # fmt: skip
    return User.objects.bulk_create(people)


def shops(office: Provider, count: int) -> list[Employer]:
    return Employer.objects.bulk_create(
        Employer(provider=office, number=n + 1, name=f"Winkel {n}", sort_name=f"winkel {n}", products=[])
        for n in range(count)
    )


@pytest.fixture
def team(office: Provider) -> Team:
    return teams.actions.create_team(office, name="Loon", by=actor())


@pytest.mark.parametrize("name", ["add_users", "add_employers"])
def test_the_picker_gets_at_most_eight_hits_and_no_page(
    alice_client: Client, bob_client: Client, charlie_client: Client, office: Provider, team: Team, name: str
) -> None:
    crowd(office, 12)
    shops(office, 12)
    q = {"options": "1", "q": "naam" if name == "add_users" else "winkel"}
    text = alice_client.get(url(name, team), q).text
    assert text.count('type="checkbox"') == 8
    assert "<html" not in text
    assert not alice_client.get(url(name, team), q | {"q": "bestaat niet"}).text.count("checkbox")
    assert charlie_client.get(url(name, team), q).status_code == 404
    assert bob_client.get(url(name, team), q).status_code == 403
    page = alice_client.get(url(name, team), {"q": q["q"], "only": "1"}).text
    assert 'data-picker-source="?options=1' in page


@pytest.mark.parametrize("name", [*ALL, *SET])
def test_others_do_not_get_there(bob_client: Client, charlie_client: Client, team: Team, name: str) -> None:
    posts_only = name in ("apply_set_to_team", "replace_team_rights_with_set")
    assert charlie_client.get(url(name, team)).status_code == (405 if posts_only else 404)
    assert charlie_client.post(url(name, team)).status_code == (405 if name == "preview_team_set" else 404)
    assert bob_client.get(url(name, team)).status_code == bob_client.post(url(name, team)).status_code == 403


def test_those_of_one_page_are_added_at_once(alice_client: Client, bob: User, office: Provider, team: Team) -> None:
    crowd(office, 3)
    page = alice_client.get(url("add_users", team), {"q": "naam"})
    assert (page.context["total"], page.context["more"]) == (3, False)
    assert "Alle 3 die overeenkomen toevoegen" in page.text
    answer = alice_client.post(url("add_all_users", team), {"q": "naam", "count": 3})
    assert answer.headers["Location"] == url("team_detail", team)
    assert set(team.members.values_list("user__last_name", flat=True)) == {"Naam 0", "Naam 1", "Naam 2"}
    assert not team.members.filter(user=bob).exists()


def test_more_than_a_page_is_asked_first(alice_client: Client, alice: User, office: Provider, team: Team) -> None:
    crowd(office, PAGE_SIZE + 5)
    page = alice_client.get(url("add_users", team))
    assert (page.context["total"], page.context["more"]) == (PAGE_SIZE + 5, True)
    assert f"{url('add_all_users', team)}?" in page.text
    assert f"Alle {PAGE_SIZE + 5} toevoegen" in alice_client.get(url("add_all_users", team)).text
    assert not team.members.exists()
    alice_client.post(url("add_all_users", team), {"count": PAGE_SIZE + 5})
    assert team.members.count() == PAGE_SIZE + 5
    assert not team.members.filter(user=alice).exists(), "users cannot add themselves"


def test_another_number_is_asked_again(alice_client: Client, office: Provider, team: Team) -> None:
    crowd(office, 3)
    for count in (2, 4, 0, -1, "", "x", "\x00", "9" * 20):
        page = alice_client.post(url("add_all_users", team), {"count": count})
        assert page.status_code == 200
        assert page.context["total"] == 3
    assert not team.members.exists()
    for _twice in range(2):
        alice_client.post(url("add_all_users", team), {"count": 3})
    assert Event.objects.filter(verb=Verb.TEAM_CHANGED).count() == 1


def test_employers_that_match(alice_client: Client, alice: User, charlie: User, office: Provider, team: Team) -> None:
    shops(office, 5)
    shops(charlie.provider, 3)
    linked = Employer.objects.get(provider=office, number=1)
    other = teams.actions.create_team(office, name="Ander", by=actor())
    teams.actions.change_employers(other, add=[linked], by=actor())
    assert alice_client.get(url("add_employers", team), {"only": "on"}).context["total"] == 4
    alice_client.post(url("add_all_employers", team), {"q": "winkel", "only": "1", "count": 4})
    assert team.employers.count() == 4
    TeamMember.objects.create(provider=office, team=team, user=alice)
    assert (
        "Alle" not in alice_client.get(url("add_all_employers", team)).text.split("<form class=")[-1].split("<p>")[-1]
    )
    assert alice_client.post(url("add_all_employers", team), {"count": 1}).status_code == 403


def test_adding_all_requires_the_rights_of_the_team(
    bob_client: Client, bob: User, office: Provider, team: Team
) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.MANAGE_TEAMS)
    crowd(office, 2)
    teams.actions.set_team_rights(team, [Right.VIEW_AUDIT], by=actor())
    assert bob_client.post(url("add_all_users", team), {"q": "naam", "count": 2}).status_code == 403
    assert not team.members.exists()


@pytest.mark.slow
def test_ten_thousand_come_in_bounded_time(
    alice_client: Client, office: Provider, team: Team, django_assert_max_num_queries: Any
) -> None:
    """10,000 members in one POST: the query count of the batches, and a few seconds."""
    crowd(office, 10_000)
    started = time.perf_counter()
    with django_assert_max_num_queries(60):
        alice_client.post(url("add_all_users", team), {"q": "naam", "count": 10_000})
    assert time.perf_counter() - started < 20
    assert team.members.count() == 10_000
    assert Event.objects.filter(verb=Verb.TEAMS_CHANGED).count() == 10_000
    assert Event.objects.filter(verb=Verb.TEAM_CHANGED).count() == 1


@pytest.fixture
def hr(office: Provider) -> AuthorizationSet:
    return teams.sets.create_set(office, name="HR", contents=[Right.VIEW_HRM, Right.VIEW_WAGES], by=actor())


def applying(team: Team, found: AuthorizationSet, before: str) -> dict[str, Any]:
    return {"set": found.pk, "version": found.version, "before": before}


def test_a_set_on_a_team_says_beforehand_what_it_adds(alice_client: Client, team: Team, hr: AuthorizationSet) -> None:
    teams.actions.set_team_rights(team, [Right.VIEW_WAGES, Right.VIEW_AUDIT], by=actor())
    page = alice_client.get(url("preview_team_set", team), {"set": hr.pk})
    assert (page.context["missing"], page.context["extra"]) == ([Right.VIEW_HRM], [Right.VIEW_AUDIT])
    assert get_team_rights(team) == {Right.VIEW_WAGES, Right.VIEW_AUDIT}, "a page changes nothing"
    alice_client.post(url("apply_set_to_team", team), applying(team, hr, page.context["before"]))
    assert get_team_rights(team) == {Right.VIEW_WAGES, Right.VIEW_AUDIT, Right.VIEW_HRM}
    assert SetApplication.objects.get().team == team
    before = alice_client.get(url("preview_team_set", team), {"set": hr.pk}).context["before"]
    alice_client.post(url("replace_team_rights_with_set", team), applying(team, hr, before))
    assert get_team_rights(team) == hr.rights
    assert url("preview_team_set", team) in alice_client.get(url("team_detail", team), {"tab": "rights"}).text


def test_what_changed_since_it_was_shown_stops_it(alice_client: Client, team: Team, hr: AuthorizationSet) -> None:
    teams.actions.set_team_rights(team, [Right.VIEW_AUDIT], by=actor())
    for name in SET[1:]:
        for asked in (applying(team, hr, ""), applying(team, hr, "view_audit") | {"version": 9}):
            assert "niets gedaan" in alice_client.post(url(name, team), asked, follow=True).text
    assert get_team_rights(team) == {Right.VIEW_AUDIT}


def test_the_guards_of_a_set_on_a_team(
    alice_client: Client, alice: User, bob_client: Client, bob: User, charlie: User, team: Team, hr: AuthorizationSet
) -> None:
    theirs = teams.sets.create_set(charlie.provider, name="Elders", contents=[], by=actor())
    assert alice_client.post(url("apply_set_to_team", team), applying(team, theirs, "")).status_code == 404
    assert "set" in alice_client.get(url("preview_team_set", team), {"set": theirs.pk}).context["form"].errors
    IndividualRight.objects.create(provider=team.provider, user=bob, right=Right.MANAGE_TEAMS)
    assert bob_client.get(url("preview_team_set", team), {"set": hr.pk}).context["lacking"]
    assert bob_client.post(url("apply_set_to_team", team), applying(team, hr, "")).status_code == 403
    TeamMember.objects.create(provider=team.provider, team=team, user=alice)
    assert not alice_client.get(url("preview_team_set", team), {"set": hr.pk}).context["may_apply"]
    assert alice_client.post(url("apply_set_to_team", team), applying(team, hr, "")).status_code == 403
    assert get_team_rights(team) == frozenset()


def test_equal_making_keeps_an_administrator(
    alice_client: Client, alice: User, team: Team, office: Provider, hr: AuthorizationSet
) -> None:
    (boss,) = crowd(office, 1)
    teams.actions.set_team_rights(team, [Right.MANAGE_PROVIDER], by=actor())
    teams.actions.change_members(team, add=[boss], by=actor())
    User.objects.filter(pk=alice.pk).update(access_until="2099-01-01")
    answer = alice_client.post(
        url("replace_team_rights_with_set", team), applying(team, hr, "manage_provider"), follow=True
    )
    assert "Na 1 januari 2099" in answer.text
    assert get_team_rights(team) == {Right.MANAGE_PROVIDER}
