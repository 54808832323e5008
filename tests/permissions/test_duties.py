"""Conflicts of duties: the SQL compared with plain Python over random offices, exemptions, and query counts."""

from collections.abc import Iterable
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Provider, User
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, RightLevel
from permissions.checks import Right
from permissions.duties import count_conflicts, find_conflicts, find_hypothetical_conflicts
from permissions.impact import HypotheticalUser
from permissions.models import DutyExemption, DutyRule, Employer, IndividualRight, Team, TeamEmployer, TeamMember
from permissions.products import Product
from tests.helpers import random_offices
from tests.helpers.random_offices import Rows
from tests.helpers.users import make_user

pytestmark = pytest.mark.django_db
RIGHTS = list(Right)
OFFICE, EMPLOYER = DutyRule.Level.OFFICE, DutyRule.Level.EMPLOYER


def make_rule(
    provider: Provider, first: Iterable[Right], second: Iterable[Right], level: str = OFFICE, **fields: object
) -> DutyRule:
    values = {"name": f"Regel {DutyRule.objects.count()}", "severity": DutyRule.Severity.REFUSE, "reason": "Controle."}
    return DutyRule.objects.create(
        provider=provider, first=sorted(first), second=sorted(second), level=level, **values | fields
    )


def make_random_rule(provider: Provider, chance: Random, rows: Rows) -> DutyRule:
    """Return a rule that is most often about rights that `rows` give, so that users conflict with it."""
    level, given = chance.choice(DutyRule.Level.values), {Right(code) for _holder, code in rows.gives | rows.own}

    def choose(among: Iterable[Right]) -> list[Right]:
        pool = sorted(given.intersection(among) if chance.random() < 0.9 else among) or sorted(among)
        return chance.sample(pool, min(len(pool), chance.choice([1, 2, 5])))

    first, second = choose(EMPLOYER_LEVEL_RIGHTS if level == EMPLOYER else RIGHTS), choose(RIGHTS)
    every = {"first_all": chance.random() < 0.3, "second_all": chance.random() < 0.3}
    return make_rule(provider, first, second, level, **every)


def expect(rows: Rows, rule: DutyRule) -> set[tuple[UUID, UUID, UUID | None, bool]]:
    """Return the conflicts with a rule by asking for each user, place and right."""
    found = set()
    for user in rows.users:
        for place in [None] if rule.level == OFFICE else rows.employers:
            held, works = (
                {right for right in RIGHTS if holds(rows, user, right, place, needs_product)}
                for needs_product in (False, True)
            )
            if is_conflict(rule, held):
                found.add((rule.pk, user, place, rule.level == OFFICE or is_conflict(rule, works)))
    return found


def is_conflict(rule: DutyRule, held: set[Right]) -> bool:
    sides = zip(rule.sides, (rule.first_all, rule.second_all), strict=True)
    return all(side <= held if every else bool(side & held) for side, every in sides)


def holds(rows: Rows, user: UUID, right: Right, place: UUID | None, needs_product: bool) -> bool:
    if right.level is RightLevel.PROVIDER:
        return random_offices.holds_right(rows, user, right, None)
    if place is None:
        teams = {team for team, member in rows.members if member == user}
        return (user, right) in rows.own or any((team, right) in rows.gives for team in teams)
    if needs_product and not right.works_with(rows.employers[place].products):
        return False
    return random_offices.holds_right(rows, user, right, place)


def agree(seed: int) -> int:
    chance = Random(seed)  # noqa: S311 test data, not secrets
    office, other = (random_offices.make_random_office(chance) for _office in range(2))
    rows = random_offices.fetch_rows(office.provider)
    rules = [make_random_rule(office.provider, chance, rows) for _rule in range(12)]
    make_random_rule(other.provider, chance, rows)
    expected = set[object]().union(*(expect(rows, rule) for rule in rules))
    found = find_conflicts(office.provider.pk, rules)
    assert {(*conflict.key, conflict.has_effect) for conflict in found} == expected
    assert len(found) == len(expected)
    some = {user.pk for user in office.users[::2]}
    assert set(find_conflicts(office.provider.pk, rules, some)) == {each for each in found if each.user_id in some}
    counted = {(each.rule_id, each.user_id): each.employer_count for each in count_conflicts(office.provider.pk, rules)}
    for (rule, user), count in counted.items():
        assert count == sum(each.key[:2] == (rule, user) and each.employer_id is not None for each in found)
    assert set(counted) == {each.key[:2] for each in found}
    hypothetical = {
        user.pk: HypotheticalUser(
            user.login_method, None, False, None, False, False,
            frozenset(team for team, member in rows.members if member == user.pk),
            frozenset(Right(code) for owner, code in rows.own if owner == user.pk),
        )
        for user in office.users
    }  # fmt: skip
    assert set(find_hypothetical_conflicts(office.provider.pk, rules, hypothetical)) == set(found)
    return len(found)


@pytest.mark.slow
def test_conflicts_equal_brute_force_in_many_offices() -> None:
    assert sum(agree(seed) for seed in range(60)) > 1000


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(min_value=10**6))
def test_conflicts_equal_brute_force(seed: int) -> None:
    agree(seed)


@pytest.fixture
def bakery(office: Provider) -> Employer:
    return Employer.objects.create(provider=office, number=1, name="Bakker")


def join(team: Team, *users: User) -> None:
    TeamMember.objects.bulk_create(TeamMember(provider=team.provider, team=team, user=user) for user in users)


def make_team(office: Provider, name: str, *rights: Right, employers: Iterable[Employer] = ()) -> Team:
    team = Team.objects.create(provider=office, name=name)
    for right in rights:
        team.rights.create(provider=office, right=right)
    TeamEmployer.objects.bulk_create(TeamEmployer(provider=office, team=team, employer=each) for each in employers)
    return team


