"""The decisions of a campaign become one plan, executed and undone by the pages of imports; and its proof."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

import imports.actions
import teams.actions
from accounts.models import Provider, User
from audit import verify
from audit.models import Event, Verb
from core.ids import uuid7
from history import erasure
from imports import runner, storage
from imports.models import ImportJob
from oauth.models import Application, Consent
from permissions.catalog import Right
from permissions.models import IndividualRight, TeamMember
from reviews import campaigns, decisions, plans
from reviews.models import Campaign, Decision, ReviewItem
from tests.helpers.random_histories import RandomHistory
from tests.helpers.reviews import export_chain, run_verifier, start, write_review
from tests.helpers.users import actor, signed_in
from users import login_methods

pytestmark = pytest.mark.django_db


class Review:
    """A campaign over an office whose whole history is in its events."""

    def __init__(self, history: RandomHistory) -> None:
        self.office = Provider.objects.get(pk=history.office.pk)
        operator = actor()
        self.admin, self.reviewer, self.worker, self.other = (self.make_user(history, n) for n in range(4))
        self.team = teams.actions.create_team(self.office, name="Loon", by=operator)
        teams.actions.set_team_rights(self.team, [Right.VIEW_WAGES, Right.VIEW_AUDIT], by=operator)
        teams.actions.change_members(self.team, add=[self.worker, self.other], by=operator)
        teams.actions.set_individual_rights(self.admin, [Right.MANAGE_PROVIDER], by=operator)
        teams.actions.set_individual_rights(self.reviewer, [Right.REVIEW_ACCESS], by=operator)
        teams.actions.set_individual_rights(self.worker, [Right.VIEW_BILLING, Right.VIEW_USERS], by=operator)
        self.application = Application.objects.create(provider=self.office, name="Portaal", scopes=["openid"])
        Consent.objects.create(provider=self.office, user=self.worker, application=self.application, scopes=["openid"])
        self.campaign = start(self.office, self.reviewer)

    def make_user(self, history: RandomHistory, number: int) -> User:
        """Create a user without an end date."""
        return login_methods.create_azure_user(
            self.office, details={"initials": "V.", "last_name": f"Vast {number}", "email": f"v{number}@example.nl"},
            username=f"vast {self.office.pk} {number}", tenant=history.tenant, external_user_id=uuid7(), by=actor(),
        )  # fmt: skip

    def decide(self, user: User, decision: Decision = Decision.REVOKE, **which: Any) -> ReviewItem:
        item = ReviewItem.objects.get(campaign=self.campaign, subject__person_id=user.pk, **which)
        return decisions.decide(item, decision, seen=item.version, by=actor(self.reviewer))

    def decide_and_close(self) -> None:
        self.decide(self.worker, kind="team")
        self.decide(self.worker, code="view_billing")
        self.decide(self.worker, kind="integration")
        self.decide(self.other, Decision.KEEP, kind="team")
        self.campaign = campaigns.close_campaign(self.campaign, by=actor(self.admin))

    def execute(self, by: User | None = None) -> ImportJob:
        by = by or self.admin
        job = plans.create_plan(self.campaign, by=actor(by))
        imports.actions.request_execution(job, by=actor(by))
        while runner.run_next_job():
            pass
        plans.record_executions()
        self.campaign.refresh_from_db()
        return ImportJob.objects.get(pk=job.pk)


@pytest.fixture
def review() -> Review:
    return Review(RandomHistory(1))


def list_results(review: Review) -> dict[str, str]:
    rows = ReviewItem.objects.filter(campaign=review.campaign, outcome="revoke")
    return {item.name or item.code: item.result for item in rows}


@pytest.mark.django_db(transaction=True)
def test_one_plan_revokes_what_was_decided_and_can_be_undone(review: Review) -> None:
    review.decide_and_close()
    job = review.execute()
    assert job.is_done, storage.load_summary(job)
    assert not TeamMember.objects.filter(user=review.worker).exists()
    assert not Consent.objects.filter(user=review.worker).exists()
    assert set(IndividualRight.objects.filter(user=review.worker).values_list("right", flat=True)) == {"view_users"}
    assert TeamMember.objects.filter(user=review.other).exists()
    assert list_results(review) == {"Loon": "revoked", "view_billing": "revoked", "Portaal": "revoked"}
    assert review.campaign.state == Campaign.State.DONE
    revert = imports.actions.create_revert(job, by=actor(review.admin))
    imports.actions.request_execution(revert, by=actor(review.admin))
    while runner.run_next_job():
        pass
    assert TeamMember.objects.filter(user=review.worker, team=review.team).exists()
    plans.record_executions()
    review.campaign.refresh_from_db()
    assert review.campaign.undone_at is not None
    assert Event.objects.filter(verb=Verb.REVIEW_UNDONE).count() == 1
    plans.record_executions()
    assert Event.objects.filter(verb__in=[Verb.REVIEW_UNDONE, Verb.REVIEW_EXECUTED]).count() == 2, "each once"


@pytest.mark.django_db(transaction=True)
def test_the_last_administrator_stays(review: Review) -> None:
    other_admin = User.objects.get(pk=review.other.pk)
    teams.actions.set_individual_rights(other_admin, [Right.MANAGE_PROVIDER], by=actor())
    campaigns.close_campaign(review.campaign, by=actor())
    review.campaign = start(review.office, review.reviewer)
    for item in ReviewItem.objects.filter(campaign=review.campaign, rights__contains=["manage_provider"]):
        decisions.decide(item, Decision.REVOKE, seen=0, by=actor(review.reviewer))
    review.campaign = campaigns.close_campaign(review.campaign, by=actor())
    job = review.execute()
    holders = IndividualRight.objects.filter(provider=review.office, right=Right.MANAGE_PROVIDER)
    assert holders.filter(user=review.admin).exists(), "administrators never revoke their own rights"
    assert job.is_done
    results = ReviewItem.objects.filter(campaign=review.campaign, outcome="revoke").values_list("result", flat=True)
    assert sorted(results) == ["revoked", "revoked", "skipped"]


@pytest.mark.django_db(transaction=True)
def test_what_was_gone_is_not_revoked_again(review: Review) -> None:
    review.decide_and_close()
    teams.actions.change_members(review.team, remove=[review.worker], by=actor())
    teams.actions.set_team_rights(review.team, [Right.VIEW_WAGES], by=actor())
    drift = plans.find_drift(review.campaign)
    assert (drift.gone, [team.name for team in drift.teams]) == (1, ["Loon"])
    page = signed_in(review.admin).get(reverse("reviews:campaign", args=[review.campaign.pk]))
    assert "Gewijzigd sinds het vastleggen" in page.text
    job = review.execute()
    assert "Een deel van deze toegang was er al niet meer." in storage.load_summary(job)["totals"]
    assert list_results(review) == {"Loon": "gone", "view_billing": "revoked", "Portaal": "revoked"}


@pytest.mark.django_db(transaction=True)
def test_what_was_revoked_and_given_again_hides_nothing_that_is_gone(review: Review) -> None:
    review.decide_and_close()
    review.execute()
    teams.actions.change_members(review.team, add=[review.worker], by=actor())
    assert plans.find_drift(review.campaign).gone == 0
    teams.actions.change_members(review.team, remove=[review.other], by=actor())
    assert plans.find_drift(review.campaign).gone == 1


@pytest.mark.django_db(transaction=True)
def test_a_review_of_long_ago_is_not_compared_with_the_office(review: Review) -> None:
    """Its page would go through all access of the office for what no longer matters."""
    review.decide_and_close()
    review.execute()
    teams.actions.change_members(review.team, remove=[review.other], by=actor())
    for days, gone in ((6, 1), (9, 0)):
        review.campaign.done_at = timezone.now() - timedelta(days=days)
        assert plans.find_drift(review.campaign).gone == gone
    ReviewItem.objects.filter(campaign=review.campaign, result="revoked").update(result="skipped")
    assert plans.find_drift(review.campaign), "a next plan can come of it"


def test_a_plan_needs_an_administrator_and_an_end(review: Review) -> None:
    with pytest.raises(ValidationError, match="Er wordt nog beslist"):
        plans.create_plan(review.campaign, by=actor(review.admin))
    review.decide_and_close()
    with pytest.raises(PermissionDenied):
        plans.create_plan(review.campaign, by=actor(review.reviewer))


def test_nothing_is_revoked_when_nothing_was_decided(review: Review) -> None:
    review.campaign = campaigns.close_campaign(review.campaign, by=actor())
    with pytest.raises(ValidationError, match="niets in te trekken"):
        plans.create_plan(review.campaign, by=actor(review.admin))


def test_undecided_can_be_revoked_if_the_campaign_says_so(review: Review) -> None:
    Campaign.objects.filter(pk=review.campaign.pk).update(undecided="revoke")
    review.decide(review.other, Decision.LATER, kind="team")
    campaign = campaigns.close_campaign(review.campaign, by=actor())
    item = ReviewItem.objects.get(campaign=campaign, subject__person_id=review.other.pk, kind="team")
    assert item.outcome == "revoke"


def test_the_page_leads_to_the_plan(review: Review) -> None:
    review.decide_and_close()
    client = signed_in(review.admin)
    response = client.post(reverse("reviews:plan", args=[review.campaign.pk]))
    job = ImportJob.objects.get()
    assert response["Location"] == reverse("imports:plan", args=[job.pk])
    page = client.get(response["Location"])
    for text in ("Loon", "Portaal", gettext("loses access or rights")):
        assert text in page.text
    assert TeamMember.objects.filter(user=review.worker).exists(), "not before it is confirmed"


def test_the_act_is_not_among_those_of_the_list(review: Review) -> None:
    page = signed_in(review.admin).get(reverse("imports:bulk_action") + f"?users={review.worker.pk}")
    assert 'value="revoke"' not in page.text


# The proof


def change_review(path: Path, change: Any) -> Path:
    content = json.loads(path.read_text())
    change(content)
    other = path.with_name("changed.json")
    other.write_bytes(verify.encode_canonical_json(content) + b"\n")
    return other


@pytest.mark.django_db(transaction=True)
def test_an_auditor_verifies_the_review_alone(review: Review, tmp_path: Path) -> None:
    names = export_chain(review.office, tmp_path)
    code, text = run_verifier(tmp_path, write_review(review.campaign, tmp_path), names)
    assert (code, "as the history says" in text) == (0, True), text
    review.decide_and_close()
    review.execute()
    names, path = export_chain(review.office, tmp_path), write_review(review.campaign, tmp_path)
    code, text = run_verifier(tmp_path, path, names)
    assert (code, "3 revoked as decided" in text) == (0, True), text

    def drop(name: str, **which: Any) -> Any:
        def change(content: dict[str, Any]) -> None:
            rows = content[name]
            rows.remove(next(row for row in rows if which.items() <= row.items()))

        return change

    def rewrite(content: dict[str, Any]) -> None:
        row = next(row for row in content["decisions"] if row["decision"] == "keep")
        row["decision"] = "revoke"

    def drop_right(content: dict[str, Any]) -> None:
        next(row for row in content["population"] if len(row.get("rights", [])) > 1)["rights"].pop()

    worker = str(review.worker.pk)
    for change in (
        drop("population", kind="path", user=worker),
        drop("population", kind="user", user=str(review.other.pk)),
        drop("population", kind="team", team=str(review.team.pk)),
        drop("decisions", decision="keep"),
        drop("results", result="revoked"),
        rewrite,
        drop_right,
    ):
        code, text = run_verifier(tmp_path, change_review(path, change), names)
        assert (code, "BROKEN" in text) == (1, True), text


def test_a_population_that_was_incomplete_when_frozen_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An insider who freezes too little publishes a root that fits: the history says otherwise."""
    freeze = campaigns.freeze_population

    def freeze_less(campaign: Campaign) -> Any:
        size = freeze(campaign)
        row = ReviewItem.objects.filter(campaign=campaign, kind="team").order_by("pk").first()
        grants = len(row.rights)
        row.delete()
        return size._replace(paths=size.paths - 1, in_scope=size.in_scope - 1, grants=size.grants - grants)

    monkeypatch.setattr(campaigns, "freeze_population", freeze_less)
    review = Review(RandomHistory(1))
    names = export_chain(review.office, tmp_path)
    code, text = run_verifier(tmp_path, write_review(review.campaign, tmp_path), names)
    assert (code, "the review lacks path" in text) == (1, True), text


