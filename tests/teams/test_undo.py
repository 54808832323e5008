"""A change of a team, of individual rights or of a set is undone within a week, once, and by the same checks."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

import teams.actions
import teams.sets
from accounts.models import Provider, User
from audit.models import Event, Verb
from permissions import checks
from permissions.action_helpers import get_team_employer_ids, get_team_rights
from permissions.checks import Right
from permissions.models import AuthorizationSet, Employer, SetApplication, Team
from teams.undo import UndoRefused, build_reversal, filter_undoable_events, list_undoable_events, undo_change
from tests.helpers.users import actor, change_user, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(office: Provider) -> Team:
    return teams.actions.create_team(office, name="Loon Noord", by=actor())


@pytest.fixture
def bakker(office: Provider) -> Employer:
    return Employer.objects.create(provider=office, number=1, name="Bakker")


def last(verb: Verb = Verb.TEAM_CHANGED) -> Event:
    event = Event.objects.filter(verb=verb).order_by("-at", "-id").first()
    assert event is not None
    return event


def url(event: Event) -> str:
    return reverse("teams:undo_change", args=[event.pk])


def state(team: Team) -> tuple[object, ...]:
    team.refresh_from_db()
    members = set(team.members.values_list("user_id", flat=True))
    return team.name, team.two_factor_required, members, set(get_team_employer_ids(team)), get_team_rights(team)


CHANGES: dict[str, Callable[[Team, User, Employer], None]] = {
    "rights": lambda team, user, place: teams.actions.set_team_rights(team, [Right.VIEW_HRM], by=actor()),
    "new members": lambda team, user, place: teams.actions.change_members(team, add=[user], by=actor()),
    "new employers": lambda team, user, place: teams.actions.change_employers(team, add=[place], by=actor()),
    "name": lambda team, user, place: teams.actions.rename_team(team, name="Zuid", version=team.version, by=actor()),
    "two-factor": lambda team, user, place: teams.actions.set_two_factor_required(
        team, required=True, version=team.version, by=actor()
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_of_a_team_is_undone_and_done_again(
    change: Callable[[Team, User, Employer], None], team: Team, alice: User, bob: User, bakker: Employer
) -> None:
    teams.actions.set_team_rights(team, [Right.VIEW_WAGES], by=actor())
    team.refresh_from_db()
    before = state(team)
    change(team, bob, bakker)
    event, after = last(), state(team)
    undo_change(event, by=actor(alice))
    assert state(team) == before
    assert last(Verb.CHANGE_UNDONE).changes == {"undone": [str(event.pk), None]}
    with pytest.raises(UndoRefused):
        undo_change(event, by=actor(alice))
    undo_change(last(), by=actor(alice))
    assert state(team) == after


def test_the_message_leads_to_a_page_that_asks(alice_client: Client, team: Team, bob: User) -> None:
    data = {"rights": ["view_wages"], "version": team.version, "sure": "1"}
    page = alice_client.post(reverse("teams:change_team_rights", args=[team.pk]), data, follow=True)
    event = last()
    assert f'href="{url(event)}"' in page.text
    asked = alice_client.get(url(event))
    assert "Raadplegen beloningen" in asked.text
    assert get_team_rights(team) == {Right.VIEW_WAGES}, "asking changes nothing"
    done = alice_client.post(url(event), follow=True)
    assert "teruggedraaid" in done.text
    assert get_team_rights(team) == frozenset()
    assert not alice_client.get(url(event)).context["confirmation"].is_possible
    history = alice_client.get(reverse("history:team_events", args=[team.pk]), {"view": "lines"})
    assert f'href="{url(event)}"' not in history.text
    assert f'href="{url(last())}"' in history.text
    assert str(event.pk) in history.text, "the event links to what it undid"


def test_the_summary_of_the_history_leads_to_it_as_long_as_it_can_be_undone(
    office: Provider, team: Team, bob: User, alice: User, alice_client: Client, client: Client
) -> None:
    teams.actions.change_members(team, add=[bob], by=actor())
    event = last()
    link = f'href="{url(event)}"'
    assert link in alice_client.get("/historie/").text
    assert link in alice_client.get(reverse("history:team_events", args=[team.pk])).text
    client.force_login(make_user(office, Right.VIEW_AUDIT, username="lezer"))
    assert link not in client.get("/historie/").text
    undo_change(event, by=actor(alice))
    assert link not in alice_client.get("/historie/").text


def test_rights_of_a_user_are_undone_by_who_may_see_users(office: Provider, bob: User) -> None:
    teams.actions.set_individual_rights(bob, [Right.VIEW_HRM], by=actor())
    event = last(Verb.RIGHTS_CHANGED)
    assert filter_undoable_events([event], [Right.GRANT_RIGHTS, Right.VIEW_USERS]) == [event]
    assert filter_undoable_events([event], [Right.GRANT_RIGHTS]) == []


def test_it_is_refused_with_words_once_things_changed(alice: User, bob: User, team: Team) -> None:
    teams.actions.change_members(team, add=[bob], by=actor())
    teams.actions.change_members(team, remove=[bob], by=actor())
    event = last()
    change_user(bob, blocked_at=timezone.now())
    with pytest.raises(UndoRefused, match=r"B\. Bakker is sindsdien geblokkeerd"):
        build_reversal(event, actor(alice))
    planner = make_user(team.provider, Right.MANAGE_TEAMS, username="planner")
    with pytest.raises(UndoRefused, match="Een collega is sindsdien geblokkeerd"):
        build_reversal(event, actor(planner))
    change_user(bob, blocked_at=None)
    teams.actions.change_members(team, add=[bob], by=actor())
    with pytest.raises(UndoRefused, match="sindsdien gewijzigd"):
        build_reversal(event, actor(alice))


def test_it_ends_after_a_week(alice: User, team: Team) -> None:
    teams.actions.set_team_rights(team, [Right.VIEW_HRM], by=actor())
    event = last()
    assert list_undoable_events(team.provider_id, team.pk, Right) == [event]
    with time_machine.travel(event.at + timedelta(days=7, minutes=1)):
        assert list_undoable_events(team.provider_id, team.pk, Right) == []
        with pytest.raises(UndoRefused):
            undo_change(event, by=actor(alice))
    assert get_team_rights(team) == {Right.VIEW_HRM}


def test_nobody_undoes_more_than_they_may_change(
    office: Provider, team: Team, alice: User, alice_client: Client, bob_client: Client, charlie_client: Client
) -> None:
    teams.actions.set_team_rights(team, [Right.VIEW_BILLING], by=actor())
    event = last()
    assert bob_client.get(url(event)).status_code == 403
    assert bob_client.post(url(event)).status_code == 403
    assert charlie_client.get(url(event)).status_code == charlie_client.post(url(event)).status_code == 404
    assert alice_client.get(reverse("teams:undo_change", args=[team.pk])).status_code == 404
    planner = make_user(office, Right.MANAGE_TEAMS, username="planner")
    with pytest.raises(PermissionDenied):
        undo_change(event, by=actor(planner))
    teams.actions.change_members(team, add=[alice], by=actor())
    with pytest.raises(PermissionDenied):
        undo_change(event, by=actor(alice))
    assert get_team_rights(team) == {Right.VIEW_BILLING}
    created = Event.objects.get(verb=Verb.TEAM_CREATED)
    assert alice_client.get(url(created)).status_code == 404


def test_individual_rights_and_sets_are_undone(alice: User, alice_client: Client, bob: User, office: Provider) -> None:
    data = {"rights": ["view_hrm"], "before": ""}
    page = alice_client.post(reverse("teams:user_rights", args=[bob.pk]), data, follow=True)
    event = last(Verb.RIGHTS_CHANGED)
    assert f'href="{url(event)}"' in page.text
    alice_client.post(url(event))
    assert checks.individual_rights(bob) == frozenset()
    made = teams.sets.create_set(office, name="HR", contents=[Right.VIEW_HRM], by=actor())
    data = {"name": "HR 2", "rights": ["view_wages"], "version": str(made.version)}
    page = alice_client.post(reverse("teams:edit_set", args=[made.pk]), data, follow=True)
    event = last(Verb.SET_CHANGED)
    assert f'href="{url(event)}"' in page.text
    alice_client.post(url(event))
    made = AuthorizationSet.objects.get()
    assert (made.name, made.rights) == ("HR", frozenset({Right.VIEW_HRM}))


def test_a_name_that_is_taken_or_a_team_that_is_gone_says_so(
    alice_client: Client, team: Team, office: Provider
) -> None:
    teams.actions.rename_team(team, name="Zuid", version=team.version, by=actor())
    event = last()
    teams.actions.create_team(office, name="Loon Noord", by=actor())
    taken = gettext("A team with this name already exists. Choose another name.")
    assert alice_client.post(url(event)).context["confirmation"].error == taken
    team.refresh_from_db()
    teams.actions.delete_team(team, version=team.version, by=actor())
    page = alice_client.get(url(event))
    assert not page.context["confirmation"].is_possible


def test_a_set_that_was_applied_is_forgotten(alice_client: Client, bob: User, office: Provider) -> None:
    made = teams.sets.create_set(office, name="HR", contents=[Right.VIEW_HRM], by=actor())
    other = teams.sets.create_set(office, name="Historie", contents=[Right.VIEW_AUDIT], by=actor())
    teams.sets.apply_set(other, bob, by=actor())
    data = {"set": made.pk, "version": made.version, "before": "view_audit"}
    alice_client.post(reverse("teams:apply_set_to_user", args=[bob.pk]), data)
    assert SetApplication.objects.count() == 2
    alice_client.post(url(last(Verb.RIGHTS_CHANGED)))
    assert checks.individual_rights(bob) == {Right.VIEW_AUDIT}
    assert [row.authorization_set for row in SetApplication.objects.all()] == [other]


def test_who_may_not_view_users_is_not_told_whose_rights_changed(client: Client, bob: User, office: Provider) -> None:
    teams.actions.set_individual_rights(bob, [Right.VIEW_HRM], by=actor())
    client.force_login(make_user(office, Right.GRANT_RIGHTS, Right.VIEW_HRM, username="gever"))
    page = client.get(url(last(Verb.RIGHTS_CHANGED)))
    assert page.status_code == 403
    assert "Bakker" not in page.text
