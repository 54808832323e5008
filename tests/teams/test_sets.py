"""Authorization sets: creating, changing, deleting, deviations, and applying one to a user."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import teams.sets
from accounts.models import Provider, User
from audit.models import Event, Verb
from permissions import checks
from permissions.checks import Right
from permissions.models import AuthorizationSet
from tests.helpers.users import actor, make_user
from tests.teams.test_user_rights import employer, give, put

pytestmark = pytest.mark.django_db
SETS, NEW = "/kantoor/sets/", "/kantoor/sets/nieuw/"


def of(made: AuthorizationSet, name: str = "teams:edit_set") -> str:
    return reverse(name, args=[made.pk])


def on(user: User, name: str = "teams:preview_user_set") -> str:
    return reverse(name, args=[user.pk])


@pytest.fixture
def hr(office: Provider, alice: User) -> AuthorizationSet:
    return teams.sets.create_set(office, name="HR", contents=[Right.VIEW_HRM, Right.VIEW_WAGES], by=actor(alice))


def applying(made: AuthorizationSet, before: str = "", **changed: object) -> dict[str, object]:
    return {"set": made.pk, "version": made.version, "before": before} | changed


def test_a_set_is_made_changed_and_deleted(alice_client: Client, office: Provider) -> None:
    alice_client.post(NEW, {"name": "HR", "rights": ["view_hrm"], "version": 0})
    made = AuthorizationSet.objects.get(provider=office)
    assert (made.name, made.rights) == ("HR", frozenset({Right.VIEW_HRM}))
    alice_client.post(of(made), {"name": "HR 2", "rights": ["view_wages"], "version": made.version})
    made.refresh_from_db()
    assert (made.name, made.rights) == ("HR 2", frozenset({Right.VIEW_WAGES}))
    assert alice_client.get(of(made, "teams:delete_set")).status_code == 200
    assert AuthorizationSet.objects.exists(), "asking deletes nothing"
    assert alice_client.post(of(made, "teams:delete_set")).status_code == 302
    assert not AuthorizationSet.objects.exists()
    assert alice_client.post(of(made, "teams:delete_set")).status_code == 404


def test_two_tabs_and_names_that_are_taken(alice_client: Client, hr: AuthorizationSet) -> None:
    form = alice_client.post(NEW, {"name": "hr", "rights": [], "version": 0}).context["form"]
    assert form.errors.as_data()["name"][0].code == "taken"
    form = alice_client.post(of(hr), {"name": "x", "rights": [], "version": hr.version + 1}).context["form"]
    assert form.non_field_errors().as_data()[0].code == "stale"
    for bad in ("", "x" * 51, "\x00"):
        assert "name" in alice_client.post(NEW, {"name": bad, "version": 0}).context["form"].errors


def test_what_one_does_not_hold_stays_in_the_set(bob_client: Client, bob: User, hr: AuthorizationSet) -> None:
    give(bob, Right.MANAGE_SETS, Right.VIEW_AUDIT)
    bob_client.post(of(hr), {"name": "HR", "rights": ["view_audit"], "version": hr.version})
    hr.refresh_from_db()
    assert hr.rights == {Right.VIEW_AUDIT, Right.VIEW_HRM, Right.VIEW_WAGES}
    form = bob_client.post(NEW, {"name": "Meer", "rights": ["manage_provider"], "version": 0}).context["form"]
    assert form.errors.as_data()["rights"][0].code == "invalid_choice"


def test_use_and_deviation(alice_client: Client, alice: User, bob: User, hr: AuthorizationSet) -> None:
    teams.sets.apply_set(hr, bob, by=actor(alice))
    assert alice_client.get(SETS).context["rows"] == [(hr, 2, 1, 0)]
    give(bob, Right.VIEW_AUDIT)
    assert alice_client.get(SETS).context["rows"] == [(hr, 2, 1, 1)]
    (use,) = alice_client.get(of(hr)).context["uses"]
    assert use.difference == ([], [Right.VIEW_AUDIT], [])
    assert alice_client.get(of(hr, "teams:delete_set")).status_code == 200


def test_applying_says_beforehand_what_it_adds(alice_client: Client, bob: User, hr: AuthorizationSet) -> None:
    give(bob, Right.VIEW_WAGES, Right.VIEW_AUDIT)
    context = alice_client.get(on(bob), {"set": hr.pk}).context
    assert (context["missing"], context["extra"]) == ([Right.VIEW_HRM], [Right.VIEW_AUDIT])
    assert checks.individual_rights(bob) == {Right.VIEW_WAGES, Right.VIEW_AUDIT}
    alice_client.post(on(bob, "teams:apply_set_to_user"), applying(hr, context["before"]))
    assert checks.individual_rights(bob) == {Right.VIEW_WAGES, Right.VIEW_AUDIT, Right.VIEW_HRM}
    alice_client.post(on(bob, "teams:replace_user_rights_with_set"), applying(hr, "view_audit,view_hrm,view_wages"))
    assert checks.individual_rights(bob) == {Right.VIEW_WAGES, Right.VIEW_HRM}


def test_what_changed_since_it_was_shown_stops_it(alice_client: Client, bob: User, hr: AuthorizationSet) -> None:
    for name in ("teams:apply_set_to_user", "teams:replace_user_rights_with_set"):
        for asked in (applying(hr, "view_audit"), applying(hr, version=9)):
            assert alice_client.post(on(bob, name), asked).status_code == 302
    assert not checks.individual_rights(bob)


def test_a_set_is_not_applied_to_oneself_or_beyond_own_rights(
    bob_client: Client, alice: User, bob: User, hr: AuthorizationSet
) -> None:
    give(bob, Right.GRANT_RIGHTS, Right.VIEW_USERS)
    for name in ("teams:apply_set_to_user", "teams:replace_user_rights_with_set"):
        assert bob_client.post(on(bob, name), applying(hr, "grant_rights,view_users")).status_code == 403
        assert bob_client.post(on(alice, name), applying(hr, "manage_provider")).status_code == 403
    assert bob_client.get(on(alice), {"set": hr.pk}).context["lacking"]
    assert checks.individual_rights(alice) == {Right.MANAGE_PROVIDER}


def test_others_do_not_see_them(
    bob_client: Client, charlie_client: Client, charlie: User, alice_client: Client, bob: User, hr: AuthorizationSet
) -> None:
    theirs = teams.sets.create_set(charlie.provider, name="Van Smit", contents=[], by=actor(charlie))
    for url in (of(hr), of(hr, "teams:delete_set"), on(bob)):
        assert charlie_client.get(url).status_code == 404
        assert bob_client.get(url).status_code == 403
    assert charlie_client.post(on(bob, "teams:apply_set_to_user"), applying(theirs)).status_code == 404
    assert alice_client.post(on(bob, "teams:apply_set_to_user"), applying(theirs)).status_code == 404
    assert "set" in alice_client.get(on(bob), {"set": theirs.pk}).context["form"].errors
    assert bob_client.get(SETS).status_code == bob_client.get(NEW).status_code == 403


def test_queries_do_not_grow(
    alice_client: Client, alice: User, bob: User, office: Provider, django_assert_max_num_queries
) -> None:
    for number in range(8):
        made = teams.sets.create_set(office, name=f"Set {number}", contents=[Right.VIEW_HRM], by=actor(alice))
        teams.sets.apply_set(made, bob, by=actor(alice))
    for url in (SETS, of(made), f"{on(bob)}?set={made.pk}"):
        with django_assert_max_num_queries(20):
            assert alice_client.get(url).status_code == 200


def test_what_a_team_gives_is_no_individual_right(
    alice_client: Client, alice: User, bob: User, office: Provider, hr: AuthorizationSet
) -> None:
    put(office, "Loon", [bob], [employer(office, 1)], Right.VIEW_WAGES)
    page = alice_client.get(on(bob), {"set": hr.pk})
    assert (page.context["missing"], page.context["given"]) == ([Right.VIEW_HRM], [Right.VIEW_WAGES])
    assert page.text.index("Raadplegen HRM-gegevens") < page.text.index("Raadplegen beloningen")
    alice_client.post(on(bob, "teams:apply_set_to_user"), applying(hr))
    assert checks.individual_rights(bob) == {Right.VIEW_HRM}
    event = Event.objects.get(verb=Verb.SET_APPLIED)
    assert event.changes == {
        "rights": [None, ["view_hrm"]], "given_by_team": [None, ["view_wages"]], "HR": [None, "applied"]
    }  # fmt: skip
    assert alice_client.get(SETS).context["rows"] == [(hr, 2, 1, 0)], "no deviation"
    history = alice_client.get(reverse("history:user_events", args=[bob.pk]), {"view": "lines"})
    assert "Raadplegen beloningen" in history.text


def test_a_team_that_does_not_reach_every_employer_is_not_enough(
    alice: User, bob: User, office: Provider, hr: AuthorizationSet
) -> None:
    put(office, "Loon", [bob], [employer(office, 1)], Right.VIEW_WAGES)
    put(office, "Anders", [bob], [employer(office, 2)])
    teams.sets.apply_set(hr, bob, by=actor(alice))
    assert checks.individual_rights(bob) == {Right.VIEW_HRM, Right.VIEW_WAGES}


def test_making_equal_leaves_what_is_individual_already(
    alice: User, bob: User, office: Provider, hr: AuthorizationSet
) -> None:
    give(bob, Right.VIEW_WAGES, Right.VIEW_AUDIT)
    put(office, "Loon", [bob], [employer(office, 1)], Right.VIEW_WAGES, Right.VIEW_HRM)
    teams.sets.replace_with_set(hr, bob, by=actor(alice))
    assert checks.individual_rights(bob) == {Right.VIEW_WAGES}


def test_a_set_with_the_right_to_manage_the_office_gives_only_that(alice: User, bob: User, office: Provider) -> None:
    contents = [Right.MANAGE_PROVIDER, Right.VIEW_USERS, Right.VIEW_BILLING]
    boss = teams.sets.create_set(office, name="Beheerder", contents=contents, by=actor(alice))
    teams.sets.apply_set(boss, bob, by=actor(alice))
    assert checks.individual_rights(bob) == {Right.MANAGE_PROVIDER, Right.VIEW_BILLING}


def test_the_list_of_sets_costs_the_same_however_many_uses(
    alice_client: Client, alice: User, office: Provider, hr: AuthorizationSet, django_assert_num_queries: Any
) -> None:
    def use_by(number: int) -> None:
        user = make_user(office, username=f"u{number}")
        put(office, f"Team {number}", [user], [employer(office, number)], Right.VIEW_WAGES)
        teams.sets.apply_set(hr, user, by=actor(alice))

    use_by(1)
    with CaptureQueriesContext(connection) as first:
        alice_client.get(SETS)
    for number in range(2, 6):
        use_by(number)
    with django_assert_num_queries(len(first)):
        alice_client.get(SETS)
