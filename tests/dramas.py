"""Random histories: an office to which everything happens by the real actions, and what everybody could do."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

import accounts.actions
import accounts.closing
import invitations.actions
import invitations.kinds
import teams.actions
import teams.employers
import teams.sets
from accounts import erasing, kinds, many
from accounts.actions import Stale
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.models import Verb
from invitations import accepting
from invitations.models import Invitation
from loket.ids import uuid7
from signin.factors import actions as factors
from signin.factors import policies
from signin.factors.actions import LastFactor
from signin.factors.policies import Policy
from signin.factors.totp import Offer
from teams import rights
from teams.catalogue import Right
from teams.models import AuthorizationSet, Employer, Team
from teams.past import Standing
from teams.products import Product
from teams.rights import LastAdministrator
from tests.factors import code_now
from tests.invited import NUMBER, body_of, token_of
from tests.people import actor

PASSWORD = "Zonnebloem-42-Wolk"
BEGIN = datetime.fromisoformat("2026-03-20T09:00:00+01:00")
OPERATOR = actor()
RIGHTS = list(Right)


@dataclass(frozen=True)
class Snapshot:
    """What everybody could do at a moment."""

    moment: datetime
    standings: dict[UUID, Standing]


class Drama:
    """One office, whose steps are chosen by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)  # noqa: S311 histories, not secrets
        self.snapshots: list[Snapshot] = []
        self.made = 0
        with time_machine.travel(BEGIN, tick=False):
            self._begin(seed)

    def _begin(self, seed: int) -> None:
        self.office = accounts.actions.create_provider(f"Kantoor {seed}", by=OPERATOR)
        self.tenant = ExternalTenant.objects.create(
            provider=self.office, name="Entra", tenant_id=uuid7(), proved_at=timezone.now(), proved_how="support"
        )
        accounts.actions.change_keeping(self.office, erase_after_months=0, checkpoint_addresses="", by=OPERATOR)
        first = self._azure()
        team = teams.actions.create_team(self.office, name="Beheer", by=OPERATOR)
        teams.actions.set_team_rights(team, [Right.MANAGE_PROVIDER, Right.VIEW_TEAMS], by=OPERATOR)
        teams.actions.change_members(team, add=[first], by=OPERATOR)
        Provider.objects.filter(pk=self.office.pk).update(established_at=timezone.now())

    def play(self, rounds: int) -> list[Snapshot]:
        """Take each step so many times, in any order and some time apart; return what was seen on the way."""
        steps = [step for of_verb in STEPS.values() for step in of_verb] * rounds
        self.chance.shuffle(steps)
        with time_machine.travel(BEGIN, tick=False) as clock:
            self.look()
            for step in steps:
                clock.shift(timedelta(minutes=self.chance.choice([1, 7, 60, 60 * 20, 60 * 49])))
                if self.chance.random() < 0.3:
                    self.look()
                    clock.shift(timedelta(minutes=1))
                with suppress(
                    ValidationError,
                    PermissionDenied,
                    LastAdministrator,
                    LastFactor,
                    Stale,
                    policies.Refused,
                    IndexError,
                ):
                    step(self)
                self.look()
        return self.snapshots

    def look(self) -> None:
        """Ask the evaluator about everybody, as it is now."""
        employers, seen = list(Employer.objects.filter(provider=self.office)), {}
        for user in User.objects.filter(provider=self.office).select_related("provider"):
            places = {employer.pk: rights.effective_rights_at(user, employer) for employer in employers}
            seen[user.pk] = Standing(
                rights.resting(user), rights.effective_rights(user), {id: held for id, held in places.items() if held}
            )
        self.snapshots.append(Snapshot(timezone.now(), seen))

    def someone(self, **which: object) -> User:
        """Return somebody of the office. Raises IndexError when there is nobody."""
        people = User.objects.filter(provider=self.office, **which).select_related("provider").order_by("pk")
        return self.chance.choice(list(people))

    def some(self, rows: list[object]) -> list[object]:
        return self.chance.sample(rows, min(len(rows), self.chance.randint(0, 3)))

    def some_rights(self) -> list[Right]:
        often = [Right.MANAGE_PROVIDER, Right.EXPORT_JOURNAL, Right.HANDLE_LEAVE, Right.VIEW_WAGES]
        return self.chance.sample(often, self.chance.randint(0, 3)) + self.chance.sample(RIGHTS, 3)

    def team(self) -> Team:
        return self.chance.choice(list(Team.objects.filter(provider=self.office).order_by("pk")))

    def employers(self) -> list[Employer]:
        return list(Employer.objects.filter(provider=self.office).order_by("pk"))

    def details(self) -> dict[str, object]:
        self.made += 1
        details = {"initials": "A.", "last_name": f"Jansen {self.made}", "email": f"u{self.made}@example.nl"}
        if self.chance.random() < 0.3:
            details["access_until"] = self.day()
        return details

    def username(self) -> str:
        return f"{self.office.pk} {self.made}"

    def day(self) -> object:
        return timezone.localdate() + timedelta(days=self.chance.choice([0, 1, 3, 30]))

    # Steps; each is one thing that an action does.

    def _azure(self) -> User:
        return kinds.create_azure_user(
            self.office, details=self.details(), username=self.username(), tenant=self.tenant,
            external_user_id=uuid7(), by=OPERATOR,
        )  # fmt: skip

    def webservice(self) -> None:
        kinds.create_webservice_user(
            self.office, details=self.details(), username=self.username(), password=PASSWORD, by=OPERATOR
        )

    def several(self) -> None:
        one = many.NewAzureUser(self.details(), self.username(), self.tenant, uuid7())
        many.create_azure_users(self.office, [one], by=OPERATOR)
        one = many.NewWebserviceUser(self.details(), self.username(), PASSWORD)
        many.create_webservice_users(self.office, [one], by=OPERATOR)

    def invite(self) -> None:
        details = self.details() | {"two_factor_required": self.chance.random() < 0.3}
        invitations.actions.invite(self.office, details=details, mobile_number=NUMBER, by=OPERATOR)

    def accept(self) -> None:
        user = self.someone(accepted_at=None, blocked_at=None)
        invitations.actions.resend(user, mobile_number=NUMBER, email=user.email, by=OPERATOR)
        invitation = Invitation.objects.select_related("message").get(user=user)
        token = token_of(invitation)
        accepting.send_code(invitation, token=token, browser="b", by=OPERATOR)
        code = body_of(invitation.codes.latest("pk").message)["text"][:6]
        assert accepting.try_code(invitation, code=code, browser="b", by=OPERATOR)
        self.made += 1
        accepting.accept(invitation, browser="b", username=self.username(), password=PASSWORD, by=OPERATOR)

    def edit(self) -> None:
        user = self.someone()
        details: dict[str, object] = {"last_name": f"Anders {self.made}"}
        details["access_until"] = self.chance.choice([None, self.day()])
        if user.is_website_user:
            details["two_factor_required"] = self.chance.random() < 0.4
        accounts.actions.edit(user, details=details, email=user.email, version=user.version, by=OPERATOR)

    def block(self) -> None:
        accounts.actions.block(self.someone(blocked_at=None), by=OPERATOR)

    def unblock(self) -> None:
        self.block()
        accounts.actions.unblock(self.someone(blocked_at__isnull=False), by=OPERATOR)

    def to_azure(self) -> None:
        self.made += 1
        invitations.kinds.to_azure(
            self.someone(), tenant=self.tenant, external_user_id=uuid7(), username=self.username(), by=OPERATOR
        )

    def to_website(self) -> None:
        user = self.someone(login_method=LoginMethod.AZURE_AD)
        invitations.kinds.to_website(user, mobile_number=NUMBER, by=OPERATOR)

    def individual(self) -> None:
        teams.actions.set_individual_rights(self.someone(), self.some_rights(), by=OPERATOR)

    def give(self) -> None:
        teams.actions.give_individual_rights([self.someone()], self.some_rights(), by=OPERATOR)

    def make_like(self) -> None:
        teams.actions.make_like(self.someone(), self.someone(), by=OPERATOR)

    def apply_set(self) -> None:
        made = AuthorizationSet.objects.create(
            provider=self.office, name=f"Set {uuid7()}", codes=sorted(set(self.some_rights()))
        )
        do = self.chance.choice([teams.sets.apply, teams.sets.make_equal])
        do(made, self.chance.choice([self.someone(), self.team()]), by=OPERATOR)

    def new_team(self) -> None:
        teams.actions.create_team(self.office, name=f"Team {uuid7()}", by=OPERATOR)

    def members(self) -> None:
        team = self.team()
        people = [
            user for user in User.objects.filter(provider=self.office).order_by("pk") if not user.is_webservice_user
        ]
        here = [member.user for member in team.members.select_related("user").order_by("pk")]
        teams.actions.change_members(team, add=self.some(people), remove=self.some(here)[:1], by=OPERATOR)

    def places(self) -> None:
        team = self.team()
        here = [row.employer for row in team.employers.select_related("employer").order_by("pk")]
        add, remove = self.some(self.employers()), self.some(here)[:1]
        teams.actions.change_employers(team, add=[one for one in add if one not in remove], remove=remove, by=OPERATOR)

    def team_rights(self) -> None:
        teams.actions.set_team_rights(self.team(), self.some_rights(), by=OPERATOR)

    def edit_team(self) -> None:
        team = self.team()
        required = self.chance.random() < 0.4
        teams.actions.edit_team(
            team, name=f"Naam {uuid7()}", two_factor_required=required, version=team.version, by=OPERATOR
        )

    def delete_team(self) -> None:
        team = self.chance.choice(list(Team.objects.filter(provider=self.office).exclude(name="Beheer").order_by("pk")))
        teams.actions.delete_team(team, version=team.version, by=OPERATOR)

    def new_employer(self) -> None:
        self.made += 1
        products = self.chance.sample(list(Product), self.chance.randint(0, 9))
        teams.employers.create(self.office, number=self.made, name="Bakkerij", products=products, by=OPERATOR)

    def employer(self) -> None:
        one = self.chance.choice(self.employers())
        products = self.chance.sample(list(Product), self.chance.randint(0, 9))
        teams.employers.change(
            one, number=one.number, name=f"Slagerij {uuid7()}", products=products, version=one.version, by=OPERATOR
        )

    def factor(self) -> None:
        user, offer = self.someone(login_method=LoginMethod.WEBSITE_SSO), Offer.new()
        factors.add_app(user, offer, name="Telefoon", code=code_now(offer.secret), by=actor(user))

    def no_factor(self) -> None:
        self.factor()
        user = self.someone(second_factor_at__isnull=False, login_method=LoginMethod.WEBSITE_SSO)
        factors.remove(user, self.chance.choice(factors.devices_of(user)).pk, by=actor(user))

    def reset(self) -> None:
        user = self.someone(second_factor_at__isnull=False, login_method=LoginMethod.WEBSITE_SSO)
        factors.reset(user, reason="Kwijt", by=OPERATOR)

    def policy(self) -> None:
        office = Provider.objects.get(pk=self.office.pk)
        policy = Policy(
            self.chance.random() < 0.5, self.chance.choice([None, self.day()]), self.chance.choice([None, None, 1, 3])
        )
        seen = policies.effect(office, policy.begun(Policy.of(office))).seen
        policies.change(office, policy, version=office.version, seen=seen, by=OPERATOR)

    def close(self) -> None:
        accounts.closing.close(self.office, by=OPERATOR)
        self.look()

    def reopen(self) -> None:
        accounts.closing.close(self.office, by=OPERATOR)
        accounts.closing.reopen(self.office, by=OPERATOR)

    def erase(self) -> None:
        user = self.someone()
        accounts.actions.block(user, by=OPERATOR)
        user.refresh_from_db()
        erasing.erase(user, by=OPERATOR)


