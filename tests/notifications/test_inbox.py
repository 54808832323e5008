"""The notifications on the home page and their list: what one sees, read marks, and what others see of it."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

import notifications.actions
from accounts.models import User
from audit.models import Event, Verb
from core.ids import uuid7
from core.paging import PAGE_SIZE
from notifications.inbox import MAX_UNREAD_COUNT
from notifications.models import Notification
from permissions.models import Employer, TeamMember
from tests.helpers.notification_events import employer_of, make_team_at_employer, raised
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
INBOX, ALL = "/signalen/", "/signalen/gelezen/"


def mark(notice: Notification) -> str:
    return reverse("notifications:mark_read", args=[notice.pk])


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel("2027-01-11T11:00Z", tick=False) as moved:
        yield moved


@pytest.fixture
def bakery(clock: Any, bob: User) -> Employer:
    employer = employer_of(bob.provider)
    make_team_at_employer(employer, bob)
    return employer


@pytest.fixture
def bob_client(clock: Any, bob: User) -> Client:
    client = Client()
    client.force_login(bob)
    return client


def test_the_home_page_says_what_a_signal_is_until_there_is_one(bob_client: Client, bakery: Employer) -> None:
    page = bob_client.get("/")
    assert page.context["notifications"] == []
    assert "Een signaal wijst je op tijd" in page.content.decode()
    assert "Een signaal wijst je op tijd" in bob_client.get(INBOX).content.decode()


def test_the_home_page_shows_the_newest_that_were_not_read(clock: Any, bob_client: Client, bakery: Employer) -> None:
    for number in range(7):
        clock.shift(60)
        raised(bakery, text=f"nummer {number}")
    page = bob_client.get("/")
    assert [shown.notice.event.text for shown in page.context["notifications"]] == [
        f"nummer {n}" for n in (6, 5, 4, 3, 2)
    ]
    assert "7 ongelezen signalen" in page.content.decode()
    newest = page.context["notifications"][0].notice
    assert bob_client.post(mark(newest), {"next": "/"}).headers["Location"] == "/"
    page = bob_client.get("/")
    assert page.context["unread"] == 6
    assert newest not in [shown.notice for shown in page.context["notifications"]]


def test_what_is_typed_elsewhere_is_shown_as_it_is(bob_client: Client, bakery: Employer) -> None:
    raised(bakery, text="<script>alert(1)</script>")
    assert "&lt;script&gt;alert(1)" in bob_client.get("/").content.decode()


def test_notification_is_marked_as_read_once_with_time_and_reader(
    clock: Any, bob_client: Client, bakery: Employer, bob: User
) -> None:
    eve = make_user(bob.provider, username="eve", initials="E.", last_name="Dekker")
    make_team_at_employer(bakery, eve)
    event = raised(bakery)
    theirs, own = event.notices.get(user=eve), event.notices.get(user=bob)
    assert notifications.actions.mark_notification_read(theirs, by=actor(eve))
    clock.shift(600)
    page = bob_client.get(INBOX).content.decode()
    assert "eerst door E. Dekker, <time" in page
    bob_client.post(mark(own))
    clock.shift(600)
    bob_client.post(mark(own))
    own.refresh_from_db()
    assert own.read_at is not None
    assert own.read_at.isoformat() == "2027-01-11T11:10:00+00:00", "the first time counts"
    events = Event.objects.filter(verb=Verb.NOTIFICATIONS_READ, target_id=bob.pk)
    assert [event.changes for event in events] == [{"signals": [None, 1]}]


@pytest.mark.slow
def test_reading_marks_nothing(bob_client: Client, bakery: Employer) -> None:
    event = raised(bakery)
    for url in ("/", INBOX, INBOX + "?unread=1"):
        bob_client.get(url)
        bob_client.head(url)
    for url in (ALL, mark(event.notices.get())):
        assert bob_client.get(url).status_code == 405
    assert event.notices.get().read_at is None


def test_all_are_marked_that_the_page_had_shown(clock: Any, bob_client: Client, bakery: Employer) -> None:
    for number in range(3):
        raised(bakery, text=f"{number}")
    until = bob_client.get(INBOX).context["until"]
    clock.shift(60)
    later = raised(bakery, text="later")
    bob_client.post(ALL, {"until": until, "next": "/"})
    assert [shown.notice.event for shown in bob_client.get("/").context["notifications"]] == [later]
    assert Event.objects.get(verb=Verb.NOTIFICATIONS_READ).changes == {"signals": [None, 3]}
    bob_client.post(ALL, {"until": until})
    assert Event.objects.filter(verb=Verb.NOTIFICATIONS_READ).count() == 1
    assert later.notices.get().read_at is None
    for wrong in ("", "x", "\x00"):
        assert bob_client.post(ALL, {"until": wrong}).status_code == 404
    bob_client.post(ALL, {"until": uuid7()})
    assert later.notices.get().read_at is None


def test_only_those_not_read_can_be_asked_for(clock: Any, bob_client: Client, bakery: Employer) -> None:
    read, unread = raised(bakery, text="een"), raised(bakery, text="twee")
    bob_client.post(mark(read.notices.get()))
    assert {shown.notice.event for shown in bob_client.get(INBOX).context["notifications"]} == {read, unread}
    assert [shown.notice.event for shown in bob_client.get(INBOX, {"unread": "1"}).context["notifications"]] == [unread]
    bob_client.post(mark(unread.notices.get()))
    assert "Je hebt alles gelezen" in bob_client.get(INBOX, {"unread": "1"}).content.decode()


@pytest.mark.slow
def test_pages_have_each_signal_once(clock: Any, bob_client: Client, bakery: Employer, bob: User) -> None:
    events = [raised(bakery, reference=str(number)) for number in range(PAGE_SIZE + 3)]  # all in the same moment
    first = bob_client.get(INBOX).context
    second = bob_client.get(INBOX + first["next_url"]).context
    assert len(second["notifications"]) == 3
    seen = [shown.notice.event for shown in [*first["notifications"], *second["notifications"]]]
    assert sorted(event.pk for event in seen) == sorted(event.pk for event in events)
    back = bob_client.get(INBOX + second["previous_url"]).context
    assert [shown.notice.pk for shown in back["notifications"]] == [shown.notice.pk for shown in first["notifications"]]
    for _number in range(MAX_UNREAD_COUNT):
        raised(bakery, reference=str(uuid7()))
    inbox = bob_client.get(INBOX)
    assert inbox.context["unread"] == f"{PAGE_SIZE + 3 + MAX_UNREAD_COUNT}"
    assert f"1–{PAGE_SIZE} van {PAGE_SIZE + 3 + MAX_UNREAD_COUNT}" in inbox.text
    assert "100 of meer ongelezen signalen" in bob_client.get("/").content.decode()


def test_redirect_to_another_site_is_refused(bob_client: Client, bakery: Employer) -> None:
    notice = raised(bakery).notices.get()
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "\x00"):
        assert bob_client.post(mark(notice), {"next": elsewhere}).headers["Location"] == INBOX


@pytest.mark.slow
def test_others_cannot_see_or_mark_it(bob_client: Client, bakery: Employer, bob: User, charlie: User) -> None:
    notice = raised(bakery).notices.get()
    eve = make_user(bob.provider, username="eve")
    make_team_at_employer(bakery, eve)
    for stranger in (eve, charlie):
        client = Client()
        client.force_login(stranger)
        assert client.get(INBOX).context["notifications"] == []
        assert client.get("/").context["notifications"] == []
        assert client.post(mark(notice)).status_code == 404
        client.post(ALL, {"until": notice.pk})
    assert Notification.objects.get(pk=notice.pk).read_at is None
    assert Client().get(INBOX).status_code == Client().post(mark(notice)).status_code == 302
    TeamMember.objects.filter(user=bob).delete()
    assert bob_client.get("/").context["notifications"] == bob_client.get(INBOX).context["notifications"] == []
    assert bob_client.post(mark(notice)).status_code == 404
    bob_client.post(ALL, {"until": notice.pk})
    assert not Event.objects.filter(verb=Verb.NOTIFICATIONS_READ).exists()


def test_marking_as_read_affects_only_the_user(bakery: Employer, bob: User, alice: User) -> None:
    notice = raised(bakery).notices.get()
    for by in (actor(alice), actor()):
        with pytest.raises(PermissionDenied):
            notifications.actions.mark_notification_read(notice, by=by)
        with pytest.raises(PermissionDenied):
            notifications.actions.mark_all_notifications_read(bob, until=notice.pk, by=by)


@pytest.mark.slow
def test_the_list_takes_as_many_queries_whatever_its_length(
    clock: Any, bob_client: Client, bakery: Employer, bob: User, django_assert_num_queries: Any
) -> None:
    eve = make_user(bob.provider, username="eve")
    make_team_at_employer(bakery, eve)
    for count in (1, 40):
        for _number in range(count):
            event = raised(bakery, reference=str(uuid7()))
            notifications.actions.mark_notification_read(event.notices.get(user=eve), by=actor(eve))
        with django_assert_num_queries(10):  # session, person, rights, list of three, two counts, newest, readers
            bob_client.get(INBOX)


@pytest.mark.menu_counts
def test_the_bell_and_the_menu_count_until_everything_is_read(bob_client: Client, bakery: Employer) -> None:
    notice = raised(bakery, text="een")
    assert bob_client.get(INBOX).text.count(">1 <span") + bob_client.get(INBOX).text.count('waiting">1<') == 2
    bob_client.post(mark(Notification.objects.get(event=notice)), {"next": "/"})
    page = bob_client.get(INBOX).text
    assert 'class="badge"' not in page
    assert "waiting" not in page
