"""Teams and rights in ID tokens and at the userinfo endpoint, for clients that ask for them."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from oauth import access_claims
from oauth.models import Application
from oauth.scopes import API_SCOPES, Scope
from permissions.catalog import Right
from permissions.models import Team, TeamMember, TeamRight
from tests.helpers.users import signed_in
from tests.oauth.test_authorization_code import make_application
from tests.oauth.test_authorize import URL, asked, told
from tests.oauth.test_conformance import userinfo, verify
from tests.oauth.test_secrets import exchange, tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def portal(alice: User) -> Application:
    return make_application(alice, scopes=["openid", "profile", "groups", "rights"])


def add_teams(user: User, *names: str, rights: tuple[Right, ...] = ()) -> list[Team]:
    """Put `user` in teams with these names."""
    teams = [Team(provider=user.provider, name=name) for name in names]
    for team in teams:
        team.save()
        TeamMember.objects.create(provider=user.provider, team=team, user=user)
        for right in rights:
            TeamRight.objects.create(provider=user.provider, team=team, right=right)
    return teams


def claims_of(user: User, portal: Application, scope: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the claims of the ID token and of the userinfo endpoint."""
    found = tokens(signed_in(user), portal, scope=scope)
    return verify(found, portal), userinfo(found)


def test_teams_are_told_by_name_and_id(bob: User, charlie: User, portal: Application) -> None:
    payroll, advice = add_teams(bob, "Salaris", "Advies")
    add_teams(charlie, "Van een ander kantoor")
    Team.objects.create(provider=bob.provider, name="Zonder Bob")
    for claims in claims_of(bob, portal, "openid groups"):
        assert claims["groups"] == ["Advies", "Salaris"]
        assert claims["group_ids"] == [str(advice.pk), str(payroll.pk)]
        assert not claims.keys() & {"hasgroups", "rights"}


def test_rights_are_those_of_the_pages(bob: User, alice: User, portal: Application) -> None:
    add_teams(bob, "Beheer", rights=(Right.VIEW_USERS, Right.MANAGE_TEAMS))
    for claims in claims_of(bob, portal, "openid rights"):
        assert set(claims["rights"]) == {"view_users", "manage_teams"}
        assert "groups" not in claims
    implied = claims_of(alice, portal, "openid rights")[0]["rights"]
    assert {"manage_provider", "manage_users", "view_audit"} <= set(implied), "with those that a right includes"


def test_nothing_is_told_without_the_scope(bob: User, portal: Application) -> None:
    add_teams(bob, "Salaris", rights=(Right.VIEW_USERS,))
    for claims in claims_of(bob, portal, "openid profile"):
        assert not claims.keys() & set(access_claims.CLAIM_NAMES)


def test_a_user_without_teams_and_rights_has_empty_lists(bob: User, portal: Application) -> None:
    for claims in claims_of(bob, portal, "openid groups rights"):
        assert (claims["groups"], claims["group_ids"], claims["rights"]) == ([], [], [])


def test_an_integration_gets_only_what_it_may_have(bob: User, alice: User) -> None:
    add_teams(bob, "Salaris")
    modest = make_application(alice, scopes=["openid"])
    answer = told(signed_in(bob).get(URL, asked(modest, scope="openid groups")))
    assert answer["error"] == "invalid_scope"


def test_consent_page_says_what_is_given(bob_client: Client, portal: Application) -> None:
    page = bob_client.get(URL, asked(portal, scope="openid groups rights"))
    assert "Zien in welke teams je zit" in page.text
    assert "Zien wat je op je kantoor mag" in page.text
    assert "groups" in bob_client.get("/.well-known/openid-configuration").json()["scopes_supported"]
    told = bob_client.get("/.well-known/openid-configuration").json()
    assert {"groups", "rights", "sid"} <= set(told["claims_supported"])


def test_500_teams_are_left_out_of_the_id_token_only(bob: User, portal: Application) -> None:
    Team.objects.bulk_create(
        Team(provider=bob.provider, name=f"Team {number:04}", name_key=f"team {number:04}", sort_name=f"{number:04}")
        for number in range(500)
    )
    TeamMember.objects.bulk_create(
        TeamMember(provider=bob.provider, team=team, user=bob) for team in Team.objects.filter(provider=bob.provider)
    )
    found = tokens(signed_in(bob), portal, scope="openid groups")
    assert len(found["id_token"]) < 2000
    token, answer = verify(found, portal), userinfo(found)
    assert token["hasgroups"] is True
    assert not token.keys() & {"groups", "group_ids"}
    assert (len(answer["groups"]), len(set(answer["group_ids"]))) == (500, 500)
    assert "hasgroups" not in answer


@pytest.mark.parametrize(("more", "is_told"), [(0, True), (1, False)])
def test_the_limit_is_exact(bob: User, portal: Application, more: int, is_told: bool) -> None:
    add_teams(bob, *(f"Team {number}" for number in range(access_claims.MAX_ID_TOKEN_GROUPS + more)))
    token = claims_of(bob, portal, "openid groups")[0]
    assert ("groups" in token, "hasgroups" in token) == (is_told, not is_told)


def test_changes_are_told_at_the_next_token(bob: User, portal: Application) -> None:
    add_teams(bob, "Salaris", rights=(Right.VIEW_USERS,))
    found = tokens(signed_in(bob), portal, scope="openid groups rights")
    TeamMember.objects.filter(user=bob).delete()
    again = exchange(portal, grant_type="refresh_token", refresh_token=found["refresh_token"]).json()
    assert (verify(again, portal)["groups"], userinfo(again)["rights"]) == ([], [])


def test_webservice_users_have_no_such_scopes() -> None:
    assert not {Scope.GROUPS, Scope.RIGHTS} & set(API_SCOPES)
