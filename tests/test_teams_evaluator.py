"""The evaluator against a second one in plain Python, over random offices; and how many queries a question takes."""

from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Provider, User
from teams import rights
from teams.evaluator import matrix, who_has
from teams.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from teams.resting import AT_ONCE
from teams.rights import Right, TwoFactorRules
from tests import worlds
from tests.people import make_user

pytestmark = pytest.mark.django_db
RIGHTS = list(Right)


def agree(seed: int, *, single: int) -> int:
    """Compare every triple of a random office, `single` of them with `may` by itself; return how many triples."""
    chance = Random(seed)  # noqa: S311 worlds, not secrets
    world = worlds.make_world(chance)
    worlds.make_world(chance)  # another office, that is never seen
    rows, triples = worlds.fetch(world.provider), 0
    for user in world.users:
        for employer in [None, *world.employers]:
            found = rights.effective_rights(user) if employer is None else rights.effective_rights_at(user, employer)
            key = employer and employer.pk
            expected = {right for right in RIGHTS if worlds.may(rows, user.pk, right, key)}
            assert found == expected
            triples += len(RIGHTS)
    for _number in range(single):
        user, right = chance.choice(world.users), chance.choice(RIGHTS)
        employer = chance.choice([None, *world.employers])
        key = employer and employer.pk
        assert rights.may(user, right, employer) == worlds.may(rows, user.pk, right, key)
    return triples


def test_both_evaluators_agree_on_100_000_triples() -> None:
    triples = seed = 0
    while triples < 100_000:
        triples += agree(seed, single=40)
        seed += 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(min_value=10**6))
def test_both_evaluators_agree_on_worlds_of_hypothesis(seed: int) -> None:
    agree(seed, single=10)


@pytest.mark.slow
def test_may_agrees_by_itself() -> None:
    for seed in range(50):
        agree(seed + 5000, single=400)


def test_lists_agree_with_single_questions() -> None:
    for seed in range(10):
        chance = Random(seed)  # noqa: S311 worlds, not secrets
        world = worlds.make_world(chance)
        rows = worlds.fetch(world.provider)
        for employer in [None, *world.employers]:
            key = employer and employer.pk
            for right in chance.sample(RIGHTS, 12):
                able = {user.pk for user in world.users if worlds.may(rows, user.pk, right, key)}
                assert {user.pk for user in who_has(world.provider, right, employer)} == able
            shown = matrix(world.provider, employer)
            for user in world.users:
                held = shown.held.get(user.pk, frozenset()) if user.pk not in shown.resting else frozenset()
                assert held == {right for right in RIGHTS if worlds.may(rows, user.pk, right, key)}
            assert {user.pk for user in shown.users} == set(shown.held)


@pytest.fixture
def employer(office: Provider) -> Employer:
    return Employer.objects.create(provider=office, number=7, name="Bakkerij Smit", products=[940])


def give(office: Provider, user: User, employer: Employer, *given: Right, name: str = "Loon") -> Team:
    team = Team.objects.create(provider=office, name=name)
    TeamMember.objects.create(provider=office, team=team, user=user)
    TeamEmployer.objects.create(provider=office, team=team, employer=employer)
    TeamRight.objects.bulk_create(TeamRight(provider=office, team=team, right=right) for right in given)
    return team


def test_a_question_is_one_query_however_many_teams(office: Provider, bob: User, employer: Employer) -> None:
    for number in range(30):
        give(office, bob, employer, Right.VIEW_WAGES, Right.VIEW_TEAMS, name=f"Team {number}")
    for ask in (
        lambda: rights.effective_rights(bob),
        lambda: rights.effective_rights_at(bob, employer),
        lambda: rights.may(bob, Right.VIEW_TEAMS),
        lambda: rights.may(bob, Right.VIEW_WAGES, employer),
        lambda: rights.may(bob, Right.EXPORT_JOURNAL, employer),
        lambda: rights.resting(bob),
    ):
        with CaptureQueriesContext(connection) as queries:
            ask()
        assert len(queries) == 1


def test_an_individual_right_alone_brings_nobody_to_an_employer(
    office: Provider, bob: User, employer: Employer
) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_WAGES)
    assert not rights.may(bob, Right.VIEW_WAGES, employer)
    give(office, bob, employer)
    assert rights.may(bob, Right.VIEW_WAGES, employer)


