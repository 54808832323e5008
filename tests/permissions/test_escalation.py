"""No action lets users raise or change their own rights or leaves an office without administrator (rules 5, 6)."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.utils import timezone

import teams.actions
import users.actions
import users.email_changes
from accounts.models import LoginMethod, Provider, User
from accounts.user_details import UserDetails
from audit.models import Event, Verb
from core.errors import EditConflict
from permissions import checks
from permissions.checks import LastAdministrator, Right
from permissions.models import AuthorizationSet, Employer, IndividualRight, Team, TeamEmployer, TeamMember, TeamRight
from permissions.products import Product
from teams import deviations, employers, initial_access, sets
from tests.helpers.users import actor, make_user

pytestmark = pytest.mark.django_db
OFFICE = (Right.MANAGE_TEAMS, Right.GRANT_RIGHTS, Right.MANAGE_USERS, Right.MANAGE_EMPLOYERS, Right.MANAGE_SETS)


def put(
    office: Provider,
    name: str,
    users: Sequence[User] = (),
    at: Sequence[Employer] = (),
    given: Sequence[Right] = (),
) -> Team:
    team = Team.objects.create(provider=office, name=name)
    TeamMember.objects.bulk_create(TeamMember(provider=office, team=team, user=user) for user in users)
    TeamEmployer.objects.bulk_create(TeamEmployer(provider=office, team=team, employer=one) for one in at)
    TeamRight.objects.bulk_create(TeamRight(provider=office, team=team, right=right) for right in given)
    return team


def codes(team: Team) -> set[str]:
    return set(team.rights.values_list("right", flat=True))


@pytest.fixture
def dora(office: Provider, alice: User) -> User:
    """A colleague who may change teams, rights, users, employers and sets, and view the wages of one employer."""
    user = make_user(office, *OFFICE, initials="D.", last_name="Dekker", username="dora")
    put(office, "Van Dora", [user], [own_employer(office)], [Right.VIEW_WAGES])
    return user


def own_employer(office: Provider) -> Employer:
    return Employer.objects.get_or_create(provider=office, number=1, defaults={"name": "Van Dora"})[0]


@pytest.fixture
def other(office: Provider) -> Employer:
    """An employer that dora cannot access."""
    return Employer.objects.create(provider=office, number=2, name="Elders")


def refused(change: Callable[[], Any]) -> None:
    events = Event.objects.count()
    with pytest.raises(PermissionDenied):
        change()
    assert Event.objects.count() == events


def test_right_is_granted_where_the_actor_holds_it(dora: User, bob: User, office: Provider) -> None:
    by, here = actor(dora), own_employer(office)
    team = teams.actions.create_team(office, name="Loon", by=by)
    teams.actions.set_team_rights(team, [Right.VIEW_WAGES], by=by)
    teams.actions.change_employers(team, add=[here], by=by)
    teams.actions.change_members(team, add=[bob, bob], by=by)
    assert checks.has_right(bob, Right.VIEW_WAGES, here)
    teams.actions.set_individual_rights(bob, [Right.VIEW_WAGES, Right.MANAGE_TEAMS], by=by)
    teams.actions.change_members(team, remove=[bob], by=by)
    assert not checks.has_right(bob, Right.VIEW_WAGES, here)
    events = Event.objects.filter(target_id=bob.pk, verb=Verb.TEAMS_CHANGED).order_by("id")
    gives = sorted(team.rights.values_list("right", flat=True))
    assert [event.changes for event in events] == [
        {"rights": [None, gives], "Loon": [None, "member"]},
        {"rights": [gives, None], "Loon": ["member", None]},
    ]


@pytest.mark.slow
def test_right_that_the_actor_lacks_is_not_granted(dora: User, bob: User, office: Provider, other: Employer) -> None:
    by, empty = actor(dora), put(office, "Leeg")
    wages = put(office, "Elders", [], [other], [Right.VIEW_WAGES])
    hrm = put(office, "Hrm", [], [own_employer(office)], [Right.VIEW_HRM])
    auditors = put(office, "Controle", [], [], [Right.VIEW_AUDIT])
    places = put(office, "Zonder rechten", [], [other])
    stranger = make_user(office, Right.VIEW_BILLING, Right.VIEW_HRM, username="vreemd")
    here = put(office, "Hier", [], [own_employer(office)])
    there = put(office, "Met een lid", [stranger], [], [])
    for right in (Right.VIEW_AUDIT, Right.VIEW_HRM, Right.MANAGE_PROVIDER):
        refused(lambda right=right: teams.actions.set_individual_rights(bob, [right], by=by))
        refused(lambda right=right: teams.actions.set_team_rights(empty, [right], by=by))
        refused(lambda right=right: sets.create_set(office, name="Set", contents=[right], by=by))
    for team in (wages, hrm, auditors):
        refused(lambda team=team: teams.actions.change_members(team, add=[bob], by=by))
        refused(lambda team=team: teams.actions.set_teams(bob, [team], by=by))
        refused(lambda team=team: initial_access.assign_initial_access(bob, teams=[team], individual=[], by=by))
    refused(lambda: teams.actions.set_team_rights(places, [Right.VIEW_WAGES], by=by))
    refused(lambda: teams.actions.change_employers(hrm, add=[other], by=by))
    refused(lambda: teams.actions.change_members(here, add=[stranger], by=by))
    refused(lambda: teams.actions.change_employers(there, add=[own_employer(office)], by=by))
    refused(lambda: teams.actions.copy_colleague_access(bob, stranger, by=by))
    taken = AuthorizationSet.objects.create(provider=office, name="Ruim", codes=["view_audit"])
    refused(lambda: sets.apply_set(taken, bob, by=by))
    refused(lambda: sets.apply_set(taken, empty, by=by))
    refused(lambda: sets.replace_with_set(taken, bob, by=by))
    refused(lambda: sets.update_set(taken, name="Ruim", contents=[Right.VIEW_AUDIT, Right.VIEW_HRM], version=1, by=by))


def test_an_individual_right_counts_where_teams_bring(dora: User, bob: User, office: Provider, other: Employer) -> None:
    put(office, "Brengt", [bob], [other])
    refused(lambda: teams.actions.set_individual_rights(bob, [Right.VIEW_WAGES], by=actor(dora)))
    put(office, "Werkt", [bob], [own_employer(office)])
    refused(lambda: teams.actions.set_individual_rights(bob, [Right.VIEW_WAGES], by=actor(dora)))
    assert checks.find_missing_right(actor(dora), [Right.VIEW_WAGES], [other.pk]) == (Right.VIEW_WAGES, other)


def test_authority_is_over_who_has_nothing_more(dora: User, bob: User, office: Provider, other: Employer) -> None:
    assert checks.has_authority_over(actor(dora), bob)
    team = put(office, "Loon", [bob], [own_employer(office)], [Right.VIEW_WAGES])
    assert checks.has_authority_over(actor(dora), bob)
    TeamEmployer.objects.create(provider=office, team=team, employer=other)
    assert not checks.has_authority_over(actor(dora), bob), "bob sees wages where dora does not"
    refused(lambda: users.actions.block_user(bob, by=actor(dora)))
    refused(lambda: teams.actions.set_two_factor_required(team, required=True, version=1, by=actor(dora)))


@pytest.mark.parametrize("name", ["alice", "dora"])
def test_users_cannot_change_themselves(alice: User, dora: User, office: Provider, other: Employer, name: str) -> None:
    user, colleague = (alice, dora) if name == "alice" else (dora, alice)
    by, here = actor(user), own_employer(office)
    team, empty = put(office, "Eigen", [user], [here], [Right.VIEW_WAGES]), put(office, "Leeg")
    made = AuthorizationSet.objects.create(provider=office, name="Set", codes=["view_wages"])
    for change in (
        lambda: teams.actions.set_individual_rights(user, [Right.VIEW_WAGES], by=by),
        lambda: teams.actions.change_members(empty, add=[user], by=by),
        lambda: teams.actions.change_members(team, remove=[user], by=by),
        lambda: teams.actions.set_teams(user, [], by=by),
        lambda: teams.actions.set_team_rights(team, [], by=by),
        lambda: teams.actions.set_team_rights(team, [Right.VIEW_WAGES, Right.MANAGE_TEAMS], by=by),
        lambda: teams.actions.change_employers(team, add=[other], by=by),
        lambda: teams.actions.change_employers(team, remove=[here], by=by),
        lambda: teams.actions.delete_team(team, version=1, by=by),
        lambda: teams.actions.set_two_factor_required(team, required=True, version=1, by=by),
        lambda: teams.actions.copy_colleague_access(user, colleague, by=by),
        lambda: sets.apply_set(made, user, by=by),
        lambda: sets.replace_with_set(made, team, by=by),
    ):
        refused(change)
    teams.actions.rename_team(team, name="Nieuw", version=1, by=by)


def test_without_the_right_nothing_changes(bob: User, alice: User, office: Provider, other: Employer) -> None:
    for each in every_action(bob, alice, office, other):
        refused(each)


def every_action(who: User, bob: User, office: Provider, other: Employer) -> list[Callable[[], Any]]:
    """Return every action on rows of `office`, called as `who`."""
    by, team = actor(who), put(office, "Doel", [bob], [other], [Right.VIEW_WAGES])
    made = AuthorizationSet.objects.create(provider=office, name="Set", codes=["view_wages"])
    colleague = make_user(office, username="collega")
    group = deviations.SharedRightsGroup([bob, colleague], frozenset([Right.VIEW_USERS]), [])
    return [
        lambda: teams.actions.create_team(office, name="Nieuw", by=by),
        lambda: teams.actions.rename_team(team, name="Anders", version=1, by=by),
        lambda: teams.actions.set_two_factor_required(team, required=True, version=1, by=by),
        lambda: teams.actions.delete_team(team, version=1, by=by),
        lambda: teams.actions.change_members(team, add=[colleague], by=by),
        lambda: teams.actions.change_members(team, remove=[bob], by=by),
        lambda: teams.actions.change_employers(team, remove=[other], by=by),
        lambda: teams.actions.set_team_rights(team, [], by=by),
        lambda: teams.actions.set_teams(colleague, [team], by=by),
        lambda: initial_access.assign_initial_access(colleague, teams=[team], individual=[Right.VIEW_USERS], by=by),
        lambda: teams.actions.copy_colleague_access(colleague, bob, by=by),
        lambda: teams.actions.set_individual_rights(colleague, [Right.VIEW_USERS], by=by),
        lambda: employers.create_employer(office, number=9, name="Nieuw", by=by),
        lambda: employers.update_employer(other, number=9, name="Anders", products=[], version=1, by=by),
        lambda: sets.create_set(office, name="Nieuw", contents=[], by=by),
        lambda: sets.update_set(made, name="Anders", contents=[], version=1, by=by),
        lambda: sets.delete_set(made, version=1, by=by),
        lambda: sets.apply_set(made, colleague, by=by),
        lambda: sets.apply_set(made, team, by=by),
        lambda: sets.replace_with_set(made, colleague, by=by),
        lambda: deviations.revoke_superfluous_rights([colleague], by=by),
        lambda: deviations.replace_rights_by_team(office, group, name="Nieuw", by=by),
        lambda: users.actions.block_user(colleague, by=by),
        lambda: users.actions.unblock_user(colleague, by=by),
        lambda: users.actions.send_username(colleague, by=by),
        lambda: users.actions.remind_of_two_factor(colleague, by=by),
        lambda: users.email_changes.request_email_change(colleague, "x@example.nl", by=by),
        lambda: users.actions.edit_user(
            colleague, details=UserDetails(initials="X."), email="y@x.nl", version=1, by=by
        ),
        lambda: users.actions.change_provider(
            office, name="X", invitation_days=3, support_may_look=True, version=1, by=by
        ),
    ]


def test_charlie_changes_nothing_of_another_office(charlie: User, bob: User, office: Provider, other: Employer) -> None:
    for each in every_action(charlie, bob, office, other):
        refused(each)


def test_nothing_of_another_office_is_put_in(alice: User, charlie: User, office: Provider) -> None:
    for by in (actor(alice), actor()):
        team = put(office, f"Team {by.name}")
        foreign_team = put(charlie.provider, f"Team {by.name}")
        foreign = Employer.objects.create(provider=charlie.provider, number=len(by.name), name="Elders")
        foreign_set = AuthorizationSet.objects.create(provider=charlie.provider, name=by.name, codes=[])
        colleague = make_user(office, username=f"collega {by.name}")
        refused(lambda: teams.actions.change_members(team, add=[charlie], by=by))  # noqa: B023
        refused(lambda: teams.actions.change_employers(team, add=[foreign], by=by))  # noqa: B023
        refused(lambda: teams.actions.set_teams(colleague, [foreign_team], by=by))  # noqa: B023
        refused(lambda: teams.actions.copy_colleague_access(colleague, charlie, by=by))  # noqa: B023
        refused(lambda: sets.apply_set(foreign_set, team, by=by))  # noqa: B023


def test_a_machine_manages_no_office_by_any_road(alice: User, office: Provider) -> None:
    machine = make_user(office, login_method=LoginMethod.SSO_WEBSERVICE, username="machine")
    by, admins = actor(alice), put(office, "Beheer", [], [], [Right.MANAGE_PROVIDER])
    team = put(office, "Machines", [machine])
    made = AuthorizationSet.objects.create(provider=office, name="Beheer", codes=["manage_provider"])
    boss = make_user(office, Right.MANAGE_PROVIDER, username="baas")
    refused(lambda: teams.actions.set_individual_rights(machine, [Right.MANAGE_PROVIDER], by=by))
    refused(lambda: teams.actions.change_members(admins, add=[machine], by=by))
    refused(lambda: teams.actions.set_team_rights(team, [Right.MANAGE_PROVIDER], by=by))
    refused(lambda: sets.apply_set(made, machine, by=by))
    refused(lambda: sets.apply_set(made, team, by=by))
    refused(lambda: teams.actions.copy_colleague_access(machine, boss, by=by))


@pytest.fixture
def team_of_one(office: Provider) -> tuple[Team, User]:
    """The only administrator, via a team."""
    only = make_user(office, initials="E.", last_name="Enige", username="enige")
    return put(office, "Beheer", [only], [], [Right.MANAGE_PROVIDER]), only


def test_the_last_administrator_stays(team_of_one: tuple[Team, User], office: Provider) -> None:
    (team, only), by = team_of_one, actor()
    assert checks.has_administrator(office)
    ends = timezone.localdate() + timedelta(days=30)
    for change in (
        lambda: users.actions.block_user(only, by=by),
        lambda: teams.actions.change_members(team, remove=[only], by=by),
        lambda: teams.actions.set_teams(only, [], by=by),
        lambda: teams.actions.set_team_rights(team, [], by=by),
        lambda: teams.actions.delete_team(team, version=1, by=by),
    ):
        with pytest.raises(LastAdministrator) as error:
            change()
        assert error.value.until is None
        assert str(error.value)
    with pytest.raises(LastAdministrator) as error:
        users.actions.edit_user(only, details=UserDetails(access_until=ends), email=only.email, version=1, by=by)
    assert error.value.until == ends
    assert str(ends.year) in str(error.value)
    assert checks.has_administrator(office)
    assert not Event.objects.exists()


def test_an_administrator_with_an_end_date_is_not_enough(team_of_one: tuple[Team, User], office: Provider) -> None:
    team, only = team_of_one
    make_user(office, Right.MANAGE_PROVIDER, username="tijdelijk", access_until=timezone.localdate())
    with pytest.raises(LastAdministrator) as error:
        teams.actions.change_members(team, remove=[only], by=actor())
    assert error.value.until == timezone.localdate()
    make_user(office, Right.MANAGE_PROVIDER, username="blijvend", two_factor_required=True)
    teams.actions.change_members(team, remove=[only], by=actor())


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Run `acts` at the same moment in separate threads; return what each returned or raised."""
    results: list[Any] = [None] * len(acts)
    ready = Barrier(len(acts))

    def run(place: int) -> None:
        ready.wait()
        try:
            results[place] = acts[place]()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("third", [False, True])
