"""Since when users conflict with rules about duties: the history compared with the grants, and its limit."""

from random import Random
from typing import Any

import pytest

import teams.actions
from accounts.models import Provider, User
from permissions.checks import Right
from permissions.duties import count_conflicts
from permissions.models import DutyRule
from reviews import duty_history
from reviews.duty_history import find_conflict_starts
from tests.helpers.import_files import INVITED, applied
from tests.helpers.random_histories import RandomHistory
from tests.helpers.random_offices import fetch_rows
from tests.helpers.users import actor
from tests.permissions.test_duties import make_random_rule, make_rule

pytestmark = pytest.mark.django_db


class Unobserved(RandomHistory):
    """A random history of which only the end is compared."""

    def take_snapshot(self) -> None:
        pass


@pytest.mark.parametrize("seed", range(2))
def test_at_the_end_of_the_history_the_same_users_conflict_as_by_their_grants(seed: int) -> None:
    history = Unobserved(seed)
    history.run(rounds=2)
    chance, rows = Random(seed), fetch_rows(history.office)  # noqa: S311 test data, not secrets
    rules = [make_random_rule(history.office, chance, rows) for _number in range(150)]
    users = User.objects.filter(provider=history.office).values_list("pk", flat=True)
    expected = {(each.rule_id, each.user_id) for each in count_conflicts(history.office.pk, rules)}
    assert set(find_conflict_starts(history.office.pk, rules, list(users))) == expected
    assert len(expected) > 5


def test_a_history_that_is_too_long_is_not_read(
    office: Provider, alice: User, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    rule = make_rule(office, [Right.MANAGE_WAGES], [Right.VIEW_HRM], DutyRule.Level.OFFICE, severity="warn")
    _plan, (item,) = applied(office, INVITED)
    user = User.objects.get(pk=item["id"])
    for number in range(3):
        teams.actions.create_team(office, name=f"Team {number}", by=actor())
    teams.actions.set_individual_rights(user, [Right.MANAGE_WAGES, Right.VIEW_HRM], by=actor())
    monkeypatch.setattr(duty_history, "MAX_EVENTS", 5)
    with django_assert_max_num_queries(7):
        assert find_conflict_starts(office.pk, [rule], [user.pk]).keys() == {(rule.pk, user.pk)}
    monkeypatch.setattr(duty_history, "MAX_EVENTS", 4)
    with django_assert_max_num_queries(2):
        assert find_conflict_starts(office.pk, [rule], [user.pk]) == {}