def test_a_right_has_no_effect_where_its_product_is_off(office: Provider, bob: User, employer: Employer) -> None:
    give(office, bob, employer, Right.EXPORT_JOURNAL, Right.HANDLE_LEAVE)
    assert rights.effective_rights_at(bob, employer) == {Right.EXPORT_JOURNAL}
    Employer.objects.update(products=[80])
    assert rights.may(bob, Right.HANDLE_LEAVE, employer)
    assert not rights.may(bob, Right.EXPORT_JOURNAL, employer)


def test_a_right_of_the_other_level_is_never_there(office: Provider, bob: User, employer: Employer) -> None:
    give(office, bob, employer, Right.VIEW_WAGES, Right.VIEW_TEAMS)
    assert not rights.may(bob, Right.VIEW_WAGES)
    assert not rights.may(bob, Right.VIEW_TEAMS, employer)
    assert not who_has(office, Right.VIEW_WAGES).exists()


def test_managing_the_office_brings_its_own_rights_and_no_payroll(alice: User, office: Provider) -> None:
    employer = Employer.objects.create(provider=office, number=7, name="Bakkerij Smit")
    assert rights.may(alice, Right.REVIEW_ACCESS)
    assert not rights.may(alice, Right.RUN_PAYROLL_COLLECTIVELY)
    assert not rights.may(alice, Right.VIEW_WAGES, employer)
    assert rights.held_rights(alice) == frozenset(Right)


def test_an_employer_of_another_office_is_never_reached(
    charlie: User, bob: User, office: Provider, employer: Employer
) -> None:
    give(office, bob, employer, Right.VIEW_WAGES)
    foreign = Employer.objects.create(provider=charlie.provider, number=7, name="Elders")
    assert not rights.may(bob, Right.VIEW_WAGES, foreign)
    assert not rights.may(charlie, Right.VIEW_WAGES, employer)


def test_a_code_that_the_catalogue_lost_gives_nothing(office: Provider, bob: User, employer: Employer) -> None:
    team = give(office, bob, employer)
    TeamRight.objects.create(provider=office, team=team, right="was_once")
    IndividualRight.objects.create(provider=office, user=bob, right="was_once")
    assert not rights.effective_rights(bob)
    assert not rights.effective_rights_at(bob, employer)
    assert not rights.held_rights(bob)
    assert not matrix(office).users


def test_two_factor_asked_by_a_team_rests_all_rights(office: Provider, bob: User, employer: Employer) -> None:
    team = give(office, bob, employer, Right.VIEW_WAGES)
    make_user(office, username="ander")
    assert not rights.two_factor_rules(bob)
    Team.objects.filter(pk=team.pk).update(two_factor_required=True)
    assert rights.two_factor_rules(bob) == TwoFactorRules(by_team=AT_ONCE, teams=["Loon"])
    assert rights.resting(bob) is not None
    assert not rights.may(bob, Right.VIEW_WAGES, employer)


def test_no_row_joins_two_offices(office: Provider, bob: User, charlie: User, employer: Employer) -> None:
    from django.db import IntegrityError, transaction

    theirs = Team.objects.create(provider=charlie.provider, name="Elders")
    ours = Team.objects.create(provider=office, name="Ons")
    wrong = [
        lambda: TeamMember.objects.create(provider=office, team=theirs, user=bob),
        lambda: TeamMember.objects.create(provider=office, team=ours, user=charlie),
        lambda: TeamEmployer.objects.create(provider=charlie.provider, team=theirs, employer=employer),
        lambda: TeamRight.objects.create(provider=office, team=theirs, right="view_users"),
    ]
    for make in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():  # noqa: PT012
            make()
            connection.check_constraints()


def test_the_catalogue_is_whole() -> None:
    from teams.catalogue import EMPLOYER_RIGHTS, OFFICE_RIGHTS, PROVIDER_RIGHTS

    assert len({str(right.label) for right in Right}) == len(RIGHTS)
    assert all(0 < len(str(right.label)) <= 50 and str(right.permits) for right in Right)
    assert all(len(right.value) <= 40 for right in Right)
    assert frozenset(RIGHTS) == PROVIDER_RIGHTS | EMPLOYER_RIGHTS
    assert len(OFFICE_RIGHTS) == 12
    assert all(right.ak_only for right in PROVIDER_RIGHTS)
    assert not any(right.products for right in PROVIDER_RIGHTS)
