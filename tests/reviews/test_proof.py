"""The proof of a review as an auditor gets it: in the audit package, with the history and the programs."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from unittest.mock import patch

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

import teams.actions
from audit import checkpoints
from audit.models import ChainLink, Event, Verb
from history import audit_package
from history.presenters import event_rows
from permissions.catalog import Right
from reviews import campaigns, reports
from reviews.campaigns import Reviewers
from reviews.models import Campaign, Decision, ReviewItem
from tests.helpers.random_histories import RandomHistory
from tests.helpers.reviews import export_chain, make_campaign, run_verifier, start, write_review
from tests.helpers.users import actor
from tests.reviews.test_plans import Review

pytestmark = pytest.mark.django_db


@pytest.fixture
def review() -> Review:
    """Its office has a history since the spring."""
    return Review(RandomHistory(1))


def begin_package(review: Review) -> Iterator[bytes]:
    today = timezone.localdate()
    return audit_package.create_package(review.office, today, today, by=actor())


def verify_package(content: Iterator[bytes], folder: Path, campaign: Campaign) -> tuple[int, str]:
    zipfile.ZipFile(BytesIO(b"".join(content))).extractall(folder)
    names = [f"review-{campaign.pk}.json", "historie.jsonl", "checkpoint.json", "public.pem"]
    command = [sys.executable, "verify.py", "--review", *names]
    done = subprocess.run(command, cwd=folder / "controle", capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _count_links(review: Review) -> int:
    return ChainLink.objects.filter(provider_id=review.office.pk).count()


def test_a_package_with_a_review_goes_back_to_the_begin_of_the_office(review: Review, tmp_path: Path) -> None:
    code, text = verify_package(begin_package(review), tmp_path, review.campaign)
    assert (code, "as the history says" in text) == (0, True), text
    assert '"start":null' in (tmp_path / "controle/historie.jsonl").read_text().splitlines()[0]


def test_a_package_that_cannot_go_back_that_far_cannot_tell(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_package, "MAX_PACKAGE_EVENTS", _count_links(review))
    code, text = verify_package(begin_package(review), tmp_path, review.campaign)
    assert (code, "cannot tell: the history starts at event" in text) == (2, True), text


@pytest.mark.django_db(transaction=True)
def test_a_package_of_an_office_whose_oldest_events_were_removed_is_compared(tmp_path: Path) -> None:
    with time_machine.travel(datetime.fromisoformat("2026-07-01T09:00:00+02:00")):
        review = Review(RandomHistory(1))
    call_command("trim_history", str(review.office.pk), "--before=2026-06-01")
    campaign = start(review.office, review.reviewer)
    code, text = verify_package(begin_package(review), tmp_path, campaign)
    assert (code, "as the history says" in text) == (0, True), text


def test_a_review_that_closes_while_the_package_is_read_stays_true(review: Review, tmp_path: Path) -> None:
    content = begin_package(review)
    campaigns.close_campaign(review.campaign, by=actor())
    code, text = verify_package(content, tmp_path, review.campaign)
    assert (code, "as the history says" in text) == (0, True), text


def test_a_file_that_was_kept_cannot_tell_about_a_later_history(review: Review, tmp_path: Path) -> None:
    kept = write_review(review.campaign, tmp_path)
    review.decide_and_close()
    code, text = run_verifier(tmp_path, kept, export_chain(review.office, tmp_path))
    assert (code, "cannot tell: the review is older than the history" in text) == (2, True), text


def test_a_team_with_the_name_of_a_value_verifies(review: Review, tmp_path: Path) -> None:
    teams.actions.create_team(review.office, name="given", by=actor())
    campaign = start(review.office, review.reviewer)
    code, text = run_verifier(tmp_path, write_review(campaign, tmp_path), export_chain(review.office, tmp_path))
    assert (code, "as the history says" in text) == (0, True), text


@pytest.mark.parametrize("scope", [
    {"scope": "teams"}, {"scope": "machines"}, {"scope": "dormant", "scope_days": 0},
    {"scope": "rights", "scope_rights": ("view_billing",)}, {"scope": "rights", "scope_rights": ("manage_users",)},
])  # fmt: skip
def test_the_scope_is_published_and_verified(review: Review, tmp_path: Path, scope: dict[str, object]) -> None:
    teams_in_scope = {"scope_teams": (review.team.pk,)} if scope["scope"] == "teams" else {}
    teams.actions.set_individual_rights(review.other, [Right.MANAGE_USERS], by=actor())
    campaign = start(review.office, review.reviewer, undecided="revoke", **scope, **teams_in_scope)
    published = Event.objects.get(verb=Verb.REVIEW_STARTED, target_id=campaign.pk).changes["review"][1]
    assert (published["scope"], published["undecided"]) == (scope["scope"], "revoke")
    asked = ReviewItem.objects.filter(campaign=campaign, in_scope=True)
    assert published["in_scope"] == asked.count()
    code, text = run_verifier(tmp_path, write_review(campaign, tmp_path), export_chain(review.office, tmp_path))
    assert (code, "as the history says" in text) == (0, True), text


def test_the_start_comes_into_the_chain_with_what_it_froze(review: Review) -> None:
    assert review.campaign.sequence is not None
    started = ChainLink.objects.get(event_id=Event.objects.get(verb=Verb.REVIEW_STARTED).pk)
    between = ChainLink.objects.filter(
        provider_id=review.office.pk, sequence__gt=review.campaign.sequence, sequence__lt=started.sequence
    )
    assert not between.exists()


def test_decisions_are_in_the_chain_before_the_end(review: Review) -> None:
    """Events that wait for the chain come in by their ids, which servers make by clocks that may differ."""
    item = review.decide(review.other, Decision.KEEP, kind="team")
    assert not ChainLink.objects.filter(event_id=item.event_id).exists()
    campaigns.close_campaign(review.campaign, by=actor())
    assert ChainLink.objects.filter(event_id=item.event_id).exists()


def test_a_decision_has_the_moment_of_its_event(review: Review) -> None:
    item = review.decide(review.other, Decision.KEEP, kind="team")
    assert ReviewItem.objects.get(pk=item.pk).decided_at == Event.objects.get(pk=item.event_id).at


def test_a_signature_of_the_start_does_not_sign_the_end(review: Review) -> None:
    assert reports.build_report(review.campaign).checkpoint is None
    with patch.object(checkpoints, "CHECKPOINT_INTERVAL", timedelta(0)):
        first = checkpoints.save_checkpoint_if_due(review.office.pk)
        assert reports.build_report(review.campaign).checkpoint == first
        campaign = campaigns.close_campaign(review.campaign, by=actor())
        assert reports.build_report(campaign).checkpoint is None
        second = checkpoints.save_checkpoint_if_due(review.office.pk)
    assert second is not None
    assert reports.build_report(campaign).checkpoint == second


# What the history says about who reviews


def test_the_history_says_who_reviews_what(review: Review) -> None:
    second = review.other
    teams.actions.set_individual_rights(second, [Right.REVIEW_ACCESS], by=actor())
    campaign = make_campaign(review.office, review.reviewer, by_team={review.team: second})
    both = {"": [str(review.reviewer.pk)], "Loon": [str(second.pk)]}
    created = Event.objects.filter(verb=Verb.REVIEW_CREATED, target_id=campaign.pk).get()
    assert created.changes["reviewers"] == [None, both]
    swapped = Reviewers((second,), {review.team: review.reviewer})
    campaigns.change_reviewers(campaign, swapped, version=1, by=actor())
    changed = Event.objects.get(verb=Verb.REVIEW_CHANGED, target_id=campaign.pk)
    other = {"": [str(second.pk)], "Loon": [str(review.reviewer.pk)]}
    assert changed.changes["reviewers"] == [both, other]
    campaigns.start_campaign(campaign, by=actor())
    started = Event.objects.get(verb=Verb.REVIEW_STARTED, target_id=campaign.pk)
    assert started.changes["reviewers"] == [None, other]
    (row,) = event_rows.present_events([changed])
    (change,) = row.changes
    assert change.old == f"{review.reviewer.full_name}, Loon: {second.full_name}"
    assert change.new == f"{second.full_name}, Loon: {review.reviewer.full_name}"


def test_deleting_a_draft_has_its_own_word(review: Review) -> None:
    campaign = make_campaign(review.office, review.reviewer)
    campaigns.delete_draft(campaign, by=actor())
    assert list(Event.objects.filter(target_id=campaign.pk).order_by("pk").values_list("verb", flat=True)) == [
        Verb.REVIEW_CREATED, Verb.REVIEW_DELETED,
    ]  # fmt: skip
