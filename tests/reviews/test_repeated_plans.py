"""More than one plan of a campaign, plans that are undone, and what the office allows meanwhile."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

import imports.actions
import teams.actions
from audit.models import Event, Verb
from imports import runner
from imports.models import ImportJob
from oauth import office_decisions
from oauth.models import Application, Consent, OfficeAccess
from permissions.catalog import Right
from permissions.models import IndividualRight, TeamMember
from reviews import campaigns, plans
from reviews.models import Campaign, ReviewItem
from tests.helpers.random_histories import RandomHistory
from tests.helpers.reviews import export_chain, run_verifier, start, write_review
from tests.helpers.users import actor, signed_in
from tests.reviews.test_plans import Review, list_results

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def review() -> Review:
    return Review(RandomHistory(1))


def undo(review: Review, job: ImportJob) -> None:
    revert = imports.actions.create_revert(job, by=actor(review.admin))
    imports.actions.request_execution(revert, by=actor(review.admin))
    while runner.run_next_job():
        pass
    plans.record_executions()
    review.campaign.refresh_from_db()


def leave_for_the_next_plan(review: Review, code: str) -> None:
    """Make it as if the first plan could not revoke an individual right."""
    held = IndividualRight.objects.filter(provider=review.office, user=review.worker, right=code)
    if not held.exists():
        teams.actions.set_individual_rights(review.worker, [Right.VIEW_BILLING, Right.VIEW_USERS], by=actor())
    later = timezone.now() + timedelta(seconds=5)
    ReviewItem.objects.filter(campaign=review.campaign, code=code).update(result="skipped", decided_at=later)


def count(verb: Verb) -> int:
    return Event.objects.filter(verb=verb).count()


def check_proof(review: Review, folder: Path) -> str:
    code, text = run_verifier(folder, write_review(review.campaign, folder), export_chain(review.office, folder))
    assert code == 0, text
    return text


def test_what_was_undone_is_open_for_the_next_plan(review: Review, tmp_path: Path) -> None:
    """All but what an administrator gave again since; the report and the proof say what is the case.

    Undoing does not give back a consent.
    """
    review.decide_and_close()
    undo(review, review.execute())
    assert list_results(review) == {"Loon": "undone", "view_billing": "undone", "Portaal": "revoked"}
    assert plans.count_to_revoke(review.campaign) == 2
    assert "1 revoked as decided, 0 not revoked, 0 gone already, 2 undone" in check_proof(review, tmp_path)
    client = signed_in(review.admin)
    report = client.get(reverse("reviews:report", args=[review.campaign.pk]))
    assert "Ingetrokken 1, Niet ingetrokken 0, Was er al niet meer 0, Intrekking teruggedraaid 2" in report.text
    page = client.get(reverse("reviews:campaign", args=[review.campaign.pk]))
    assert page.context["to_revoke"] == 2
    assert not page.context["drift"]
    teams.actions.change_members(review.team, remove=[review.worker], by=actor())
    assert plans.find_drift(review.campaign).gone == 1, "outside the review"
    teams.actions.change_members(review.team, add=[review.worker], by=actor())
    assert (plans.find_drift(review.campaign).gone, plans.count_to_revoke(review.campaign)) == (0, 1)
    review.execute()
    assert list_results(review) == {"Loon": "undone", "view_billing": "revoked", "Portaal": "revoked"}
    assert TeamMember.objects.filter(user=review.worker, team=review.team).exists()
    assert not IndividualRight.objects.filter(user=review.worker, right="view_billing").exists()
    assert "2 revoked as decided, 0 not revoked, 0 gone already, 1 undone" in check_proof(review, tmp_path)
    assert (count(Verb.REVIEW_EXECUTED), count(Verb.REVIEW_UNDONE)) == (2, 1)
    assert len(review.campaign.acts) == 2


def test_what_is_gone_again_when_undoing_is_recorded_is_not_called_undone(review: Review, tmp_path: Path) -> None:
    review.decide_and_close()
    job = review.execute()
    revert = imports.actions.create_revert(job, by=actor(review.admin))
    imports.actions.request_execution(revert, by=actor(review.admin))
    while runner.run_next_job():
        pass
    teams.actions.change_members(review.team, remove=[review.worker], by=actor())
    plans.record_executions()
    review.campaign.refresh_from_db()
    assert list_results(review) == {"Loon": "revoked", "view_billing": "undone", "Portaal": "revoked"}
    assert "2 revoked as decided, 0 not revoked, 0 gone already, 1 undone" in check_proof(review, tmp_path)


def test_undoing_an_earlier_plan_is_recorded(review: Review) -> None:
    review.decide_and_close()
    first = review.execute()
    leave_for_the_next_plan(review, "view_billing")
    second = review.execute()
    undo(review, first)
    assert TeamMember.objects.filter(user=review.worker).exists()
    assert list_results(review) == {"Loon": "undone", "view_billing": "revoked", "Portaal": "revoked"}
    assert review.campaign.undone_at is not None
    published = Event.objects.get(verb=Verb.REVIEW_UNDONE).changes["review"][1]
    assert published["undoes"] == first.correlation_id != second.correlation_id
    plans.record_executions()
    assert count(Verb.REVIEW_UNDONE) == 1, "once"
    undo(review, second)
    assert (count(Verb.REVIEW_UNDONE), len(review.campaign.undone_acts)) == (2, 2)


def test_a_plan_confirmed_meanwhile_is_not_replaced(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    review.decide_and_close()
    job, discard = plans.create_plan(review.campaign, by=actor(review.admin)), imports.actions.discard_job

    def confirm_first(planned: ImportJob) -> bool:
        imports.actions.request_execution(ImportJob.objects.get(pk=planned.pk), by=actor(review.admin))
        return discard(planned)

    monkeypatch.setattr(imports.actions, "discard_job", confirm_first)
    with pytest.raises(ValidationError) as refused:
        plans.create_plan(review.campaign, by=actor(review.admin))
    assert refused.value.code == "busy"
    assert ImportJob.objects.get().pk == job.pk


def test_what_is_given_again_after_planning_stays(review: Review) -> None:
    """The plan is made again when it no longer fits, and knows since when giving again counts."""
    review.decide_and_close()
    job = plans.create_plan(review.campaign, by=actor(review.admin))
    teams.actions.change_members(review.team, remove=[review.worker], by=actor())
    teams.actions.change_members(review.team, add=[review.worker], by=actor())
    imports.actions.replan_job(job, by=actor(review.admin))
    job.refresh_from_db()
    imports.actions.request_execution(job, by=actor(review.admin))
    while runner.run_next_job():
        pass
    assert TeamMember.objects.filter(user=review.worker, team=review.team).exists()
    assert not IndividualRight.objects.filter(user=review.worker, right="view_billing").exists()


def test_an_integration_of_the_office_is_not_called_revoked(review: Review) -> None:
    """Its consent would be stored again at the next use: an administrator ends it for the office first."""
    access = OfficeAccess.objects.create(
        provider=review.office, application=review.application, scopes=["openid"], consented_at=timezone.now()
    )
    campaigns.close_campaign(review.campaign, by=actor())
    review.campaign = start(review.office, review.reviewer)
    review.decide(review.worker, kind="integration")
    review.campaign = campaigns.close_campaign(review.campaign, by=actor())
    assert plans.count_to_revoke(review.campaign) == 0
    with pytest.raises(ValidationError, match="niets in te trekken"):
        plans.create_plan(review.campaign, by=actor(review.admin))
    page = signed_in(review.admin).get(reverse("reviews:campaign", args=[review.campaign.pk]))
    assert "toegestaan voor alle gebruikers van het kantoor" in page.text
    assert plans.find_drift(review.campaign).added == 0
    Application.objects.filter(pk=review.application.pk).update(scopes=["openid"])
    office_decisions.withdraw_office_consent(review.application, provider=review.office, by=actor())
    access.refresh_from_db()
    assert access.scopes == []
    assert plans.count_to_revoke(review.campaign) == 1
    review.execute()
    assert list_results(review) == {"Portaal": "revoked"}
    assert not Consent.objects.filter(user=review.worker).exists()


def test_integrations_are_told_apart_by_more_than_their_name(review: Review) -> None:
    """Of a partner and the office with the same name, only the one that was decided about is revoked."""
    partner = Application.objects.create(provider=None, name="Portaal", scopes=["openid"])
    Consent.objects.create(provider=review.office, user=review.worker, application=partner, scopes=["openid"])
    campaigns.close_campaign(review.campaign, by=actor())
    review.campaign = start(review.office, review.reviewer)
    for key in (review.application.pk, partner.pk):
        review.decide(review.worker, object_id=key)
    review.campaign = campaigns.close_campaign(review.campaign, by=actor())
    plan = plans.create_plan(review.campaign, by=actor(review.admin))
    Consent.objects.filter(application=partner).delete()
    imports.actions.replan_job(plan, by=actor(review.admin))
    plan.refresh_from_db()
    imports.actions.request_execution(plan, by=actor(review.admin))
    while runner.run_next_job():
        pass
    plans.record_executions()
    results = dict(
        ReviewItem.objects.filter(campaign=review.campaign, outcome="revoke").values_list("object_id", "result")
    )
    assert results == {review.application.pk: "revoked", partner.pk: "gone"}


def test_a_review_without_revocations_is_done(review: Review) -> None:
    campaign = campaigns.close_campaign(review.campaign, by=actor())
    assert (campaign.state, campaign.done_at) == (Campaign.State.DONE, None)
    page = signed_in(review.admin).get(reverse("reviews:campaign", args=[campaign.pk]))
    assert "niets in te trekken" in page.text
