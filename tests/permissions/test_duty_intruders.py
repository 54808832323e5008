"""What an intruder tries to get both halves of a rule about duties in one hand."""

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

import teams.actions
import teams.deviations
import teams.employers
import teams.sets
import users.actions
from accounts.models import Provider, User
from audit.models import Event, Verb
from imports.runner import run_due_jobs
from permissions.checks import Right
from permissions.duties import find_conflicts
from permissions.duty_guard import DutyRefusal
from permissions.models import DutyExemption, DutyRule, Employer, IndividualRight, TeamEmployer
from reviews import duties
from reviews.duties import RuleValues
from teams import deviations
from tests.api.test_concurrency import at_once
from tests.helpers.api_client import program
from tests.helpers.import_files import team_of
from tests.helpers.invited_users import invite
from tests.helpers.login_methods import confirmed
from tests.helpers.users import actor, make_user
from tests.imports import test_team_jobs as team_jobs
from tests.permissions.test_duty_doors import NAME, PLANS, PROGRAMS, TEAM_FILES, count_accepted, list_conflicts
from tests.permissions.test_duty_guard import PARTS, REFUSE, WARN, Scene, rule, scene

__all__ = ["rule", "scene"]  # fixtures
pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_two_administrators_give_one_half_each_at_the_same_moment(office: Provider, alice: User, bob: User) -> None:
    made = Scene(office, alice, bob)
    DutyRule.objects.create(
        provider=office, name=NAME, first=["manage_wages"], second=["view_hrm"], level="employer", severity=REFUSE,
        reason="Controle",
    )  # fmt: skip
    teams.actions.change_teams(bob, remove=[made.wages], by=actor())
    carol = make_user(office, Right.MANAGE_PROVIDER, username="carol", email="carol@devries.example")
    first, second = program(alice), program(carol)
    answers = at_once(
        lambda: first.call("PATCH", f"/providers/teams/{made.wages.pk}/members", {"add": [{"id": str(bob.pk)}]}),
        lambda: second.call("PATCH", *PROGRAMS["individual rights"](made)),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 403]
    assert not find_conflicts(office.pk, list(DutyRule.objects.all()), [bob.pk])


def test_a_team_made_of_individual_rights_adds_no_conflict(scene: Scene, rule: DutyRule) -> None:
    """Replacing rights by a team keeps the access of each user, so a rule has nothing to say."""
    for user in (scene.bob, make_user(scene.office, username="c", email="c@devries.example")):
        IndividualRight.objects.create(provider=scene.office, user=user, right=Right.VIEW_USERS)
    (group,) = deviations.find_shared_rights_groups(scene.office)
    before = list_conflicts()
    teams.deviations.replace_rights_by_team(scene.office, group, name="Samen", by=actor(scene.alice))
    assert list_conflicts() == before


@pytest.mark.parametrize("door", [*PLANS, *TEAM_FILES])
def test_a_plan_that_was_shown_without_the_warning_is_made_again(scene: Scene, rule: DutyRule, door: str) -> None:
    """Nobody saw the warning of a rule that came between the plan and its execution."""
    DutyRule.objects.update(severity=WARN, first=["view_wages"])
    client = confirmed(scene.alice)
    if door in PLANS:
        job, address = PLANS[door](scene, client), "imports:plan"
    else:
        job = team_jobs.send(client, team_jobs.csv("teams.csv", TEAM_FILES[door]))
        address = "imports:teams_plan"
    DutyRule.objects.update(first=["manage_wages"])
    before, accepted = list_conflicts(), count_accepted()
    client.post(reverse(address, args=[job.pk]))
    run_due_jobs()
    assert (list_conflicts(), count_accepted()) == (before, accepted)


def test_who_is_blocked_conflicts_before_being_unblocked(scene: Scene, rule: DutyRule) -> None:
    users.actions.block_user(scene.bob, by=actor(scene.alice))
    with pytest.raises(DutyRefusal):
        teams.actions.change_teams(scene.bob, add=[scene.hr], by=actor(scene.alice))


def test_who_was_invited_conflicts_before_accepting(scene: Scene, rule: DutyRule) -> None:
    invited = invite(scene.alice).invitation.user
    teams.actions.change_teams(invited, add=[scene.wages], by=actor(scene.alice))
    with pytest.raises(DutyRefusal):
        teams.actions.change_teams(invited, add=[scene.hr], by=actor(scene.alice))