@pytest.mark.parametrize("path", ["right", "team", "block"])
def test_of_two_administrators_who_demote_each_other_one_succeeds(
    office: Provider, alice: User, third: bool, path: str
) -> None:
    two = make_user(office, Right.MANAGE_PROVIDER, username="twee")
    if third:
        make_user(office, Right.MANAGE_PROVIDER, username="drie")
    team = None
    if path == "team":
        IndividualRight.objects.filter(user__in=[alice, two]).delete()
        team = put(office, "Beheer", [alice, two], [], [Right.MANAGE_PROVIDER])

    def demote(whom: User, who: User) -> None:
        if team is not None:
            teams.actions.change_members(team, remove=[whom], by=actor(who))
        elif path == "block":
            users.actions.block_user(User.objects.get(pk=whom.pk), by=actor(who))
        else:
            teams.actions.set_individual_rights(whom, [], by=actor(who))

    results = together(lambda: demote(alice, two), lambda: demote(two, alice))
    assert sum(isinstance(result, (PermissionDenied, LastAdministrator)) for result in results) == 1, results
    assert checks.has_administrator(office)
    assert sum(user.blocked_at is None for user in checks.list_administrators(office)) == 1 + third


@pytest.mark.django_db(transaction=True)
def test_the_same_member_twice_at_the_same_moment_is_one(office: Provider, alice: User, bob: User) -> None:
    team = put(office, "Loon")
    results = together(*[lambda: teams.actions.change_members(team, add=[bob], by=actor(alice))] * 3)
    assert results == [None, None, None]
    assert team.members.count() == 1
    assert Event.objects.filter(verb=Verb.TEAM_CHANGED).count() == 1


