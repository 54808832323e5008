"""Decisions: who may take them, the first one wins, each leaves an event, and the page on which they are taken."""

import re
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Provider, User
from audit.models import Event, Verb
from history import erasure
from permissions.catalog import Right
from permissions.models import DutyRule, IndividualRight, Team, TeamMember, TeamRight
from reviews import campaigns, decisions, progress
from reviews.campaigns import Reviewers
from reviews.decisions import AlreadyDecided
from reviews.models import Campaign, Decision, ReviewItem
from reviews.reviewers import count_open_paths
from tests.helpers.reviews import make_campaign, start
from tests.helpers.users import actor, make_user, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def first(office: Provider) -> User:
    return make_user(office, Right.REVIEW_ACCESS, username="eerste", last_name="Eerste")


@pytest.fixture
def second(office: Provider) -> User:
    return make_user(office, Right.REVIEW_ACCESS, username="tweede", last_name="Tweede")


@pytest.fixture
def team(office: Provider, alice: User) -> Team:
    """A team with a right and two members, logged in today: nothing to look at."""
    team = Team.objects.create(provider=office, name="Loon Utrecht")
    TeamRight.objects.create(provider=office, team=team, right=Right.VIEW_WAGES)
    for number in range(2):
        member = make_user(office, username=f"lid{number}", last_name=f"Lid {number}", last_login=timezone.now())
        TeamMember.objects.create(provider=office, team=team, user=member)
    return team


def path_of(campaign: Campaign, user: User, **which: Any) -> ReviewItem:
    return ReviewItem.objects.select_related("subject__user").get(
        campaign=campaign, subject__person_id=user.pk, **which
    )


def member(team: Team, number: int = 0) -> User:
    return User.objects.get(provider=team.provider, username=f"lid{number}")


def post(client: Client, campaign: Campaign, item: ReviewItem, value: str, **more: str) -> Any:
    data = {"decision": f"{item.pk}:{item.version}:{value}", **more}
    return client.post(reverse("reviews:decide", args=[campaign.pk]), data)


def test_a_decision_is_stored_with_an_event_about_the_user(office: Provider, first: User, team: Team) -> None:
    campaign = start(office, first)
    item = path_of(campaign, member(team))
    decisions.decide(item, Decision.REVOKE, reason="Ander werk", seen=0, by=actor(first))
    item.refresh_from_db()
    assert (item.decision, item.decided_by, item.version) == ("revoke", first.pk, 1)
    event = Event.objects.get(pk=item.event_id)
    assert (event.verb, event.target_id, event.reason) == (Verb.REVIEW_DECIDED, member(team).pk, "Ander werk")
    assert event.changes["path"] == [None, str(item.pk)]
    assert decisions.load_reasons([item]) == {item.pk: "Ander werk"}
    assert TeamMember.objects.filter(team=team, user=member(team)).exists(), "nothing is revoked yet"


def test_the_first_of_two_wins_and_the_other_is_told(office: Provider, first: User, second: User, team: Team) -> None:
    campaign = start(office, first, second)
    item = path_of(campaign, member(team))
    decisions.decide(item, Decision.KEEP, seen=0, by=actor(first))
    with pytest.raises(AlreadyDecided, match="Eerste besliste eerder"):
        decisions.decide(item, Decision.REVOKE, seen=0, by=actor(second))
    assert path_of(campaign, member(team)).decision == "keep"
    decisions.decide(item, Decision.REVOKE, seen=1, by=actor(second))
    assert path_of(campaign, member(team)).decision == "revoke"
    assert Event.objects.filter(verb=Verb.REVIEW_DECIDED).count() == 2, "both are in the history"


def test_nobody_decides_about_themselves(office: Provider, first: User, second: User) -> None:
    campaign = start(office, first, second)
    with pytest.raises(PermissionDenied):
        decisions.decide(path_of(campaign, first), Decision.KEEP, seen=0, by=actor(first))
    decisions.decide(path_of(campaign, first), Decision.KEEP, seen=0, by=actor(second))


def test_nobody_decides_about_who_decided_about_them(office: Provider, first: User, second: User) -> None:
    campaign = start(office, first, second)
    decisions.decide(path_of(campaign, first), Decision.KEEP, seen=0, by=actor(second))
    with pytest.raises(PermissionDenied):
        decisions.decide(path_of(campaign, second), Decision.KEEP, seen=0, by=actor(first))


