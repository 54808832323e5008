"""Every way to grant something is judged by the rules about duties: refused, or asked about and recorded."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

import teams.actions
import teams.deviations
import teams.employers
import teams.initial_access
import teams.sets
import teams.undo
from accounts.models import LoginMethod, Provider, User
from audit.models import Event, Verb
from history.presenters import event_rows
from imports.plans.plan import PlanRefused, apply_plan
from permissions import checks
from permissions.checks import Right
from permissions.duty_guard import DutyRefusal, DutyWarning, guard_duties, settle_duties_at_end
from permissions.models import AuthorizationSet, DutyRule, Employer, IndividualRight, Team, TeamEmployer
from reviews import duties
from tests.helpers.api_client import program
from tests.helpers.import_files import INVITED, applied, faults, planned, team_of
from tests.helpers.login_methods import GOOD, PERSON
from tests.helpers.users import actor, make_user, signed_in
from tests.invitations.test_initial_access import send
from tests.permissions.test_duties import make_rule

pytestmark = pytest.mark.django_db
WARN, REFUSE = DutyRule.Severity.WARN, DutyRule.Severity.REFUSE
PARTS = (Right.MANAGE_WAGES, Right.VIEW_HRM)


@pytest.fixture
def rule(office: Provider) -> DutyRule:
    """Nobody may both change wages and view HR data at an employer."""
    return make_rule(office, [PARTS[0]], [PARTS[1]], DutyRule.Level.EMPLOYER, name="Loon en HR")


class Scene:
    """An office in which bob has the first right at employer 1, and is one step from the second."""

    def __init__(self, office: Provider, alice: User, bob: User) -> None:
        self.office, self.alice, self.bob = office, alice, bob
        self.one, self.two = (
            Employer.objects.create(provider=office, number=number, name=f"W{number}") for number in (1, 2)
        )
        self.wages = team_of(office, "Loon", PARTS[0], members=(bob,))
        self.hr = team_of(office, "HR", PARTS[1])
        self.elsewhere = team_of(office, "Elders", PARTS[1], members=(bob,))
        for team, employer in ((self.wages, self.one), (self.hr, self.one), (self.elsewhere, self.two)):
            TeamEmployer.objects.create(provider=office, team=team, employer=employer)
        self.hr_set = AuthorizationSet.objects.create(provider=office, name="HR", codes=[PARTS[1].value])
        self.model = make_user(office, username="voorbeeld", email="v@devries.example")
        for team in (self.wages, self.hr):
            team.members.create(provider=office, user=self.model)


@pytest.fixture
def scene(office: Provider, alice: User, bob: User) -> Scene:
    return Scene(office, alice, bob)


DOORS: dict[str, Callable[[Scene, Any], object]] = {
    "member of a team": lambda s, by: teams.actions.change_members(s.hr, add=[s.bob], by=by),
    "team of a user": lambda s, by: teams.actions.change_teams(s.bob, add=[s.hr], by=by),
    "teams of a user": lambda s, by: teams.actions.set_teams(s.bob, [s.wages, s.hr], by=by),
    "employer of a team": lambda s, by: teams.actions.change_employers(s.elsewhere, add=[s.one], by=by),
    "team of an employer": lambda s, by: teams.employers.link_employer(s.one, to=[s.elsewhere], by=by),
    "rights of a team": lambda s, by: teams.actions.set_team_rights(s.wages, PARTS, by=by),
    "set on a team": lambda s, by: teams.sets.apply_set(s.hr_set, s.wages, by=by),
    "individual right": lambda s, by: teams.actions.set_individual_rights(s.bob, [PARTS[1]], by=by),
    "individual rights of several": lambda s, by: teams.actions.give_individual_rights([s.bob], [PARTS[1]], by=by),
    "set on a user": lambda s, by: teams.sets.apply_set(s.hr_set, s.bob, by=by),
    "set in place of rights": lambda s, by: teams.sets.replace_with_set(s.hr_set, s.bob, by=by),
    "access of a colleague": lambda s, by: teams.actions.copy_colleague_access(s.bob, s.model, by=by),
    "first access of a user": lambda s, by: teams.initial_access.assign_initial_access(s.bob, teams=[s.hr], by=by),
}  # fmt: skip


def snapshot(scene: Scene) -> object:
    return (
        sorted(scene.bob.memberships.values_list("team__name", flat=True)),
        checks.individual_rights(scene.bob),
        sorted(TeamEmployer.objects.values_list("team__name", "employer__number")),
        sorted(scene.wages.rights.values_list("right", flat=True)),
    )


@pytest.mark.parametrize("door", DOORS)
def test_a_rule_refuses_by_every_door(scene: Scene, rule: DutyRule, door: str) -> None:
    before = snapshot(scene)
    with pytest.raises(DutyRefusal, match="Loon en HR"):
        DOORS[door](scene, actor(scene.alice))
    assert snapshot(scene) == before, "nothing was done"
    assert not Event.objects.exists()


@pytest.mark.parametrize("door", DOORS)
def test_a_warning_asks_by_every_door_and_is_recorded(scene: Scene, rule: DutyRule, door: str) -> None:
    DutyRule.objects.update(severity=WARN)
    before = snapshot(scene)
    with pytest.raises(DutyWarning, match="Bakker"):
        DOORS[door](scene, replace(actor(scene.alice), accepts_conflicts=False))
    assert snapshot(scene) == before
    DOORS[door](scene, actor(scene.alice))
    assert snapshot(scene) != before
    events = Event.objects.filter(verb=Verb.DUTY_CONFLICT_ACCEPTED, target_id=scene.bob.pk)
    assert [event.changes for event in events] == [{"rules": [None, ["Loon en HR"]]}]


@pytest.mark.parametrize("name", ["until", "code", "secret", "member", "given"])
def test_the_history_names_a_rule_that_is_called_as_a_field(scene: Scene, rule: DutyRule, name: str) -> None:
    rule.severity, rule.name = WARN, name
    rule.save()
    teams.actions.change_members(scene.hr, add=[scene.bob], by=actor(scene.alice))
    last_day = timezone.localdate()
    duties.request_exemption(rule, scene.bob, reason="Ziekte", last_day=last_day, by=actor(scene.alice))
    for verb in (Verb.DUTY_CONFLICT_ACCEPTED, Verb.DUTY_EXEMPTION_REQUESTED):
        event = Event.objects.get(verb=verb)
        assert event.changes["rules"] == [None, [name]]
        (row,) = event_rows.present_events([event])
        assert f" {name} " in f"{row.sentence.rstrip('.')} "


@pytest.mark.parametrize("door", DOORS)
def test_without_rules_nothing_is_asked(scene: Scene, door: str) -> None:
    DOORS[door](scene, replace(actor(scene.alice), accepts_conflicts=False))
    assert not Event.objects.filter(verb=Verb.DUTY_CONFLICT_ACCEPTED).exists()


def test_undoing_a_removal_is_a_door_too(scene: Scene, rule: DutyRule) -> None:
    teams.actions.change_teams(scene.bob, remove=[scene.wages], by=actor(scene.alice))
    teams.actions.change_teams(scene.bob, add=[scene.hr], by=actor(scene.alice))
    removal = Event.objects.filter(verb=Verb.TEAM_CHANGED, target_id=scene.wages.pk).latest("pk")
    with pytest.raises(DutyRefusal):
        teams.undo.undo_change(removal, by=actor(scene.alice))
    assert not scene.wages.members.filter(user=scene.bob).exists()


def test_a_conflict_that_was_there_stops_nothing_else(scene: Scene) -> None:
    teams.actions.change_members(scene.hr, add=[scene.bob], by=actor(scene.alice))
    make_rule(scene.office, [PARTS[0]], [PARTS[1]], DutyRule.Level.EMPLOYER)
    teams.actions.set_individual_rights(scene.bob, [Right.VIEW_EMPLOYMENTS], by=actor(scene.alice))
    teams.actions.set_team_rights(scene.hr, [PARTS[1], Right.VIEW_EMPLOYER], by=actor(scene.alice))
    with pytest.raises(DutyRefusal):
        teams.actions.change_employers(scene.wages, add=[scene.two], by=actor(scene.alice))


def test_what_conflicts_in_between_does_not_count(scene: Scene, rule: DutyRule) -> None:
    """A move adds before it removes, so that the office always has an administrator."""
    teams.actions.set_teams(scene.bob, [scene.hr], by=actor(scene.alice))
    assert [member.team for member in scene.bob.memberships.all()] == [scene.hr]


def test_taking_away_asks_no_query_more(scene: Scene, rule: DutyRule, django_assert_max_num_queries: Any) -> None:
    by = actor(scene.alice)
    with django_assert_max_num_queries(0), settle_duties_at_end(), guard_duties(scene.office.pk, [], granted=(), by=by):
        pass


def test_a_program_is_refused(scene: Scene, rule: DutyRule) -> None:
    path = f"/providers/users/{scene.bob.pk}/authorizations"
    response = program(scene.alice).call("PATCH", path, {"authorizations": [{"code": "view_hrm"}]})
    assert response.status_code == 403
    assert "Loon en HR" in response.json()["messages"][0]["description"]
    assert not checks.individual_rights(scene.bob)


def test_a_plan_shows_it_before_it_happens(scene: Scene, rule: DutyRule) -> None:
    row = INVITED | {"teams": "Loon; HR"}
    ((number, _column, what),) = faults(planned(scene.office, row))
    assert number == 2
    assert "Loon en HR" in what
    assert faults(planned(scene.office, {"username": "bob", "teams": "Loon; HR"}))
    assert not faults(planned(scene.office, {"username": "bob", "teams": "HR"})), "a move"
    DutyRule.objects.update(severity=WARN)
    plan = planned(scene.office, row)
    assert not plan.faults
    assert any("Loon en HR" in notice for notice in plan.notices)
    applied(scene.office, row)
    assert Event.objects.filter(verb=Verb.DUTY_CONFLICT_ACCEPTED).count() == 1


def test_a_plan_that_was_shown_before_the_rule_is_refused(scene: Scene) -> None:
    plan = planned(scene.office, {"username": "bob", "teams": "Loon; HR; Elders"})
    make_rule(scene.office, [PARTS[0]], [PARTS[1]], DutyRule.Level.EMPLOYER)
    with pytest.raises(PlanRefused):
        apply_plan(scene.office, plan, by=actor(scene.alice))
    assert not scene.hr.members.filter(user=scene.bob).exists()


def test_the_page_asks_and_then_does_it(scene: Scene, rule: DutyRule) -> None:
    client, url = signed_in(scene.alice), f"/gebruikers/{scene.bob.pk}/teams/toevoegen/"
    refused = client.post(url, {"teams": [str(scene.hr.pk)]})
    assert refused.status_code == 403
    assert "Loon en HR" in refused.text
    assert "accept_conflicts" not in refused.text
    assert reverse("reviews:conflict", args=[rule.pk, scene.bob.pk]) in refused.text
    DutyRule.objects.update(severity=WARN)
    asked = client.post(url, {"teams": [str(scene.hr.pk)]})
    assert asked.status_code == 409
    assert not scene.hr.members.filter(user=scene.bob).exists()
    hidden = dict(asked.context["hidden"])
    assert hidden["accept_conflicts"] == "1"
    assert client.post(url, hidden).status_code == 302
    assert scene.hr.members.filter(user=scene.bob).exists()


def test_a_password_is_not_shown_again(scene: Scene, rule: DutyRule) -> None:
    DutyRule.objects.update(severity=WARN)
    answer = send(signed_in(scene.alice), LoginMethod.SSO_WEBSERVICE, teams=[scene.wages.pk, scene.hr.pk])
    assert answer.status_code == 409
    assert GOOD not in answer.text
    assert not User.objects.filter(email=PERSON["email"]).exists()


def test_names_are_for_those_who_may_see_users(scene: Scene, rule: DutyRule) -> None:
    weak = make_user(scene.office, Right.MANAGE_TEAMS, PARTS[1], username="zwak", email="z@devries.example")
    team_of(scene.office, "Ook", PARTS[0], PARTS[1], members=(weak,))
    for team in Team.objects.filter(name="Ook"):
        TeamEmployer.objects.create(provider=scene.office, team=team, employer=scene.one)
    with pytest.raises(DutyRefusal) as caught:
        teams.actions.set_team_rights(scene.wages, PARTS, by=actor(weak))
    assert "Bakker" not in str(caught.value)
    assert IndividualRight.objects.filter(user=weak).exists()
