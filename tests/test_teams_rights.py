"""The page of somebody's rights, and rules 4, 5 and 6 of the design."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

import teams.actions
from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from teams import rights
from teams.models import IndividualRight
from teams.rights import LastAdministrator, Right
from tests.people import actor, make_user

pytestmark = pytest.mark.django_db


def url(user: User) -> str:
    return reverse("teams:rights", args=[user.pk])


def test_it_gives_and_takes(alices: Client, bob: User) -> None:
    alices.post(url(bob), {"rights": ["view_users", "manage_users"], "before": ""})
    assert rights.individual_rights(bob) == {Right.VIEW_USERS, Right.MANAGE_USERS}
    alices.post(url(bob), {"rights": ["view_users"], "before": "manage_users,view_users"})
    assert rights.individual_rights(bob) == {Right.VIEW_USERS}
    assert [event.changes for event in Event.objects.filter(verb=Verb.RIGHTS_CHANGED).order_by("id")] == [
        {"view_users": [None, "given"], "manage_users": [None, "given"]},
        {"manage_users": ["given", None]},
    ]


def test_it_notices_another_administrator(alices: Client, bob: User) -> None:
    response = alices.post(url(bob), {"rights": ["view_users"], "before": "view_audit"})
    assert response.context["form"].errors.as_data()["before"][0].code == "stale"
    assert not rights.individual_rights(bob)


def test_it_refuses_unknown_rights(alices: Client, bob: User) -> None:
    response = alices.post(url(bob), {"rights": ["root", "a\x00"], "before": ""})
    assert response.context["form"].errors.as_data()["rights"][0].code == "invalid_choice"


def test_nobody_changes_his_own(alices: Client, alice: User) -> None:
    assert alices.post(url(alice), {"rights": [], "before": "manage_provider"}).status_code == 403
    assert rights.individual_rights(alice) == {Right.MANAGE_PROVIDER}
    with pytest.raises(PermissionDenied):
        teams.actions.set_individual_rights(alice, [Right.VIEW_USERS], by=actor(alice))


def test_nobody_gives_or_takes_what_he_does_not_hold(bobs: Client, bob: User, office: Provider) -> None:
    other = make_user(office, Right.VIEW_AUDIT, username="ander")
    for right in (Right.VIEW_USERS, Right.GRANT_RIGHTS):
        IndividualRight.objects.create(provider=office, user=bob, right=right)
    response = bobs.post(url(other), {"rights": ["manage_users"], "before": "view_audit"})
    assert response.status_code == 200
    assert "rights" in response.context["form"].errors
    bobs.post(url(other), {"rights": ["view_users"], "before": "view_audit"})
    assert rights.individual_rights(other) == {Right.VIEW_USERS, Right.VIEW_AUDIT}, "what he may not take stays"
    for wanted in ([Right.MANAGE_USERS, Right.VIEW_AUDIT, Right.VIEW_USERS], [Right.VIEW_USERS]):
        with pytest.raises(PermissionDenied):
            teams.actions.set_individual_rights(other, wanted, by=actor(bob))


def test_without_the_right_to_grant_nothing_is_granted(bobs: Client, bob: User, alice: User, office: Provider) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    assert bobs.get(url(alice)).status_code == 200
    assert bobs.post(url(alice), {"rights": [], "before": "manage_provider"}).status_code == 403


def test_another_office_is_not_there(charlies: Client, charlie: User, bob: User) -> None:
    assert charlies.post(url(bob), {"rights": ["view_users"], "before": ""}).status_code == 404
    with pytest.raises(PermissionDenied):
        teams.actions.set_individual_rights(bob, [Right.VIEW_USERS], by=actor(charlie))


def test_a_machine_never_manages_the_office(alice: User, office: Provider) -> None:
    machine = make_user(office, login_method=LoginMethod.SSO_WEBSERVICE)
    with pytest.raises(PermissionDenied):
        teams.actions.set_individual_rights(machine, [Right.MANAGE_PROVIDER], by=actor(alice))


def test_the_last_administrator_keeps_the_right(alices: Client, alice: User, bob: User) -> None:
    with pytest.raises(LastAdministrator):
        teams.actions.set_individual_rights(alice, [], by=actor())
    teams.actions.set_individual_rights(bob, [Right.MANAGE_PROVIDER], by=actor())
    teams.actions.set_individual_rights(alice, [], by=actor())
    assert not rights.individual_rights(alice)


@pytest.mark.parametrize(
    "fields",
    [
        {"accepted_at": None, "username": None, "password": "!"},
        {"blocked_at": timezone.now()},
        {"access_until": timezone.localdate() - timedelta(days=1)},
        {"two_factor_required": True},
    ],
)
def test_rights_rest(office: Provider, fields: dict[str, object]) -> None:
    user = make_user(office, Right.MANAGE_PROVIDER, **fields)
    assert rights.held_rights(user) == frozenset(Right)
    assert rights.effective_rights(user) == frozenset()
    assert not rights.may(user, Right.VIEW_USERS)


def test_every_page_says_who_may_open_it(db: None) -> None:
    def views(patterns: list, prefix: str = "") -> list:
        found = []
        for pattern in patterns:
            where = prefix + str(pattern.pattern)
            nested = getattr(pattern, "url_patterns", None)
            found += views(nested, where) if nested is not None else [(where, pattern.callback)]
        return found

    every = views(get_resolver().url_patterns)
    assert len(every) > 20
    assert [where for where, view in every if getattr(view, "rule", None) is None] == []
