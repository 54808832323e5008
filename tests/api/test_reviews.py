"""Access reviews through the web service: what it shows, who may decide, and that it is the same as on the pages."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import teams.actions
from accounts.models import Provider, User
from audit.models import Event, Verb
from permissions.catalog import Right
from permissions.models import DutyRule, IndividualRight, Team, TeamMember
from reviews import campaigns, proof
from reviews.models import Campaign, ReviewItem
from tests.helpers.api_client import Program, machine, program
from tests.helpers.reviews import make_campaign, start
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(office: Provider, bob: User) -> Team:
    made = Team.objects.create(provider=office, name="Loon")
    teams.actions.set_team_rights(made, [Right.VIEW_WAGES, Right.VIEW_BILLING], by=actor())
    TeamMember.objects.create(provider=office, team=made, user=bob)
    return made


@pytest.fixture
def first(office: Provider) -> User:
    return make_reviewer(office, "rick")


@pytest.fixture
def second(office: Provider) -> User:
    return make_reviewer(office, "sara")


def make_reviewer(office: Provider, name: str) -> User:
    return make_user(office, Right.REVIEW_ACCESS, username=name, email=f"{name}@devries.example")


@pytest.fixture
def campaign(office: Provider, first: User, second: User, team: Team) -> Campaign:
    return start(office, first, second)


def find_path(campaign: Campaign, user: User, **which: Any) -> ReviewItem:
    return ReviewItem.objects.get(campaign=campaign, subject__person_id=user.pk, **which)


def decide(calls: Program, item: ReviewItem, decision: str = "keep", reason: str = "", **headers: str) -> Any:
    body = {"decision": decision, "reason": reason}
    return calls.call("PUT", f"/providers/accessreviews/paths/{item.pk}/decision", body, **headers)


def test_reviews_are_listed_newest_first(office: Provider, first: User, campaign: Campaign) -> None:
    draft = make_campaign(office, first, name="Winter")
    calls = program(first)
    rows = calls.rows(f"/providers/{office.pk}/accessreviews")
    assert [(row["id"], row["status"]) for row in rows] == [(str(draft.pk), "draft"), (str(campaign.pk), "running")]
    rows = calls.rows(f"/providers/{office.pk}/accessreviews?filter=status eq 'running'&orderBy=lastDay")
    assert [row["description"] for row in rows] == ["Najaar"]


def test_a_review_shows_its_progress_and_its_proof(first: User, bob: User, campaign: Campaign) -> None:
    calls = program(first)
    assert decide(calls, find_path(campaign, bob), "revoke").status_code == 200
    content = calls.content(f"/providers/accessreviews/{campaign.pk}")
    in_scope = ReviewItem.objects.filter(campaign=campaign, in_scope=True).count()
    assert content["decisions"] == {"keep": 0, "revoke": 1, "later": 0, "undecided": in_scope - 1, "erased": 0}
    assert (content["populationRoot"], content["frozenAtEvent"]) == (campaign.population_root, campaign.sequence)
    assert [(row["user"]["id"], row["decided"]) for row in content["reviewers"]] == [
        (str(user.pk), count) for user, count in sorted([(first, 1), *_others(campaign, first)], key=_by_name)
    ]
    assert content["openForUser"] == in_scope - 2, "all but the decided one and the own one"


def _others(campaign: Campaign, user: User) -> list[tuple[User, int]]:
    return [(row.user, 0) for row in campaign.reviewers.exclude(user=user).select_related("user")]


def _by_name(row: tuple[User, int]) -> str:
    return row[0].sort_name


def test_paths_are_those_of_the_page(first: User, bob: User, team: Team, campaign: Campaign) -> None:
    calls, path = program(first), f"/providers/accessreviews/{campaign.pk}/paths"
    shown = calls.rows(path)
    assert {row["id"] for row in shown} == {
        str(pk) for pk in ReviewItem.objects.filter(campaign=campaign).values_list("pk", flat=True)
    }
    found = calls.rows(f"{path}?filter=objectId eq '{team.pk}'")
    assert [(row["userId"], row["rights"]) for row in found] == [(str(bob.pk), ["view_billing", "view_wages"])]
    mine = calls.rows(f"{path}/decidable")
    expected = ReviewItem.objects.decidable_by(first, campaign).values_list("pk", flat=True)
    assert {row["id"] for row in mine} == {str(pk) for pk in expected} < {row["id"] for row in shown}


def test_a_decision_is_stored_as_one_of_the_page(first: User, bob: User, campaign: Campaign) -> None:
    calls, item = program(first), find_path(campaign, bob)
    before = calls.get(f"/providers/accessreviews/paths/{item.pk}")
    assert before.json()["content"]["mayDecide"]
    response = decide(calls, item, "revoke", "Werkt elders.", If_Match=before["ETag"])
    content = response.json()["content"]
    assert (content["decision"], content["reason"], content["version"]) == ("revoke", "Werkt elders.", 1)
    assert (content["decidedBy"], content["user"]["id"]) == (str(first.pk), str(bob.pk))
    event = Event.objects.get(verb=Verb.REVIEW_DECIDED)
    assert (event.target_id, event.actor_id, event.origin) == (bob.pk, first.pk, "api")


def test_a_machine_never_decides(first: User, bob: User, campaign: Campaign) -> None:
    item = find_path(campaign, bob)
    for calls in (machine(first), machine(first, "reviews:read", "reviews:write")):
        refused = decide(calls, item)
        assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (403, "proof_interactive")
    item.refresh_from_db()
    assert (item.decision, Event.objects.filter(verb=Verb.REVIEW_DECIDED).count()) == ("", 0)


def test_a_login_of_long_ago_does_not_let_a_program_decide(first: User, bob: User, campaign: Campaign) -> None:
    item = find_path(campaign, bob)
    refused = decide(program(first, authenticated_at=timezone.now() - timedelta(minutes=31)), item)
    assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (403, "proof_recent_sign_in")
    assert 'max_age="1800"' in refused["WWW-Authenticate"]
    calls = program(first, authenticated_at=timezone.now() - timedelta(minutes=29), with_factor=False)
    assert decide(calls, item).status_code == 200


def test_reading_does_not_let_one_decide(first: User, bob: User, campaign: Campaign) -> None:
    refused = decide(program(first, "reviews:read"), find_path(campaign, bob))
    assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (403, "client_scope")
    assert program(first, "users:read", "teams:read").get(f"/providers/accessreviews/{campaign.pk}").status_code == 403


def test_of_two_reviewers_the_first_wins(first: User, second: User, bob: User, campaign: Campaign) -> None:
    item = find_path(campaign, bob)
    assert decide(program(first), item, "revoke", If_Match='"0"').status_code == 200
    late, blind = decide(program(second), item, If_Match='"0"'), decide(program(second), item)
    assert (late.status_code, blind.status_code) == (412, 409)
    assert blind.json()["messages"][0]["reason"] == "stale"
    item.refresh_from_db()
    assert (item.decision, item.decided_by, item.version) == ("revoke", first.pk, 1)
    assert decide(program(second), item, If_Match='"1"').status_code == 200
    item.refresh_from_db()
    assert (item.decision, item.decided_by) == ("keep", second.pk)


def test_nobody_decides_about_themselves_or_their_reviewer(first: User, second: User, campaign: Campaign) -> None:
    own, other = find_path(campaign, first), find_path(campaign, second)
    refused = decide(program(first), own)
    assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (403, "reach")
    assert decide(program(second), own).status_code == 200
    assert decide(program(first), other).status_code == 403, "second decided about first"


def test_a_conflict_takes_a_reason(office: Provider, first: User, bob: User, campaign: Campaign) -> None:
    DutyRule.objects.create(
        provider=office, name="Loon en facturen", first=["view_wages"], second=["view_billing"], severity="warn",
        reason="x",
    )  # fmt: skip
    item = find_path(campaign, bob)
    refused = decide(program(first), item)
    assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (400, "reason")
    assert program(first).content(f"/providers/accessreviews/paths/{item.pk}")["conflicts"] == ["Loon en facturen"]
    assert decide(program(first), item, reason="Tijdelijk.").status_code == 200


def test_after_the_end_nothing_changes(first: User, bob: User, campaign: Campaign) -> None:
    item = find_path(campaign, bob)
    campaigns.close_campaign(campaign, by=actor())
    refused = decide(program(first), item)
    assert (refused.status_code, refused.json()["messages"][0]["reason"]) == (400, "over")
    assert not program(first).content(f"/providers/accessreviews/paths/{item.pk}")["mayDecide"]


def test_the_export_is_the_file_of_the_auditor(office: Provider, first: User, campaign: Campaign) -> None:
    content = program(first).content(f"/providers/accessreviews/{campaign.pk}/export")
    assert content["review"] == json.loads(proof.build_review_file(campaign))
    assert Event.objects.filter(verb=Verb.EXPORTED, target_id=campaign.pk).count() == 1
    draft = make_campaign(office, first)
    assert program(first).get(f"/providers/accessreviews/{draft.pk}/export").status_code == 404


def test_strangers_and_users_without_the_right(
    office: Provider, alice: User, bob: User, charlie: User, campaign: Campaign
) -> None:
    item = find_path(campaign, bob)
    paths = [
        f"/providers/{office.pk}/accessreviews", f"/providers/accessreviews/{campaign.pk}",
        f"/providers/accessreviews/{campaign.pk}/paths", f"/providers/accessreviews/{campaign.pk}/paths/decidable",
        f"/providers/accessreviews/{campaign.pk}/export", f"/providers/accessreviews/paths/{item.pk}",
    ]  # fmt: skip
    IndividualRight.objects.get_or_create(provider=charlie.office, user=charlie, right=Right.REVIEW_ACCESS)
    assert {program(charlie).get(path).status_code for path in paths} == {404}
    assert decide(program(charlie), item).status_code == 404
    assert {program(bob).get(path).status_code for path in paths} == {403}
    assert decide(program(bob), item).status_code == 403
    assert decide(program(alice), item).status_code == 403, "an administrator who is not a reviewer"
    assert not Event.objects.filter(verb__in=[Verb.REVIEW_DECIDED, Verb.EXPORTED]).exists()


@pytest.mark.parametrize(
    "body", [{}, {"decision": "weg"}, {"decision": ""}, {"decision": "keep", "by": "x"},
             {"decision": "keep", "reason": "x" * 301}, {"decision": None}, []],
)  # fmt: skip
def test_bad_bodies_change_nothing(body: Any, first: User, bob: User, campaign: Campaign) -> None:
    item = find_path(campaign, bob)
    assert program(first).call("PUT", f"/providers/accessreviews/paths/{item.pk}/decision", body).status_code == 400
    item.refresh_from_db()
    assert item.decision == ""


def test_a_list_takes_as_many_queries_for_more_paths(office: Provider, first: User, team: Team) -> None:
    counts = []
    for size in (2, 6):
        for number in range(size):
            user = make_user(office, username=f"u{size}{number}", email=f"u{size}{number}@devries.example")
            TeamMember.objects.create(provider=office, team=team, user=user)
        campaign, calls = start(office, first), program(first)
        for path in ("", "/paths", "/paths/decidable"):
            with CaptureQueriesContext(connection) as found:
                calls.get(f"/providers/accessreviews/{campaign.pk}{path}")
            counts.append(len(found))
    assert counts[:3] == counts[3:]
