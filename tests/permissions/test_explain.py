"""Why?, Who? and grant paths: every suggested change suffices, and no smaller one does (brute force)."""

from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
from django.utils import timezone

from accounts.models import LoginMethod, Provider, User
from permissions import checks, right_sources
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS, Right, RightLevel
from permissions.effective import InactiveReason, filter_right_holders
from permissions.explain import AccessChange, AccessChangeType, explain_access
from permissions.models import Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from teams import deviations
from teams.queries import filter_employers
from tests.helpers import random_offices
from tests.helpers.random_offices import RandomOffice, Rows
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
RIGHTS = list(Right)
Plain = tuple[str, object, object]  # what is changed: the table, and its two columns


def plain(change: AccessChange, user: User, employer: Employer | None) -> Plain:
    """Return a step as a change of one row."""
    team = change.team and change.team.pk
    return {
        AccessChangeType.LEAVE: ("members", team, user.pk),
        AccessChangeType.JOIN: ("members", team, user.pk),
        AccessChangeType.REVOKE_INDIVIDUAL: ("own", user.pk, change.right and str(change.right)),
        AccessChangeType.GRANT_INDIVIDUAL: ("own", user.pk, change.right and str(change.right)),
        AccessChangeType.GRANT_TO_TEAM: ("gives", team, change.right and str(change.right)),
        AccessChangeType.ADD_EMPLOYER: ("places", team, employer and employer.pk),
        AccessChangeType.ENABLE_PRODUCT: ("product", employer and employer.pk, change.product),
        AccessChangeType.RESOLVE_INACTIVE: ("rests", user.pk, change.inactive_reason),
    }[change.change_type]


def changed(rows: Rows, changes: list[Plain], *, add: bool) -> Rows:
    """Return the rows after changes, without those of inactivity and products, which `eased` handles."""
    parts = {name: set(getattr(rows, name)) for name in ("members", "places", "gives", "own")}
    for name, first, second in changes:
        if name in parts:
            (parts[name].add if add else parts[name].discard)((first, second))
    return replace(rows, **parts)


def everything(
    random_office: RandomOffice, user: User, right: Right, employer: Employer | None, rows: Rows, *, add: bool
) -> list[Plain]:
    """Return every single row change that could matter."""
    key, codes = employer and employer.pk, [str(code) for code in right.granted_by]
    found: list[Plain] = [("own", user.pk, code) for code in codes]
    for team in random_office.teams:
        found += [("members", team.pk, user.pk), *(("gives", team.pk, code) for code in codes)]
        if key:
            found.append(("places", team.pk, key))
    return [change for change in found if ((change[1], change[2]) in getattr(rows, change[0])) != add]


def fewest(
    random_office: RandomOffice, user: User, right: Right, employer: Employer | None, rows: Rows, *, add: bool
) -> int | None:
    """Return the smallest number of row changes needed, trying all subsets of up to three."""
    key, options = employer and employer.pk, everything(random_office, user, right, employer, rows, add=add)
    for size in range(5):
        for subset in combinations(options, size):
            if random_offices.holds_right(changed(rows, list(subset), add=add), user.pk, right, key) == add:
                return size
    return None


@pytest.mark.parametrize("seed", range(12))
def test_each_smallest_change_is_sufficient_and_minimal(seed: int) -> None:
    chance = Random(seed)  # noqa: S311
    random_office = random_offices.make_random_office(chance, users=4, employers=3, teams=4)
    rows = random_offices.fetch_rows(random_office.provider)
    for _number in range(40):
        user, right = chance.choice(random_office.users), chance.choice(RIGHTS)
        employer = None if right.level is RightLevel.PROVIDER else chance.choice(random_office.employers)
        key = employer and employer.pk
        answer = explain_access(user, right, employer)
        assert answer.is_allowed == random_offices.can_use_right(rows, user.pk, right, key)
        assert any(path.is_open for path in answer.paths) == random_offices.holds_right(rows, user.pk, right, key)
        if answer.is_allowed:
            steps = [plain(change, user, employer) for change in answer.revocation]
            assert not random_offices.can_use_right(changed(rows, steps, add=False), user.pk, right, key), (
                answer.revocation
            )
            assert len(steps) == fewest(random_office, user, right, employer, rows, add=False)
            assert answer.grant == []
            continue
        assert answer.revocation == []
        if answer.grant is None:
            machine = user.login_method == LoginMethod.SSO_WEBSERVICE and right is Right.MANAGE_PROVIDER
            assert machine or not random_office.teams
            continue
        check_give(random_office, rows, user, right, employer, answer.grant)