def test_nobody_decides_about_their_team_reviewer(office: Provider, first: User, second: User, team: Team) -> None:
    TeamMember.objects.create(provider=office, team=team, user=first)
    campaign = start(office, first, by_team={team: second})
    with pytest.raises(PermissionDenied):
        decisions.decide(path_of(campaign, second), Decision.KEEP, seen=0, by=actor(first))


def test_the_reviewer_of_a_team_decides_about_its_members_only(
    office: Provider, first: User, second: User, team: Team
) -> None:
    IndividualRight.objects.create(provider=office, user=member(team), right=Right.VIEW_AUDIT)
    campaign = start(office, first, by_team={team: second})
    decisions.decide(path_of(campaign, member(team), kind="team"), Decision.KEEP, seen=0, by=actor(second))
    with pytest.raises(PermissionDenied):
        decisions.decide(path_of(campaign, member(team), kind="right"), Decision.KEEP, seen=0, by=actor(second))


class Attack:
    """A review by two reviewers of everything and one per team, of users who are all reviewers and try everything.

    `standing` is what each decision came to, by the rules in plain Python, without the query that the product asks.
    """

    def __init__(self, office: Provider, chance: Random) -> None:
        self.chance = chance
        self.users = [make_user(office, Right.REVIEW_ACCESS, username=f"p{number}") for number in range(6)]
        teams = [Team.objects.create(provider=office, name=f"Team {number}") for number in range(3)]
        self.members = {(team.pk, user.pk) for team in teams for user in chance.sample(self.users, 3)}
        TeamMember.objects.bulk_create(TeamMember(provider=office, team_id=t, user_id=u) for t, u in self.members)
        by_team = {team: chance.choice(self.users) for team in teams}
        general = chance.sample(self.users, 2)
        self.general, self.by_team = {user.pk for user in general}, {team.pk: by_team[team].pk for team in teams}
        self.campaign = start(office, *general, by_team=by_team)
        ReviewItem.objects.filter(campaign=self.campaign).update(notes=[])  # nothing to look at: bulk reaches them
        self.items = list(ReviewItem.objects.filter(campaign=self.campaign).select_related("subject__user"))
        self.standing: dict[UUID, tuple[str, UUID | None, int]] = {item.pk: ("", None, 0) for item in self.items}
        self.outcomes = Counter[str]()

    def may_decide(self, attacker: User, item: ReviewItem) -> bool:
        about = item.subject.person_id
        own = [self.standing[each.pk] for each in self.items if each.subject.person_id == attacker.pk]
        decided_about_them = {by for decision, by, _version in own if decision in ("keep", "revoke")}
        review_their_team = {self.by_team[team] for team, user in self.members if user == attacker.pk}
        is_appointed = attacker.pk in self.general or self.by_team.get(item.object_id) == attacker.pk
        return is_appointed and about not in {attacker.pk} | decided_about_them | review_their_team

    def try_one(self) -> None:
        attacker, item = self.chance.choice(self.users), self.chance.choice(self.items)
        before, by, version = self.standing[item.pk]
        seen, decision = self.chance.choice([0, version, version]), self.chance.choice(list(Decision))
        expected = "decided" if seen == version or by == attacker.pk else "told"
        if not self.may_decide(attacker, item):
            expected = "refused"
        try:
            decisions.decide(item, decision, seen=seen, by=actor(attacker))
        except PermissionDenied:
            outcome = "refused"
        except AlreadyDecided:
            outcome = "told"
        else:
            outcome = "decided"
            self.standing[item.pk] = decision, attacker.pk, version + 1
        assert outcome == expected, (attacker, item, decision, before, by)
        self.outcomes[f"{outcome} again" if by not in (None, attacker.pk) else outcome] += 1

    def try_many(self) -> None:
        attacker, items = self.chance.choice(self.users), self.chance.sample(self.items, 6)
        mine = [item for item in items if self.may_decide(attacker, item) and not self.standing[item.pk][0]]
        assert decisions.keep_plain(self.campaign, [item.pk for item in items], by=actor(attacker)) == len(mine)
        self.standing |= {item.pk: ("keep", attacker.pk, 1) for item in mine}
        self.outcomes["bulk"] += len(mine)


