"""Campaigns in the history, reviewers who postpone or are erased, and reports that leave nobody out."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Provider, User
from audit.models import Event, Verb, build_erased_name
from history import erasure
from permissions.catalog import Right
from permissions.models import DutyRule, Team, TeamMember, TeamRight
from reviews import campaigns, decisions, progress, reports
from reviews.campaign_forms import ReviewersForm
from reviews.campaigns import Reviewers
from reviews.models import Campaign, Decision, ReviewItem
from tests.helpers.reviews import make_campaign, start
from tests.helpers.users import actor, make_user, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewers(office: Provider, alice: User) -> list[User]:
    return [make_user(office, Right.REVIEW_ACCESS, username=f"beoordelaar{number}") for number in range(3)]


def decide(campaign: Campaign, user: User, by: User, decision: Decision = Decision.KEEP) -> ReviewItem:
    item = ReviewItem.objects.get(campaign=campaign, subject__person_id=user.pk)
    return decisions.decide(item, decision, seen=item.version, by=actor(by))


def test_postponing_shields_nobody(office: Provider, reviewers: list[User]) -> None:
    one, *others = reviewers
    campaign = start(office, *reviewers)
    for other in others:
        decide(campaign, other, one, Decision.LATER)
    assert progress.count_without_reviewer(campaign) == 0
    decide(campaign, one, others[0])


def test_what_nobody_may_decide_about_is_counted(office: Provider, alice: User, reviewers: list[User]) -> None:
    one, *others = reviewers
    campaign = start(office, *reviewers)
    for other in others:
        assert progress.count_without_reviewer(campaign) == 0
        decide(campaign, other, one)
    assert progress.count_without_reviewer(campaign) == 1, "one decided about all who could decide about them"
    page = signed_in(alice).get(reverse("reviews:campaign", args=[campaign.pk]))
    assert "heeft geen beoordelaar" in page.text


def test_the_history_says_who_reviews_what(office: Provider, alice: User, reviewers: list[User]) -> None:
    one, two, _three = reviewers
    teams = [Team.objects.create(provider=office, name=name) for name in "XY"]
    campaign = make_campaign(office, one, by_team=dict(zip(teams, (one, two), strict=True)))
    before = sorted([str(one.pk), f"{teams[0].pk}: {one.pk}", f"{teams[1].pk}: {two.pk}"])
    assert Event.objects.get(verb=Verb.REVIEW_CREATED).changes["reviewers"] == [None, before]
    swapped = Reviewers((one,), dict(zip(teams, (two, one), strict=True)))
    campaigns.change_reviewers(campaign, swapped, version=1, by=actor(alice))
    old, new = Event.objects.get(verb=Verb.REVIEW_CHANGED).changes["reviewers"]
    assert (old, len(new), old != new) == (before, 3, True)


def test_deleting_a_draft_is_recorded_as_that(office: Provider, alice: User, reviewers: list[User]) -> None:
    campaign = make_campaign(office, *reviewers)
    campaigns.delete_draft(campaign, by=actor(alice))
    assert not Campaign.objects.exists()
    assert Event.objects.get(verb=Verb.REVIEW_DELETED).target_id == campaign.pk
    assert not Event.objects.filter(verb=Verb.REVIEW_CHANGED).exists()


def test_starting_takes_a_reviewer_who_can_review(office: Provider, alice: User, reviewers: list[User]) -> None:
    campaign = make_campaign(office, reviewers[0])
    User.objects.filter(pk=reviewers[0].pk).update(blocked_at=timezone.now())
    with pytest.raises(ValidationError) as refused:
        campaigns.start_campaign(campaign, by=actor(alice))
    assert refused.value.code == "reviewers"


def test_a_reviewer_who_lost_the_right_is_shown_and_refused(
    office: Provider, alice: User, reviewers: list[User]
) -> None:
    campaign = start(office, *reviewers[:2])
    User.objects.filter(pk=reviewers[0].pk).update(blocked_at=timezone.now())
    url = reverse("reviews:reviewers", args=[campaign.pk])
    client = signed_in(alice)
    assert "kan niet meer beoordelen" in client.get(url).text
    same = {"version": "1", "reviewers": [str(user.pk) for user in reviewers[:2]]}
    assert client.post(url, same).context["form"].errors, "not left out silently"
    assert campaign.reviewers.count() == 2
    assert client.post(url, same | {"reviewers": [str(reviewers[1].pk)]}).status_code == 302
    assert str(reviewers[0].pk) not in dict(ReviewersForm(None, campaign=campaign).fields["reviewers"].choices)


def erase(user: User) -> None:
    User.objects.filter(pk=user.pk).update(blocked_at=timezone.now() - timedelta(days=9999))
    user.refresh_from_db()
    erasure.erase_user(user, by=actor())


def test_decisions_of_an_erased_reviewer_stay_in_the_report(
    office: Provider, alice: User, reviewers: list[User]
) -> None:
    one, two, three = reviewers
    campaign = start(office, *reviewers)
    decide(campaign, alice, one)
    person_id = one.pk
    erase(one)
    found = {row.name: row.decided for row in progress.list_reviewer_progress(campaign)}
    assert found[build_erased_name(person_id)] == 1
    assert build_erased_name(person_id) in signed_in(alice).get(reverse("reviews:report", args=[campaign.pk])).text
    with CaptureQueriesContext(connection) as few:
        progress.list_reviewer_progress(campaign)
    decide(campaign, two, three)
    campaigns.change_reviewers(campaign, Reviewers((two,), {}), version=1, by=actor())
    with CaptureQueriesContext(connection) as more:
        progress.list_reviewer_progress(campaign)
    assert len(more) <= len(few)


def test_what_strikes_and_the_pace_count_what_they_say(office: Provider, alice: User, reviewers: list[User]) -> None:
    one, two, _three = reviewers
    campaign = start(office, *reviewers)
    decide(campaign, alice, one, Decision.LATER)
    assert decisions.measure_pace(campaign, one.pk, timezone.now() - timedelta(minutes=2)) == 0
    before = sum(count for _label, count in progress.count_notes(campaign))
    notes = ReviewItem.objects.get(campaign=campaign, subject__person_id=two.pk).notes
    erase(two)
    assert sum(count for _label, count in progress.count_notes(campaign)) == before - len(notes) < before


def test_the_workbook_has_every_conflict(
    office: Provider, alice: User, reviewers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_LISTED", 1)
    team = Team.objects.create(provider=office, name="Loon")
    for right in (Right.VIEW_WAGES, Right.VIEW_BILLING):
        TeamRight.objects.create(provider=office, team=team, right=right)
    for number in range(3):
        TeamMember.objects.create(provider=office, team=team, user=make_user(office, username=f"lid{number}"))
    DutyRule.objects.create(
        provider=office, name="Loon en facturen", first=["view_wages"], second=["view_billing"], severity="warn",
        reason="x",
    )  # fmt: skip
    campaign = start(office, *reviewers)
    assert len(reports.export_sheets(campaign, by=actor(alice))[gettext("Conflicts")]) == 1 + 3
    report = reports.build_report(campaign, most=1)
    assert (len(report.conflicts), report.more_conflicts) == (1, 2)


def test_a_reason_that_is_too_long_or_unreadable_is_refused(
    office: Provider, alice: User, reviewers: list[User]
) -> None:
    campaign = start(office, *reviewers)
    item = ReviewItem.objects.get(campaign=campaign, subject__person_id=alice.pk)
    for reason in ("x" * 301, "goed\u202ekwaad"):
        with pytest.raises(ValidationError):
            decisions.decide(item, Decision.KEEP, reason=reason, seen=0, by=actor(reviewers[0]))
    item.refresh_from_db()
    assert item.decision == ""


def test_the_page_says_how_many_colleagues_are_in_the_team(
    office: Provider, alice: User, reviewers: list[User]
) -> None:
    team = Team.objects.create(provider=office, name="Loon")
    for number in range(3):
        TeamMember.objects.create(provider=office, team=team, user=make_user(office, username=f"lid{number}"))
    campaign = start(office, *reviewers)
    assert "met 2 collega" in signed_in(reviewers[0]).get(reverse("reviews:decide", args=[campaign.pk])).text


def test_the_page_finds_conflicts_once(
    office: Provider, alice: User, reviewers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    from reviews.views import decisions as page

    calls, find = [], page.find_conflicts
    monkeypatch.setattr(page, "find_conflicts", lambda *given: calls.append(given) or find(*given))
    campaign = start(office, *reviewers)
    client = signed_in(reviewers[0])
    client.get(reverse("reviews:decide", args=[campaign.pk]) + "?view=striking")
    assert len(calls) == 1
