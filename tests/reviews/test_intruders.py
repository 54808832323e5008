"""Bad input and bad moments: two tabs, two reviewers at once, two plans, and what changes between the steps."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.urls import reverse
from django.utils import timezone

import imports.actions
import teams.actions
from accounts.models import LoginMethod, Provider, User
from audit.actors import ReauthenticationRequired
from audit.models import Event, Verb
from core.access import ReauthenticationLevel
from imports import runner, storage
from imports.models import ImportJob
from outbox.models import Message
from permissions.catalog import Right
from permissions.models import IndividualRight, TeamMember
from reviews import campaigns, decisions, plans
from reviews.models import Campaign, Decision, ReviewItem
from tests.helpers.random_histories import RandomHistory
from tests.helpers.reviews import export_chain, make_campaign, run_verifier, start, write_review
from tests.helpers.users import PASSWORD, actor, make_user, signed_in
from tests.oauth.test_sso_tickets import by_sso
from tests.reviews.test_plans import Review, list_results

pytestmark = pytest.mark.django_db


@pytest.fixture
def review() -> Review:
    return Review(RandomHistory(1))


def make_reviewer(office: Provider, name: str) -> User:
    return make_user(office, Right.REVIEW_ACCESS, username=name, email=f"{name}@devries.example")


def find_item(campaign: Campaign, user: User) -> ReviewItem:
    return ReviewItem.objects.get(campaign=campaign, subject__person_id=user.pk)


def press(user: User, campaign: Campaign, item: ReviewItem, decision: str) -> Any:
    """Press a button of a page that was opened when the item had the version of `item`."""
    value = f"{item.pk}:{item.version}:{decision}"
    return signed_in(user).post(
        reverse("reviews:decide", args=[campaign.pk]), {"decision": value}, headers={"HX-Request": "true"}
    )


def test_a_program_cannot_decide_through_an_sso_ticket(office: Provider, bob: User) -> None:
    """The ticket opens the pages without a login; decisions need one of at most half an hour, as by REST."""
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    campaign = start(office, reviewer := make_reviewer(office, "rick"))
    item = find_item(campaign, bob)
    url, value = (
        reverse("reviews:decide", args=[campaign.pk]),
        {"decision": f"{item.pk}:0:keep", f"reason-{item.pk}": "Ja"},
    )
    for client in (by_sso(reviewer), signed_in(reviewer, seconds_ago=31 * 60)):
        for headers in ({}, {"HX-Request": "true"}):
            refused = client.post(url, value, headers=headers)
            assert refused["Location"].startswith(reverse("authentication:reauthenticate"))
        assert client.post(reverse("reviews:keep_plain", args=[campaign.pk]), {"sure": "1"}).status_code == 302
        assert client.get(url).status_code == 302, "before the reviewer starts"
        assert find_item(campaign, bob).decision == ""
        assert client.post(reverse("authentication:reauthenticate"), {"current_password": PASSWORD}).status_code == 302
        assert client.get(url).status_code == 200
    assert client.post(url, value)["Location"].endswith(f"#path-{item.pk}")
    assert find_item(campaign, bob).decision == "keep"


def test_a_reviewer_who_logged_in_within_half_an_hour_is_not_interrupted(office: Provider, bob: User) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    campaign = start(office, reviewer := make_reviewer(office, "rick"))
    item, client = find_item(campaign, bob), signed_in(reviewer, seconds_ago=29 * 60)
    url = reverse("reviews:decide", args=[campaign.pk])
    assert client.get(url).status_code == 200
    for version in range(3):
        decided = client.post(url, {"decision": f"{item.pk}:{version}:keep"}, headers={"HX-Request": "true"})
        assert decided.status_code == 200
    assert find_item(campaign, bob).version == 3


def test_the_actions_ask_for_a_login_too(office: Provider, bob: User) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    campaign = start(office, reviewer := make_reviewer(office, "rick"))
    item, late = find_item(campaign, bob), replace(actor(reviewer), proof=ReauthenticationLevel.NONE)
    with pytest.raises(ReauthenticationRequired):
        decisions.decide(item, Decision.KEEP, seen=0, by=late)
    with pytest.raises(ReauthenticationRequired):
        decisions.keep_plain(campaign, [item.pk], by=late)


def test_two_tabs_of_one_reviewer_leave_each_choice_in_the_history(office: Provider, bob: User) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    campaign = start(office, reviewer := make_reviewer(office, "rick"))
    opened = find_item(campaign, bob)
    press(reviewer, campaign, opened, "keep")
    press(reviewer, campaign, opened, "revoke")
    stored = find_item(campaign, bob)
    assert (stored.decision, stored.version) == ("revoke", 2)
    told = [event.changes["decision"] for event in Event.objects.filter(verb=Verb.REVIEW_DECIDED).order_by("at")]
    assert told == [[None, "keep"], ["keep", "revoke"]]


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_the_same_moment_one_is_told(office: Provider, bob: User) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    pair = [make_reviewer(office, "rick"), make_reviewer(office, "sara")]
    campaign = start(office, *pair)
    item, barrier, outcomes = find_item(campaign, bob), Barrier(2), list[str]()

    def decide(user: User, decision: Decision) -> None:
        barrier.wait()
        try:
            decisions.decide(item, decision, seen=0, by=actor(user))
        except decisions.AlreadyDecided:
            outcomes.append("told")
        else:
            outcomes.append(decision)
        finally:
            connection.close()

    threads = [Thread(target=decide, args=args) for args in zip(pair, [Decision.KEEP, Decision.REVOKE], strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[-1] == "told"
    assert find_item(campaign, bob).decision == min(outcomes)
    assert Event.objects.filter(verb=Verb.REVIEW_DECIDED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_review_each_other_at_the_same_moment_do_not_both_succeed(office: Provider) -> None:
    pair = [make_reviewer(office, "rick"), make_reviewer(office, "sara")]
    campaign, barrier, done = start(office, *pair), Barrier(2), list[User]()

    def decide(user: User, other: User) -> None:
        item = find_item(campaign, other)
        barrier.wait()
        try:
            decisions.decide(item, Decision.KEEP, seen=0, by=actor(user))
            done.append(user)
        except PermissionDenied:
            pass
        finally:
            connection.close()

    threads = [Thread(target=decide, args=args) for args in (tuple(pair), tuple(reversed(pair)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1


def test_the_last_day_passes_while_the_page_is_open(office: Provider, bob: User) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    campaign = start(office, reviewer := make_reviewer(office, "rick"), deadline=timezone.localdate())
    opened = find_item(campaign, bob)
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        page = press(reviewer, campaign, opened, "keep")
    assert "afgelopen" in page.text
    assert find_item(campaign, bob).decision == ""


def test_a_reviewer_who_became_an_account_of_a_program_decides_no_more(office: Provider, bob: User) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    campaign = start(office, reviewer := make_reviewer(office, "rick"))
    User.objects.filter(pk=reviewer.pk).update(login_method=LoginMethod.SSO_WEBSERVICE)
    with pytest.raises(PermissionDenied, match="programma"):
        decisions.decide(find_item(campaign, bob), Decision.KEEP, seen=0, by=actor(User.objects.get(pk=reviewer.pk)))


def test_a_path_of_another_review_is_not_decided_in_this_one(office: Provider, bob: User) -> None:
    """The reviewer of one review is none in another, whatever address the choice is sent to."""
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    rick, sara = make_reviewer(office, "rick"), make_reviewer(office, "sara")
    mine, other = start(office, rick), start(office, sara)
    assert press(rick, mine, find_item(other, bob), "keep").status_code == 404
    assert press(rick, other, find_item(other, bob), "keep").status_code == 200
    assert find_item(other, bob).decision == ""
    assert not Event.objects.filter(verb=Verb.REVIEW_DECIDED).exists()


def test_bulk_never_reaches_what_the_reviewer_may_not_decide(office: Provider, bob: User) -> None:
    """Ids that were typed in, of the own access and of another office's review, are left out."""
    rick, sara = make_reviewer(office, "rick"), make_reviewer(office, "sara")
    campaign = start(office, rick, sara)
    ReviewItem.objects.filter(campaign=campaign).update(notes=[])
    ids = list(ReviewItem.objects.filter(campaign=campaign).values_list("pk", flat=True))
    decisions.keep_plain(campaign, ids, by=actor(rick))
    assert find_item(campaign, rick).decision == ""
    assert find_item(campaign, sara).decision == "keep"
    assert decisions.keep_plain(campaign, ids, by=actor(sara)) == 0, "rick decided about sara"


