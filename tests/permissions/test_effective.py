"""Effective rights compared with plain Python over random offices, and query counts."""

from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Provider, User
from permissions import checks
from permissions.checks import Right, TwoFactorRules
from permissions.effective import build_matrix, filter_right_holders
from permissions.grants_sql import GRANTS_VIEW_SQL
from permissions.inactive import IMMEDIATE_DATE
from permissions.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from tests.helpers import random_offices
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
RIGHTS = list(Right)


def agree(seed: int, *, single: int) -> int:
    """Compare every triple of a random office, `single` of them with separate `may` calls; return their number."""
    chance = Random(seed)  # noqa: S311 test data, not secrets
    random_office = random_offices.make_random_office(chance)
    random_offices.make_random_office(chance)  # another office, that is never seen
    rows, triples = random_offices.fetch_rows(random_office.provider), 0
    for user in random_office.users:
        for employer in [None, *random_office.employers]:
            found = checks.effective_rights(user) if employer is None else checks.effective_rights_at(user, employer)
            key = employer and employer.pk
            expected = {right for right in RIGHTS if random_offices.can_use_right(rows, user.pk, right, key)}
            assert found == expected
            triples += len(RIGHTS)
    for _number in range(single):
        user, right = chance.choice(random_office.users), chance.choice(RIGHTS)
        employer = chance.choice([None, *random_office.employers])
        key = employer and employer.pk
        assert checks.has_right(user, right, employer) == random_offices.can_use_right(rows, user.pk, right, key)
    return triples


@pytest.mark.slow
def test_both_evaluators_agree_on_100_000_triples() -> None:
    triples = seed = 0
    while triples < 100_000:
        triples += agree(seed, single=40)
        seed += 1


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(min_value=10**6))
def test_both_evaluators_agree_on_worlds_of_hypothesis(seed: int) -> None:
    agree(seed, single=10)


@pytest.mark.slow
def test_may_agrees_by_itself() -> None:
    for seed in range(50):
        agree(seed + 5000, single=400)


@pytest.mark.slow
def test_lists_agree_with_single_questions() -> None:
    for seed in range(10):
        chance = Random(seed)  # noqa: S311 test data, not secrets
        random_office = random_offices.make_random_office(chance)
        rows = random_offices.fetch_rows(random_office.provider)
        for employer in [None, *random_office.employers]:
            key = employer and employer.pk
            for right in chance.sample(RIGHTS, 12):
                able = {
                    user.pk for user in random_office.users if random_offices.can_use_right(rows, user.pk, right, key)
                }
                works = employer is None or right.works_with(employer.products)
                holders = filter_right_holders(random_office.provider, right, employer).filter(inactive_reason=None)
                assert {user.pk for user in holders if works} == able
            shown = build_matrix(random_office.provider, employer)
            for user in random_office.users:
                held = shown.held.get(user.pk, frozenset()) if user.pk not in shown.inactive_reasons else frozenset()
                assert held == {right for right in RIGHTS if random_offices.can_use_right(rows, user.pk, right, key)}
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
        lambda: checks.effective_rights(bob),
        lambda: checks.effective_rights_at(bob, employer),
        lambda: checks.has_right(bob, Right.VIEW_TEAMS),
        lambda: checks.has_right(bob, Right.VIEW_WAGES, employer),
        lambda: checks.has_right(bob, Right.EXPORT_JOURNAL, employer),
        lambda: checks.get_inactive_reason(bob),
    ):
        with CaptureQueriesContext(connection) as queries:
            ask()
        assert len(queries) == 1


def test_an_individual_right_alone_gives_no_access_to_an_employer(
    office: Provider, bob: User, employer: Employer
) -> None:
    IndividualRight.objects.create(provider=office, user=bob, right=Right.VIEW_WAGES)
    assert not checks.has_right(bob, Right.VIEW_WAGES, employer)
    give(office, bob, employer)
    assert checks.has_right(bob, Right.VIEW_WAGES, employer)


