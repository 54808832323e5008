"""The page of redundant and deviating individual rights, and cleaning them up."""

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import Provider, User
from permissions import checks
from permissions.checks import Right
from permissions.models import Team
from teams.deviations import collect_held_rights
from tests.helpers.users import make_user
from tests.teams.test_user_rights import employer, give, put

pytestmark = pytest.mark.django_db
PAGE, DROP, REPLACE = "/afwijkingen/", "/afwijkingen/overbodig/", "/afwijkingen/team/"


@pytest.fixture
def eve(office: Provider) -> User:
    return make_user(office, last_name="Eerste", username="eve", email="eve@devries.example")


def test_superfluous_rights_are_shown_and_taken(alice_client: Client, bob: User, office: Provider) -> None:
    put(office, "Controle", [bob], [], Right.VIEW_AUDIT)
    give(bob, Right.VIEW_AUDIT, Right.VIEW_BILLING)
    context = alice_client.get(PAGE).context
    assert context["superfluous"] == [(bob, [Right.VIEW_AUDIT])]
    assert (bob, [Right.VIEW_BILLING]) in context["deviating"]
    before = collect_held_rights(office, [bob.pk])
    asked = alice_client.post(DROP, {"person": bob.pk})
    assert asked.context["confirmation"].names == [Right.VIEW_AUDIT.label]
    assert Right.VIEW_AUDIT in checks.individual_rights(bob), "it asks first"
    alice_client.post(DROP, {"person": bob.pk, "sure": "1"})
    assert checks.individual_rights(bob) == {Right.VIEW_BILLING}
    assert collect_held_rights(office, [bob.pk]) == before
    assert alice_client.get(PAGE).context["superfluous"] == []


def test_a_group_becomes_a_team(alice_client: Client, bob: User, eve: User, office: Provider) -> None:
    put(office, "Loon", [bob, eve], [employer(office, 1)])
    for user in (bob, eve):
        give(user, Right.VIEW_WAGES, Right.VIEW_AUDIT)
    ((group, _rights, key, _count),) = alice_client.get(PAGE).context["groups"]
    assert group.users == [bob, eve]
    before = collect_held_rights(office, [bob.pk, eve.pk])
    asked = alice_client.post(REPLACE, {"group": key, "name": "Loon en controle"})
    assert asked.context["confirmation"].names == [bob.list_name, eve.list_name]
    assert asked.context["hidden"] == [("sure", 1), ("name", "Loon en controle"), ("group", key)]
    assert not Team.objects.filter(name="Loon en controle").exists(), "it asks first"
    alice_client.post(REPLACE, {"group": key, "name": "Loon en controle", "sure": "1"})
    assert not checks.individual_rights(bob)
    assert collect_held_rights(office, [bob.pk, eve.pk]) == before
    assert Team.objects.filter(name="Loon en controle").count() == 1
    alice_client.post(REPLACE, {"group": key, "name": "Nog eens", "sure": "1"})
    assert not Team.objects.filter(name="Nog eens").exists(), "a group that is no more makes no team"


def test_a_team_without_good_name_is_not_made(alice_client: Client, bob: User, eve: User, office: Provider) -> None:
    put(office, "Bestaat", [], [])
    for user in (bob, eve):
        give(user, Right.VIEW_AUDIT)
    ((_group, _rights, key, _count),) = alice_client.get(PAGE).context["groups"]
    for name in ("", "x" * 51, "\x00", "bestaat"):
        response = alice_client.post(REPLACE, {"group": key, "name": name, "sure": "1"})
        assert response.status_code == 302
        assert list(get_messages(response.wsgi_request))
    assert Team.objects.count() == 1
    assert checks.individual_rights(bob) == {Right.VIEW_AUDIT}


def test_who_is_in_no_team(alice_client: Client, alice: User, bob: User, office: Provider) -> None:
    put(office, "Loon", [bob], [])
    assert list(alice_client.get(PAGE).context["without_team"]) == [alice]


def test_other_offices_and_users_without_the_right_are_refused(
    alice_client: Client, bob_client: Client, charlie_client: Client, charlie: User, alice: User, bob: User
) -> None:
    assert (
        bob_client.get(PAGE).status_code
        == bob_client.post(DROP).status_code
        == bob_client.post(REPLACE).status_code
        == 403
    )
    assert charlie_client.post(DROP, {"person": bob.pk}).status_code == 404
    assert alice_client.post(DROP, {"person": charlie.pk}).status_code == 404
    assert not charlie_client.get(PAGE).context["groups"]
    give(bob, Right.VIEW_USERS)
    assert bob_client.get(PAGE).status_code == 200
    assert bob_client.post(DROP, {"person": alice.pk}).status_code == 403


def test_queries_do_not_grow(alice_client: Client, office: Provider, django_assert_max_num_queries) -> None:
    for number in range(6):
        pair = [make_user(office, username=f"{number}-{which}") for which in range(2)]
        put(office, f"Team {number}", pair, [employer(office, number)], Right.VIEW_WAGES)
        for user in pair:
            give(user, Right.VIEW_WAGES, list(Right)[number])
    with django_assert_max_num_queries(20):
        assert len(alice_client.get(PAGE).context["groups"]) == 6