Step = Callable[[Drama], object]
# Each verb that decides about rights, and the steps that make it happen.
STEPS: dict[str, list[Step]] = {
    Verb.USER_CREATED: [Drama._azure, Drama.webservice, Drama.several, Drama.invite, Drama.invite],
    Verb.USER_CHANGED: [Drama.edit, Drama.edit],
    Verb.USER_BLOCKED: [Drama.block],
    Verb.USER_UNBLOCKED: [Drama.unblock],
    Verb.KIND_CHANGED: [Drama.to_azure, Drama.to_website],
    Verb.INVITATION_ACCEPTED: [Drama.accept, Drama.accept, Drama.accept],
    Verb.RIGHTS_CHANGED: [Drama.individual, Drama.give, Drama.make_like],
    Verb.TEAM_CREATED: [Drama.new_team],
    Verb.TEAM_CHANGED: [
        Drama.members, Drama.members, Drama.members, Drama.places, Drama.places, Drama.team_rights, Drama.apply_set,
        Drama.edit_team,
    ],
    Verb.TEAM_DELETED: [Drama.delete_team],
    Verb.EMPLOYER_CREATED: [Drama.new_employer],
    Verb.EMPLOYER_CHANGED: [Drama.employer],
    Verb.FACTOR_ADDED: [Drama.factor],
    Verb.FACTOR_REMOVED: [Drama.no_factor],
    Verb.FACTORS_RESET: [Drama.reset],
    Verb.PROVIDER_CHANGED: [Drama.policy],
    Verb.PROVIDER_CLOSED: [Drama.close],
    Verb.PROVIDER_REOPENED: [Drama.reopen],
    Verb.USER_ERASED: [Drama.erase],
}  # fmt: skip
