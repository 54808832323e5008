"""A plan is refused if anything that it depends on was changed between planning and applying."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from django.utils import timezone

import notifications.actions
import notifications.sets
import teams.actions
import teams.employers
import teams.sets
import users.actions
from accounts.models import ExternalTenant, Provider, User
from audit.models import Event
from imports.plans.plan import PlanRefused
from notifications import preferences
from notifications.catalog import NotificationType
from notifications.models import NotificationSet
from notifications.preferences import NotificationPreference, PreferenceOverride
from permissions.checks import Right
from permissions.models import AuthorizationSet, Employer, Team
from permissions.products import Product
from tests.helpers.import_files import applied, apply_user_file, azure, command, file_of, planned, team_of
from tests.helpers.login_methods import make_azure, tenant_of
from tests.helpers.users import actor
from tests.imports.test_team_commands import code_of, csvs

pytestmark = pytest.mark.django_db


def edit(user: User, **details: object) -> None:
    users.actions.edit_user(user, details=details, email=user.email, version=user.version, by=actor())


def north() -> Team:
    return Team.objects.get(name="Noord")


def journal() -> Employer:
    return Employer.objects.get(number=1001)


def product(office: Provider, bob: User) -> None:
    one = journal()
    teams.employers.update_employer(
        one, number=one.number, name=one.name, products=[Product.JOURNAL], version=one.version, by=actor()
    )


def authorization_set(office: Provider, bob: User) -> None:
    one = AuthorizationSet.objects.get()
    teams.sets.update_set(one, name=one.name, contents=[Right.VIEW_AUDIT], version=one.version, by=actor())


def signal_set(office: Provider, bob: User) -> None:
    one, contents = NotificationSet.objects.get(), {NotificationType.APPRAISAL: NotificationPreference(True, 9, True)}
    notifications.sets.update_set(one, name=one.name, contents=contents, version=one.version, by=actor())


WRITES: dict[str, Callable[[Provider, User], object]] = {
    "a name": lambda office, bob: edit(bob, first_name="Tussendoor"),
    "an end date": lambda office, bob: edit(bob, access_until=timezone.localdate()),
    "a factor asked": lambda office, bob: edit(bob, two_factor_required=True),
    "a block": lambda office, bob: users.actions.block_user(bob, by=actor()),
    "a membership": lambda office, bob: teams.actions.change_members(north(), add=[bob], by=actor()),
    "an individual right": lambda office, bob: teams.actions.set_individual_rights(bob, [Right.VIEW_USERS], by=actor()),
    "signals": lambda office, bob: notifications.actions.set_user_overrides(
        bob,
        {NotificationType.OWN: PreferenceOverride(mail=True)},
        seen=preferences.fingerprint_preferences(preferences.get_user_overrides(bob)),
        by=actor(),
    ),
    "the rights of a team": lambda office, bob: teams.actions.set_team_rights(
        north(), [Right.EXPORT_JOURNAL, Right.VIEW_AUDIT], by=actor()
    ),
    "the employers of a team": lambda office, bob: teams.actions.change_employers(
        north(), remove=[journal()], by=actor()
    ),
    "a team": lambda office, bob: teams.actions.delete_team(north(), version=north().version, by=actor()),
    "a team's name": lambda office, bob: teams.actions.rename_team(
        north(), name="Oost", version=north().version, by=actor()
    ),
    "a factor asked by a team": lambda office, bob: teams.actions.set_two_factor_required(
        north(), required=True, version=north().version, by=actor()
    ),
    "a product": product,
    "an authorization set": authorization_set,
    "a signal set": signal_set,
    "a tenant": lambda office, bob: ExternalTenant.objects.filter(provider=office).update(
        confirmed_at=None, confirmation_method=""
    ),
    "an account at Microsoft": lambda office, bob: make_azure(
        office,
        tenant=ExternalTenant.objects.get(),
        username="eerder",
        external_user_id=azure()["external_user_id"],
    ),
}


@pytest.fixture
def rows(office: Provider, alice: User, bob: User) -> list[dict[str, str]]:
    """A file that affects everything that WRITES change."""
    tenant_of(office)
    team_of(office, "Noord", Right.EXPORT_JOURNAL, Right.VIEW_WAGES, numbers=(1001,))
    teams.sets.create_set(office, name="Kijker", contents=[Right.VIEW_TEAMS], by=actor())
    contents = {NotificationType.APPRAISAL: NotificationPreference(True, 3, False)}
    notifications.sets.create_set(office, name="Loon", contents=contents, by=actor())
    everything = {"teams": "Noord", "authorization_set": "kijker", "signal_set": "loon", "first_name": "Ander",
                  "access_until": "2099-01-01", "signals": "own: mail", "individual_rights": "view_users"}  # fmt: skip
    return [{"username": "bob"} | everything, azure() | everything]


@pytest.mark.parametrize("write", WRITES)
def test_plan_is_refused_after_a_write(office: Provider, bob: User, rows: list[dict[str, str]], write: str) -> None:
    plan = planned(office, *rows)
    assert not list(plan.faults)
    bob.refresh_from_db()
    WRITES[write](office, bob)
    events = Event.objects.count()
    with suppress(PlanRefused):
        again = apply_user_file(office, file_of(*rows), digest=plan.digest)
        assert len(again.faults)  # the row named in the file was deleted
    assert Event.objects.count() == events


def test_plan_is_applied_without_a_write(office: Provider, rows: list[dict[str, str]]) -> None:
    applied(office, *rows, digest=planned(office, *rows).digest)
    assert planned(office, *rows).is_empty


@pytest.mark.parametrize("write", ["a membership", "an individual right", "the rights of a team",
    "a team", "a team's name", "a product", "a block"])  # fmt: skip
def test_a_plan_of_teams_is_refused(office: Provider, alice: User, bob: User, tmp_path: Path, write: str) -> None:
    """Bob is in a team of the file from the start; only the import adds bob to "Noord"."""
    team_of(office, "Noord", Right.EXPORT_JOURNAL, numbers=(1001,))
    team_of(office, "Zuid", Right.MANAGE_EMPLOYERS, members=(bob,), numbers=(1001,))
    tables = [["Team", "view_audit", "export_journal", "view_teams"], ["Noord", "x", "x", ""], ["Zuid", "", "x", "x"]]
    paths, plan = csvs(tmp_path, tables), tmp_path / "plan"
    assert command("import_teams", *paths, provider=office.name, plan_file=plan)[0] == 0
    bob.refresh_from_db()
    WRITES[write](office, bob)
    events = Event.objects.count()
    assert code_of(*paths, provider=office.name, plan_file=plan, apply=True) in (1, 2)
    assert Event.objects.count() == events