def test_versions_detect_concurrent_changes(alice: User, office: Provider, other: Employer) -> None:
    by, team = actor(alice), put(office, "Loon")
    made = sets.create_set(office, name="HR", contents=[Right.VIEW_HRM], by=by)
    teams.actions.rename_team(team, name="Lonen", version=1, by=by)
    employers.update_employer(other, number=3, name="Elders", products=[Product(940)], version=1, by=by)
    sets.update_set(made, name="HR", contents=[Right.VIEW_WAGES], version=1, by=by)
    for change in (
        lambda: teams.actions.rename_team(team, name="Salaris", version=1, by=by),
        lambda: teams.actions.set_team_rights(team, [], version=1, by=by),
        lambda: teams.actions.delete_team(team, version=1, by=by),
        lambda: employers.update_employer(other, number=4, name="X", products=[], version=1, by=by),
        lambda: sets.update_set(made, name="X", contents=[], version=1, by=by),
        lambda: sets.delete_set(made, version=1, by=by),
    ):
        with pytest.raises(EditConflict):
            change()
    teams.actions.delete_team(team, version=2, by=by)
    sets.delete_set(made, version=2, by=by)
    for change in (
        lambda: teams.actions.change_members(team, add=[alice], by=by),
        lambda: sets.apply_set(made, alice, by=by),
    ):
        with pytest.raises(EditConflict):
            change()


