"""Campaigns in the history, reviewers who postpone or are erased, and reports that leave nobody out."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb, build_erased_name
from core.errors import EditConflict
from history import erasure
from outbox.models import Message
from permissions.catalog import Right
from permissions.models import DutyExemption, DutyRule, Team, TeamMember, TeamRight
from reviews import campaign_forms, campaigns, decisions, edits, progress, reports
from reviews.campaign_forms import ReviewersForm
from reviews.campaigns import CampaignDetails, Reviewers
from reviews.models import Campaign, Decision, ReviewItem
from reviews.views import campaigns as views
from tests.helpers.reviews import make_campaign, start
from tests.helpers.users import actor, make_user, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewers(office: Provider, alice: User) -> list[User]:
    return [
        make_user(office, Right.REVIEW_ACCESS, username=f"beoordelaar{number}", last_name=f"Jansen {number}")
        for number in range(3)
    ]


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


def edit_values(campaign: Campaign, **values: Any) -> dict[str, Any]:
    same = {"version": campaign.version, "name": campaign.name, "deadline": campaign.deadline.isoformat()}
    return same | {"scope": "everyone", "undecided": "keep", "repeat_months": "0"} | values


def test_a_draft_is_edited(office: Provider, alice: User, reviewers: list[User]) -> None:
    team, other = (Team.objects.create(provider=office, name=name) for name in ("Loon", "Verlof"))
    campaign = make_campaign(office, *reviewers, scope="teams", scope_teams=(team.pk,), repeat_months=3)
    url, client = reverse("reviews:edit_campaign", args=[campaign.pk]), signed_in(alice)
    page = reverse("reviews:campaign", args=[campaign.pk])
    assert url in client.get(page).text
    form = client.get(url).context["form"]
    assert (form["scope_teams"].value(), form["repeat_months"].value()) == ([str(team.pk)], 3)
    yesterday = (timezone.localdate() - timedelta(days=1)).isoformat()
    assert "ligt in het verleden" in client.post(url, edit_values(campaign, deadline=yesterday)).text
    assert not Event.objects.filter(verb=Verb.REVIEW_CHANGED).exists()
    day = timezone.localdate() + timedelta(days=40)
    chosen = edit_values(campaign, deadline=day.isoformat(), scope="teams", scope_teams=[other.pk, team.pk])
    assert client.post(url, chosen)["Location"] == page
    campaign.refresh_from_db()
    assert (campaign.deadline, campaign.scope, campaign.repeat_months, campaign.version) == (day, "teams", 0, 2)
    changes = Event.objects.get(verb=Verb.REVIEW_CHANGED).changes
    until = [(timezone.localdate() + timedelta(days=14)).isoformat(), day.isoformat()]
    assert changes == {"until": until, "teams": [["Loon"], ["Loon", "Verlof"]], "repeat": [3, 0]}
    assert campaign.reviewers.count() == 3, "they stay"
    client.post(url, chosen | {"version": 2, "scope_teams": [team.pk, other.pk]})
    assert Event.objects.filter(verb=Verb.REVIEW_CHANGED).count() == 1, "the same in another order changes nothing"


def test_a_draft_that_another_user_changed_is_shown_before_it_is_saved(
    office: Provider, alice: User, reviewers: list[User]
) -> None:
    campaign = make_campaign(office, *reviewers)
    url, client, opened = reverse("reviews:edit_campaign", args=[campaign.pk]), signed_in(alice), edit_values(campaign)
    edits.edit_draft(campaign, CampaignDetails("Winter", campaign.deadline, repeat_months=12), version=1, by=actor())
    page = client.post(url, opened | {"undecided": "revoke"})
    assert "Nu opgeslagen: Winter." in page.text
    assert "Nu opgeslagen: Elk jaar." in page.text
    campaign.refresh_from_db()
    assert (campaign.name, campaign.undecided) == ("Winter", "keep")
    client.post(url, opened | {"undecided": "revoke", "version": page.context["form"]["version"].value()})
    campaign.refresh_from_db()
    assert (campaign.name, campaign.undecided) == ("Najaar", "revoke")


def test_who_may_edit_which_draft(office: Provider, alice: User, charlie: User, reviewers: list[User]) -> None:
    campaign, running = make_campaign(office, *reviewers), start(office, *reviewers)
    url, values = reverse("reviews:edit_campaign", args=[campaign.pk]), edit_values(campaign, name="Anders")
    assert signed_in(reviewers[0]).post(url, values).status_code == 403
    assert signed_in(charlie).post(url, values).status_code == 404
    details = CampaignDetails("Anders", campaign.deadline)
    for user in (reviewers[0], charlie):
        with pytest.raises(PermissionDenied):
            edits.edit_draft(campaign, details, version=1, by=actor(user))
    with pytest.raises(ValidationError) as refused:
        edits.edit_draft(running, details, version=1, by=actor(alice))
    assert refused.value.code == "started"
    past = CampaignDetails("Anders", timezone.localdate() - timedelta(days=1))
    with pytest.raises(ValidationError) as refused:
        edits.edit_draft(campaign, past, version=1, by=actor(alice))
    assert refused.value.code == "past"
    started = signed_in(alice).post(reverse("reviews:edit_campaign", args=[running.pk]), values, follow=True)
    assert "al gestart" in started.text
    assert not Campaign.objects.filter(name="Anders").exists()


def test_a_draft_that_was_deleted_meanwhile_is_reported(
    office: Provider, alice: User, reviewers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two who press at once, the second had the page already and waits for the lock."""
    gone = make_campaign(office, *reviewers)
    opened = Campaign.objects.select_related("provider", "starter").get(pk=gone.pk)
    campaigns.delete_draft(gone, by=actor(alice))
    monkeypatch.setattr(views, "get_campaign_or_404", lambda request, pk: opened)
    client, sure = signed_in(alice), {"sure": "1", "campaign": opened.pk}
    for name in ("delete_campaign", "start", "remind", "close", "plan", "stop_series"):
        page = client.post(reverse(f"reviews:{name}", args=[opened.pk]), sure, follow=True)
        assert (page.status_code, "intussen verwijderd" in page.text) == (200, True), name
    reviewed = {"version": "1", "reviewers": [str(user.pk) for user in reviewers]}
    assert client.post(reverse("reviews:reviewers", args=[opened.pk]), reviewed).status_code == 404
    assert client.post(reverse("reviews:edit_campaign", args=[opened.pk]), edit_values(opened)).status_code == 404
    with pytest.raises(EditConflict):
        campaigns.start_campaign(opened, by=actor(alice))


