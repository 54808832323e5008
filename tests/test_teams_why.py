"""Why?, Who? and where from: every smallest change is sufficient, and no smaller one is (brute force over all)."""

from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from teams import deviations, explain, rights
from teams.catalogue import EMPLOYER_RIGHTS, Level, Right
from teams.evaluator import Resting
from teams.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from teams.why import Change, Step, why
from tests import worlds
from tests.people import actor, make_user
from tests.worlds import Rows, World

pytestmark = pytest.mark.django_db
RIGHTS = list(Right)
Plain = tuple[str, object, object]  # what is changed: the table, and its two columns


def plain(change: Change, user: User, employer: Employer | None) -> Plain:
    """Return a step as a change of one row."""
    team = change.team and change.team.pk
    return {
        Step.LEAVE: ("members", team, user.pk),
        Step.JOIN: ("members", team, user.pk),
        Step.TAKE_INDIVIDUAL: ("own", user.pk, change.right and str(change.right)),
        Step.GIVE_INDIVIDUAL: ("own", user.pk, change.right and str(change.right)),
        Step.GIVE_TEAM: ("gives", team, change.right and str(change.right)),
        Step.ADD_EMPLOYER: ("places", team, employer and employer.pk),
        Step.SWITCH_ON: ("product", employer and employer.pk, change.product),
        Step.END_REST: ("rests", user.pk, change.rests),
    }[change.step]


def changed(rows: Rows, changes: list[Plain], *, add: bool) -> Rows:
    """Return the rows after changes; those of rest and product are left to `eased`."""
    parts = {name: set(getattr(rows, name)) for name in ("members", "places", "gives", "own")}
    for name, first, second in changes:
        if name in parts:
            (parts[name].add if add else parts[name].discard)((first, second))
    return replace(rows, **parts)


def everything(
    world: World, user: User, right: Right, employer: Employer | None, rows: Rows, *, add: bool
) -> list[Plain]:
    """Return every single change of a row that could matter."""
    key, codes = employer and employer.pk, [str(code) for code in right.given_by]
    found = [("own", user.pk, code) for code in codes]
    for team in world.teams:
        found += [("members", team.pk, user.pk), *(("gives", team.pk, code) for code in codes)]
        if key:
            found.append(("places", team.pk, key))
    return [change for change in found if ((change[1], change[2]) in getattr(rows, change[0])) != add]


def fewest(world: World, user: User, right: Right, employer: Employer | None, rows: Rows, *, add: bool) -> int | None:
    """Return how many changes of rows it takes at least, trying all subsets up to three."""
    key, options = employer and employer.pk, everything(world, user, right, employer, rows, add=add)
    for size in range(5):
        for subset in combinations(options, size):
            if worlds.holds(changed(rows, list(subset), add=add), user.pk, right, key) == add:
                return size
    return None


@pytest.mark.parametrize("seed", range(12))
def test_each_smallest_change_is_sufficient_and_minimal(seed: int) -> None:
    chance = Random(seed)  # noqa: S311
    world = worlds.make_world(chance, users=4, employers=3, teams=4)
    rows = worlds.fetch(world.provider)
    for _number in range(40):
        user, right = chance.choice(world.users), chance.choice(RIGHTS)
        employer = None if right.level is Level.PROVIDER else chance.choice(world.employers)
        key = employer and employer.pk
        answer = why(user, right, employer)
        assert answer.may == worlds.may(rows, user.pk, right, key)
        assert any(way.is_open for way in answer.ways) == worlds.holds(rows, user.pk, right, key)
        if answer.may:
            steps = [plain(change, user, employer) for change in answer.take]
            assert not worlds.may(changed(rows, steps, add=False), user.pk, right, key), answer.take
            assert len(steps) == fewest(world, user, right, employer, rows, add=False)
            assert answer.give == []
            continue
        assert answer.take == []
        if answer.give is None:
            machine = user.login_method == LoginMethod.SSO_WEBSERVICE and right is Right.MANAGE_PROVIDER
            assert machine or not world.teams
            continue
        check_give(world, rows, user, right, employer, answer.give)