@pytest.mark.parametrize("seed", range(4))
def test_random_attackers_cannot_decide_about_themselves(office: Provider, alice: User, seed: int) -> None:
    """Nor about who decided about them or reviews their team: one by one, in bulk, or in place of another."""
    attack = Attack(office, Random(seed))  # noqa: S311
    for number in range(120):
        attack.try_many() if number % 20 == 19 else attack.try_one()
    rows = ReviewItem.objects.filter(campaign=attack.campaign).values_list("pk", "decision", "decided_by", "version")
    assert {pk: (decision, by, version) for pk, decision, by, version in rows} == attack.standing
    assert all(attack.outcomes[name] for name in ("decided", "refused", "told again", "decided again")), attack.outcomes
    about = {item.pk: item.subject.person_id for item in attack.items}
    pairs = {(by, about[pk]) for pk, (said, by, _version) in attack.standing.items() if said in ("keep", "revoke")}
    assert not [pair for pair in pairs if pair in {pair[::-1] for pair in pairs}], "themselves, or each other"


@pytest.mark.parametrize("seed", range(4))
def test_open_paths_are_counted_as_each_reviewer_may_decide(office: Provider, alice: User, seed: int) -> None:
    """At once for all, as the query that each decision asks says of one; some of them can review no more."""
    attack = Attack(office, Random(seed))  # noqa: S311
    for _number in range(8):
        for _try in range(10):
            attack.try_one()
        campaign, able = attack.campaign, {user.pk for user in attack.chance.sample(attack.users, 4)}
        found = count_open_paths(campaign, able)
        expected = {user.pk: progress.count_open_for(campaign, user) for user in attack.users}
        assert {user.pk: found.may_decide.get(user.pk, 0) for user in attack.users} == expected
        left = ReviewItem.objects.filter(campaign=campaign).open()
        for user in attack.users:
            if user.pk in able:
                left = left.exclude(pk__in=ReviewItem.objects.decidable_by(user, campaign).values("pk"))
        assert found.without_reviewer == left.count()


def test_open_paths_of_a_review_without_reviewers(office: Provider, first: User, team: Team) -> None:
    campaign = start(office, first)
    campaign.reviewers.all().delete()
    assert progress.count_without_reviewer(campaign) == ReviewItem.objects.filter(campaign=campaign).open().count() > 0


def test_bulk_keeps_plain_ones_only(office: Provider, first: User, team: Team) -> None:
    TeamMember.objects.create(provider=office, team=team, user=make_user(office, username="nooit"))
    campaign = start(office, first)
    client, url = signed_in(first), reverse("reviews:keep_plain", args=[campaign.pk])
    page = client.post(url)
    assert page.status_code == 200
    assert "2 toegangen worden behouden" in page.text
    assert not ReviewItem.objects.exclude(decision="").exists(), "not before it is confirmed"
    stored = path_of(campaign, member(team, 0))
    confirmed = {"sure": "1", "paths": re.findall(r'name="paths" value="(\w+)"', page.text)[0]}
    ReviewItem.objects.filter(pk=stored.pk).update(notes=["new"])
    assert "1 toegang wordt behouden" in client.post(url, confirmed).text, "not what was shown: it asks again"
    ReviewItem.objects.filter(pk=stored.pk).update(notes=[])
    client.post(url, confirmed)
    kept = ReviewItem.objects.filter(decision="keep").select_related("subject")
    assert {item.subject.person_id for item in kept} == {member(team, 0).pk, member(team, 1).pk}
    assert Event.objects.filter(verb=Verb.REVIEW_DECIDED).count() == 2
    assert decisions.keep_plain(campaign, [item.pk for item in kept], by=actor(first)) == 0, "each once"


def test_conflicts_of_duties_are_shown_and_need_a_reason(office: Provider, first: User, team: Team) -> None:
    """The rule may be made while the campaign runs: conflicts are those of now."""
    IndividualRight.objects.create(provider=office, user=member(team, 0), right=Right.VIEW_BILLING)
    campaign = start(office, first)
    DutyRule.objects.create(
        provider=office, name="Loon en facturen", first=["view_wages"], second=["view_billing"], severity="warn",
        reason="x",
    )  # fmt: skip
    ids = [path_of(campaign, member(team, number), kind="team").pk for number in range(2)]
    assert decisions.keep_plain(campaign, ids, by=actor(first)) == 1
    item, client = path_of(campaign, member(team, 0), kind="team"), signed_in(first)
    page = client.get(reverse("reviews:decide", args=[campaign.pk]))
    assert "Functiescheiding: Loon en facturen" in page.text
    with pytest.raises(ValidationError, match="conflict"):
        decisions.decide(item, Decision.KEEP, seen=0, by=actor(first))
    post(client, campaign, item, "keep")
    assert path_of(campaign, member(team, 0), kind="team").decision == ""
    post(client, campaign, item, "keep", **{f"reason-{item.pk}": "Tijdelijk"})
    assert path_of(campaign, member(team, 0), kind="team").decision == "keep"


