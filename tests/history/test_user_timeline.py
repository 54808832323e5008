"""The timeline of a user's rights, from the events about that user."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

import teams.actions
import users.actions
from accounts.models import User
from history.presenters import user_timeline
from history.presenters.timeline_picture import LEFT, RIGHT, draw_timeline
from history.presenters.user_timeline import PERIOD, Timeline, build_timeline
from permissions.catalog import Right
from permissions.models import IndividualRight, Team, TeamMember
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)
DAY = timedelta(days=1)


@pytest.fixture
def colleague(alice: User) -> User:
    with time_machine.travel(NOW - 300 * DAY, tick=False):
        return make_user(alice.office, username="collega")


def at(days: int) -> time_machine.travel:
    return time_machine.travel(NOW - days * DAY, tick=False)


def spans(timeline: Timeline) -> dict[str, list[tuple[int, int | None]]]:
    """Return by lane the days ago at which each period began and ended."""
    return {
        lane.name: [((NOW - one.since).days, (NOW - one.until).days if one.until else None) for one in lane.spans]
        for lane in timeline.lanes
    }


def test_teams_rights_and_blocks_are_periods(colleague: User) -> None:
    by = actor()
    with at(200):
        north = teams.actions.create_team(colleague.office, name="Noord", by=by)
        south = teams.actions.create_team(colleague.office, name="Zuid", by=by)
        teams.actions.change_teams(colleague, add=[north, south], by=by)
    with at(150):
        teams.actions.change_teams(colleague, remove=[south], by=by)
        users.actions.block_user(colleague, by=by)
    with at(140):
        users.actions.unblock_user(colleague, by=by)
        teams.actions.set_individual_rights(colleague, [Right.VIEW_USERS], by=by)
    with at(100):
        north.refresh_from_db()
        teams.actions.rename_team(north, name="Noord-Oost", version=north.version, by=by)
    with time_machine.travel(NOW, tick=False):
        timeline = build_timeline(User.objects.get(pk=colleague.pk))
    right = next(name for name in spans(timeline) if "Noord-Oost" not in name and "Zuid" not in name)
    assert spans(timeline) == {"Noord-Oost": [(200, None)], "Zuid": [(200, 150)], right: [(140, None)]}
    assert [(NOW - block.since).days for block in timeline.blocks] == [150]
    assert [(NOW - block.until).days for block in timeline.blocks if block.until] == [140]


def test_what_began_before_the_period_is_held_from_its_start(colleague: User) -> None:
    team = Team.objects.create(provider=colleague.provider, name="Oud")
    TeamMember.objects.create(provider=colleague.provider, team=team, user=colleague)
    IndividualRight.objects.create(provider=colleague.provider, user=colleague, right=Right.VIEW_USERS)
    with time_machine.travel(NOW, tick=False):
        timeline = build_timeline(colleague)
        picture = draw_timeline(timeline, NOW - PERIOD)
    assert all(found == [(300, None)] for found in spans(timeline).values())
    assert len(picture.lanes) == 2
    bar = picture.lanes[0].bars[0]
    assert LEFT < bar.x < RIGHT
    assert bar.x + bar.width == pytest.approx(RIGHT, abs=0.2)


def test_only_the_last_events_are_read(colleague: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_timeline, "MAX_EVENTS", 3)
    for days in (90, 80, 70, 60, 50):
        with at(days):
            (users.actions.unblock_user if days % 20 == 0 else users.actions.block_user)(colleague, by=actor())
            colleague.refresh_from_db()
    with time_machine.travel(NOW, tick=False):
        timeline = build_timeline(colleague)
    assert timeline.is_cut
    assert len(timeline.rows) == 3
    assert (NOW - timeline.since).days == 70


def test_it_is_for_those_who_see_the_history(alice_client: Client, bob_client: Client, alice: User, bob: User) -> None:
    url = reverse("users:user_detail", args=[alice.pk])
    assert 'id="timeline-title"' in alice_client.get(reverse("users:user_detail", args=[bob.pk])).text
    IndividualRight.objects.create(provider=bob.provider, user=bob, right=Right.VIEW_USERS)
    page = bob_client.get(url)
    assert page.status_code == 200
    assert 'id="timeline-title"' not in page.text


def test_names_are_escaped_and_nothing_has_a_style(alice_client: Client, colleague: User) -> None:
    team = Team.objects.create(provider=colleague.provider, name='<b>"&</b>')
    TeamMember.objects.create(provider=colleague.provider, team=team, user=colleague)
    page = alice_client.get(reverse("users:user_detail", args=[colleague.pk])).text
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert "style=" not in page


def test_the_number_of_queries_does_not_grow(
    colleague: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for days in range(20, 0, -1):
        with at(days):
            team = teams.actions.create_team(colleague.office, name=f"Team {days}", by=actor())
            teams.actions.change_teams(colleague, add=[team], by=actor())
    found = User.objects.select_related("provider").get(pk=colleague.pk)
    with django_assert_num_queries(6):
        assert len(build_timeline(found).lanes) == 20