def test_a_decision_changed_in_the_database_is_found(review: Review, tmp_path: Path) -> None:
    review.decide(review.worker, kind="team")
    ReviewItem.objects.filter(campaign=review.campaign, decision="revoke").update(decision="keep")
    review.campaign = campaigns.close_campaign(review.campaign, by=actor())
    names = export_chain(review.office, tmp_path)
    code, text = run_verifier(tmp_path, write_review(review.campaign, tmp_path), names)
    assert (code, "the history says 'revoke', the review 'keep'" in text) == (1, True), text


def test_a_user_erased_since_leaves_it_verifiable(review: Review, tmp_path: Path) -> None:
    review.decide_and_close()
    User.objects.filter(pk=review.other.pk).update(blocked_at=timezone.now() - timedelta(days=9999))
    review.other.refresh_from_db()
    erasure.erase_user(review.other, by=actor())
    names = export_chain(review.office, tmp_path)
    code, text = run_verifier(tmp_path, write_review(review.campaign, tmp_path), names)
    assert (code, "as the history says" in text) == (0, True), text


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 7))
def test_random_histories_verify(seed: int, tmp_path: Path) -> None:
    random_history = RandomHistory(seed)
    random_history.run(1)
    Provider.objects.filter(pk=random_history.office.pk).update(suspended_at=None)
    review = Review(random_history)
    names = export_chain(review.office, tmp_path)
    code, text = run_verifier(tmp_path, write_review(review.campaign, tmp_path), names)
    assert (code, "as the history says" in text) == (0, True), text


