"""A random attacker without manage_provider never gains a right that they did not have, as any user.

The attacker has the passwords of several colleagues, webservice users and all new users, and calls any action with rows
of two offices.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import invitations.actions
import teams.actions
import users.actions
import users.login_methods
from accounts.models import LoginMethod, Provider, User
from accounts.user_details import UserDetails
from core.errors import EditConflict
from permissions import checks
from permissions.catalog import Right
from permissions.checks import LastAdministrator
from permissions.models import AuthorizationSet, Employer, IndividualRight, Team
from permissions.products import Product
from teams import deviations, employers, initial_access, sets
from tests.helpers.login_methods import GOOD, PERSON
from tests.helpers.random_offices import RandomOffice, assign_access, fetch_rows
from tests.helpers.users import actor, make_user

REFUSALS = (
    PermissionDenied,
    LastAdministrator,
    EditConflict,
    ValidationError,
    deviations.RightsWouldChange,
    ValueError,
)
SOME = [
    Right.MANAGE_PROVIDER, Right.VIEW_USERS, Right.MANAGE_TEAMS, Right.GRANT_RIGHTS, Right.VIEW_BILLING,
    Right.VIEW_WAGES, Right.EXPORT_JOURNAL, Right.MANAGE_EMPLOYERS, Right.MANAGE_SETS, Right.MANAGE_USERS,
]  # fmt: skip
CHOICE = st.integers(0, 10**6)
SEVERAL = st.sets(st.sampled_from(SOME), max_size=3)


def offices() -> tuple[RandomOffice, RandomOffice]:
    """Create an office with an administrator, two powerful attackers, a webservice user and colleagues; and another."""
    made = []
    for name in ("Kantoor", "Elders"):
        office = Provider.objects.create(name=name)
        boss = make_user(office, Right.MANAGE_PROVIDER, username=f"baas {name}")
        office.established_at = boss.accepted_at
        office.save()
        people = [make_user(office, username=f"{name} {number}") for number in range(4)]
        people.append(make_user(office, username=f"{name} machine", login_method=LoginMethod.SSO_WEBSERVICE))
        places = [Employer.objects.create(provider=office, number=n, name=f"W{n}", products=[940]) for n in range(3)]
        made.append(
            RandomOffice(
                office, [*people, boss], places, [Team.objects.create(provider=office, name=f"T{n}") for n in range(4)]
            )
        )
    return made[0], made[1]


class Attack(RuleBasedStateMachine):
    """The attackers are the first two colleagues and the webservice user; they have rights and perform any action."""

    @initialize(seed=CHOICE)
    def begin(self, seed: int) -> None:
        """Fill two offices at random; only the administrators manage them."""
        chance = Random(seed)  # noqa: S311
        self.random_office, self.other = offices()
        self.accomplices: list[User] = []
        for random_office in (self.random_office, self.other):
            assign_access(random_office, chance, 6)
            IndividualRight.objects.filter(provider=random_office.provider, right=Right.MANAGE_PROVIDER).exclude(
                user=random_office.users[-1]
            ).delete()
            for team in random_office.teams[:-1]:
                team.rights.filter(right=Right.MANAGE_PROVIDER).delete()
            managing = random_office.teams[-1]
            managing.rights.get_or_create(provider=random_office.provider, right=Right.MANAGE_PROVIDER)
            managing.members.exclude(user=random_office.users[-1]).delete()
        for user in self.attackers:
            for right in chance.sample(SOME[1:], 6):
                IndividualRight.objects.get_or_create(provider=self.random_office.provider, user=user, right=right)
        self.sets = [
            AuthorizationSet.objects.create(
                provider=self.random_office.provider, name=str(n), codes=chance.sample(SOME, 3)
            )
            for n in range(2)
        ]
        self.before = self.loot()
        assert not any(right == Right.MANAGE_PROVIDER for _employer, right in self.before)

    @property
    def attackers(self) -> list[User]:
        """Users whose password the attacker has, and users with the attacker's mailbox."""
        return [
            self.random_office.users[0],
            self.random_office.users[1],
            self.random_office.users[4],
            *self.accomplices,
        ]

    def loot(self) -> set[tuple[Any, str]]:
        """Return the attackers' combined rights, computed in plain Python over the rows."""
        rows, found = fetch_rows(self.random_office.provider), set()
        for user in self.attackers:
            teams_of = {team for team, member in rows.members if member == user.pk}
            codes = {code for one, code in rows.own if one == user.pk}
            gives = {code for team, code in rows.gives if team in teams_of}
            found |= {(None, code) for code in codes | gives}
            for team, employer in rows.places:
                if team in teams_of:
                    found |= {(employer, code) for code in codes | {c for t, c in rows.gives if t == team}}
        return {
            (employer, code) for employer, code in found if (employer is None) or Right(code).level.value == "employer"
        }

    def pick(self, rows: list[Any], foreign: list[Any], number: int) -> Any:
        """Return one of `rows`, sometimes of the other office."""
        return foreign[number % len(foreign)] if number % 11 == 0 else rows[number % len(rows)]

    def attempt(self, change: Callable[[], Any]) -> None:
        """Try an action, which may be refused."""
        try:
            change()
        except REFUSALS:
            return

    @rule(who=CHOICE, team=CHOICE, person=CHOICE, add=st.booleans())
    def members(self, who: int, team: int, person: int, add: bool) -> None:
        """Change the members of a team."""
        target, user = self.team(team), self.user(person)
        how = {"add": [user]} if add else {"remove": [user]}
        self.attempt(lambda: teams.actions.change_members(target, by=self.by(who), **how))

    @rule(who=CHOICE, team=CHOICE, place=CHOICE, add=st.booleans())
    def places(self, who: int, team: int, place: int, add: bool) -> None:
        """Change the employers of a team."""
        target, employer = self.team(team), self.pick(self.random_office.employers, self.other.employers, place)
        how = {"add": [employer]} if add else {"remove": [employer]}
        self.attempt(lambda: teams.actions.change_employers(target, by=self.by(who), **how))

    @rule(who=CHOICE, team=CHOICE, wanted=SEVERAL)
    def team_rights(self, who: int, team: int, wanted: set[Right]) -> None:
        """Change the rights of a team."""
        target = self.team(team)
        keep = {Right(code) for code in target.rights.values_list("right", flat=True)}
        self.attempt(lambda: teams.actions.set_team_rights(target, keep | wanted, by=self.by(who)))

    @rule(who=CHOICE, person=CHOICE, wanted=SEVERAL)
    def individual(self, who: int, person: int, wanted: set[Right]) -> None:
        """Grant individual rights to a user."""
        user = self.user(person)
        self.attempt(
            lambda: teams.actions.set_individual_rights(user, checks.individual_rights(user) | wanted, by=self.by(who))
        )

    @rule(who=CHOICE, person=CHOICE, like=CHOICE)
    def like(self, who: int, person: int, like: int) -> None:
        """Give a user the access of another user."""
        self.attempt(lambda: teams.actions.copy_colleague_access(self.user(person), self.user(like), by=self.by(who)))

    @rule(who=CHOICE, one=CHOICE, to=CHOICE, equal=st.booleans(), contents=SEVERAL)
    def a_set(self, who: int, one: int, to: int, equal: bool, contents: set[Right]) -> None:
        """Change a set, then apply it to a team or a user."""
        chosen = self.sets[one % 2]
        chosen.refresh_from_db()
        self.attempt(
            lambda: sets.update_set(
                chosen, name=chosen.name, contents=contents, version=chosen.version, by=self.by(who)
            )
        )
        row = self.team(to) if to % 2 else self.user(to)
        self.attempt(lambda: (sets.replace_with_set if equal else sets.apply_set)(chosen, row, by=self.by(who)))

    @rule(who=CHOICE, name=CHOICE, place=CHOICE)
    def new_ones(self, who: int, name: int, place: int) -> None:
        """Create a team and an employer, link them, and turn on a product."""
        by = self.by(who)

        def make() -> None:
            team = teams.actions.create_team(self.random_office.provider, name=f"N{name}", by=by)
            self.random_office.teams.append(team)
            employer = employers.create_employer(
                self.random_office.provider, number=name + 10, name="N", by=by, products=list(Product)
            )
            self.random_office.employers.append(employer)
            teams.actions.change_employers(team, add=[employer], by=by)

        self.attempt(make)

    @rule(who=CHOICE, name=CHOICE, team=CHOICE, one=CHOICE, wanted=SEVERAL, machine=st.booleans())
    def newcomer(self, who: int, name: int, team: int, one: int, wanted: set[Right], machine: bool) -> None:
        """Create a webservice user with a known password, or invite the attacker, with teams, a set and rights."""
        by, office = self.by(who), self.pick([self.random_office.provider], [self.other.provider], who)
        wanted = wanted if name % 3 else wanted & checks.get_grantable_rights(self.attackers[who % len(self.attackers)])
        chosen = {"teams": [] if team % 3 else [self.team(team)], "individual": wanted}
        assign = partial(
            initial_access.assign_initial_access, **chosen, authorization_set=[None, None, *self.sets][one % 4], by=by
        )

        def make() -> None:
            if machine:
                how = {"username": f"machine {name}", "password": GOOD}
                made = users.login_methods.create_webservice_user(
                    office, details=PERSON, by=by, assign_initial_access=assign, **how
                )
            else:
                made = invitations.actions.invite_user(
                    office,
                    details=PERSON,
                    mobile_number="+31612345678",
                    by=by,
                    assign_initial_access=assign,
                )
            self.accomplices.append(made)

        self.attempt(make)

    @rule(who=CHOICE, team=CHOICE, person=CHOICE)
    def ends(self, who: int, team: int, person: int) -> None:
        """Delete a team, block a user, or end a user's access."""
        target, user = self.team(team), self.user(person)
        self.attempt(lambda: teams.actions.delete_team(target, version=target.version, by=self.by(who)))
        self.attempt(lambda: users.actions.block_user(user, by=self.by(who)))
        details = UserDetails(access_until=user.created_at.date())
        self.attempt(
            lambda: users.actions.edit_user(
                user, details=details, email=user.email, version=user.version, by=self.by(who)
            )
        )

    @rule(who=CHOICE, name=CHOICE)
    def tidy(self, who: int, name: int) -> None:
        """Revoke redundant rights, or replace a group by a team."""
        self.attempt(lambda: deviations.revoke_superfluous_rights(self.random_office.users, by=self.by(who)))
        for group in deviations.find_shared_rights_groups(self.random_office.provider):
            self.attempt(
                lambda group=group: deviations.replace_rights_by_team(
                    self.random_office.provider, group, name=f"G{name}", by=self.by(who)
                )
            )

    def by(self, who: int) -> Any:
        """Return one of the attackers as an actor."""
        return actor(self.attackers[who % len(self.attackers)])

    def user(self, number: int) -> User:
        """Return the current state of a user."""
        return User.objects.get(pk=self.pick(self.random_office.users, self.other.users, number).pk)

    def team(self, number: int) -> Team:
        """Return the current state of a team, or its last one if it was deleted."""
        known = self.pick(self.random_office.teams, self.other.teams, number)
        return Team.objects.filter(pk=known.pk).first() or known

    @invariant()
    def nobody_grew(self) -> None:
        """The attackers together have no right that they did not have at the start."""
        if hasattr(self, "before"):
            assert self.loot() <= self.before, self.loot() - self.before

    @invariant()
    def an_administrator_remains(self) -> None:
        """Both offices still have an administrator."""
        if hasattr(self, "before"):
            assert checks.has_administrator(self.random_office.provider)
            assert checks.has_administrator(self.other.provider)


@pytest.mark.parametrize(
    ("examples", "steps"), [(4, 15), pytest.param(60, 40, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_an_attacker_never_grows(transactional_machine: Any, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        transactional_machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.fixture
def transactional_machine(db: None) -> type[Attack]:
    """The state machine, with each example in a transaction that is rolled back."""
    from django.db import transaction

    class Undone(Attack):
        def __init__(self) -> None:
            super().__init__()
            self.atomic = transaction.atomic()
            self.atomic.__enter__()

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    return Undone