def test_the_page_saves_each_choice(office: Provider, first: User, team: Team) -> None:
    campaign = start(office, first)
    client, item = signed_in(first), path_of(campaign, member(team))
    page = client.get(reverse("reviews:decide", args=[campaign.pk]))
    assert page.status_code == 200
    for text in ("Lid 0", "Loon Utrecht", "Individueel recht"):
        assert text in page.text
    response = post(client, campaign, item, "revoke", **{f"reason-{item.pk}": "Weg"})
    assert response.status_code == 302
    assert response["Location"].endswith(f"#path-{item.pk}")
    assert path_of(campaign, member(team)).decision == "revoke"
    row = client.post(
        reverse("reviews:decide", args=[campaign.pk]),
        {"decision": f"{item.pk}:1:keep"},
        headers={"hx-request": "true"},
    )
    assert 'id="review-progress"' in row.text
    assert row.text.count('aria-pressed="true"') == 1


def test_the_page_says_who_was_first(office: Provider, first: User, second: User, team: Team) -> None:
    campaign = start(office, first, second)
    item = path_of(campaign, member(team))
    decisions.decide(item, Decision.KEEP, seen=0, by=actor(first))
    url, values = reverse("reviews:decide", args=[campaign.pk]), {"decision": f"{item.pk}:0:revoke"}
    page = signed_in(second).post(url, values, headers={"hx-request": "true"})
    assert "Eerste besliste eerder" in page.text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "00000000-0000-0000-0000-000000000000:0:keep",
        "{item}:0:banana",
        "{item}:a:keep",
        pytest.param(f"{{item}}:{'9' * 5000}:keep", id="long"),
    ],
)
def test_bad_input_is_not_found(office: Provider, first: User, team: Team, value: str) -> None:
    campaign = start(office, first)
    item = path_of(campaign, member(team))
    page = signed_in(first).post(
        reverse("reviews:decide", args=[campaign.pk]), {"decision": value.format(item=item.pk)}
    )
    assert page.status_code == 404


def test_strangers_and_users_without_the_right(office: Provider, first: User, bob_client: Client) -> None:
    campaign = start(office, first)
    elsewhere = Provider.objects.create(name="Elders")
    stranger = signed_in(make_user(elsewhere, Right.MANAGE_PROVIDER, username="elders"))
    for name in ("campaign", "decide", "report"):
        url = reverse(f"reviews:{name}", args=[campaign.pk])
        assert stranger.get(url).status_code == 404
        assert bob_client.get(url).status_code == 403


def test_the_number_of_queries_does_not_grow(office: Provider, first: User, team: Team) -> None:
    def count(campaign: Campaign) -> int:
        client = signed_in(first)
        client.get(reverse("reviews:decide", args=[campaign.pk]))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("reviews:decide", args=[campaign.pk])).status_code == 200
        return len(queries)

    few = count(start(office, first))
    for number in range(2, 12):
        user = make_user(office, Right.VIEW_AUDIT, username=f"lid{number}")
        TeamMember.objects.create(provider=office, team=team, user=user)
    assert count(start(office, first)) == few


# Bad moments


def test_a_user_erased_meanwhile_needs_no_decision(office: Provider, first: User, team: Team) -> None:
    campaign, user = start(office, first), member(team)
    item = path_of(campaign, user)
    User.objects.filter(pk=user.pk).update(blocked_at=timezone.now() - timedelta(days=9999))
    user.refresh_from_db()
    erasure.erase_user(user, by=actor())
    with pytest.raises(ValidationError, match="gewist"):
        decisions.decide(item, Decision.KEEP, seen=0, by=actor(first))
    assert signed_in(first).get(reverse("reviews:decide", args=[campaign.pk]) + "?view=all").status_code == 200
    closed = campaigns.close_campaign(campaign, by=actor())
    assert ReviewItem.objects.get(campaign=closed, subject__person_id=item.subject.person_id).outcome == "erased"