@pytest.mark.django_db(transaction=True)
def test_of_two_plans_only_the_last_can_be_confirmed(review: Review) -> None:
    review.decide_and_close()
    first = plans.create_plan(review.campaign, by=actor(review.admin))
    while runner.run_next_job():
        pass
    review.campaign.refresh_from_db()
    second = plans.create_plan(review.campaign, by=actor(review.admin))
    assert not ImportJob.objects.filter(pk=first.pk).exists()
    imports.actions.request_execution(second, by=actor(review.admin))
    imports.actions.request_execution(second, by=actor(review.admin))
    while runner.run_next_job():
        pass
    review.campaign.refresh_from_db()
    with pytest.raises(ValidationError, match="uitgevoerd"):
        plans.create_plan(review.campaign, by=actor(review.admin))
    plans.record_executions()
    plans.record_executions()
    assert Event.objects.filter(verb=Verb.REVIEW_EXECUTED).count() == 1
    assert Event.objects.filter(verb=Verb.TEAM_CHANGED, target_id=review.team.pk).count() == 3, "made, filled, revoked"


@pytest.mark.django_db(transaction=True)
def test_the_plan_of_another_administrator_is_not_discarded_unasked(review: Review) -> None:
    review.decide_and_close()
    first = plans.create_plan(review.campaign, by=actor(review.admin))
    while runner.run_next_job():
        pass
    teams.actions.set_individual_rights(review.other, [Right.MANAGE_PROVIDER], by=actor())
    name, other = review.admin.full_name, signed_in(review.other)
    page, url = (reverse(f"reviews:{one}", args=[review.campaign.pk]) for one in ("campaign", "plan"))
    assert f"{name} heeft een plan." in other.get(page).text
    assert f"{name} heeft een plan. Dat vervalt" in other.post(url).text
    assert ImportJob.objects.filter(pk=first.pk).exists()
    response = other.post(url, {"sure": "1", "campaign": review.campaign.pk})
    review.campaign.refresh_from_db()
    assert response["Location"] == reverse("imports:plan", args=[review.campaign.job_id])
    assert not ImportJob.objects.filter(pk=first.pk).exists()
    while runner.run_next_job():
        pass
    assert other.post(url).status_code == 302, "the own plan is replaced without a question"