def test_administrators_hold_what_their_right_includes(office: Provider, alice: User) -> None:
    rule = make_rule(office, [Right.MANAGE_USERS], [Right.VIEW_AUDIT])
    assert [each.user_id for each in find_conflicts(office.pk, [rule])] == [alice.pk]


def test_the_same_rights_at_two_employers_are_no_conflict_at_one(office: Provider, bob: User, bakery: Employer) -> None:
    smith = Employer.objects.create(provider=office, number=2, name="Smid")
    join(make_team(office, "Loon", Right.MANAGE_WAGES, employers=[bakery]), bob)
    join(make_team(office, "Journaal", Right.EXPORT_JOURNAL, employers=[smith]), bob)
    there = make_rule(office, [Right.MANAGE_WAGES], [Right.EXPORT_JOURNAL], EMPLOYER)
    everywhere = make_rule(office, [Right.MANAGE_WAGES], [Right.EXPORT_JOURNAL])
    assert [each.key for each in find_conflicts(office.pk, [there, everywhere])] == [(everywhere.pk, bob.pk, None)]


def test_a_right_of_the_office_counts_at_each_employer(office: Provider, bob: User, bakery: Employer) -> None:
    join(make_team(office, "Loon", Right.MANAGE_WAGES, employers=[bakery]), bob)
    IndividualRight.objects.create(provider=office, user=bob, right=Right.RUN_PAYROLL_COLLECTIVELY)
    rule = make_rule(office, [Right.MANAGE_WAGES], [Right.RUN_PAYROLL_COLLECTIVELY], EMPLOYER)
    (found,) = find_conflicts(office.pk, [rule])
    assert (found.employer_id, found.has_effect) == (bakery.pk, True)


def test_rights_without_effect_would_conflict(office: Provider, bob: User, bakery: Employer) -> None:
    bob.blocked_at = timezone.now()
    bob.save()
    join(make_team(office, "Loon", Right.MANAGE_WAGES, Right.EXPORT_JOURNAL, employers=[bakery]), bob)
    rule = make_rule(office, [Right.MANAGE_WAGES], [Right.EXPORT_JOURNAL], EMPLOYER)
    assert [each.has_effect for each in find_conflicts(office.pk, [rule])] == [False], "product 940 is off"
    Employer.objects.update(products=[Product.JOURNAL])
    assert [each.has_effect for each in find_conflicts(office.pk, [rule])] == [True]


def test_an_exemption_counts_while_it_is_approved_and_open(office: Provider, alice: User, bob: User) -> None:
    carol = make_user(office, username="carol")
    IndividualRight.objects.bulk_create(
        IndividualRight(provider=office, user=bob, right=right) for right in (Right.VIEW_USERS, Right.VIEW_AUDIT)
    )
    rule = make_rule(office, [Right.VIEW_USERS], [Right.VIEW_AUDIT])
    today = timezone.localdate()
    row = DutyExemption.objects.create(provider=office, rule=rule, user=bob, until=today, requested_by=alice)

    def is_exempt() -> bool:
        (found,) = find_conflicts(office.pk, [rule], [bob.pk])
        (counted,) = count_conflicts(office.pk, [rule], [bob.pk])
        assert found.is_exempt == counted.is_exempt
        return found.is_exempt

    assert not is_exempt(), "nobody approved it"
    DutyExemption.objects.update(approved_by=carol, approved_at=timezone.now())
    assert is_exempt()
    DutyExemption.objects.update(until=today - timedelta(days=1))
    assert not is_exempt()
    DutyExemption.objects.update(until=today, ended_at=timezone.now())
    assert not is_exempt()
    for approver in (alice, bob):
        with pytest.raises(IntegrityError), transaction.atomic():
            DutyExemption.objects.filter(pk=row.pk).update(approved_by=approver)


def test_an_exemption_at_one_employer_leaves_the_others(office: Provider, alice: User, bob: User) -> None:
    carol = make_user(office, username="carol")
    rows = [Employer.objects.create(provider=office, number=number, name=f"{number}") for number in (1, 2)]
    join(make_team(office, "Loon", Right.MANAGE_WAGES, Right.VIEW_HRM, employers=rows), bob)
    rule = make_rule(office, [Right.MANAGE_WAGES], [Right.VIEW_HRM], EMPLOYER)
    values = {"requested_by": alice, "approved_by": carol, "approved_at": timezone.now(), "until": timezone.localdate()}
    DutyExemption.objects.create(provider=office, rule=rule, user=bob, employer=rows[0], **values)
    found = {each.employer_id: each.is_exempt for each in find_conflicts(office.pk, [rule])}
    assert found == {rows[0].pk: True, rows[1].pk: False}
    (counted,) = count_conflicts(office.pk, [rule])
    assert (counted.employer_count, counted.is_exempt) == (2, False)
    DutyExemption.objects.create(provider=office, rule=rule, user=bob, **values)
    assert all(each.is_exempt for each in find_conflicts(office.pk, [rule]))
    assert len(find_conflicts(office.pk, [rule])) == 2


def test_a_side_whose_rights_are_gone_matches_nobody(office: Provider, alice: User) -> None:
    rule = make_rule(office, [Right.MANAGE_USERS], [Right.VIEW_AUDIT])
    rule.second = ["verdwenen_recht"]
    assert find_conflicts(office.pk, [rule]) == []


def test_one_query(office: Provider, alice: User, django_assert_num_queries) -> None:
    rules = [make_rule(office, [Right.MANAGE_USERS], [Right.VIEW_AUDIT]) for _number in range(3)]
    with django_assert_num_queries(1):
        assert len(find_conflicts(office.pk, rules)) == 3
