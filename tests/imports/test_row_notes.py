"""What a plan of users says about rows that leave users other than expected."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

import teams.actions
import teams.sets
from accounts.locks import lock_provider
from accounts.models import Provider, User
from imports.files.user_rows import TEMPLATE_EXAMPLE
from imports.plans import plan, reverts
from imports.plans.plan import PlanItem
from invitations.models import Invitation
from permissions.checks import Right
from permissions.models import Employer
from tests.helpers.import_files import INVITED, SERVICE, applied, azure, planned
from tests.helpers.login_methods import tenant_of
from tests.helpers.users import actor, change_user

pytestmark = pytest.mark.django_db
BLOCKED = "1 gebruiker blijft zonder toegang, geblokkeerd of met een verstreken einddatum: regel %s."
WITHOUT_INVITATION = "1 uitgenodigde gebruiker heeft geen open uitnodiging en krijgt geen nieuwe: regel %s."
SHARED = "1 nieuwe gebruiker heeft het e-mailadres van een andere gebruiker: regel %s."


def undo(office: Provider, done: list[PlanItem]) -> None:
    with transaction.atomic():
        lock_provider(office.pk)
        plan.apply_plan(office, reverts.plan_user_revert(office, done, by=actor()), by=actor())


def notices(office: Provider, *rows: dict[str, str]) -> list[str]:
    plan = planned(office, *rows)
    assert plan.faults == []
    return list(plan.notices)


def test_a_file_applied_again_after_its_undo_says_who_stays_without_access(office: Provider, alice: User) -> None:
    rows = [{**INVITED}, {**SERVICE}]
    del rows[1]["password"]
    _plan, done = applied(office, INVITED, SERVICE)
    assert notices(office, *rows) == []
    undo(office, done)
    plan = planned(office, *rows)
    assert (plan.faults, plan.items) == ([], [])
    blocked, uninvited = sorted(plan.notices)
    assert blocked.startswith(BLOCKED % 3)
    assert "“Deblokkeren”" in blocked
    assert uninvited.startswith(WITHOUT_INVITATION % 2)
    assert "“Uitnodiging opnieuw versturen”" in uninvited


def test_only_rows_that_leave_users_without_access_are_noted(office: Provider, alice: User, bob: User) -> None:
    row = {"username": "bob", "first_name": "Bob"}
    change_user(bob, blocked_at=timezone.now())
    assert notices(office, row)[0].startswith(BLOCKED % 2)
    assert notices(office, row | {"blocked": "ja"}) == notices(office, row | {"blocked": "nee"}) == []
    change_user(bob, blocked_at=None, access_until=timezone.localdate() - timedelta(days=1))
    assert notices(office, row)[0].startswith(BLOCKED % 2)
    assert notices(office, row | {"access_until": "2035-01-01"}) == []
    assert notices(office, {"id": str(bob.pk)} | row) == [], "as in an export, which has the status"


def test_an_invitation_that_the_plan_sends_again_is_not_noted(office: Provider, alice: User) -> None:
    _plan, done = applied(office, INVITED)
    Invitation.objects.filter(user=done[0]["id"]).update(expires_at=timezone.now() - timedelta(days=1))
    assert notices(office, INVITED)[0].startswith(WITHOUT_INVITATION % 2)
    assert notices(office, {"id": done[0]["id"] or "", "email": "nieuw@x.example", "mobile_number": "0612345678"}) == []


def test_a_new_colleague_with_the_address_of_another_is_noted(
    office: Provider, alice: User, bob: User, charlie: User
) -> None:
    row = azure(tenant=tenant_of(office).name) | {"email": "BOB@DeVries.example"}
    assert notices(office, row)[0].startswith(SHARED % 2)
    assert notices(office, row | {"email": charlie.email}) == [], "of another office"
    twins = [azure(number) | {"email": "x@x.example"} for number in (1, 2)]
    assert notices(office, *twins)[0].startswith("2 nieuwe gebruikers hebben het e-mailadres van een andere")
    assert notices(office, SERVICE | {"email": bob.email}) == [], "a program"
    applied(office, row)
    assert notices(office, row) == [], "not a new user"


def test_the_example_of_the_template_is_noted(office: Provider, alice: User) -> None:
    assert notices(office, TEMPLATE_EXAMPLE, SERVICE) == [
        "1 voorbeeldregel van het sjabloon wordt overgeslagen: regel 2."
    ]


def test_what_a_team_of_the_row_gives_is_not_granted_by_the_set(office: Provider, alice: User) -> None:
    team = teams.actions.create_team(office, name="Noord", by=actor())
    bakker = Employer.objects.create(provider=office, number=1, name="Bakker")
    teams.actions.change_employers(team, add=[bakker], by=actor())
    teams.actions.set_team_rights(team, [Right.VIEW_WAGES], by=actor())
    contents = [Right.VIEW_WAGES, Right.VIEW_HRM]
    teams.sets.create_set(office, name="HR", contents=contents, by=actor())
    tenant_of(office)
    row = azure() | {"teams": "Noord", "authorization_set": "HR"}
    found, done = applied(office, row)
    assert "regel 2" in next(notice for notice in found.notices if "autorisatieset" in notice)
    assert done[0]["changes"]["individual_rights"] == [None, ["view_hrm"]]
    user = User.objects.get(pk=done[0]["id"])
    assert set(user.individual_rights.values_list("right", flat=True)) == {"view_hrm"}
    again = planned(office, row)
    assert (again.faults, again.items) == ([], []), "a second time changes nothing"
