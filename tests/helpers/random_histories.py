"""Random histories: an office with random actions of every kind, and the rights of every user over time."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import TypeVar
from uuid import UUID

import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.utils import timezone

import invitations.actions
import teams.actions
import teams.employers
import teams.sets
import users.actions
import users.change_login_method
import users.suspension
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from accounts.user_details import UserDetails
from audit.models import Verb
from authentication.mfa import actions as factors
from authentication.mfa import office_policy
from authentication.mfa.actions import LastDeviceRequired
from authentication.mfa.office_policy import MfaPolicy
from authentication.totp import TotpEnrollment
from core.errors import EditConflict
from core.ids import uuid7
from history import erasure
from history.past_access import PastAccess
from invitations import acceptance
from invitations.models import Invitation
from permissions import checks
from permissions.catalog import Right
from permissions.checks import LastAdministrator
from permissions.models import AuthorizationSet, Employer, Team
from permissions.products import Product
from tests.helpers.invited_users import NUMBER, body_of, token_of
from tests.helpers.mfa import code_now
from tests.helpers.users import actor
from users import login_methods

ModelT = TypeVar("ModelT", bound=Model)
PASSWORD = "Zonnebloem-42-Wolk"
BEGIN = datetime.fromisoformat("2026-03-20T09:00:00+01:00")
OPERATOR = actor()
RIGHTS = list(Right)


@dataclass(frozen=True)
class Snapshot:
    """The rights of every user at a point in time."""

    moment: datetime
    standings: dict[UUID, PastAccess]


class RandomHistory:
    """An office in which random actions are performed."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)  # noqa: S311 histories, not secrets
        self.snapshots: list[Snapshot] = []
        self.created_count = 0
        with time_machine.travel(BEGIN, tick=False):
            self._begin(seed)

    def _begin(self, seed: int) -> None:
        self.office = users.actions.create_provider(f"Kantoor {seed}", by=OPERATOR)
        self.tenant = ExternalTenant.objects.create(
            provider=self.office,
            name="Entra",
            tenant_id=uuid7(),
            confirmed_at=timezone.now(),
            confirmation_method="support",
        )
        users.actions.change_retention(self.office, erase_after_months=0, checkpoint_addresses="", by=OPERATOR)
        first = self.create_azure_user()
        team = teams.actions.create_team(self.office, name="Beheer", by=OPERATOR)
        teams.actions.set_team_rights(team, [Right.MANAGE_PROVIDER, Right.VIEW_TEAMS], by=OPERATOR)
        teams.actions.change_members(team, add=[first], by=OPERATOR)
        Provider.objects.filter(pk=self.office.pk).update(established_at=timezone.now())

    def run(self, rounds: int) -> list[Snapshot]:
        """Take each step `rounds` times, in random order and at intervals; return the snapshots."""
        steps = [step for of_verb in STEPS.values() for step in of_verb] * rounds
        self.chance.shuffle(steps)
        with time_machine.travel(BEGIN, tick=False) as clock:
            self.take_snapshot()
            for step in steps:
                clock.shift(timedelta(minutes=self.chance.choice([1, 7, 60, 60 * 20, 60 * 49])))
                if self.chance.random() < 0.3:
                    self.take_snapshot()
                    clock.shift(timedelta(minutes=1))
                with suppress(
                    ValidationError,
                    PermissionDenied,
                    LastAdministrator,
                    LastDeviceRequired,
                    EditConflict,
                    office_policy.PolicyRefused,
                    IndexError,
                ):
                    step(self)
                self.take_snapshot()
        return self.snapshots

    def take_snapshot(self) -> None:
        """Store the current rights of every user."""
        employers, seen = list(Employer.objects.filter(provider=self.office)), {}
        for user in User.objects.filter(provider=self.office).select_related("provider"):
            places = {employer.pk: checks.effective_rights_at(user, employer) for employer in employers}
            seen[user.pk] = PastAccess(
                checks.get_inactive_reason(user),
                checks.effective_rights(user),
                {employer_id: held for employer_id, held in places.items() if held},
            )
        self.snapshots.append(Snapshot(timezone.now(), seen))

    def pick_user(self, **which: object) -> User:
        """Return a user of the office. Raises IndexError if there is none."""
        users = User.objects.filter(provider=self.office, **which).select_related("provider").order_by("pk")
        return self.chance.choice(list(users))

    def pick_rows(self, rows: list[ModelT]) -> list[ModelT]:
        return self.chance.sample(rows, min(len(rows), self.chance.randint(0, 3)))

    def pick_rights(self) -> list[Right]:
        often = [Right.MANAGE_PROVIDER, Right.EXPORT_JOURNAL, Right.HANDLE_LEAVE, Right.VIEW_WAGES]
        return self.chance.sample(often, self.chance.randint(0, 3)) + self.chance.sample(RIGHTS, 3)

    def pick_team(self) -> Team:
        return self.chance.choice(list(Team.objects.filter(provider=self.office).order_by("pk")))

    def list_employers(self) -> list[Employer]:
        return list(Employer.objects.filter(provider=self.office).order_by("pk"))

    def make_details(self) -> UserDetails:
        self.created_count += 1
        details: UserDetails = {
            "initials": "A.",
            "last_name": f"Jansen {self.created_count}",
            "email": f"u{self.created_count}@example.nl",
        }
        if self.chance.random() < 0.3:
            details["access_until"] = self.pick_day()
        return details

    def make_username(self) -> str:
        return f"{self.office.pk} {self.created_count}"

    def pick_day(self) -> date:
        return timezone.localdate() + timedelta(days=self.chance.choice([0, 1, 3, 30]))

    # Steps; each performs one action.

    def create_azure_user(self) -> User:
        return login_methods.create_azure_user(
            self.office, details=self.make_details(), username=self.make_username(), tenant=self.tenant,
            external_user_id=uuid7(), by=OPERATOR,
        )  # fmt: skip

    def create_webservice_user(self) -> None:
        login_methods.create_webservice_user(
            self.office, details=self.make_details(), username=self.make_username(), password=PASSWORD, by=OPERATOR
        )

    def create_users_in_bulk(self) -> None:
        new_user = login_methods.NewAzureUser(self.make_details(), self.make_username(), self.tenant, uuid7())
        login_methods.create_azure_users(self.office, [new_user], by=OPERATOR)
        new_service = login_methods.NewWebserviceUser(self.make_details(), self.make_username(), PASSWORD)
        login_methods.create_webservice_users(self.office, [new_service], by=OPERATOR)

    def invite_user(self) -> None:
        details: UserDetails = {**self.make_details(), "two_factor_required": self.chance.random() < 0.3}
        invitations.actions.invite_user(self.office, details=details, mobile_number=NUMBER, by=OPERATOR)

    def accept_invitation(self) -> None:
        user = self.pick_user(accepted_at=None, blocked_at=None)
        invitations.actions.resend_invitation(user, mobile_number=NUMBER, email=user.email, by=OPERATOR)
        invitation = Invitation.objects.select_related("message").get(user=user)
        token = token_of(invitation)
        acceptance.send_code(invitation, token=token, browser="b", by=OPERATOR)
        code = body_of(invitation.codes.latest("pk").message)["text"][:6]
        assert acceptance.check_code(invitation, code=code, browser="b", by=OPERATOR)
        self.created_count += 1
        acceptance.accept_invitation(
            invitation, browser="b", username=self.make_username(), password=PASSWORD, by=OPERATOR
        )

    def edit_user(self) -> None:
        user = self.pick_user()
        details: UserDetails = {"last_name": f"Anders {self.created_count}"}
        details["access_until"] = self.chance.choice([None, self.pick_day()])
        if user.is_website_user:
            details["two_factor_required"] = self.chance.random() < 0.4
        users.actions.edit_user(user, details=details, email=user.email, version=user.version, by=OPERATOR)

    def block_user(self) -> None:
        users.actions.block_user(self.pick_user(blocked_at=None), by=OPERATOR)

    def unblock_user(self) -> None:
        self.block_user()
        users.actions.unblock_user(self.pick_user(blocked_at__isnull=False), by=OPERATOR)

    def change_to_azure(self) -> None:
        self.created_count += 1
        users.change_login_method.change_to_azure(
            self.pick_user(), tenant=self.tenant, external_user_id=uuid7(), username=self.make_username(), by=OPERATOR
        )

    def change_to_website(self) -> None:
        user = self.pick_user(login_method=LoginMethod.AZURE_AD)
        users.change_login_method.change_to_website(user, mobile_number=NUMBER, by=OPERATOR)

    def set_individual_rights(self) -> None:
        teams.actions.set_individual_rights(self.pick_user(), self.pick_rights(), by=OPERATOR)

    def give_individual_rights(self) -> None:
        teams.actions.give_individual_rights([self.pick_user()], self.pick_rights(), by=OPERATOR)

    def copy_access(self) -> None:
        teams.actions.copy_colleague_access(self.pick_user(), self.pick_user(), by=OPERATOR)

    def apply_set(self) -> None:
        authorization_set = AuthorizationSet.objects.create(
            provider=self.office, name=f"Set {uuid7()}", codes=sorted(set(self.pick_rights()))
        )
        do = self.chance.choice([teams.sets.apply_set, teams.sets.replace_with_set])
        targets: list[User | Team] = [self.pick_user(), self.pick_team()]
        do(authorization_set, self.chance.choice(targets), by=OPERATOR)

    def create_team(self) -> None:
        teams.actions.create_team(self.office, name=f"Team {uuid7()}", by=OPERATOR)

    def change_members(self) -> None:
        team = self.pick_team()
        users = [
            user for user in User.objects.filter(provider=self.office).order_by("pk") if not user.is_webservice_user
        ]
        here = [member.user for member in team.members.select_related("user").order_by("pk")]
        teams.actions.change_members(team, add=self.pick_rows(users), remove=self.pick_rows(here)[:1], by=OPERATOR)

    def change_employers(self) -> None:
        team = self.pick_team()
        here = [row.employer for row in team.employers.select_related("employer").order_by("pk")]
        add, remove = self.pick_rows(self.list_employers()), self.pick_rows(here)[:1]
        teams.actions.change_employers(
            team, add=[employer for employer in add if employer not in remove], remove=remove, by=OPERATOR
        )

    def set_team_rights(self) -> None:
        teams.actions.set_team_rights(self.pick_team(), self.pick_rights(), by=OPERATOR)

    def edit_team(self) -> None:
        team = self.pick_team()
        required = self.chance.random() < 0.4
        teams.actions.edit_team(
            team, name=f"Naam {uuid7()}", two_factor_required=required, version=team.version, by=OPERATOR
        )

    def delete_team(self) -> None:
        team = self.chance.choice(list(Team.objects.filter(provider=self.office).exclude(name="Beheer").order_by("pk")))
        teams.actions.delete_team(team, version=team.version, by=OPERATOR)

    def create_employer(self) -> None:
        self.created_count += 1
        products = self.chance.sample(list(Product), self.chance.randint(0, 9))
        teams.employers.create_employer(
            self.office, number=self.created_count, name="Bakkerij", products=products, by=OPERATOR
        )

    def update_employer(self) -> None:
        employer = self.chance.choice(self.list_employers())
        products = self.chance.sample(list(Product), self.chance.randint(0, 9))
        teams.employers.update_employer(
            employer,
            number=employer.number,
            name=f"Slagerij {uuid7()}",
            products=products,
            version=employer.version,
            by=OPERATOR,
        )

    def add_factor(self) -> None:
        user, offer = self.pick_user(login_method=LoginMethod.WEBSITE_SSO), TotpEnrollment.generate()
        factors.add_authenticator_app(user, offer, name="Telefoon", code=code_now(offer.secret), by=actor(user))

    def remove_factor(self) -> None:
        self.add_factor()
        user = self.pick_user(second_factor_at__isnull=False, login_method=LoginMethod.WEBSITE_SSO)
        factors.remove_device(user, self.chance.choice(factors.list_devices(user)).pk, by=actor(user))

    def reset_factors(self) -> None:
        user = self.pick_user(second_factor_at__isnull=False, login_method=LoginMethod.WEBSITE_SSO)
        factors.reset_mfa(user, reason="Kwijt", by=OPERATOR)

    def change_policy(self) -> None:
        office = Provider.objects.get(pk=self.office.pk)
        policy = MfaPolicy(
            self.chance.random() < 0.5,
            self.chance.choice([None, self.pick_day()]),
            self.chance.choice([None, None, 1, 3]),
        )
        fingerprint = office_policy.compute_impact(
            office, policy.with_start_date(MfaPolicy.from_provider(office))
        ).fingerprint
        office_policy.change_policy(office, policy, version=office.version, fingerprint=fingerprint, by=OPERATOR)

    def suspend_office(self) -> None:
        users.suspension.suspend_office(self.office, by=OPERATOR)
        self.take_snapshot()

    def reactivate_office(self) -> None:
        users.suspension.suspend_office(self.office, by=OPERATOR)
        users.suspension.reactivate_office(self.office, by=OPERATOR)

    def erase_user(self) -> None:
        user = self.pick_user()
        users.actions.block_user(user, by=OPERATOR)
        user.refresh_from_db()
        erasure.erase_user(user, by=OPERATOR)


