"""A rule about duties is met at every door: it refuses, or it warns before the change and the history says who went on.

A door is all that leads to a right: page, plan of a file or of a bulk action, undoing, program and command. Each is one
step away from the second half of what the rule keeps apart.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import Client
from django.urls import reverse

import teams.actions
import teams.deviations
import teams.employers
import teams.sets
from accounts.models import LoginMethod, User
from audit.models import Event, Verb
from imports.models import ImportJob
from imports.runner import run_due_jobs
from permissions.duties import find_conflicts
from permissions.models import DutyRule
from tests.helpers.api_client import machine, program
from tests.helpers.import_files import INVITED, command, file_of
from tests.helpers.login_methods import PERSON, confirmed, tenant_of
from tests.helpers.users import actor
from tests.imports import test_bulk_actions as bulk
from tests.imports import test_team_jobs as team_jobs
from tests.imports import test_user_jobs as user_jobs
from tests.invitations.test_initial_access import send
from tests.permissions.test_duty_guard import PARTS, REFUSE, WARN, Scene, rule, scene

__all__ = ["rule", "scene"]  # fixtures
pytestmark = pytest.mark.django_db
NAME, HR = "Loon en HR", PARTS[1].value
Conflicts = set[tuple[Any, ...]]


def list_conflicts() -> Conflicts:
    (found,) = DutyRule.objects.all()
    return {conflict.key for conflict in find_conflicts(found.provider_id, [found])}


def count_accepted() -> int:
    return sum(NAME in event.changes["rules"][1] for event in Event.objects.filter(verb=Verb.DUTY_CONFLICT_ACCEPTED))


def follow(client: Client, url: str, data: dict[str, Any]) -> Any:
    """Post, and confirm what pages ask about the change itself, but not what they ask about the conflict."""
    response = client.post(url, data)
    while response.status_code == 200 and response.context and "hidden" in response.context:
        posted: dict[str, list[Any]] = {}
        for name, value in response.context["hidden"]:
            posted.setdefault(name, []).append(value)
        response = client.post(url, posted | {"confirmed": "1"})
    return response


def go_on(client: Client, url: str, asked: Any) -> Any:
    posted: dict[str, list[Any]] = {}
    for name, value in asked.context["hidden"]:
        posted.setdefault(name, []).append(value)
    return client.post(url, posted)


def undo(scene: Scene, _client: Client) -> tuple[str, dict[str, Any]]:
    by = actor(scene.alice)
    teams.actions.change_teams(scene.bob, remove=[scene.wages], by=by)
    removal = Event.objects.filter(verb=Verb.TEAM_CHANGED, target_id=scene.wages.pk).latest("pk")
    teams.actions.change_teams(scene.bob, add=[scene.hr], by=by)
    return reverse("teams:undo_change", args=[removal.pk]), {}


def compare(scene: Scene, client: Client) -> tuple[str, dict[str, Any]]:
    shown = client.get(reverse("teams:compare_users", args=[scene.bob.pk]), {"colleague": scene.model.pk})
    data = {"colleague": scene.model.pk, "shown": shown.context["shown"]}
    return reverse("teams:copy_colleague_access", args=[scene.bob.pk]), data


def apply_set(name: str, scene: Scene, target: Any, held: str) -> tuple[str, dict[str, Any]]:
    data = {"set": scene.hr_set.pk, "version": scene.hr_set.version, "before": held}
    return reverse(f"teams:{name}", args=[target.pk]), data


def leave(scene: Scene, _client: Client) -> tuple[str, dict[str, Any]]:
    data = {"moment": "now", "successor": scene.bob.pk, "teams": [scene.hr.pk]}
    return reverse("departures:departure", args=[scene.model.pk]), data


# Pages: the address and what its form posts.
PAGES: dict[str, Callable[[Scene, Client], tuple[str, dict[str, Any]]]] = {
    "teams of a user": lambda s, c: (reverse("teams:add_teams", args=[s.bob.pk]), {"teams": [s.hr.pk]}),
    "users of a team": lambda s, c: (reverse("teams:add_users", args=[s.hr.pk]), {"users": [s.bob.pk]}),
    "all users found": lambda s, c: (reverse("teams:add_all_users", args=[s.hr.pk]), {"q": "bakker", "count": 1}),
    "employers of a team": lambda s, c: (
        reverse("teams:add_employers", args=[s.elsewhere.pk]), {"employers": [s.one.pk]}
    ),
    "all employers found": lambda s, c: (
        reverse("teams:add_all_employers", args=[s.elsewhere.pk]), {"q": "W1", "count": 1}
    ),
    "teams of an employer": lambda s, c: (reverse("teams:link_teams", args=[s.one.pk]), {"teams": [s.elsewhere.pk]}),
    "rights of a team": lambda s, c: (
        reverse("teams:change_team_rights", args=[s.wages.pk]), {"rights": PARTS, "version": s.wages.version}
    ),
    "set on a team": lambda s, c: apply_set("apply_set_to_team", s, s.wages, PARTS[0].value),
    "individual rights": lambda s, c: (reverse("teams:user_rights", args=[s.bob.pk]), {"rights": [HR]}),
    "set on a user": lambda s, c: apply_set("apply_set_to_user", s, s.bob, ""),
    "set in place of rights": lambda s, c: apply_set("replace_user_rights_with_set", s, s.bob, ""),
    "access of a colleague": compare,
    "undoing": undo,
    "successor of a leaver": leave,
}  # fmt: skip


@pytest.mark.parametrize("door", PAGES)
def test_a_page_refuses(scene: Scene, rule: DutyRule, door: str) -> None:
    client = confirmed(scene.alice)
    url, data = PAGES[door](scene, client)
    before = list_conflicts()
    response = follow(client, url, data)
    shown = client.get(response["Location"]) if response.status_code == 302 else response
    assert NAME in shown.text
    assert response.status_code in (302, 403), "said on the page that it leads back to, or in its place"
    assert list_conflicts() == before


@pytest.mark.parametrize("door", PAGES)
def test_a_page_warns_and_goes_on(scene: Scene, rule: DutyRule, door: str) -> None:
    client = confirmed(scene.alice)
    url, data = PAGES[door](scene, client)
    DutyRule.objects.update(severity=WARN)
    before = list_conflicts()
    asked = follow(client, url, data)
    assert asked.status_code == 409
    assert NAME in asked.text
    assert (list_conflicts(), count_accepted()) == (before, 0)
    assert go_on(client, url, asked).status_code == 302
    assert len(list_conflicts()) == len(before) + 1
    assert count_accepted() == 1


FORMS = (LoginMethod.WEBSITE_SSO, LoginMethod.SSO_WEBSERVICE, LoginMethod.AZURE_AD)


@pytest.mark.parametrize("severity", [REFUSE, WARN])
@pytest.mark.parametrize("kind", FORMS)
def test_the_form_of_a_new_user(scene: Scene, rule: DutyRule, kind: LoginMethod, severity: str) -> None:
    tenant_of(scene.office)
    DutyRule.objects.update(severity=severity)
    before = list_conflicts()
    response = send(confirmed(scene.alice), kind, teams=[scene.wages.pk, scene.hr.pk])
    assert response.status_code == (200 if severity == REFUSE else 409), "an error of the form, or a question"
    assert NAME in response.text
    assert list_conflicts() == before
    assert not User.objects.filter(email=PERSON["email"]).exists()


# Plans: a function that makes the plan in the browser, and the page of its kind.
def import_users(scene: Scene, client: Client) -> ImportJob:
    return user_jobs.send(client, INVITED | {"teams": "Loon; HR"})


def import_members(scene: Scene, client: Client) -> ImportJob:
    return user_jobs.send(client, {"username": "bob", "teams": "Loon; HR; Elders"})


def import_right(scene: Scene, client: Client) -> ImportJob:
    return user_jobs.send(client, {"username": "bob", "individual_rights": HR})


def join(scene: Scene, client: Client) -> ImportJob:
    return run(bulk.planned(client, scene.bob, act="join", team=scene.hr.pk))


def revert(scene: Scene, client: Client) -> ImportJob:
    """Undoing that a user left a team, who was given the other half since."""
    left = run(bulk.planned(client, scene.bob, act="leave", team=scene.wages.pk))
    bulk.done(client, left)
    teams.actions.set_individual_rights(scene.bob, [PARTS[1]], by=actor(scene.alice))
    assert client.post(reverse("imports:revert", args=[left.pk])).status_code == 302
    return run(ImportJob.objects.latest("created_at"))


def run(job: ImportJob) -> ImportJob:
    run_due_jobs()
    job.refresh_from_db()
    return job


PLANS: dict[str, Callable[[Scene, Client], ImportJob]] = {
    "file with a new user": import_users,
    "file with teams": import_members,
    "file with an individual right": import_right,
    "bulk action": join,
    "undoing of a bulk action": revert,
}


# Files of teams: employers of a team, its rights, and both halves in one file for a member of both teams.
TEAM_FILES = {
    "employers": [["Naam", "Two-factor verplicht", "Werkgevers"], ["Elders", "nee", "1; 2"]],
    "rights": [["Team", *PARTS], ["Loon", "x", "x"]],
}


@pytest.mark.parametrize("severity", [REFUSE, WARN])
@pytest.mark.parametrize("door", TEAM_FILES)
def test_a_file_of_teams(scene: Scene, rule: DutyRule, door: str, severity: str) -> None:
    DutyRule.objects.update(severity=severity)
    client, before = confirmed(scene.alice), list_conflicts()
    job = team_jobs.send(client, team_jobs.csv("teams.csv", TEAM_FILES[door]))
    assert NAME in client.get(team_jobs.url(job)).text
    assert (list_conflicts(), count_accepted()) == (before, 0), "a plan changes nothing"
    client.post(team_jobs.url(job))
    run_due_jobs()
    assert len(list_conflicts()) == len(before) + (severity == WARN)
    assert count_accepted() == (severity == WARN)


@pytest.mark.parametrize("door", PLANS)
def test_a_plan_refuses(scene: Scene, rule: DutyRule, door: str) -> None:
    client = confirmed(scene.alice)
    job = PLANS[door](scene, client)
    before = list_conflicts()
    assert NAME in bulk.page(client, job)
    client.post(reverse("imports:plan", args=[job.pk]))
    run_due_jobs()
    assert list_conflicts() == before


@pytest.mark.parametrize("door", PLANS)
def test_a_plan_warns_and_is_carried_out(scene: Scene, rule: DutyRule, door: str) -> None:
    client = confirmed(scene.alice)
    DutyRule.objects.update(severity=WARN)
    before = list_conflicts()
    job = PLANS[door](scene, client)
    assert NAME in bulk.page(client, job)
    assert (list_conflicts(), count_accepted()) == (before, 0)
    bulk.done(client, job)
    assert len(list_conflicts()) == len(before) + 1
    assert count_accepted() == 1


# Programs: method, path and body.
PROGRAMS: dict[str, Callable[[Scene], tuple[str, dict[str, Any]]]] = {
    "individual rights": lambda s: (
        f"/providers/users/{s.bob.pk}/authorizations", {"authorizations": [{"code": HR}]}
    ),
    "members of a team": lambda s: (f"/providers/teams/{s.hr.pk}/members", {"add": [{"id": str(s.bob.pk)}]}),
    "employers of a team": lambda s: (f"/providers/teams/{s.elsewhere.pk}/employers", {"add": [{"id": str(s.one.pk)}]}),
    "rights of a team": lambda s: (
        f"/providers/teams/{s.wages.pk}/authorizations", {"authorizations": [{"code": right} for right in PARTS]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("client_of", [program, machine])
@pytest.mark.parametrize("door", PROGRAMS)
def test_a_program_is_refused(scene: Scene, rule: DutyRule, door: str, client_of: Any) -> None:
    before = list_conflicts()
    response = client_of(scene.alice).call("PATCH", *PROGRAMS[door](scene))
    assert response.status_code == 403
    assert NAME in response.json()["message"]
    assert list_conflicts() == before


@pytest.mark.parametrize("door", PROGRAMS)
def test_a_program_is_warned(scene: Scene, rule: DutyRule, door: str) -> None:
    DutyRule.objects.update(severity=WARN)
    response = program(scene.alice).call("PATCH", *PROGRAMS[door](scene))
    assert response.status_code == 200
    (warning,) = response.json()["messages"]
    assert (warning["type"], warning["reason"]) == ("Warning", "duty_conflict")
    assert NAME in warning["description"]
    assert count_accepted() == 1
    again = program(scene.alice).get(f"/providers/users/{scene.bob.pk}/authorizations")
    assert again.json()["messages"] == [], "the next call has a list of its own"


def test_a_command_is_refused_and_warned(scene: Scene, rule: DutyRule, tmp_path: Any) -> None:
    path = tmp_path / "mensen.csv"
    path.write_bytes(file_of({"username": "bob", "teams": "Loon; HR; Elders"}).getvalue())
    before = list_conflicts()
    arguments = ("import_users", path)
    with suppress(CommandError):
        assert command(*arguments, provider=scene.office.name, apply=True)[0] != 0
    assert list_conflicts() == before
    DutyRule.objects.update(severity=WARN)
    _code, output = command(*arguments, provider=scene.office.name, apply=True)
    assert NAME in output
    assert count_accepted() == 1