def test_a_user_blocked_or_moved_meanwhile_can_be_decided_about(office: Provider, first: User, team: Team) -> None:
    campaign, user = start(office, first), member(team)
    User.objects.filter(pk=user.pk).update(blocked_at=timezone.now())
    TeamMember.objects.filter(user=user).delete()
    page = signed_in(first).get(reverse("reviews:decide", args=[campaign.pk]))
    assert "Deze toegang is sinds het vastleggen ingetrokken." in page.text
    decisions.decide(path_of(campaign, user), Decision.KEEP, seen=0, by=actor(first))


def test_a_reviewer_without_the_right_is_refused_and_replaced(
    office: Provider, alice: User, first: User, second: User, team: Team
) -> None:
    campaign = start(office, first)
    IndividualRight.objects.filter(user=first).delete()
    with pytest.raises(PermissionDenied):
        decisions.decide(path_of(campaign, member(team)), Decision.KEEP, seen=0, by=actor(first))
    page = signed_in(alice).get(reverse("reviews:campaign", args=[campaign.pk]))
    assert "Kan niet meer beoordelen" in page.text
    campaigns.change_reviewers(campaign, Reviewers((second,), {}), version=campaign.version, by=actor(alice))
    decisions.decide(path_of(campaign, member(team)), Decision.KEEP, seen=0, by=actor(second))


def test_after_the_end_nothing_changes(office: Provider, first: User, team: Team) -> None:
    campaign = start(office, first)
    item = path_of(campaign, member(team))
    Campaign.objects.filter(pk=campaign.pk).update(deadline=timezone.localdate() - timedelta(days=1))
    with pytest.raises(ValidationError, match="afgelopen"):
        decisions.decide(item, Decision.KEEP, seen=0, by=actor(first))
    campaigns.close_campaign(campaign, by=actor())
    with pytest.raises(ValidationError, match="afgelopen"):
        decisions.decide(item, Decision.KEEP, seen=0, by=actor(first))
    with pytest.raises(ValidationError, match="afgelopen"):
        campaigns.close_campaign(campaign, by=actor())


def test_half_a_review_is_kept(office: Provider, first: User, team: Team) -> None:
    """A browser that closed halfway: each choice was saved, and the page goes on where it was."""
    campaign = start(office, first)
    post(signed_in(first), campaign, path_of(campaign, member(team)), "keep")
    page = signed_in(first).get(reverse("reviews:decide", args=[campaign.pk]))
    assert "Lid 1" in page.text
    assert "Lid 0" not in page.text


def test_a_campaign_is_made_and_started_on_its_pages(alice: User, first: User, team: Team) -> None:
    client = signed_in(alice)
    day = timezone.localdate() + timedelta(days=10)
    values = {"name": "Najaar", "deadline": day.isoformat(), "scope": "teams", "reviewers": [first.pk]}
    values |= {"undecided": "keep", "repeat_months": "0"}
    page = client.post(reverse("reviews:new_campaign"), values)
    assert gettext("Choose at least one.") in page.text
    response = client.post(reverse("reviews:new_campaign"), values | {"scope_teams": [team.pk]})
    campaign = Campaign.objects.get()
    assert response["Location"] == reverse("reviews:campaign", args=[campaign.pk])
    chosen = {"version": 1, "reviewers": [first.pk], f"team-{team.pk}": first.pk}
    client.post(reverse("reviews:reviewers", args=[campaign.pk]), chosen)
    assert client.post(reverse("reviews:start", args=[campaign.pk])).status_code == 200
    client.post(reverse("reviews:start", args=[campaign.pk]), {"sure": "1", "campaign": campaign.pk})
    campaign.refresh_from_db()
    assert campaign.state == "running"
    assert set(ReviewItem.objects.filter(in_scope=True).values_list("kind", flat=True)) == {"team"}
    assert "0 van 2 beslist" in client.get(reverse("reviews:campaign", args=[campaign.pk])).text
    assert "Najaar" in client.get(reverse("reviews:campaign_list")).text


def test_a_draft_can_be_deleted(alice: User, first: User, office: Provider) -> None:
    campaign = make_campaign(office, first)
    signed_in(alice).post(reverse("reviews:delete_campaign", args=[campaign.pk]))
    assert not Campaign.objects.exists()
    running = start(office, first)
    signed_in(alice).post(reverse("reviews:delete_campaign", args=[running.pk]))
    assert Campaign.objects.exists()