def test_a_right_has_no_effect_where_its_product_is_off(office: Provider, bob: User, employer: Employer) -> None:
    give(office, bob, employer, Right.EXPORT_JOURNAL, Right.HANDLE_LEAVE)
    assert checks.effective_rights_at(bob, employer) == {Right.EXPORT_JOURNAL}
    Employer.objects.update(products=[80])
    assert checks.has_right(bob, Right.HANDLE_LEAVE, employer)
    assert not checks.has_right(bob, Right.EXPORT_JOURNAL, employer)


def test_a_right_of_the_other_level_is_never_there(office: Provider, bob: User, employer: Employer) -> None:
    give(office, bob, employer, Right.VIEW_WAGES, Right.VIEW_TEAMS)
    assert not checks.has_right(bob, Right.VIEW_WAGES)
    assert not checks.has_right(bob, Right.VIEW_TEAMS, employer)
    assert not filter_right_holders(office, Right.VIEW_WAGES).exists()


def test_managing_the_office_brings_its_own_rights_and_no_payroll(alice: User, office: Provider) -> None:
    employer = Employer.objects.create(provider=office, number=7, name="Bakkerij Smit")
    assert checks.has_right(alice, Right.REVIEW_ACCESS)
    assert not checks.has_right(alice, Right.RUN_PAYROLL_COLLECTIVELY)
    assert not checks.has_right(alice, Right.VIEW_WAGES, employer)
    assert checks.held_rights(alice) == frozenset(Right)


def test_an_employer_of_another_office_is_never_reached(
    charlie: User, bob: User, office: Provider, employer: Employer
) -> None:
    give(office, bob, employer, Right.VIEW_WAGES)
    foreign = Employer.objects.create(provider=charlie.provider, number=7, name="Elders")
    assert not checks.has_right(bob, Right.VIEW_WAGES, foreign)
    assert not checks.has_right(charlie, Right.VIEW_WAGES, employer)


def test_a_code_that_the_catalogue_lost_gives_nothing(office: Provider, bob: User, employer: Employer) -> None:
    team = give(office, bob, employer)
    TeamRight.objects.create(provider=office, team=team, right="was_once")
    IndividualRight.objects.create(provider=office, user=bob, right="was_once")
    assert not checks.effective_rights(bob)
    assert not checks.effective_rights_at(bob, employer)
    assert not checks.held_rights(bob)
    assert not build_matrix(office).users


def test_two_factor_asked_by_a_team_rests_all_rights(office: Provider, bob: User, employer: Employer) -> None:
    team = give(office, bob, employer, Right.VIEW_WAGES)
    make_user(office, username="ander")
    assert not checks.two_factor_rules(bob)
    Team.objects.filter(pk=team.pk).update(two_factor_required=True)
    assert checks.two_factor_rules(bob) == TwoFactorRules(by_team=IMMEDIATE_DATE, teams=["Loon"])
    assert checks.get_inactive_reason(bob) is not None
    assert not checks.has_right(bob, Right.VIEW_WAGES, employer)


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


def test_view_in_the_database_is_the_text_of_hypothetical_statements() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY VIEW as_written AS {GRANTS_VIEW_SQL}")
        cursor.execute("SELECT pg_get_viewdef('permissions_grant'::regclass), pg_get_viewdef('as_written'::regclass)")
        in_database, as_written = cursor.fetchone()
    assert in_database == as_written


def test_the_catalogue_is_whole() -> None:
    from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, OFFICE_ADMIN_RIGHTS, OFFICE_LEVEL_RIGHTS

    assert len({str(right.label) for right in Right}) == len(RIGHTS)
    assert all(0 < len(str(right.label)) <= 50 and str(right.permits) for right in Right)
    assert all(len(right.value) <= 40 for right in Right)
    assert frozenset(RIGHTS) == OFFICE_LEVEL_RIGHTS | EMPLOYER_LEVEL_RIGHTS
    assert len(OFFICE_ADMIN_RIGHTS) == 12
    assert all(right.ak_only for right in OFFICE_LEVEL_RIGHTS)
    assert not any(right.products for right in OFFICE_LEVEL_RIGHTS)
