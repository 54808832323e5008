"""Actions on teams, and on the teams and individual rights of users."""

from collections.abc import Iterable, Sequence

from django.db.models import F
from django.utils.translation import gettext as _

from accounts.models import Provider, User
from audit.actions import record, record_many
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from permissions import checks
from permissions.action_helpers import (
    diff_rights,
    get_individual_employer_rights,
    get_team_employer_ids,
    get_team_rights,
    lock_and_authorize,
    require_free_name,
    require_same_office,
    snapshot_employers,
)
from permissions.catalog import EMPLOYER_LEVEL_RIGHTS
from permissions.checks import Right
from permissions.duty_guard import guard_duties, settle_duties_at_end
from permissions.models import Employer, IndividualRight, ManagedBy, Team, TeamEmployer, TeamMember, TeamRight
from teams.shared_members import compare_members, share_members


@action()
def create_team(provider: Provider, *, name: str, by: Actor) -> Team:
    """Create an empty team. Raises ValidationError (code "taken") if a team of the office has this name."""
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_TEAMS)
    team = Team(provider=provider, name=name)
    require_free_name(team, _("A team with this name already exists. Choose another name."))
    team.save(force_insert=True)
    record(Verb.TEAM_CREATED, team, by=by, provider_id=provider.pk, changes={"name": [None, name]})
    return team


def _lock_team(team: Team, by: Actor, version: int | None = None) -> Team:
    lock_and_authorize(team.provider_id, by, Right.MANAGE_TEAMS)
    stored = Team.objects.select_related("provider").filter(pk=team.pk).first()
    if stored is None or version not in (None, stored.version):
        raise EditConflict
    return stored


def _record_team_change(team: Team, by: Actor, what: Changes) -> None:
    Team.objects.filter(pk=team.pk).update(version=F("version") + 1)
    record(Verb.TEAM_CHANGED, team, by=by, provider_id=team.provider_id, changes=what)


@action()
def rename_team(team: Team, *, name: str, version: int, by: Actor) -> None:
    """Rename a team. Raises EditConflict, ValidationError (code "taken")."""
    team = _lock_team(team, by, version)
    before, team.name = team.name, name
    if before == name:
        return
    require_free_name(team, _("A team with this name already exists. Choose another name."))
    team.save(update_fields=["name"])
    _record_team_change(team, by, {"name": [before, name]})


@action()
def set_two_factor_required(team: Team, *, required: bool, version: int, by: Actor) -> None:
    """Set whether the team requires a second factor of its members.

    Raises EditConflict, PermissionDenied for the actor's own team or if a member holds a right that the actor lacks
    (rule 5).
    """
    team = _lock_team(team, by, version)
    if team.two_factor_required == required:
        return
    checks.require_not_member(by, team)
    checks.require_authority_over_all(by, team.members.values_list("user_id", flat=True))
    by.require_reauthentication(ReauthenticationLevel.FIVE_MINUTES)
    team.two_factor_required = required
    team.save(update_fields=["two_factor_required"])
    _record_team_change(team, by, {"two_factor_required": [not required, required]})


@action()
def edit_team(team: Team, *, name: str, two_factor_required: bool, version: int, by: Actor) -> None:
    rename_team(team, name=name, version=version, by=by)
    set_two_factor_required(team, required=two_factor_required, version=_lock_team(team, by).version, by=by)


@action()
def delete_team(team: Team, *, version: int, by: Actor) -> None:
    """Raises EditConflict, LastAdministrator, PermissionDenied for the own team or rights that the actor lacks."""
    team = _lock_team(team, by, version)
    checks.require_not_member(by, team)
    members = [member.user for member in team.members.select_related("user")]
    _require_can_change_members(team, by, members)
    lost: Changes = {"members": [[str(user.pk) for user in members], None]}
    lost["employers"] = [snapshot_employers(row.employer for row in team.employers.select_related("employer")), None]
    lost["rights"] = [sorted(get_team_rights(team)), None]
    record(Verb.TEAM_DELETED, team, by=by, provider_id=team.provider_id, changes=lost)
    gave = get_team_rights(team)
    left: Changes = {"rights": [sorted(gave), None], team.name: ["member", None]}
    record_many(Verb.TEAMS_CHANGED, ((user, left) for user in members), by=by, provider_id=team.provider_id)
    team.delete()
    _require_administrator(team.provider, gave)