Step = Callable[[RandomHistory], object]
# Each verb that decides about rights, and the steps that make it happen.
STEPS: dict[str, list[Step]] = {
    Verb.USER_CREATED: [
        RandomHistory.create_azure_user,
        RandomHistory.create_webservice_user,
        RandomHistory.create_users_in_bulk,
        RandomHistory.invite_user,
        RandomHistory.invite_user,
    ],
    Verb.USER_CHANGED: [RandomHistory.edit_user, RandomHistory.edit_user],
    Verb.USER_BLOCKED: [RandomHistory.block_user],
    Verb.USER_UNBLOCKED: [RandomHistory.unblock_user],
    Verb.LOGIN_METHOD_CHANGED: [RandomHistory.change_to_azure, RandomHistory.change_to_website],
    Verb.INVITATION_ACCEPTED: [
        RandomHistory.accept_invitation,
        RandomHistory.accept_invitation,
        RandomHistory.accept_invitation,
    ],
    Verb.RIGHTS_CHANGED: [
        RandomHistory.set_individual_rights,
        RandomHistory.give_individual_rights,
        RandomHistory.copy_access,
    ],
    Verb.TEAM_CREATED: [RandomHistory.create_team],
    Verb.TEAM_CHANGED: [
        RandomHistory.change_members,
        RandomHistory.change_members,
        RandomHistory.change_members,
        RandomHistory.change_employers,
        RandomHistory.change_employers,
        RandomHistory.set_team_rights,
        RandomHistory.apply_set,
        RandomHistory.edit_team,
    ],
    Verb.TEAM_DELETED: [RandomHistory.delete_team],
    Verb.EMPLOYER_CREATED: [RandomHistory.create_employer],
    Verb.EMPLOYER_CHANGED: [RandomHistory.update_employer],
    Verb.FACTOR_ADDED: [RandomHistory.add_factor],
    Verb.FACTOR_REMOVED: [RandomHistory.remove_factor],
    Verb.FACTORS_RESET: [RandomHistory.reset_factors],
    Verb.PROVIDER_CHANGED: [RandomHistory.change_policy],
    Verb.PROVIDER_SUSPENDED: [RandomHistory.suspend_office],
    Verb.PROVIDER_REACTIVATED: [RandomHistory.reactivate_office],
    Verb.USER_ERASED: [RandomHistory.erase_user],
}