def check_give(
    random_office: RandomOffice,
    rows: Rows,
    user: User,
    right: Right,
    employer: Employer | None,
    give: list[AccessChange],
) -> None:
    """Check that the suggestion removes every block, and that no smaller change opens a path."""
    key, steps = employer and employer.pk, [plain(change, user, employer) for change in give]
    structural = [step for step in steps if step[0] in ("members", "places", "gives", "own")]
    after = changed(rows, structural, add=True)
    assert random_offices.holds_right(after, user.pk, right, key), give
    smallest = fewest(random_office, user, right, employer, rows, add=True)
    machine = user.login_method == LoginMethod.SSO_WEBSERVICE
    assert len(structural) == smallest or (machine and len(structural) >= smallest)
    off = employer is not None and not right.works_with(employer.products)
    assert [step[2] in right.products for step in steps if step[0] == "product"] == [True] * off
    assert ("rests" in [step[0] for step in steps]) == random_offices.is_inactive(rows, user.pk)


def test_all_reasons_of_resting_are_named(office: Provider) -> None:
    user = make_user(office, Right.VIEW_USERS, blocked_at=timezone.now(), two_factor_required=True, username="x")
    answer = explain_access(user, Right.VIEW_USERS)
    assert answer.inactive_reasons == [InactiveReason.BLOCKED, InactiveReason.TWO_FACTOR]
    assert [change.inactive_reason for change in answer.grant or []] == answer.inactive_reasons
    assert all(change.text for change in answer.grant or [])
    assert [path.text for path in answer.paths]


def test_why_needs_the_right_level(alice: User, office: Provider) -> None:
    for right, employer in ((Right.VIEW_WAGES, None), (Right.VIEW_USERS, Employer(provider=office))):
        with pytest.raises(ValueError, match="employer"):
            explain_access(alice, right, employer)


def list_right_holders(office: Provider, right: Right, employer: Employer | None) -> list[right_sources.RightHolder]:
    holders = list(filter_right_holders(office, right, employer))
    return right_sources.list_right_holders(office, right, employer, holders)


@pytest.mark.slow
def test_who_is_everybody_who_holds_it_and_how() -> None:
    for seed in range(6):
        chance = Random(seed)  # noqa: S311
        random_office = random_offices.make_random_office(chance)
        rows = random_offices.fetch_rows(random_office.provider)
        for right in chance.sample(RIGHTS, 15):
            employer = None if right.level is RightLevel.PROVIDER else chance.choice(random_office.employers)
            key = employer and employer.pk
            found = {holder.user.pk: holder for holder in list_right_holders(random_office.provider, right, employer)}
            assert set(found) == {
                user.pk for user in random_office.users if random_offices.holds_right(rows, user.pk, right, key)
            }
            for pk, holder in found.items():
                assert holder.teams or holder.individual
                assert holder.has_effect == random_offices.can_use_right(rows, pk, right, key)


@pytest.mark.slow
def test_origins_name_every_right_once_and_superfluous_ones_can_go() -> None:
    for seed in range(12):
        chance = Random(seed)  # noqa: S311
        random_office = random_offices.make_random_office(chance, rights=30)
        rows = random_offices.fetch_rows(random_office.provider)
        keys = [None, *(employer.pk for employer in random_office.employers)]

        def held(rows: Rows, keys: list = keys, random_office: RandomOffice = random_office) -> set:
            return {
                (user.pk, right, key)
                for user in random_office.users
                for right in RIGHTS
                for key in keys
                if random_offices.holds_right(rows, user.pk, right, key)
            }

        extra = right_sources.find_superfluous_rights(random_office.provider.pk)
        before = held(rows)
        assert held(changed(rows, [("own", user, str(right)) for user, right in extra], add=False)) == before
        for pair in rows.own - {(user, str(right)) for user, right in extra}:
            right = Right(pair[1])
            lost = before - held(changed(rows, [("own", *pair)], add=False))
            reached = any((team, key) in rows.places for team, user in rows.members if user == pair[0] for key in keys)
            assert lost or (right in EMPLOYER_LEVEL_RIGHTS and not reached)
        for user in random_office.users:
            found = right_sources.list_held_rights(user)
            assert {held_right.right for held_right in found} >= {
                right for who, right, _key in before if who == user.pk
            }
            for held_right in found:
                at = {employer.pk for employer in held_right.employers}
                assert at == {key for who, right, key in before if who == user.pk and right == held_right.right and key}
                able = any(random_offices.can_use_right(rows, user.pk, held_right.right, key) for key in keys)
                assert held_right.has_effect == able
                assert able or held_right.limitations


