"""Segregation of duties through the web service: rules, conflicts and exceptions, as the pages show them."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import teams.actions
from accounts.models import Provider, User
from permissions.checks import Right
from permissions.models import DutyExemption, DutyRule, Employer, TeamEmployer
from tests.helpers.api_client import Program, program
from tests.helpers.import_files import INVITED, applied, team_of
from tests.helpers.users import actor, make_user
from tests.permissions.test_duties import make_rule

pytestmark = pytest.mark.django_db
READ = "reviews:read"


@pytest.fixture
def rule(office: Provider) -> DutyRule:
    return make_rule(office, [Right.MANAGE_USERS], [Right.VIEW_AUDIT], name="Beheer en controle", severity="warn")


@pytest.fixture
def local_rule(office: Provider) -> DutyRule:
    rights = [Right.MANAGE_WAGES], [Right.VIEW_HRM]
    return make_rule(office, *rights, DutyRule.Level.EMPLOYER, name="Loon en HR", severity="warn")


@pytest.fixture
def calls(office: Provider) -> Program:
    carol = make_user(office, Right.REVIEW_ACCESS, username="carol", email="carol@devries.example")
    return program(carol, READ)


@pytest.fixture
def conflicting(office: Provider, rule: DutyRule, local_rule: DutyRule) -> User:
    """A user who conflicts with both rules: in the office, and at two employers."""
    make_user(office, Right.MANAGE_PROVIDER, username="baas", last_name="Zwart", email="baas@devries.example")
    _plan, (item,) = applied(office, INVITED)
    user = User.objects.get(pk=item["id"])
    employers = [Employer.objects.create(provider=office, number=n, name=f"W{n}") for n in (2, 1)]
    team = team_of(office, "Alles", Right.MANAGE_WAGES, Right.VIEW_HRM, members=(user,))
    for employer in employers:
        TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    teams.actions.set_individual_rights(user, [Right.MANAGE_USERS, Right.VIEW_AUDIT], by=actor())
    return user


def test_rules_are_listed_by_name(office: Provider, rule: DutyRule, local_rule: DutyRule, calls: Program) -> None:
    rows = calls.rows(f"/providers/{office.pk}/dutyrules")
    assert [row["description"] for row in rows] == ["Beheer en controle", "Loon en HR"]
    assert rows[1] | {"id": "", "dateTimeCreated": ""} == {
        "id": "", "description": "Loon en HR", "reason": local_rule.reason, "level": "employer", "severity": "warn",
        "firstRights": ["manage_wages"], "firstAllRequired": False, "secondRights": ["view_hrm"],
        "secondAllRequired": False, "dateTimeCreated": "",
    }  # fmt: skip
    rows = calls.rows(f"/providers/{office.pk}/dutyrules?filter=level eq 'office'")
    assert [row["id"] for row in rows] == [str(rule.pk)]


def test_a_rule_counts_who_conflicts(conflicting: User, rule: DutyRule, calls: Program) -> None:
    content = calls.content(f"/providers/dutyrules/{rule.pk}")
    assert (content["description"], content["numberOfUsers"]) == ("Beheer en controle", 2), "an administrator too"


def test_conflicts_have_their_user_rule_and_start(
    office: Provider, conflicting: User, local_rule: DutyRule, calls: Program
) -> None:
    rows = calls.rows(f"/providers/{office.pk}/dutyconflicts")
    assert [(row["user"]["id"], row["rule"]["description"], row["numberOfEmployers"]) for row in rows] == [
        (str(conflicting.pk), "Beheer en controle", 0),
        (str(conflicting.pk), "Loon en HR", 2),
        (str(User.objects.get(username="baas").pk), "Beheer en controle", 0),
    ]
    assert rows[0]["since"] is not None
    assert rows[1]["since"] is None, "made without history"
    response = calls.get(f"/providers/{office.pk}/dutyconflicts?pageSize=1&pageNumber=2").json()
    assert ([row["rule"]["id"] for row in response["_embedded"]], response["totalSize"]) == ([str(local_rule.pk)], 3)


def test_conflicts_of_a_user_name_the_employers(conflicting: User, local_rule: DutyRule, calls: Program) -> None:
    DutyExemption.objects.create(
        provider=local_rule.provider, rule=local_rule, user=conflicting, reason="Ziekte", until=timezone.localdate(),
        employer=Employer.objects.get(number=2), approved_at=timezone.now(),
    )  # fmt: skip
    rows = calls.rows(f"/providers/users/{conflicting.pk}/dutyconflicts")
    shown = [(row["rule"]["description"], (row["employer"] or {}).get("description"), row["isExempt"]) for row in rows]
    assert shown == [("Beheer en controle", None, False), ("Loon en HR", "W1", False), ("Loon en HR", "W2", True)]


def test_exceptions_are_listed_newest_first(
    office: Provider, alice: User, bob: User, rule: DutyRule, calls: Program
) -> None:
    until = timezone.localdate() + timedelta(days=9)
    for reason in ("eerst", "later"):
        DutyExemption.objects.create(
            provider=office, rule=rule, user=bob, reason=reason, until=until, requested_by=alice
        )
    rows = calls.rows(f"/providers/{office.pk}/dutyexemptions")
    assert [(row["reason"], row["userId"], row["requestedBy"], row["dateTimeApproved"]) for row in rows] == [
        (reason, str(bob.pk), str(alice.pk), None) for reason in ("later", "eerst")
    ]
    rows = calls.rows(f"/providers/{office.pk}/dutyexemptions?filter=reason eq 'eerst' and dateTimeEnded eq null")
    assert len(rows) == 1


PATHS = (
    "/providers/{office}/dutyrules", "/providers/dutyrules/{rule}", "/providers/{office}/dutyconflicts",
    "/providers/users/{user}/dutyconflicts", "/providers/{office}/dutyexemptions",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_each_takes_the_right_and_the_scope(
    path: str, office: Provider, bob: User, charlie: User, rule: DutyRule, calls: Program
) -> None:
    address = path.format(office=office.pk, rule=rule.pk, user=bob.pk)
    assert calls.get(address).status_code == 200
    assert program(calls.user, "teams:read").get(address).json()["messages"][0]["reason"] == "client_scope"
    weak = make_user(office, Right.VIEW_USERS, Right.VIEW_AUDIT, username="zwak", email="z@devries.example")
    assert program(weak, READ).get(address).json()["messages"][0]["reason"] == "user_right"
    assert program(charlie, READ).get(address).status_code == 404, "another office"


def test_it_asks_as_many_queries_for_many(office: Provider, conflicting: User, calls: Program) -> None:
    def count(path: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert calls.get(path).status_code == 200
        return len(found)

    paths = [f"/providers/{office.pk}/dutyconflicts", f"/providers/users/{conflicting.pk}/dutyconflicts"]
    before = [count(path) for path in paths]
    team = conflicting.memberships.get().team
    for number in range(3, 9):
        user: Any = make_user(office, username=f"u{number}", email=f"u{number}@devries.example")
        team.members.create(provider=office, user=user)
        employer = Employer.objects.create(provider=office, number=number, name=f"W{number}")
        TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    assert [count(path) for path in paths] == before
