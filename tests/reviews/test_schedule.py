"""What happens to campaigns by itself, what leads reviewers there, and the campaigns of an audit package."""

import zipfile
from datetime import timedelta
from io import BytesIO

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, pgettext

from accounts.models import Provider, User
from audit.models import Event, Verb
from outbox.models import Message
from permissions.catalog import Right
from permissions.models import IndividualRight, Team, TeamMember
from reviews import alerts, campaigns, decisions, edits, progress, reports, schedule
from reviews.campaigns import Reviewers
from reviews.models import Campaign, Decision, ReviewItem
from tests.helpers.reviews import make_campaign, start
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
    assert campaign.state == "done", "there is nothing to revoke"
    assert "Over 2 toegangen is niet beslist." in mails()[-1]
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


@pytest.fixture
def waiting(office: Provider, alice: User, reviewer: User) -> Campaign:
    """The successor in a series, which could not start because its reviewer lost the right."""
    campaigns.close_campaign(start(office, reviewer, repeat_months=3), by=actor())
    IndividualRight.objects.filter(user=reviewer).delete()
    with time_machine.travel(timezone.now() + timedelta(days=93), tick=False):
        schedule.repeat_campaigns()
    return Campaign.objects.get(state="draft")


def test_a_successor_without_reviewers_waits_and_administrators_are_told(
    office: Provider, alice: User, waiting: Campaign
) -> None:
    url = reverse("reviews:campaign", args=[waiting.pk])
    assert "Geen van de beoordelaars mag nu toegang beoordelen." in mails()[-1]
    assert url in mails()[-1]
    assert Message.objects.get(kind="review_waiting").user_id == alice.pk
    admin, other = signed_in(alice), make_user(office, Right.REVIEW_ACCESS, username="ander")
    make_campaign(office, alice)
    page = admin.get("/").text
    assert "1 toegangsbeoordeling is niet gestart" in page, "one that was just prepared does not wait"
    assert url in page
    assert "kon niet vanzelf starten" in admin.get(url).text
    assert "niet gestart" not in signed_in(other).get("/").text


def test_a_successor_that_waited_too_long_can_be_started(office: Provider, alice: User, waiting: Campaign) -> None:
    other = make_user(office, Right.REVIEW_ACCESS, username="ander")
    with time_machine.travel(timezone.now() + timedelta(days=120), tick=False):
        admin, day = signed_in(alice), timezone.localdate() + timedelta(days=9)
        admin.post(reverse("reviews:reviewers", args=[waiting.pk]), {"version": 1, "reviewers": [other.pk]})
        starting, sure = reverse("reviews:start", args=[waiting.pk]), {"sure": "1", "campaign": waiting.pk}
        assert "De laatste dag is voorbij" in admin.post(starting, sure, follow=True).text
        values = {"version": 2, "name": waiting.name, "scope": "everyone", "undecided": "keep", "repeat_months": 3}
        admin.post(reverse("reviews:edit_campaign", args=[waiting.pk]), values | {"deadline": day.isoformat()})
        admin.post(starting, sure)
        waiting.refresh_from_db()
        assert (waiting.state, waiting.deadline) == ("running", day)
        assert "niet gestart" not in admin.get("/").text


def test_a_successor_without_anything_to_review_waits(office: Provider, alice: User, reviewer: User) -> None:
    team = Team.objects.create(provider=office, name="Loon")
    TeamMember.objects.create(provider=office, team=team, user=alice)
    first = start(office, reviewer, scope="teams", scope_teams=(team.pk,), repeat_months=3)
    campaigns.close_campaign(first, by=actor())
    team.delete()
    with time_machine.travel(timezone.now() + timedelta(days=93), tick=False):
        assert schedule.repeat_campaigns() == 1
        assert schedule.repeat_campaigns() == 0
    following = Campaign.objects.exclude(pk=first.pk).get()
    assert following.state == "draft"
    assert not ReviewItem.objects.filter(campaign=following).exists()
    assert "Er is niets om te beoordelen." in mails()[-1]


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_series_can_be_stopped(office: Provider, alice: User, reviewer: User, is_closed: bool) -> None:
    campaign, client = start(office, reviewer, repeat_months=3), signed_in(alice)
    if is_closed:
        campaigns.close_campaign(campaign, by=actor())
    page, url = reverse("reviews:campaign", args=[campaign.pk]), reverse("reviews:stop_series", args=[campaign.pk])
    day = date_format(timezone.localdate() + timedelta(days=91), "j F Y")
    assert f"Herhaalt elk kwartaal, volgende op {day}." in client.get(page).text
    assert url in client.get(page).text
    watcher = signed_in(reviewer)
    assert url not in watcher.get(page).text
    assert (watcher.post(url).status_code, client.get(url).status_code) == (403, 405)
    assert "wordt niet meer herhaald" in client.post(url, follow=True).text
    assert Event.objects.get(verb=Verb.REVIEW_CHANGED).changes == {"repeat": [3, 0]}
    assert "Herhaalt" not in client.get(page).text
    assert "Er is niets gewijzigd" in client.post(url, follow=True).text
    assert Event.objects.filter(verb=Verb.REVIEW_CHANGED).count() == 1
    with time_machine.travel(timezone.now() + timedelta(days=93), tick=False):
        schedule.close_due_campaigns()
        assert schedule.repeat_campaigns() == 0
    assert Campaign.objects.count() == 1