def check_give(
    world: World, rows: Rows, user: User, right: Right, employer: Employer | None, give: list[Change]
) -> None:
    """Assert that what is proposed lifts every block, and that no smaller change opens a road."""
    key, steps = employer and employer.pk, [plain(change, user, employer) for change in give]
    structural = [step for step in steps if step[0] in ("members", "places", "gives", "own")]
    after = changed(rows, structural, add=True)
    assert worlds.holds(after, user.pk, right, key), give
    smallest = fewest(world, user, right, employer, rows, add=True)
    machine = user.login_method == LoginMethod.SSO_WEBSERVICE
    assert len(structural) == smallest or (machine and len(structural) >= smallest)
    off = employer is not None and not right.works_with(employer.products)
    assert [step[2] in right.products for step in steps if step[0] == "product"] == [True] * off
    assert ("rests" in [step[0] for step in steps]) == worlds.rests(rows, user.pk)


def test_all_reasons_of_resting_are_named(office: Provider) -> None:
    user = make_user(office, Right.VIEW_USERS, blocked_at=timezone.now(), two_factor_required=True, username="x")
    answer = why(user, Right.VIEW_USERS)
    assert answer.rests == [Resting.BLOCKED, Resting.TWO_FACTOR]
    assert [change.rests for change in answer.give or []] == answer.rests
    assert all(change.text for change in answer.give or [])
    assert [way.text for way in answer.ways]


def test_why_needs_the_right_level(alice: User, office: Provider) -> None:
    for right, employer in ((Right.VIEW_WAGES, None), (Right.VIEW_USERS, Employer(provider=office))):
        with pytest.raises(ValueError, match="employer"):
            why(alice, right, employer)


def test_who_is_everybody_who_holds_it_and_how() -> None:
    for seed in range(6):
        chance = Random(seed)  # noqa: S311
        world = worlds.make_world(chance)
        rows = worlds.fetch(world.provider)
        for right in chance.sample(RIGHTS, 15):
            employer = None if right.level is Level.PROVIDER else chance.choice(world.employers)
            key = employer and employer.pk
            found = {holder.user.pk: holder for holder in explain.who(world.provider, right, employer)}
            assert set(found) == {user.pk for user in world.users if worlds.holds(rows, user.pk, right, key)}
            for pk, holder in found.items():
                assert holder.teams or holder.individual
                assert holder.has_effect == worlds.may(rows, pk, right, key)


def test_origins_name_every_right_once_and_superfluous_ones_can_go() -> None:
    for seed in range(12):
        chance = Random(seed)  # noqa: S311
        world = worlds.make_world(chance, rights=30)
        rows = worlds.fetch(world.provider)
        keys = [None, *(employer.pk for employer in world.employers)]

        def held(rows: Rows, keys: list = keys, world: World = world) -> set:
            return {
                (user.pk, right, key)
                for user in world.users
                for right in RIGHTS
                for key in keys
                if worlds.holds(rows, user.pk, right, key)
            }

        extra = explain.superfluous(world.provider.pk)
        before = held(rows)
        assert held(changed(rows, [("own", user, str(right)) for user, right in extra], add=False)) == before
        for pair in rows.own - {(user, str(right)) for user, right in extra}:
            right = Right(pair[1])
            lost = before - held(changed(rows, [("own", *pair)], add=False))
            reached = any((team, key) in rows.places for team, user in rows.members if user == pair[0] for key in keys)
            assert lost or (right in EMPLOYER_RIGHTS and not reached)
        for user in world.users:
            found = explain.origins(user)
            assert {origin.right for origin in found} >= {right for who, right, _key in before if who == user.pk}
            for origin in found:
                at = {employer.pk for employer in origin.employers}
                assert at == {key for who, right, key in before if who == user.pk and right == origin.right and key}
                able = any(worlds.may(rows, user.pk, origin.right, key) for key in keys)
                assert origin.has_effect == able
                assert able or origin.limits