def _require_can_change_members(team: Team, by: Actor, users: Iterable[User]) -> None:
    """Raise PermissionDenied unless the actor holds the rights that `users` get or lose with the membership."""
    places = get_team_employer_ids(team)
    brought = (
        get_individual_employer_rights(team.provider, users=[user.pk for user in users]) if places else frozenset()
    )
    checks.require_can_grant(by, get_team_rights(team) | brought, places)


def _require_administrator(provider: Provider, touched: Iterable[Right]) -> None:
    if Right.MANAGE_PROVIDER in touched:
        checks.require_administrator(provider)


@action()
def change_members(
    team: Team,
    *,
    add: Sequence[User] = (),
    remove: Sequence[User] = (),
    by: Actor,
    managed_by: ManagedBy = ManagedBy.MANUAL,
) -> None:
    """Add members to a team and remove members, by hand or for a directory; changes without effect are ignored.

    Who is added by both stays a member until both remove them. Raises EditConflict if the team is deleted,
    PermissionDenied for the actors themselves, for users of another office, for rights that the actor does not hold and
    for removing by hand who is a member through the directory; LastAdministrator.
    """
    team = _lock_team(team, by)
    require_same_office(team.provider, [*add, *remove])
    changes = compare_members(team, add, remove, managed_by)
    if not changes.touched:
        return
    checks.require_not_self(by, [user.pk for user in changes.touched])
    _require_can_change_members(team, by, changes.touched)
    share_members(team, changes, managed_by, by)
    if changes.added or changes.removed:
        _exchange_members(team, changes.added, changes.removed, managed_by, by)


def _exchange_members(
    team: Team, added: Sequence[User], removed: Sequence[User], managed_by: ManagedBy, by: Actor
) -> None:
    with guard_duties(team.provider_id, [user.pk for user in added], granted=added, by=by):
        TeamMember.objects.bulk_create(
            [TeamMember(provider=team.provider, team=team, user=user, managed_by=managed_by) for user in added],
            batch_size=1000,
        )
        team.members.filter(user__in=removed).delete()
    gives = get_team_rights(team)
    _require_administrator(team.provider, gives)
    _record_team_change(team, by, {"members": [[str(user.pk) for user in removed], [str(user.pk) for user in added]]})
    for users, before, after in ((added, None, "member"), (removed, "member", None)):
        what: Changes = {"rights": [before and sorted(gives), after and sorted(gives)], team.name: [before, after]}
        record_many(Verb.TEAMS_CHANGED, ((user, what) for user in users), by=by, provider_id=team.provider_id)


@action()
def change_employers(team: Team, *, add: Sequence[Employer] = (), remove: Sequence[Employer] = (), by: Actor) -> None:
    """Add employers to a team and remove employers.

    Raises EditConflict if the team is deleted, PermissionDenied for the actor's own team, for employers of another
    office and for rights that the actor does not hold at those employers.
    """
    team = _lock_team(team, by)
    require_same_office(team.provider, [*add, *remove])
    present = set(get_team_employer_ids(team))
    added = list({employer.pk: employer for employer in add if employer.pk not in present}.values())
    removed = list({employer.pk: employer for employer in remove if employer.pk in present}.values())
    if not added and not removed:
        return
    checks.require_not_member(by, team)
    members = team.members.values_list("user_id", flat=True)
    rights = get_team_rights(team) & EMPLOYER_LEVEL_RIGHTS | get_individual_employer_rights(
        team.provider, users=members
    )
    checks.require_can_grant(by, rights, [employer.pk for employer in [*added, *removed]])
    with guard_duties(team.provider_id, members, granted=added, by=by):
        TeamEmployer.objects.bulk_create(
            [TeamEmployer(provider=team.provider, team=team, employer=employer) for employer in added], batch_size=1000
        )
    team.employers.filter(employer__in=removed).delete()
    _record_team_change(team, by, {"employers": [snapshot_employers(removed), snapshot_employers(added)]})


@action()
def set_team_rights(team: Team, rights: Iterable[Right], *, by: Actor, version: int | None = None) -> None:
    """Replace the rights of a team by `rights`; `version` is the version that the form was opened with.

    Raises EditConflict, PermissionDenied for the actor's own team, for rights that the actor does not hold and for
    granting manage_provider to an SSO/Webservice user, LastAdministrator.
    """
    team = _lock_team(team, by, version)
    before, after = get_team_rights(team), frozenset(rights)
    if before == after:
        return
    checks.require_not_member(by, team)
    checks.require_can_grant(by, before ^ after, get_team_employer_ids(team))
    members = team.members.values_list("user_id", flat=True)
    with guard_duties(team.provider_id, members, granted=after - before, by=by):
        TeamRight.objects.bulk_create(
            TeamRight(provider=team.provider, team=team, right=right) for right in sorted(after - before)
        )
        team.rights.filter(right__in=before - after).delete()
    _require_administrator(team.provider, before ^ after)
    _record_team_change(team, by, diff_rights(before, after))