def test_a_series_of_another_office_cannot_be_stopped(office: Provider, charlie: User, reviewer: User) -> None:
    campaign = start(office, reviewer, repeat_months=3)
    assert signed_in(charlie).post(reverse("reviews:stop_series", args=[campaign.pk])).status_code == 404
    with pytest.raises(PermissionDenied):
        edits.stop_series(campaign, by=actor(charlie))
    campaign.refresh_from_db()
    assert campaign.repeat_months == 3


def test_a_series_that_is_stopped_while_it_is_repeated_ends(office: Provider, reviewer: User) -> None:
    """The job asks again once it has the campaign to itself."""
    campaign = campaigns.close_campaign(start(office, reviewer, repeat_months=3), by=actor())
    edits.stop_series(campaign, by=actor())
    assert schedule._repeat(campaign.pk) is False
    assert Campaign.objects.count() == 1


def test_the_office_is_locked_before_the_campaign(office: Provider, reviewer: User) -> None:
    """As starting, closing and planning do: in the other order they would wait for each other."""
    campaigns.close_campaign(start(office, reviewer, repeat_months=3), by=actor())
    with (
        time_machine.travel(timezone.now() + timedelta(days=93), tick=False),
        CaptureQueriesContext(connection) as ran,
    ):
        schedule.repeat_campaigns()
    locks = [query["sql"] for query in ran if "FOR " in query["sql"] and "UPDATE" in query["sql"]]
    assert 'FROM "accounts_provider"' in locks[0]


def test_ending_early_tells_the_administrators_what_is_revoked(office: Provider, alice: User, reviewer: User) -> None:
    """Also what was undecided, if the review says that this is revoked."""
    campaign = start(office, reviewer, undecided="revoke")
    campaigns.close_campaign(campaign, by=actor(alice))
    text = mails()[-1]
    assert "Over 2 toegangen is niet beslist." in text
    assert "2 toegangen zijn in te trekken." in text
    campaign.refresh_from_db()
    rows = dict(map(tuple, reports.export_sheets(campaign, by=actor(alice))[gettext("Review")]))
    assert (rows[pgettext("review", "To be revoked")], rows[gettext("Undecided")]) == ("2", "2")


def test_reviews_that_ended_hide_none_that_runs(office: Provider, alice: User, reviewer: User) -> None:
    for _number in range(6):
        ended = campaigns.close_campaign(start(office, reviewer, undecided="revoke"), by=actor())
        assert ended.state == "closed"
    campaign = start(office, reviewer, deadline=timezone.localdate() + timedelta(days=30))
    alert = alerts.find_review_alert(reviewer, {Right.REVIEW_ACCESS})
    assert alert is not None
    assert alert.campaign == campaign


def test_many_reviews_of_others_hide_none_of_the_own(office: Provider, alice: User, reviewer: User) -> None:
    for _number in range(11):
        start(office, alice, deadline=timezone.localdate() + timedelta(days=1))
    campaign = start(office, reviewer)
    alert = alerts.find_review_alert(reviewer, {Right.REVIEW_ACCESS})
    assert alert is not None
    assert alert.campaign == campaign


def test_administrators_are_led_to_what_has_no_reviewer(office: Provider, alice: User, reviewer: User) -> None:
    campaign = start(office, reviewer)
    page = signed_in(alice).get("/")
    assert "1 toegang zonder beoordelaar" in page.text, "the access of the only reviewer"
    assert reverse("reviews:reviewers", args=[campaign.pk]) in page.text
    second = make_user(office, Right.REVIEW_ACCESS, username="tweede")
    campaigns.change_reviewers(campaign, Reviewers((reviewer, second), {}), version=campaign.version, by=actor())
    assert progress.count_without_reviewer(campaign) == 0
    assert "zonder beoordelaar" not in signed_in(alice).get("/").text


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
