"""What happens to campaigns by itself, what leads reviewers there, and the campaigns of an audit package."""

import zipfile
from datetime import timedelta
from io import BytesIO

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.models import Provider, User
from audit.models import Event, Verb
from outbox.models import Message
from permissions.catalog import Right
from permissions.models import IndividualRight
from reviews import decisions, schedule
from reviews.models import Campaign, Decision, ReviewItem
from tests.helpers.reviews import start
from tests.helpers.users import actor, letter, make_user, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer(office: Provider, alice: User) -> User:
    return make_user(office, Right.REVIEW_ACCESS, username="beoordelaar", last_name="Beoordelaar")


def mails() -> list[str]:
    return [letter(message) for message in Message.objects.filter(kind__startswith="review").order_by("pk")]


def test_the_start_tells_reviewers_how_much_it_is(office: Provider, reviewer: User) -> None:
    campaign = start(office, reviewer)
    (text,) = mails()
    assert "1 beslissing staat open. Dat kost ongeveer 1 minuut." in text
    assert reverse("reviews:decide", args=[campaign.pk]) in text


def test_reminders_come_three_times_and_only_with_something_open(office: Provider, alice: User, reviewer: User) -> None:
    campaign = start(office, reviewer)
    for days, number in ((8, 0), (7, 1), (7, 1), (5, 1), (3, 2), (1, 3)):
        with time_machine.travel(timezone.now() + timedelta(days=14 - days), tick=False):
            schedule.send_reminders()
            assert len(mails()) == 1 + number, days
    item = ReviewItem.objects.get(campaign=campaign, subject__person_id=alice.pk)
    decisions.decide(item, Decision.KEEP, seen=0, by=actor(reviewer))
    Campaign.objects.update(reminded_on=None)
    with time_machine.travel(timezone.now() + timedelta(days=7), tick=False):
        schedule.send_reminders()
    assert len(mails()) == 4


def test_after_the_last_day_it_ends_and_the_administrators_are_told(
    office: Provider, alice: User, reviewer: User
) -> None:
    campaign = start(office, reviewer)
    assert schedule.close_due_campaigns() == 0
    with time_machine.travel(timezone.now() + timedelta(days=15), tick=False):
        assert schedule.close_due_campaigns() == 1
        assert schedule.close_due_campaigns() == 0
    campaign.refresh_from_db()
    assert campaign.state == "closed"
    assert "Over 2 wegen is niet beslist." in mails()[-1]
    assert set(ReviewItem.objects.filter(campaign=campaign).values_list("outcome", flat=True)) == {"undecided"}
    assert IndividualRight.objects.filter(user=alice).exists(), "nothing is revoked by itself"


def test_a_series_starts_its_successor(office: Provider, reviewer: User) -> None:
    first = start(office, reviewer, repeat_months=3)
    with time_machine.travel(timezone.now() + timedelta(days=15), tick=False):
        schedule.close_due_campaigns()
        assert schedule.repeat_campaigns() == 0
    with time_machine.travel(timezone.now() + timedelta(days=93), tick=False):
        assert schedule.repeat_campaigns() == 1
        assert schedule.repeat_campaigns() == 0
        following = Campaign.objects.exclude(pk=first.pk).get()
        assert (following.state, following.previous_id, following.repeat_months) == ("running", first.pk, 3)


def test_a_successor_without_reviewers_waits(office: Provider, reviewer: User) -> None:
    start(office, reviewer, repeat_months=3)
    with time_machine.travel(timezone.now() + timedelta(days=15), tick=False):
        schedule.close_due_campaigns()
    IndividualRight.objects.filter(user=reviewer).delete()
    with time_machine.travel(timezone.now() + timedelta(days=93), tick=False):
        schedule.repeat_campaigns()
    assert Campaign.objects.filter(state="draft").count() == 1


def test_the_home_page_leads_there(office: Provider, alice: User, bob: User, reviewer: User) -> None:
    campaign = start(office, reviewer)
    url = reverse("reviews:decide", args=[campaign.pk])
    assert url in signed_in(reviewer).get("/").text
    assert url not in signed_in(bob).get("/").text


def test_the_audit_package_has_the_reviews_of_its_period(office: Provider, alice: User, reviewer: User) -> None:
    campaign = start(office, reviewer)
    today = timezone.localdate().isoformat()
    response = signed_in(alice).post("/historie/auditpakket/", {"since": today, "until": today})
    archive = zipfile.ZipFile(BytesIO(b"".join(response.streaming_content)))
    assert {
        f"beoordelingen/{campaign.pk}.xlsx", f"controle/review-{campaign.pk}.json", "controle/verify_review.py",
    } <= set(archive.namelist())  # fmt: skip
    assert Event.objects.filter(verb=Verb.EXPORTED).count() == 1