@pytest.mark.django_db(transaction=True)
def test_what_changes_between_plan_and_execution_is_not_overwritten(review: Review, tmp_path: Path) -> None:
    review.decide_and_close()
    job = plans.create_plan(review.campaign, by=actor(review.admin))
    while runner.run_next_job():
        pass
    teams.actions.change_members(review.team, remove=[review.worker], by=actor())
    teams.actions.give_individual_rights([review.worker], [Right.VIEW_TEAMS], by=actor())
    job.refresh_from_db()
    imports.actions.request_execution(job, by=actor(review.admin))
    while runner.run_next_job():
        pass
    job.refresh_from_db()
    assert job.is_planned, "nothing is done by a plan that is outdated"
    assert storage.load_summary(job)["error"]
    assert IndividualRight.objects.filter(user=review.worker, right=Right.VIEW_BILLING).exists()
    review.campaign.refresh_from_db()
    review.execute()
    assert list_results(review) == {"Loon": "gone", "view_billing": "revoked", "Portaal": "revoked"}
    held = set(IndividualRight.objects.filter(user=review.worker).values_list("right", flat=True))
    assert held == {"view_users", "view_teams"}, "what came since stays"
    names = export_chain(review.office, tmp_path)
    code, text = run_verifier(tmp_path, write_review(review.campaign, tmp_path), names)
    assert code == 0, text