def put(office: Provider, name: str, users: list[User], employers: list[Employer], *given: Right) -> Team:
    team = Team.objects.create(provider=office, name=name)
    TeamMember.objects.bulk_create(TeamMember(provider=office, team=team, user=user) for user in users)
    TeamEmployer.objects.bulk_create(TeamEmployer(provider=office, team=team, employer=one) for one in employers)
    TeamRight.objects.bulk_create(TeamRight(provider=office, team=team, right=right) for right in given)
    return team


@pytest.fixture
def trio(office: Provider) -> list[User]:
    """Three colleagues with the same individual rights, two of whom reach the same employer."""
    employer = Employer.objects.create(provider=office, number=1, name="Bakkerij")
    users = [make_user(office, Right.VIEW_USERS, Right.VIEW_WAGES, username=f"u{number}") for number in range(3)]
    put(office, "Samen", users[:2], [employer], Right.VIEW_EMPLOYMENTS)
    return users


def test_a_group_is_replaced_by_a_team_and_nobody_changes(office: Provider, alice: User, trio: list[User]) -> None:
    (group,) = deviations.groups(office)
    assert {user.pk for user in group.users} == {user.pk for user in trio[:2]}
    before = deviations.footprint(office, [user.pk for user in trio])
    team = deviations.replace_by_team(office, group, name="Loon", by=actor(alice))
    assert deviations.footprint(office, [user.pk for user in trio]) == before
    assert not rights.individual_rights(trio[0])
    assert team.members.count() == 2
    assert rights.may(trio[0], Right.VIEW_WAGES, group.employers[0])
    assert deviations.groups(office) == []


def test_a_group_that_changed_meanwhile_is_left_alone(office: Provider, alice: User, trio: list[User]) -> None:
    (group,) = deviations.groups(office)
    trio[0].individual_rights.filter(right=Right.VIEW_WAGES).delete()
    with pytest.raises(deviations.NotTheSame):
        deviations.replace_by_team(office, group, name="Loon", by=actor(alice))
    assert not Team.objects.filter(name="Loon").exists()


def test_superfluous_rights_go_and_deviating_ones_stay(office: Provider, alice: User, trio: list[User]) -> None:
    put(office, "Kijkers", trio, [], Right.VIEW_USERS)
    assert len(explain.superfluous(office.pk)) == 3
    assert (trio[0].pk, Right.VIEW_WAGES) in deviations.deviating(office)
    assert deviations.drop_superfluous(trio, by=actor(alice)) == 3
    assert rights.individual_rights(trio[2]) == {Right.VIEW_WAGES}
    assert deviations.drop_superfluous(trio, by=actor(alice)) == 0
    assert deviations.drop_superfluous([], by=actor(alice)) == 0


def test_who_is_left_out_is_found(office: Provider, alice: User, trio: list[User]) -> None:
    lonely = Employer.objects.create(provider=office, number=2, name="Alleen")
    assert {user.pk for user in deviations.without_team(office)} == {alice.pk, trio[2].pk}
    assert list(deviations.employers_without_team(office)) == [lonely]


def test_two_users_are_compared(office: Provider, trio: list[User]) -> None:
    IndividualRight.objects.create(provider=office, user=trio[2], right=Right.VIEW_AUDIT)
    found = deviations.compare(trio[0], trio[2])
    assert [team.name for team in found.teams.first] == ["Samen"]
    assert found.individual.second == [Right.VIEW_AUDIT]
    assert found.individual.both == [Right.VIEW_USERS, Right.VIEW_WAGES]
    assert not found.is_equal
    assert deviations.compare(trio[0], trio[1]).is_equal