def test_few_reviewers_are_warned_of_at_the_start(office: Provider, alice: User, reviewers: list[User]) -> None:
    client = signed_in(alice)
    for count, is_warned in ((2, True), (3, False)):
        campaign = make_campaign(office, *reviewers[:count])
        page = client.post(reverse("reviews:start", args=[campaign.pk]))
        assert ("Minder dan drie beoordelaars" in page.text) is is_warned
    User.objects.filter(pk=reviewers[0].pk).update(blocked_at=timezone.now())
    assert "Minder dan drie" in client.post(reverse("reviews:start", args=[campaign.pk])).text, "who can review now"
    assert "kies er drie of meer" in client.get(reverse("reviews:new_campaign")).text


def test_reviewers_who_come_to_a_running_review_get_an_email(
    office: Provider, alice: User, reviewers: list[User]
) -> None:
    one, two, three = reviewers
    campaign = start(office, one)
    mails = Message.objects.filter(kind="review_open")
    assert list(mails.values_list("user_id", flat=True)) == [one.pk]
    campaigns.change_reviewers(campaign, Reviewers((one, two), {}), version=1, by=actor(alice))
    assert set(mails.values_list("user_id", flat=True)) == {one.pk, two.pk}, "the new one only"
    empty = {Team.objects.create(provider=office, name="Leeg"): three}
    campaigns.change_reviewers(campaign, Reviewers((one, two), empty), version=2, by=actor(alice))
    draft = make_campaign(office, one)
    campaigns.change_reviewers(draft, Reviewers((two,), {}), version=1, by=actor(alice))
    assert mails.count() == 2, "none for who has nothing open, or before the start"


def test_what_is_open_counts_what_the_reviewer_may_decide(office: Provider, alice: User, reviewers: list[User]) -> None:
    """Nobody is reminded of their own access, nor of that of who decided about them."""
    one, two, _three = reviewers
    campaign = start(office, one, two)
    for item in ReviewItem.objects.decidable_by(one, campaign).select_related("subject__user"):
        decisions.decide(item, Decision.KEEP, reason="Nodig", seen=0, by=actor(one))
    rows = {row.person_id: row.open for row in progress.list_reviewer_progress(campaign)}
    assert rows == {one.pk: 0, two.pk: 0}, "the access of one is open, and neither may decide about it"
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert "Herinner" not in signed_in(alice).get(reverse("reviews:campaign", args=[campaign.pk])).text
    User.objects.filter(pk=two.pk).update(login_method=LoginMethod.SSO_WEBSERVICE)
    able = {row.person_id: row.is_able for row in progress.list_reviewer_progress(campaign)}
    assert able == {one.pk: True, two.pk: False}


def test_many_reviewers_take_no_more_queries(office: Provider, alice: User) -> None:
    def measure(count: int) -> list[int]:
        made = [make_user(office, Right.REVIEW_ACCESS, username=f"b{count}-{number}") for number in range(count)]
        teams = {Team.objects.create(provider=office, name=f"{count}-{user.username}"): user for user in made}
        draft, numbers = make_campaign(office, *made, by_team=teams), []
        for act in (
            lambda: campaigns.start_campaign(draft, by=actor()),
            lambda: progress.count_without_reviewer(draft),
            lambda: progress.list_reviewer_progress(draft),
        ):
            with CaptureQueriesContext(connection) as ran:
                act()
            numbers.append(len(ran))
        return numbers

    measure(1)  # what is cached from the first time on
    assert measure(12) == measure(2)


def test_what_was_entered_stays_when_another_user_changed_the_reviewers(
    office: Provider, alice: User, reviewers: list[User]
) -> None:
    one, two, three = reviewers
    team = Team.objects.create(provider=office, name="Loon")
    campaign, client = make_campaign(office, one), signed_in(alice)
    url, field = reverse("reviews:reviewers", args=[campaign.pk]), f"team-{team.pk}"
    campaigns.change_reviewers(campaign, Reviewers((two,), {team: three}), version=1, by=actor())
    entered = {"version": "1", "reviewers": [one.pk], field: one.pk, "by_list": f"Loon;{two.username}"}
    page = client.post(url, entered)
    assert page.context["form"]["by_list"].value() == f"Loon;{two.username}"
    assert [row.list_name in page.context["form"].errors["reviewers"][0] for row in (one, two)] == [False, True]
    assert three.list_name in page.context["form"].errors[field][0]
    assert set(campaign.reviewers.values_list("user", flat=True)) == {two.pk, three.pk}
    client.post(url, entered | {"version": page.context["form"]["version"].value()})
    assert set(campaign.reviewers.values_list("user", flat=True)) == {one.pk, two.pk}


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
    (error,) = client.post(url, same).context["form"].errors["reviewers"]
    assert reviewers[0].list_name in error, "not left out silently, and named"
    assert reviewers[1].list_name not in error
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
