"""The search for acts folds the events that a plain query finds, in both directions."""

import random
from collections import defaultdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.models import Provider, User
from audit.insert import insert_events
from audit.models import Event
from core import paging
from core.paging import PageCursor, paginate_newest_first
from history import event_search
from history.act_search import ActSearch
from history.event_search import EventSearch
from tests.helpers.users import make_user
from tests.history.test_event_search import FACETS, find_plainly, list_searches

pytestmark = pytest.mark.django_db


def insert(events: list[dict[str, Any]]) -> None:
    plain = {"who": {"name": "x"}, "what": {"name": "y"}, "verb": "exported", "target_kind": "user", "origin": "page"}
    insert_events([Event(**(plain | values)) for values in events])


@pytest.fixture
def members(office: Provider) -> list[User]:
    """The users of an office with 300 events of some 60 acts, which overlap, and of another office with as many."""
    chance, other = random.Random(2), Provider.objects.create(name="Ander")  # noqa: S311 (no secret)
    users = [make_user(office, username=f"user{number}") for number in range(4)]
    events = []
    for number in range(600):
        actor, target = (chance.choice([*users, None]) for _role in range(2))
        act = f"act {(number // 10) + chance.choice([0, 0, 0, 1, 2])}" if chance.random() < 0.8 else ""
        events.append({
            "provider_id": office.pk if number % 2 else other.pk, "actor_id": actor and actor.pk,
            "target_id": target and target.pk, "verb": chance.choice(FACETS["verb"][:2]), "correlation_id": act,
            "target_kind": chance.choice(FACETS["target_kind"]), "origin": chance.choice(FACETS["origin"]),
        })  # fmt: skip
    insert(events)
    return users


def fold_plainly(office: Provider, search: dict[str, Any]) -> dict[Any, list[Any]]:
    """Return the matching events of each act by their newest, newest first."""
    ids = find_plainly(office, search)
    correlations = dict(Event.objects.filter(pk__in=ids).values_list("pk", "correlation_id"))
    acts = defaultdict(list)
    for event_id in ids:
        acts[correlations[event_id] or event_id].append(event_id)
    return {events[0]: events for events in acts.values()}


@pytest.mark.slow
@pytest.mark.parametrize("max_ranged_users", [1000, 1])
def test_every_combination_of_filters_finds_the_same_acts(
    office: Provider, members: list[User], max_ranged_users: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_search, "_MAX_RANGED_USERS", max_ranged_users)
    for filters in list_searches(office, members)[::3]:
        search = ActSearch(EventSearch(office.pk, **filters))
        leads, acts = search.fetch(None, True, 1000), fold_plainly(office, filters)
        assert [event.pk for event in leads] == list(acts), filters
        parts = search.fetch_parts(event.correlation_id for event in leads)
        for event in leads:
            if event.correlation_id:
                assert sum(part.events for part in parts[event.correlation_id] if part.verb) == len(acts[event.pk])


def test_pages_of_acts_are_read_in_both_directions(
    office: Provider, members: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging._paginate, "__kwdefaults__", {"size": 7})
    for search in (EventSearch(office.pk), EventSearch(office.pk, subject=members[0].pk)):
        expected, cursor = list(fold_plainly(office, vars(search))), ""
        pages: list[list[UUID]] = []
        while True:
            part = paginate_newest_first(ActSearch(search).fetch, cursor=cursor)
            pages.append([event.pk for event in part.rows])
            if not (cursor := part.next):
                break
        assert [pk for page in pages for pk in page] == expected
        assert len(pages) > 4
        cursor = part.previous
        for before in reversed(pages[:-1]):
            back = paginate_newest_first(ActSearch(search).fetch, cursor=cursor)
            assert [event.pk for event in back.rows] == before
            cursor = back.previous
        assert not cursor


def test_events_in_the_midst_of_a_long_act_are_not_lost(office: Provider) -> None:
    act = {"provider_id": office.pk, "correlation_id": "import"}
    insert([act] * 500 + [{"provider_id": office.pk, "correlation_id": "between"}] + [act] * 500)
    leads = ActSearch(EventSearch(office.pk)).fetch(None, True, 51)
    assert [event.correlation_id for event in leads] == ["import", "between"]
    part, _total = ActSearch(EventSearch(office.pk)).fetch_parts(["import", ""])["import"]
    assert (part.verb, part.events, part.targets, part.newest_id) == ("exported", 1000, 0, leads[0].pk)


def test_another_office_with_the_same_correlation_id_is_not_counted(office: Provider) -> None:
    other = Provider.objects.create(name="Ander")
    insert([{"provider_id": provider.pk, "correlation_id": "same"} for provider in (office, other, other)])
    search = ActSearch(EventSearch(office.pk))
    assert [event.provider_id for event in search.fetch(None, True, 51)] == [office.pk]
    assert search.fetch_parts(["same"])["same"][0].events == 1


def test_acts_beyond_the_end_are_none(office: Provider, members: list[User]) -> None:
    later = PageCursor(timezone.now() + timedelta(days=1), members[0].pk)
    assert ActSearch(EventSearch(office.pk)).fetch(later, False, 51) == []