def test_a_product_that_is_off_protects_no_one(scene: Scene, rule: DutyRule) -> None:
    """Rights that need it have no effect at the employer yet, and count."""
    DutyRule.objects.update(second=["handle_leave"])
    Employer.objects.update(products=[])
    leave = team_of(scene.office, "Verlof", Right.HANDLE_LEAVE)
    TeamEmployer.objects.create(provider=scene.office, team=leave, employer=scene.one)
    with pytest.raises(DutyRefusal):
        teams.actions.change_members(leave, add=[scene.bob], by=actor(scene.alice))


def test_an_employer_created_in_teams_is_a_door(scene: Scene, rule: DutyRule) -> None:
    """A new employer comes into two teams of one user."""
    made = teams.employers.create_employer(scene.office, number=9, name="Nieuw", products=[], by=actor(scene.alice))
    teams.employers.link_employer(made, to=[scene.wages], by=actor(scene.alice))
    with pytest.raises(DutyRefusal):
        teams.employers.link_employer(made, to=[scene.elsewhere], by=actor(scene.alice))
    with pytest.raises(DutyRefusal):
        teams.employers.link_employer(scene.two, to=[scene.wages], by=actor(scene.alice))


def test_a_set_that_is_extended_gives_nothing_by_itself(scene: Scene, rule: DutyRule) -> None:
    teams.sets.update_set(scene.hr_set, name="HR", contents=PARTS, version=scene.hr_set.version, by=actor(scene.alice))
    with pytest.raises(DutyRefusal):
        teams.sets.apply_set(scene.hr_set, scene.bob, by=actor(scene.alice))


@pytest.mark.parametrize("days", [0, -1])
def test_an_exception_lets_through_until_its_last_day(scene: Scene, rule: DutyRule, days: int) -> None:
    exemption = DutyExemption.objects.create(
        provider=scene.office, rule=rule, user=scene.bob, reason="Ziekte", until=timezone.localdate(),
        requested_by=scene.alice, approved_by=scene.model, approved_at=timezone.now(),
    )  # fmt: skip
    DutyExemption.objects.filter(pk=exemption.pk).update(until=timezone.localdate() + timedelta(days=days))
    with nullcontext() if not days else pytest.raises(DutyRefusal):
        teams.actions.change_members(scene.hr, add=[scene.bob], by=actor(scene.alice))


@pytest.mark.parametrize(("before", "after", "ends"), [(WARN, REFUSE, True), (REFUSE, WARN, False)])
def test_an_exception_to_a_rule_that_warned_is_none_to_one_that_refuses(
    scene: Scene, rule: DutyRule, before: str, after: str, ends: bool
) -> None:
    DutyRule.objects.update(severity=before)
    rule.refresh_from_db()
    exemption = DutyExemption.objects.create(
        provider=scene.office, rule=rule, user=scene.bob, reason="Ziekte", until=timezone.localdate(),
        requested_by=scene.alice, approved_by=scene.model, approved_at=timezone.now(),
    )  # fmt: skip
    values: Any = {name: getattr(rule, name) for name in RuleValues.__annotations__}
    duties.update_rule(rule, values | {"severity": after}, version=rule.version, by=actor(scene.alice))
    exemption.refresh_from_db()
    assert (exemption.ended_at is not None) == ends


def test_an_exception_is_for_the_rule_as_it_was(scene: Scene, rule: DutyRule) -> None:
    """Else an administrator has one approved for a harmless rule, and then changes the rule."""
    exemption = DutyExemption.objects.create(
        provider=scene.office, rule=rule, user=scene.bob, reason="Ziekte", until=timezone.localdate(),
        requested_by=scene.alice, approved_by=scene.model, approved_at=timezone.now(),
    )  # fmt: skip
    values: Any = {name: getattr(rule, name) for name in RuleValues.__annotations__}
    duties.update_rule(rule, values | {"reason": "Anders"}, version=rule.version, by=actor(scene.alice))
    exemption.refresh_from_db()
    assert exemption.ended_at is None, "the reason is no part of it"
    changed = values | {"first": ["manage_wages", "view_wages"]}
    duties.update_rule(rule, changed, version=rule.version + 1, by=actor(scene.alice))
    exemption.refresh_from_db()
    assert exemption.ended_at is not None
    assert Event.objects.filter(verb=Verb.DUTY_EXEMPTION_ENDED, target_id=scene.bob.pk).count() == 1
    with pytest.raises(DutyRefusal):
        teams.actions.change_members(scene.hr, add=[scene.bob], by=actor(scene.alice))