def put(office: Provider, name: str, users: list[User], employers: list[Employer], *given: Right) -> Team:
    team = Team.objects.create(provider=office, name=name)
    TeamMember.objects.bulk_create(TeamMember(provider=office, team=team, user=user) for user in users)
    TeamEmployer.objects.bulk_create(TeamEmployer(provider=office, team=team, employer=one) for one in employers)
    TeamRight.objects.bulk_create(TeamRight(provider=office, team=team, right=right) for right in given)
    return team


@pytest.fixture
def trio(office: Provider) -> list[User]:
    """Three colleagues with the same individual rights, two of whom have access to the same employer."""
    employer = Employer.objects.create(provider=office, number=1, name="Bakkerij")
    users = [make_user(office, Right.VIEW_USERS, Right.VIEW_WAGES, username=f"u{number}") for number in range(3)]
    put(office, "Samen", users[:2], [employer], Right.VIEW_EMPLOYMENTS)
    return users


def test_replacing_a_group_by_a_team_keeps_the_access_of_every_user(
    office: Provider, alice: User, trio: list[User]
) -> None:
    (group,) = deviations.find_shared_rights_groups(office)
    assert {user.pk for user in group.users} == {user.pk for user in trio[:2]}
    before = deviations.collect_held_rights(office, [user.pk for user in trio])
    team = deviations.replace_rights_by_team(office, group, name="Loon", by=actor(alice))
    assert deviations.collect_held_rights(office, [user.pk for user in trio]) == before
    assert not checks.individual_rights(trio[0])
    assert team.members.count() == 2
    assert checks.has_right(trio[0], Right.VIEW_WAGES, group.employers[0])
    assert deviations.find_shared_rights_groups(office) == []


def test_a_group_that_changed_meanwhile_is_left_alone(office: Provider, alice: User, trio: list[User]) -> None:
    (group,) = deviations.find_shared_rights_groups(office)
    trio[0].individual_rights.filter(right=Right.VIEW_WAGES).delete()
    with pytest.raises(deviations.RightsWouldChange):
        deviations.replace_rights_by_team(office, group, name="Loon", by=actor(alice))
    assert not Team.objects.filter(name="Loon").exists()


def test_superfluous_rights_go_and_deviating_ones_stay(office: Provider, alice: User, trio: list[User]) -> None:
    put(office, "Kijkers", trio, [], Right.VIEW_USERS)
    assert len(right_sources.find_superfluous_rights(office.pk)) == 3
    assert (trio[0].pk, Right.VIEW_WAGES) in deviations.list_deviating_rights(office)
    assert deviations.revoke_superfluous_rights(trio, by=actor(alice)) == 3
    assert checks.individual_rights(trio[2]) == {Right.VIEW_WAGES}
    assert deviations.revoke_superfluous_rights(trio, by=actor(alice)) == 0
    assert deviations.revoke_superfluous_rights([], by=actor(alice)) == 0


def test_who_is_left_out_is_found(office: Provider, alice: User, trio: list[User]) -> None:
    lonely = Employer.objects.create(provider=office, number=2, name="Alleen")
    assert {user.pk for user in deviations.filter_users_without_team(office)} == {alice.pk, trio[2].pk}
    assert list(filter_employers(Employer.objects.filter(provider=office), q="", only="1")) == [lonely]


def test_two_users_are_compared(office: Provider, trio: list[User]) -> None:
    IndividualRight.objects.create(provider=office, user=trio[2], right=Right.VIEW_AUDIT)
    found = deviations.compare_users(trio[0], trio[2])
    assert [team.name for team in found.teams.first] == ["Samen"]
    assert found.individual.second == [Right.VIEW_AUDIT]
    assert found.individual.both == [Right.VIEW_USERS, Right.VIEW_WAGES]
    assert not found.is_equal
    assert deviations.compare_users(trio[0], trio[1]).is_equal
