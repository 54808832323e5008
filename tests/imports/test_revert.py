"""Reverting an applied plan."""

import pytest
from django.db import transaction
from django.utils import timezone

import teams.actions
from accounts.locks import lock_provider
from accounts.models import Provider, User
from audit.models import Event, Verb
from imports.plans import rendering, reverts
from imports.plans.plan import Plan, PlanItem, apply_plan
from invitations.models import Invitation
from outbox.models import Message
from permissions import checks
from permissions.checks import Right
from permissions.models import Employer, TeamMember
from tests.helpers.import_files import INVITED, SERVICE, applied, azure, team_of
from tests.helpers.login_methods import make_azure, tenant_of
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db


def undone(office: Provider, done: list[PlanItem]) -> Plan:
    with transaction.atomic():
        lock_provider(office.pk)
        plan = reverts.plan_user_revert(office, done, by=actor())
        assert list(plan.faults) == []
        apply_plan(office, plan, by=actor())
    return plan


def able(office: Provider) -> dict[str, object]:
    """Return the rights of every user who has any."""
    found: dict[str, object] = {}
    for user in User.objects.filter(provider=office):
        places = Employer.objects.filter(provider=office)
        at = {employer.number: checks.effective_rights_at(user, employer) for employer in places}
        can = (checks.effective_rights(user), {number: held for number, held in at.items() if held})
        if any(can):
            found[str(user.pk)] = can
    return found


@pytest.mark.slow
def test_revert_restores_the_rights_of_all_users(office: Provider, alice: User, bob: User) -> None:
    tenant = tenant_of(office)
    team_of(office, "Noord", Right.VIEW_TEAMS, Right.VIEW_WAGES, members=(bob,), numbers=(1, 2))
    team_of(office, "Zuid", Right.VIEW_AUDIT)
    make_user(office, Right.VIEW_USERS, username="weg")
    make_user(office, Right.VIEW_USERS, username="ooit weg", blocked_at="2026-01-01T00:00Z")
    make_azure(office, Right.VIEW_TEAMS, tenant=tenant)
    before = able(office)
    _plan, done = applied(
        office,
        {"username": "bob", "teams": "Zuid", "individual_rights": "view_users", "first_name": "Ander"},
        {"username": "weg", "blocked": "ja", "individual_rights": "view_users"},
        {"username": "ooit weg", "blocked": "nee", "individual_rights": "view_audit"},
        {"username": "azuur", "login_method": "website_sso", "mobile_number": "0612345678",
         "individual_rights": "view_teams"},
        SERVICE | {"teams": "Zuid"},
        azure() | {"individual_rights": "view_users"},
        INVITED | {"teams": "Noord"},
    )  # fmt: skip
    assert able(office) != before
    plan = undone(office, done)
    assert able(office) == before
    assert any("uitnodiging" in notice for notice in plan.notices)
    assert undone(office, done).is_empty


def test_an_invitation_that_nobody_opened_is_revoked_without_a_mail(office: Provider, alice: User) -> None:
    team_of(office, "Noord", Right.VIEW_TEAMS)
    _plan, done = applied(
        office,
        INVITED | {"teams": "Noord"},
        INVITED | {"email": "open@devries.example", "last_name": "Open"},
        INVITED | {"email": "expired@devries.example", "last_name": "Verlopen"},
    )
    unopened, opened, expired = (User.objects.get(pk=item["id"]) for item in done)
    Invitation.objects.filter(user=opened).update(opened_at=timezone.now())
    Invitation.objects.filter(user=expired).update(state=Invitation.State.EXPIRED, encrypted_phone=None)
    plan = undone(office, done)
    assert [rendering.render_action(item) for item in plan.items] == [
        "uitnodiging ingetrokken", "geblokkeerd", "uitnodiging ingetrokken",
    ]  # fmt: skip
    assert (plan.mails, plan.counts["has_losses"]) == ({"blocked": 1}, 3)
    assert [message.user_id for message in Message.objects.filter(kind="blocked")] == [opened.pk]
    for user in (unopened, expired):
        user.refresh_from_db()
        assert (user.invitation.state, user.blocked_at) == (Invitation.State.REVOKED, None)
    assert not unopened.memberships.exists()
    assert unopened.invitation.message.state == Message.State.CANCELED
    assert Event.objects.filter(verb=Verb.INVITATION_REVOKED).count() == 2
    assert undone(office, done).is_empty


def test_only_who_may_revoke_undoes_it(office: Provider, alice: User) -> None:
    _plan, done = applied(office, INVITED | {"individual_rights": "view_audit"})
    helper = make_user(office, Right.MANAGE_USERS, username="helper")
    plan = reverts.plan_user_revert(office, done, by=actor(helper))
    assert len(plan.faults) == 1
    _plan, bare = applied(office, INVITED | {"email": "kaal@devries.example"})
    Invitation.objects.filter(user=bare[0]["id"]).update(sent_by=alice)
    TeamMember.objects.create(provider=office, team=team_of(office, "Zuid", Right.VIEW_AUDIT), user_id=bare[0]["id"])
    assert len(reverts.plan_user_revert(office, bare, by=actor(helper)).faults) == 1


def test_what_was_changed_since_is_named(office: Provider, alice: User, bob: User) -> None:
    _plan, done = applied(office, {"username": "bob", "individual_rights": "view_users"})
    teams.actions.set_individual_rights(bob, [Right.VIEW_AUDIT], by=actor())
    plan = reverts.plan_user_revert(office, done, by=actor())
    assert "B. Bakker" in next(iter(plan.faults))["what"]
    assert plan.is_empty


def test_an_administrator_stays(office: Provider, alice: User, bob: User) -> None:
    _plan, done = applied(office, {"username": "bob", "individual_rights": "manage_provider"})
    teams.actions.set_individual_rights(alice, [], by=actor())
    assert reverts.plan_user_revert(office, done, by=actor()).refusal