def test_the_last_day_and_the_end_have_their_words(review: Review) -> None:
    client, url = signed_in(review.admin), reverse("reviews:campaign", args=[review.campaign.pk])
    for days, text in ((0, "vandaag de laatste dag, tot"), (1, "nog 1 dag, tot")):
        Campaign.objects.update(deadline=timezone.localdate() + timedelta(days=days))
        assert text in client.get(url).text
    review.decide_and_close()
    assert review.campaign.get_state_display() == "Afgelopen", "also with paths that nobody decided about"
    page = client.get(reverse("reviews:report", args=[review.campaign.pk]))
    for text in ("Afgelopen", "Te beoordelen toegangen", "Hoogste tempo (per 2 minuten)"):
        assert text in page.text


def test_a_running_review_has_not_kept_everything(review: Review) -> None:
    client, url = signed_in(review.admin), reverse("reviews:report", args=[review.campaign.pk])
    for item in (None, review.decide(review.other, Decision.KEEP, kind="team")):
        page = client.get(url)
        assert "Alles is behouden." not in page.text, item
        assert "Er is nog niets aangemerkt om in te trekken." in page.text
    for item in (
        ReviewItem.objects.open().filter(campaign=review.campaign).exclude(subject__person_id=review.reviewer.pk)
    ):
        decisions.decide(item, Decision.KEEP, seen=0, by=actor(review.reviewer))
    ReviewItem.objects.open().filter(campaign=review.campaign).delete()  # those of the reviewer
    campaigns.close_campaign(review.campaign, by=actor())
    assert "Alles is behouden." in client.get(url).text


def test_the_report_the_workbook_and_the_file(review: Review) -> None:
    review.decide_and_close()
    client = signed_in(review.admin)
    page = client.get(reverse("reviews:report", args=[review.campaign.pk]))
    for text in (review.campaign.population_root, review.campaign.decisions_root, review.worker.list_name, "Portaal"):
        assert text in page.text
    for name in ("report_workbook", "review_file"):
        response = client.get(reverse(f"reviews:{name}", args=[review.campaign.pk]))
        assert response.status_code == 200
        assert "attachment" in response["Content-Disposition"]
    assert Event.objects.filter(verb=Verb.EXPORTED, target_id=review.campaign.pk).count() == 2