@action()
@settle_duties_at_end()
def change_teams(user: User, *, add: Iterable[Team] = (), remove: Iterable[Team] = (), by: Actor) -> None:
    """Add a user to teams and remove them from others, all or nothing. Raises as `change_members`."""
    lock_and_authorize(user.provider_id, by, Right.MANAGE_TEAMS)
    for team in add:
        change_members(team, add=[user], by=by)
    for team in remove:
        change_members(team, remove=[user], by=by)


@action()
@settle_duties_at_end()
def set_teams(user: User, teams: Iterable[Team], *, by: Actor) -> None:
    """Replace the teams of a user, except those that a directory keeps alone. Raises as `change_members`."""
    lock_and_authorize(user.provider_id, by, Right.MANAGE_TEAMS)
    desired = {team.pk: team for team in teams}
    present = {member.team_id: member for member in user.memberships.select_related("team")}
    left = [present[key] for key in present.keys() - desired.keys()]
    change_teams(
        user,
        add=[desired[key] for key in desired.keys() - present.keys()],
        remove=[member.team for member in left if member.managed_by != ManagedBy.DIRECTORY],
        by=by,
    )


@action()
def set_individual_rights(user: User, rights: Iterable[Right], *, by: Actor) -> None:
    """Replace the individual rights of `user` by `rights`.

    Raises PermissionDenied without grant_rights, for the actors themselves and for rights that the actor does not hold
    (rule 5); LastAdministrator if no administrator of the office would be left (rule 6).
    """
    provider = lock_and_authorize(user.provider_id, by, Right.GRANT_RIGHTS)
    checks.require_not_self(by, [user.pk])
    before, after = checks.individual_rights(user), frozenset(rights)
    if before == after:
        return
    checks.require_can_grant(by, before ^ after, [employer.pk for employer in checks.list_reachable_employers(user)])
    with guard_duties(provider.pk, [user.pk], granted=after - before, by=by):
        IndividualRight.objects.bulk_create(
            IndividualRight(provider=provider, user=user, right=right) for right in sorted(after - before)
        )
        user.individual_rights.filter(right__in=before - after).delete()
    _require_administrator(provider, before ^ after)
    record(Verb.RIGHTS_CHANGED, user, by=by, provider_id=provider.pk, changes=diff_rights(before, after))


@action()
def give_individual_rights(users: Sequence[User], rights: Iterable[Right], *, by: Actor) -> None:
    """Grant several users the individual rights they lack. Raises as `set_individual_rights`."""
    if not users:
        return
    provider, granted = lock_and_authorize(users[0].provider_id, by, Right.GRANT_RIGHTS), frozenset(rights)
    require_same_office(provider, users)
    ids = [user.pk for user in users]
    checks.require_not_self(by, ids)
    places = TeamEmployer.objects.filter(provider=provider, team__members__user__in=ids)
    checks.require_can_grant(by, granted, set(places.values_list("employer_id", flat=True)))
    held = set(IndividualRight.objects.filter(provider=provider, user__in=ids).values_list("user_id", "right"))
    new = {user: [right for right in sorted(granted) if (user.pk, right.value) not in held] for user in users}
    rows = (IndividualRight(provider=provider, user=user, right=right) for user in users for right in new[user])
    with guard_duties(provider.pk, ids, granted=granted, by=by):
        IndividualRight.objects.bulk_create(rows, batch_size=1000)
    _require_administrator(provider, granted)
    changed = ((user, diff_rights([], codes)) for user, codes in new.items() if codes)
    record_many(Verb.RIGHTS_CHANGED, changed, by=by, provider_id=provider.pk)


@action()
@settle_duties_at_end()
def copy_colleague_access(user: User, colleague: User, *, by: Actor) -> None:
    provider = lock_and_authorize(user.provider_id, by, Right.MANAGE_TEAMS)
    require_same_office(provider, [colleague])
    set_teams(user, [member.team for member in colleague.memberships.select_related("team")], by=by)
    set_individual_rights(user, checks.individual_rights(colleague), by=by)
