"""Campaigns in the history, reviewers who postpone or are erased, and reports that leave nobody out."""

from datetime import timedelta
from typing import Any

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
from permissions.models import DutyExemption, DutyRule, Team, TeamMember, TeamRight
from reviews import campaign_forms, campaigns, decisions, progress, reports
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
    before = {"": [str(one.pk)], "X": [str(one.pk)], "Y": [str(two.pk)]}
    assert Event.objects.get(verb=Verb.REVIEW_CREATED).changes["reviewers"] == [None, before]
    swapped = Reviewers((one,), dict(zip(teams, (two, one), strict=True)))
    campaigns.change_reviewers(campaign, swapped, version=1, by=actor(alice))
    after = {"": [str(one.pk)], "X": [str(two.pk)], "Y": [str(one.pk)]}
    assert Event.objects.get(verb=Verb.REVIEW_CHANGED).changes["reviewers"] == [before, after]


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


def test_reviewers_of_teams_are_pasted_as_a_list(office: Provider, alice: User, reviewers: list[User]) -> None:
    teams = {name: Team.objects.create(provider=office, name=name) for name in ("Loon", "Verlof", "Zorg")}
    campaign = make_campaign(office, reviewers[0], by_team={teams["Loon"]: reviewers[0]})
    sara = make_user(office, Right.REVIEW_ACCESS, username="sara", email="Sara@devries.example")
    url, client = reverse("reviews:reviewers", args=[campaign.pk]), signed_in(alice)
    chosen = {"version": "1", "reviewers": [str(reviewers[0].pk)], f"team-{teams['Loon'].pk}": str(reviewers[0].pk)}
    page = client.post(
        url, chosen | {"by_list": f"loon;beoordelaar1\nWeg\tbeoordelaar1\nZorg;bob\nVerlof\nZorg;{reviewers[1].email}"}
    ).text
    assert "Regel 2: er is geen team “Weg”." in page
    assert "Regel 3: “bob” is geen gebruiker die mag beoordelen." in page
    assert "Regel 4: “” is geen gebruiker die mag beoordelen." in page
    assert f"Regel 5: “{reviewers[1].email}” is geen" in page, "two reviewers have this address"
    assert client.post(url, chosen | {"by_list": "Loon;beoordelaar1\nLOON;beoordelaar2"}).context["form"].errors
    assert campaign.reviewers.count() == 2, "nothing was saved"
    pasted = "LOON\tBeoordelaar1\r\n\r\n Zorg ; sara@devries.example "
    assert client.post(url, chosen | {"by_list": pasted}).status_code == 302
    named = campaign.reviewers.exclude(team=None).values_list("team__name", "user")
    assert set(named) == {("Loon", reviewers[1].pk), ("Zorg", sara.pk)}


def test_an_office_with_many_teams_names_reviewers_by_list(
    office: Provider, alice: User, reviewers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has no list of all reviewers for each team, and keeps those that were named."""
    monkeypatch.setattr(campaign_forms, "_MAX_SHOWN_TEAMS", 2)
    teams = [Team.objects.create(provider=office, name=f"Team {number}") for number in range(3)]
    campaign = make_campaign(office, reviewers[0], by_team={teams[1]: reviewers[1]})
    url, client = reverse("reviews:reviewers", args=[campaign.pk]), signed_in(alice)
    page = client.get(url).text
    assert (page.count("<select"), "Nog 2 teams" in page) == (1, True)
    same = {"version": "1", "reviewers": [str(reviewers[0].pk)], f"team-{teams[1].pk}": str(reviewers[1].pk)}
    assert client.post(url, same | {"by_list": "Team 2;beoordelaar2"}).status_code == 302
    named = campaign.reviewers.exclude(team=None).values_list("team__name", "user")
    assert set(named) == {("Team 1", reviewers[1].pk), ("Team 2", reviewers[2].pk)}


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


def test_the_draft_and_the_report_say_what_is_reviewed(office: Provider, alice: User, reviewers: list[User]) -> None:
    """A team keeps the name of the freeze in the report."""
    team = Team.objects.create(provider=office, name="Loon")
    TeamMember.objects.create(provider=office, team=team, user=alice)
    Team.objects.create(provider=office, name="Verlof")
    draft = make_campaign(office, *reviewers, scope="teams", scope_teams=(team.pk,))
    client = signed_in(alice)
    scope = f"{Campaign.Scope.TEAMS.label}: Loon"
    page = client.get(reverse("reviews:campaign", args=[draft.pk])).text
    assert (f"{scope}, tot" in page, "Verlof" in page) == (True, False)
    campaigns.start_campaign(draft, by=actor())
    team.name = "Lonen"
    team.save()
    assert scope in client.get(reverse("reviews:report", args=[draft.pk])).text
    rights = make_campaign(office, *reviewers, scope="rights", scope_rights=("view_audit",))
    assert str(Right.VIEW_AUDIT.label) in progress.describe_scope(rights)
    dormant = make_campaign(office, *reviewers, scope="dormant", scope_days=90)
    assert progress.describe_scope(dormant).endswith(": 90 dagen")
    assert progress.describe_scope(make_campaign(office, *reviewers)) == str(Campaign.Scope.EVERYONE.label)


def test_the_report_has_the_exceptions_that_apply(
    office: Provider, alice: User, bob: User, charlie: User, reviewers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Approved ones of this office, with who asked and who approved; not those that were rejected or are over."""
    today = timezone.localdate()

    def allow(user: User, reason: str, **values: Any) -> None:
        rule, _made = DutyRule.objects.get_or_create(
            provider=user.provider, name="Loon en facturen", first=["view_wages"], second=["view_billing"]
        )
        two = {"requested_by": reviewers[0], "approved_by": reviewers[1], "approved_at": timezone.now()}
        given = {"until": today, **(two if user.provider == office else {"approved_at": timezone.now()}), **values}
        DutyExemption.objects.create(provider=user.provider, rule=rule, user=user, reason=reason, **given)

    allow(bob, "Klein kantoor")
    allow(bob, "Nog niet", approved_by=None, approved_at=None)
    allow(bob, "Voorbij", until=today - timedelta(days=1))
    allow(bob, "Ingetrokken", ended_at=timezone.now())
    allow(charlie, "Elders")
    campaign = start(office, *reviewers)
    _heading, *rows = reports.export_sheets(campaign, by=actor(alice))[gettext("Exceptions")]
    names = [reviewers[0].full_name, reviewers[1].full_name]
    assert rows == [[bob.list_name, "Loon en facturen", "", "Klein kantoor", *names, today.isoformat()]]
    page = signed_in(reviewers[0]).get(reverse("reviews:report", args=[campaign.pk])).text
    assert [text in page for text in ("Klein kantoor", "Nog niet", "Voorbij", "Elders")] == [True, False, False, False]
    allow(alice, "Ziekte")
    assert reports.build_report(campaign, most=1).more_exemptions == 1


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

    calls, find = [], page.find_broken_rules
    monkeypatch.setattr(page, "find_broken_rules", lambda *given: calls.append(given) or find(*given))
    campaign = start(office, *reviewers)
    client = signed_in(reviewers[0])
    client.get(reverse("reviews:decide", args=[campaign.pk]) + "?view=striking")
    assert len(calls) == 1
