"""The search in the audit log finds what a plain query finds, in the same order."""

import itertools
import random
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.utils import timezone

from accounts.models import Provider, User
from audit.insert import insert_events
from audit.models import Event
from core.paging import PageCursor, paginate_newest_first
from history import event_search
from history.event_search import EventSearch
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
FACETS = {"verb": ["signed_in", "exported", "erased"], "target_kind": ["user", "team"], "origin": ["page", "api"]}


@pytest.fixture
def members(office: Provider) -> list[User]:
    """The users of an office with 300 events, and of another one with as many."""
    chance, other = random.Random(1), Provider.objects.create(name="Ander")  # noqa: S311 (no secret)
    users = [make_user(office, username=f"user{number}") for number in range(4)]
    events = []
    for number in range(600):
        actor, target = (chance.choice([*users, None]) for _role in range(2))
        events.append(
            Event(
                provider_id=office.pk if number % 2 else other.pk, actor_id=actor and actor.pk, who={"name": "x"},
                target_id=target and target.pk, what={"name": "y"}, verb=chance.choice(FACETS["verb"][:2]),
                target_kind=chance.choice(FACETS["target_kind"]), origin=chance.choice(FACETS["origin"]),
            )
        )  # fmt: skip
    insert_events(events)
    return users


def list_searches(office: Provider, users: list[User]) -> list[dict[str, Any]]:
    """Return every combination of filters."""
    ids, moments = [user.pk for user in users], list(Event.objects.order_by("at").values_list("at", flat=True))
    facets = [
        {name: value for name, value in zip(FACETS, values, strict=True) if value}
        for values in itertools.product(*(["", *values] for values in FACETS.values()))
    ]
    periods = [(None, None), (moments[100], None), (None, moments[400]), (timezone.now() + timedelta(days=1), None)]
    return [
        {"subject": subject, "users": involved, "facets": chosen, "since": since, "before": before}
        for chosen, (since, before) in itertools.product(facets, periods)
        for subject, involved in ((None, None), (ids[0], None), (None, ids[:2]), (ids[0], ids[1:3]), (None, []))
    ]


def find_plainly(office: Provider, search: dict[str, Any]) -> list[Any]:
    events = Event.objects.filter(provider_id=office.pk, **search["facets"])
    if search["subject"]:
        events = events.filter(Q(target_id=search["subject"]) | Q(actor_id=search["subject"]))
    if search["users"] is not None:
        events = events.filter(Q(target_id__in=search["users"]) | Q(actor_id__in=search["users"]))
    if search["since"]:
        events = events.filter(at__gte=search["since"])
    if search["before"]:
        events = events.filter(at__lt=search["before"])
    return list(events.order_by("-at", "-id").values_list("pk", flat=True))


@pytest.mark.slow
@pytest.mark.parametrize("max_ranged_users", [1000, 1])
def test_every_combination_of_filters_finds_the_same_events(
    office: Provider, members: list[User], max_ranged_users: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_search, "_MAX_RANGED_USERS", max_ranged_users)
    monkeypatch.setattr(event_search, "_CHUNK_SIZE", 70)
    for filters in list_searches(office, members):
        chunks = EventSearch(office.pk, **filters).iter_chunks()
        assert [event.pk for events in chunks for event in events] == find_plainly(office, filters), filters
        assert EventSearch(office.pk, **filters).count() == len(find_plainly(office, filters)), filters


def test_pages_of_the_search_are_read_in_both_directions(office: Provider, members: list[User]) -> None:
    search = EventSearch(office.pk, subject=members[0].pk)
    expected, cursor, pages = find_plainly(office, vars(search)), "", []
    while True:
        page = paginate_newest_first(search.fetch, cursor=cursor)
        pages.append(page)
        if not (cursor := page.next):
            break
    assert [event.pk for page in pages for event in page.rows] == expected
    back = paginate_newest_first(search.fetch, cursor=pages[-1].previous)
    assert [event.pk for event in back.rows] == [event.pk for event in pages[-2].rows]


def test_events_of_one_moment_are_all_found(office: Provider, members: list[User]) -> None:
    event = Event.objects.filter(provider_id=office.pk).first()
    assert event is not None
    found = EventSearch(office.pk).fetch(PageCursor(event.at, event.pk), falling=True, limit=1000)
    assert event.pk not in {row.pk for row in found}
    assert all((row.at, row.pk) < (event.at, event.pk) for row in found)
