"""The page with a user's rights, and rules 4, 5 and 6 of the design."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import clear_url_caches, get_resolver, path, reverse
from django.utils import timezone

import teams.actions
from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from core.access import Access, DuringImpersonation, PagePolicy, ReauthenticationLevel, get_policy, page
from core.checks import check_page_policies
from permissions import checks
from permissions.checks import LastAdministrator, Right
from permissions.models import IndividualRight
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db


def url(user: User) -> str:
    return reverse("teams:user_rights", args=[user.pk])


def test_individual_rights_are_granted_and_revoked(alice_client: Client, bob: User) -> None:
    alice_client.post(url(bob), {"rights": ["view_users", "manage_users"], "before": ""})
    assert checks.individual_rights(bob) == {Right.VIEW_USERS, Right.MANAGE_USERS}
    alice_client.post(url(bob), {"rights": ["view_users"], "before": "manage_users,view_users"})
    assert checks.individual_rights(bob) == {Right.VIEW_USERS}
    assert [event.changes for event in Event.objects.filter(verb=Verb.RIGHTS_CHANGED).order_by("id")] == [
        {"view_users": [None, "given"], "manage_users": [None, "given"]},
        {"manage_users": ["given", None]},
    ]


def test_change_by_another_administrator_is_noticed(alice_client: Client, bob: User) -> None:
    response = alice_client.post(url(bob), {"rights": ["view_users"], "before": "view_audit"})
    assert response.context["form"].errors.as_data()["before"][0].code == "stale"
    assert not checks.individual_rights(bob)


def test_unknown_rights_are_refused(alice_client: Client, bob: User) -> None:
    response = alice_client.post(url(bob), {"rights": ["root", "a\x00"], "before": ""})
    assert response.context["form"].errors.as_data()["rights"][0].code == "invalid_choice"


def test_users_cannot_change_their_own(alice_client: Client, alice: User) -> None:
    assert alice_client.post(url(alice), {"rights": [], "before": "manage_provider"}).status_code == 403
    assert checks.individual_rights(alice) == {Right.MANAGE_PROVIDER}
    with pytest.raises(PermissionDenied):
        teams.actions.set_individual_rights(alice, [Right.VIEW_USERS], by=actor(alice))


def test_users_cannot_grant_or_revoke_rights_they_lack(bob_client: Client, bob: User, office: Provider) -> None:
    other = make_user(office, Right.VIEW_AUDIT, username="ander")
    for right in (Right.VIEW_USERS, Right.GRANT_RIGHTS):
        IndividualRight.objects.create(provider=office, user=bob, right=right)
    response = bob_client.post(url(other), {"rights": ["manage_users"], "before": "view_audit"})
    assert response.status_code == 200
    assert "rights" in response.context["form"].errors
    bob_client.post(url(other), {"rights": ["view_users"], "before": "view_audit"})
    assert checks.individual_rights(other) == {Right.VIEW_USERS, Right.VIEW_AUDIT}, "rights that bob cannot revoke stay"
    for wanted in ([Right.MANAGE_USERS, Right.VIEW_AUDIT, Right.VIEW_USERS], [Right.VIEW_USERS]):
        with pytest.raises(PermissionDenied):
            teams.actions.set_individual_rights(other, wanted, by=actor(bob))


def test_without_the_right_to_grant_nothing_is_granted(
    bob_client: Client, bob: User, alice: User, office: Provider
) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    assert bob_client.get(url(alice)).status_code == 200
    assert bob_client.post(url(alice), {"rights": [], "before": "manage_provider"}).status_code == 403


def test_another_office_is_not_there(charlie_client: Client, charlie: User, bob: User) -> None:
    assert charlie_client.post(url(bob), {"rights": ["view_users"], "before": ""}).status_code == 404
    with pytest.raises(PermissionDenied):
        teams.actions.set_individual_rights(bob, [Right.VIEW_USERS], by=actor(charlie))


def test_a_machine_never_manages_the_office(alice: User, office: Provider) -> None:
    machine = make_user(office, login_method=LoginMethod.SSO_WEBSERVICE)
    with pytest.raises(PermissionDenied):
        teams.actions.set_individual_rights(machine, [Right.MANAGE_PROVIDER], by=actor(alice))


def test_the_last_administrator_keeps_the_right(alice_client: Client, alice: User, bob: User) -> None:
    with pytest.raises(LastAdministrator):
        teams.actions.set_individual_rights(alice, [], by=actor())
    teams.actions.set_individual_rights(bob, [Right.MANAGE_PROVIDER], by=actor())
    teams.actions.set_individual_rights(alice, [], by=actor())
    assert not checks.individual_rights(alice)


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
    assert checks.held_rights(user) == frozenset(Right)
    assert checks.effective_rights(user) == frozenset()
    assert not checks.has_right(user, Right.VIEW_USERS)


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
    assert [where for where, view in every if not isinstance(getattr(view, "policy", None), PagePolicy)] == []
    assert check_page_policies() == []


def test_a_page_that_does_not_say_it_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    with pytest.raises(ImproperlyConfigured, match="silent"):
        get_policy(silent)
    monkeypatch.setattr("loket.urls.urlpatterns", [path("stil/", silent)])
    clear_url_caches()
    try:
        assert [error.id for error in check_page_policies()] == ["core.E001"]
    finally:
        clear_url_caches()


@pytest.mark.parametrize("options", [
    {"access": Access.PUBLIC, "reauthentication": ReauthenticationLevel.HALF_HOUR},
    {"access": Access.TOKEN, "website_users_only": True},
    {"access": Right.VIEW_USERS, "with_factor": True},
    {"access": Access.PUBLIC, "impersonation": DuringImpersonation.READ_ONLY},
    {"access": Access.SUPPORT, "impersonation": DuringImpersonation.READ_ONLY},
    {"access": Right.VIEW_USERS, "before_second_factor": True},
])  # fmt: skip
def test_a_policy_that_means_nothing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured):
        page(**options)