@pytest.mark.django_db(transaction=True)
def test_what_was_given_again_after_the_decision_stays(review: Review, tmp_path: Path) -> None:
    review.decide_and_close()
    teams.actions.change_members(review.team, remove=[review.worker], by=actor())
    teams.actions.change_members(review.team, add=[review.worker], by=actor())
    assert plans.find_drift(review.campaign).again == 1
    page = signed_in(review.admin).get(reverse("reviews:campaign", args=[review.campaign.pk]))
    assert "opnieuw gegeven" in page.text
    review.execute()
    assert TeamMember.objects.filter(user=review.worker, team=review.team).exists()
    assert list_results(review) == {"Loon": "skipped", "view_billing": "revoked", "Portaal": "revoked"}
    names = export_chain(review.office, tmp_path)
    code, text = run_verifier(tmp_path, write_review(review.campaign, tmp_path), names)
    assert code == 0, text


def test_what_was_given_again_before_the_decision_is_revoked(review: Review) -> None:
    teams.actions.change_members(review.team, remove=[review.worker], by=actor())
    teams.actions.change_members(review.team, add=[review.worker], by=actor())
    with time_machine.travel(timezone.now() + timedelta(seconds=2)):
        review.decide_and_close()
    assert (plans.find_given_again(review.campaign), plans.count_to_revoke(review.campaign)) == (set(), 3)


def test_an_administrator_reminds_once_a_day(office: Provider, alice: User, bob: User) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    reviewer = make_reviewer(office, "rick")
    campaign = start(office, reviewer)
    mails = Message.objects.filter(kind="review_open", user_id=reviewer.pk)
    address, client = reverse("reviews:campaign", args=[campaign.pk]), signed_in(alice)
    assert "vandaag al een mail" in client.post(reverse("reviews:remind", args=[campaign.pk]), follow=True).text
    assert mails.count() == 1, "of the start"
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        client = signed_in(alice)
        assert "Herinner beoordelaars met open beslissingen (1)" in client.get(address).text
        assert (
            "1 beoordelaar krijgt een mail"
            in client.post(reverse("reviews:remind", args=[campaign.pk]), follow=True).text
        )
        with pytest.raises(ValidationError, match="vandaag"):
            campaigns.remind_reviewers(campaign, by=actor(alice))
    assert mails.count() == 2
    assert Event.objects.get(verb=Verb.REVIEW_CHANGED).changes == {"reminder": [None, 1]}


def test_who_may_remind(office: Provider, alice: User, bob: User, charlie: User) -> None:
    reviewer = make_reviewer(office, "rick")
    campaign, later = start(office, reviewer), timezone.now() + timedelta(days=1)
    path = reverse("reviews:remind", args=[campaign.pk])
    assert signed_in(reviewer).post(path).status_code == 403
    assert signed_in(bob).post(path).status_code == 403
    assert signed_in(charlie).post(path).status_code == 404
    assert signed_in(alice).get(path).status_code == 405
    for item in ReviewItem.objects.decidable_by(reviewer, campaign).select_related("subject__user"):
        decisions.decide(item, Decision.KEEP, reason="Nodig", seen=0, by=actor(reviewer))
    with time_machine.travel(later), pytest.raises(ValidationError, match="open"):
        campaigns.remind_reviewers(campaign, by=actor(alice))
    draft = make_campaign(office, reviewer)
    with pytest.raises(ValidationError, match="afgelopen"):
        campaigns.remind_reviewers(draft, by=actor(alice))


def test_the_reviewer_looks_at_one_team_or_kind_at_a_time(office: Provider, bob: User) -> None:
    reviewer = make_reviewer(office, "rick")
    for name in ("Loon", "Verlof"):
        team = teams.actions.create_team(office, name=name, by=actor())
        teams.actions.set_team_rights(team, [Right.VIEW_WAGES], by=actor())
        teams.actions.change_members(team, add=[bob], by=actor())
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_USERS)
    campaign, client = start(office, reviewer), signed_in(reviewer)
    address = reverse("reviews:decide", args=[campaign.pk])
    page = client.get(address).text
    assert [name in page for name in ("Loon</option>", "Verlof</option>", "Individueel recht</option>")] == [True] * 3
    page = client.get(f"{address}?team={team.pk}").text
    assert "Iedereen hier heeft 1 recht via Verlof." in page
    assert (page.count('id="path-'), "<strong>Loon" in page) == (1, False)
    page = client.get(f"{address}?team=right").text
    assert (page.count('id="path-'), "<strong>Raadplegen gebruikers AK" in page) == (1, True)