def test_names_and_numbers_are_taken_once(alice: User, office: Provider, other: Employer) -> None:
    by = actor(alice)
    teams.actions.create_team(office, name="Loon Straße", by=by)
    sets.create_set(office, name="HR", contents=[], by=by)
    for change, field in (
        (lambda: teams.actions.create_team(office, name="LOON Straße", by=by), "name"),
        (lambda: teams.actions.rename_team(put(office, "X"), name="loon straße", version=1, by=by), "name"),
        (lambda: sets.create_set(office, name="hr", contents=[], by=by), "name"),
        (lambda: employers.create_employer(office, number=2, name="Y", by=by), "number"),
    ):
        with pytest.raises(ValidationError) as error:
            change()
        assert error.value.error_dict[field][0].code == "taken"


def test_a_set_adds_and_equal_making_takes(alice: User, bob: User, office: Provider) -> None:
    by, team = actor(alice), put(office, "HR", given=[Right.VIEW_AUDIT])
    made = sets.create_set(office, name="HR Gebruiker", contents=[Right.VIEW_HRM, Right.VIEW_WAGES], by=by)
    for target in (team, bob):
        sets.apply_set(made, target, by=by)
    assert codes(team) == {"view_audit", "view_hrm", "view_wages"}
    assert sets.compare_with_set(made, sets.get_target_rights(team)) == ([], [Right.VIEW_AUDIT], [])
    assert checks.individual_rights(bob) == {Right.VIEW_HRM, Right.VIEW_WAGES}
    assert [bool(use.difference) for use in sets.list_set_deviations(made.provider)[made.pk]] == [True, False]
    sets.replace_with_set(made, team, by=by)
    assert codes(team) == {"view_hrm", "view_wages"}
    sets.update_set(made, name="HR Gebruiker", contents=[Right.VIEW_HRM], version=1, by=by)
    assert codes(team) == {"view_hrm", "view_wages"}, "a set is a copy"
    made.refresh_from_db()
    assert [use.difference.extra for use in sets.list_set_deviations(made.provider)[made.pk]] == [
        [Right.VIEW_WAGES]
    ] * 2


def test_a_colleague_becomes_like_another(alice: User, bob: User, office: Provider) -> None:
    like = make_user(office, Right.VIEW_AUDIT, username="voorbeeld")
    team = put(office, "Loon", [like])
    put(office, "Weg", [bob])
    teams.actions.copy_colleague_access(bob, like, by=actor(alice))
    assert deviations.compare_users(bob, like).is_equal
    assert list(bob.memberships.values_list("team", flat=True)) == [team.pk]


@pytest.mark.slow
def test_a_team_of_10_000_members(alice: User, office: Provider) -> None:
    people = [
        User(provider=office, login_method=LoginMethod.WEBSITE_SSO, initials="A.", last_name=f"{number}", password="!")
        for number in range(10_000)
    ]
    User.objects.bulk_create(people, batch_size=2000)
    team = put(office, "Iedereen", [], [], [Right.VIEW_USERS])
    teams.actions.change_members(team, add=people, by=actor(alice))
    assert team.members.count() == 10_000
    teams.actions.change_members(team, remove=people[:5000], by=actor(alice))
    assert team.members.count() == 5000
    assert Event.objects.filter(verb=Verb.TEAMS_CHANGED).count() == 15_000
