"""Authorization sets: making, changing, deleting, and who deviates; applying one to a person."""

import pytest
from django.test import Client
from django.urls import reverse

import teams.sets
from accounts.models import Provider, User
from teams import rights
from teams.models import AuthorizationSet
from teams.rights import Right
from tests.people import actor
from tests.test_teams_rights_page import give

pytestmark = pytest.mark.django_db
SETS, NEW = "/kantoor/sets/", "/kantoor/sets/nieuw/"


def of(made: AuthorizationSet, name: str = "teams:set") -> str:
    return reverse(name, args=[made.pk])


def on(user: User, name: str = "teams:user_set") -> str:
    return reverse(name, args=[user.pk])


@pytest.fixture
def hr(office: Provider, alice: User) -> AuthorizationSet:
    return teams.sets.create(office, name="HR", contents=[Right.VIEW_HRM, Right.VIEW_WAGES], by=actor(alice))


def applying(made: AuthorizationSet, before: str = "", **changed: object) -> dict[str, object]:
    return {"set": made.pk, "version": made.version, "before": before} | changed


def test_a_set_is_made_changed_and_deleted(alices: Client, office: Provider) -> None:
    alices.post(NEW, {"name": "HR", "rights": ["view_hrm"], "version": 0})
    made = AuthorizationSet.objects.get(provider=office)
    assert (made.name, made.rights) == ("HR", {Right.VIEW_HRM})
    alices.post(of(made), {"name": "HR 2", "rights": ["view_wages"], "version": made.version})
    made.refresh_from_db()
    assert (made.name, made.rights) == ("HR 2", {Right.VIEW_WAGES})
    assert alices.get(of(made, "teams:delete_set")).status_code == 200
    assert AuthorizationSet.objects.exists(), "asking deletes nothing"
    assert alices.post(of(made, "teams:delete_set")).status_code == 302
    assert not AuthorizationSet.objects.exists()
    assert alices.post(of(made, "teams:delete_set")).status_code == 404


def test_two_tabs_and_names_that_are_taken(alices: Client, hr: AuthorizationSet) -> None:
    form = alices.post(NEW, {"name": "hr", "rights": [], "version": 0}).context["form"]
    assert form.errors.as_data()["name"][0].code == "taken"
    form = alices.post(of(hr), {"name": "x", "rights": [], "version": hr.version + 1}).context["form"]
    assert form.non_field_errors().as_data()[0].code == "stale"
    for bad in ("", "x" * 51, "\x00"):
        assert "name" in alices.post(NEW, {"name": bad, "version": 0}).context["form"].errors


def test_what_one_does_not_hold_stays_in_the_set(bobs: Client, bob: User, hr: AuthorizationSet) -> None:
    give(bob, Right.MANAGE_SETS, Right.VIEW_AUDIT)
    bobs.post(of(hr), {"name": "HR", "rights": ["view_audit"], "version": hr.version})
    hr.refresh_from_db()
    assert hr.rights == {Right.VIEW_AUDIT, Right.VIEW_HRM, Right.VIEW_WAGES}
    form = bobs.post(NEW, {"name": "Meer", "rights": ["manage_provider"], "version": 0}).context["form"]
    assert form.errors.as_data()["rights"][0].code == "invalid_choice"


def test_use_and_deviation(alices: Client, alice: User, bob: User, hr: AuthorizationSet) -> None:
    teams.sets.apply(hr, bob, by=actor(alice))
    assert alices.get(SETS).context["rows"] == [(hr, 1, 0)]
    give(bob, Right.VIEW_AUDIT)
    assert alices.get(SETS).context["rows"] == [(hr, 1, 1)]
    (use,) = alices.get(of(hr)).context["uses"]
    assert use[1:] == ([], [Right.VIEW_AUDIT])
    assert alices.get(of(hr, "teams:delete_set")).status_code == 200


def test_applying_says_beforehand_what_it_adds(alices: Client, bob: User, hr: AuthorizationSet) -> None:
    give(bob, Right.VIEW_WAGES, Right.VIEW_AUDIT)
    context = alices.get(on(bob), {"set": hr.pk}).context
    assert (context["missing"], context["extra"]) == ([Right.VIEW_HRM], [Right.VIEW_AUDIT])
    assert rights.individual_rights(bob) == {Right.VIEW_WAGES, Right.VIEW_AUDIT}
    alices.post(on(bob, "teams:apply_set"), applying(hr, context["before"]))
    assert rights.individual_rights(bob) == {Right.VIEW_WAGES, Right.VIEW_AUDIT, Right.VIEW_HRM}
    alices.post(on(bob, "teams:make_equal"), applying(hr, "view_audit,view_hrm,view_wages"))
    assert rights.individual_rights(bob) == {Right.VIEW_WAGES, Right.VIEW_HRM}


def test_what_changed_since_it_was_shown_stops_it(alices: Client, bob: User, hr: AuthorizationSet) -> None:
    for name in ("teams:apply_set", "teams:make_equal"):
        for asked in (applying(hr, "view_audit"), applying(hr, version=9)):
            assert alices.post(on(bob, name), asked).status_code == 302
    assert not rights.individual_rights(bob)


def test_nobody_applies_one_to_himself_or_beyond_what_he_holds(
    bobs: Client, alice: User, bob: User, hr: AuthorizationSet
) -> None:
    give(bob, Right.GRANT_RIGHTS, Right.VIEW_USERS)
    for name in ("teams:apply_set", "teams:make_equal"):
        assert bobs.post(on(bob, name), applying(hr, "grant_rights,view_users")).status_code == 403
        assert bobs.post(on(alice, name), applying(hr, "manage_provider")).status_code == 403
    assert bobs.get(on(alice), {"set": hr.pk}).context["lacking"]
    assert rights.individual_rights(alice) == {Right.MANAGE_PROVIDER}


def test_others_do_not_see_them(
    bobs: Client, charlies: Client, charlie: User, alices: Client, bob: User, hr: AuthorizationSet
) -> None:
    theirs = teams.sets.create(charlie.provider, name="Van Smit", contents=[], by=actor(charlie))
    for url in (of(hr), of(hr, "teams:delete_set"), on(bob)):
        assert charlies.get(url).status_code == 404
        assert bobs.get(url).status_code == 403
    assert charlies.post(on(bob, "teams:apply_set"), applying(theirs)).status_code == 404
    assert alices.post(on(bob, "teams:apply_set"), applying(theirs)).status_code == 404
    assert "set" in alices.get(on(bob), {"set": theirs.pk}).context["form"].errors
    assert bobs.get(SETS).status_code == bobs.get(NEW).status_code == 403


def test_queries_do_not_grow(
    alices: Client, alice: User, bob: User, office: Provider, django_assert_max_num_queries
) -> None:
    for number in range(8):
        made = teams.sets.create(office, name=f"Set {number}", contents=[Right.VIEW_HRM], by=actor(alice))
        teams.sets.apply(made, bob, by=actor(alice))
    for url in (SETS, of(made), f"{on(bob)}?set={made.pk}"):
        with django_assert_max_num_queries(20):
            assert alices.get(url).status_code == 200
