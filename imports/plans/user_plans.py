"""Plan changes to users without writing anything: from a file, a selection or an applied plan."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import IO, Any, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from accounts.models import LoginMethod, Provider
from accounts.user_details import UserDetails
from audit.actors import Actor
from audit.changes import Changes
from core.keys import compute_name_key
from imports.files.budget import COMMAND_LIMITS, FileLimits
from imports.files.user_columns import USER_COLUMN_LABELS
from imports.files.user_rows import UserFinder, UserRow, UserWithAccess, read_user_rows
from imports.files.wording import suggest_name
from imports.plans import duty_checks, new_user_commands, user_commands
from imports.plans.impact import compute_access, compute_impact
from imports.plans.office_lookup import OfficeLookup
from imports.plans.plan import Plan, PlanFault, PlanItem, PlanStep, ProgressCallback, ignore_progress
from imports.plans.row_notes import note_shared_addresses
from imports.plans.user_changes import UserChange, check_shared_teams, snapshot_user
from imports.plans.user_command_types import ExistingUserCommand, UserCommand
from imports.plans.user_diff import DETAIL_FIELDS, NOTIFICATION_FIELDS, plan_existing_user, plan_new_user
from outbox import message_limits
from permissions import checks
from permissions.catalog import Right, rights_from_codes
from permissions.checks import LastAdministrator
from permissions.impact import HypotheticalAccess, HypotheticalUser
from permissions.models import TeamEmployer, TeamRight
from users.actions import PROFILE_FIELDS


def plan_user_file(
    provider: Provider,
    file: IO[bytes],
    *,
    by: Actor,
    invite: bool,
    limits: FileLimits = COMMAND_LIMITS,
    progress: ProgressCallback = ignore_progress,
) -> Plan:
    """Return the plan of `file` when `by` applies it; `invite` allows invitations to be sent.

    `progress` is called after each batch with its number of rows. Raises UnreadableFile.
    """
    plan = Plan(provider.pk, "users", invite=invite)
    header, batches = read_user_rows(file, limits=limits, notes=plan.notes)
    for name in header.unknown:
        notice = _("Unknown column “%(head)s” is ignored.") % {"head": name[:60]}
        plan.notices[notice + suggest_name(name, USER_COLUMN_LABELS.values())] += 1
    planner = UserPlanner(provider, by, plan)
    for batch in batches:
        planner.plan_rows(batch)
        progress(len(batch))
    planner.check_whole_plan()
    plan.notices.update(plan.notes.render())
    return plan


class UserPlanner:
    """Adds changes to a plan: computes their impact on rights and checks permissions."""

    def __init__(self, provider: Provider, by: Actor, plan: Plan) -> None:
        self.office = OfficeLookup(provider)
        self._by, self._plan, self._finder = by, plan, UserFinder(provider)
        self._manages = checks.holds_every_right(by)
        self._changed_user_ids, self._gains_administrator = set[UUID](), False

    def plan_rows(self, rows: list[UserRow]) -> None:
        for row in rows:
            self.office.resolve_names(row)
        counts = {row.row: len(row.problems) for row in rows}
        users = self._finder.find_users(rows)
        changes = []
        for row in rows:
            user, is_misidentified = users.get(row.row), len(row.problems) > counts[row.row]
            if user is not None:
                changes.append(self.build_change(row, plan_existing_user(row, user, self._plan, self.office), user))
            elif not is_misidentified and not row.has_problem("id"):
                changes.append(self.build_change(row, plan_new_user(row, self._plan, self.office), None))
        note_shared_addresses([each.row for each in changes if each.item["is_new"]], self._plan)
        self.add_changes([change for change in changes if change.item["changes"]], rows)

    def build_change(
        self, row: UserRow, item: PlanItem, user: UserWithAccess | None, secrets: Mapping[str, Any] | None = None
    ) -> UserChange:
        """Return the change of an item; `secrets` are those of the row if omitted."""
        shared = check_shared_teams(row, item, user, self._plan)
        commands = _build_commands(item, self.office, row.values if secrets is None else secrets, not row.problems)
        before = None if user is None else snapshot_user(user)
        start = before or HypotheticalUser("", None, False, None, False, False, frozenset(), frozenset())
        after = user_commands.compute_access_after(start, commands)
        return UserChange(row, item, user, commands, before, after._replace(teams=after.teams | shared), shared)

    def add_changes(self, changes: list[UserChange], rows: Iterable[UserRow]) -> None:
        """Add changes to the plan, and the problems of `rows` as faults."""
        cases = [case for change in changes for case in (change.before, change.after) if case is not None]
        access = compute_access(self.office.provider, cases)
        pairs = {(change.before, change.after) for change in changes}  # users in the same situation share their impact
        impacts = {pair: compute_impact(access[pair[0]] if pair[0] else None, access[pair[1]]) for pair in pairs}
        duty_checks.check_changes(changes, self.office.provider, self._plan)
        for change in changes:
            self._add_impact_and_check(change, impacts[change.before, change.after], access[change.after])
        faults = [
            PlanFault(row=row.row, column=str(USER_COLUMN_LABELS.get(column, column)), value=value, what=what)
            for row in rows
            for column, value, what in row.problems
        ]
        self._plan.add([PlanStep(each.item, each.commands) for each in changes if not each.row.problems], faults)

    def _add_impact_and_check(self, change: UserChange, impact: dict[str, Any], access: HypotheticalAccess) -> None:
        """Add the impact on rights to an item, and refuse what this actor may not grant."""
        item, user = change.item, change.user
        item["effect"] = impact
        ends = (item["changes"].get(name, [None, None])[1] is True for name in ("blocked", "invitation_revoked"))
        item["has_losses"] = any(ends) or "lost" in impact or "integrations" in item["changes"]
        if user is not None and user.accepted_at is None and "waiting" in impact:
            notice = _("The invited user gets more rights. If the sender may not grant these, resend the invitation.")
            self._plan.notices[notice] += 1
        if access.office & checks.get_impossible_rights(change.after.login_method):
            change.row.add_problem("individual_rights", str(checks.MACHINE_ADMINISTRATOR))
        if not self._by.is_operator:
            _check_permissions(change, self._by, self.office.provider, manages=self._manages)
        if change.row.problems:
            return  # nothing changes for this user
        if user is not None:
            self._changed_user_ids.add(user.pk)
        is_able = change.after.accepted_on is not None and not change.after.blocked and not change.after.access_until
        self._gains_administrator = self._gains_administrator or (is_able and Right.MANAGE_PROVIDER in access.office)

    def check_whole_plan(self) -> None:
        """Refuse the whole plan when it leaves no administrator, and compute when its invitations are sent."""
        provider, plan = self.office.provider, self._plan
        if provider.established_at is not None and not self._gains_administrator:
            try:
                checks.require_one_stays(
                    user
                    for user in checks.list_active_administrators(provider)
                    if user.pk not in self._changed_user_ids
                )
            except LastAdministrator as error:
                plan.refusal = str(error)
        if count := plan.mails["invitation"]:
            plan.send_forecast = message_limits.forecast_bulk_invitations(provider.pk, count)


def _check_permissions(change: UserChange, by: Actor, provider: Provider, *, manages: bool) -> None:
    """Refuse what this actor may not do, by rule 5; the actions check the same again.

    The right to manage the office covers all actions on other users, so it is checked once instead of for every row.
    """
    user, changes = change.user, change.item["changes"]
    column = next((name for name in changes if name in USER_COLUMN_LABELS), "id")
    try:
        manages = manages and by.user is not None and by.user.provider_id == provider.pk
        if not manages:
            checks.require_right(by, Right.MANAGE_USERS)
        if changes.keys() & NOTIFICATION_FIELDS and not manages:
            checks.require_right(by, Right.MANAGE_SIGNALS)
        is_own = user is not None and by.user is not None and user.pk == by.user.pk
        if user is not None and not changes.keys() <= (
            PROFILE_FIELDS | NOTIFICATION_FIELDS if is_own else NOTIFICATION_FIELDS
        ):
            if is_own:
                raise PermissionDenied(_("You cannot do this to yourself. Ask another administrator."))
            if not manages:
                checks.require_authority_over(by, user)
        if not manages:
            _check_grant_permissions(change, by, provider)
    except PermissionDenied as error:
        change.row.add_problem(column, str(error))


def _check_grant_permissions(change: UserChange, by: Actor, provider: Provider) -> None:
    after = change.after
    before = change.before or after._replace(teams=frozenset(), individual=frozenset())

    def find_employers(team_ids: frozenset[UUID]) -> set[UUID]:
        rows = TeamEmployer.objects.filter(provider=provider, team__in=team_ids)
        return set(rows.values_list("employer_id", flat=True))

    if teams := before.teams ^ after.teams | change.shared:
        checks.require_right(by, Right.MANAGE_TEAMS)
        codes = TeamRight.objects.filter(provider=provider, team__in=teams).values_list("right", flat=True)
        rights = rights_from_codes(codes) | before.individual | after.individual
        checks.require_can_grant(by, rights, find_employers(teams))
    if rights := before.individual ^ after.individual:
        checks.require_right(by, Right.GRANT_RIGHTS)
        checks.require_can_grant(by, rights, find_employers(before.teams | after.teams))


def _build_commands(
    item: PlanItem, office: OfficeLookup, secrets: Mapping[str, Any], is_complete: bool
) -> list[UserCommand]:
    """Return the commands of an item in order of application.

    `secrets` has the mobile number and the password, which items do not have.
    """
    changes = item["changes"]
    new = {name: change[1] for name, change in changes.items()}
    details = {name: new[name] for name in DETAIL_FIELDS if name in new}
    if details.get("access_until") is not None:
        details["access_until"] = date.fromisoformat(details["access_until"])
    commands = _build_access_commands(changes, office)
    if item["is_new"]:
        grants = sorted(commands, key=lambda command: command.phase)
        values = cast(UserDetails, details | {"email": new.get("email", "")})
        return (
            _build_creation(new, values, grants, office, secrets)
            if is_complete
            else [new_user_commands.CreateIncompleteUser(values, new.get("login_method", "")), *grants]
        )
    number = secrets.get("mobile_number") or ""
    if new.get("login_method") == LoginMethod.WEBSITE_SSO:
        commands.append(user_commands.ChangeToWebsite(number))
    if details.get("access_until") is not None:
        commands.append(user_commands.EndAccess(details.pop("access_until")))
    if details:
        commands.append(user_commands.ChangeDetails(tuple(details.items())))
    if "email" in new:
        commands.append(user_commands.ChangeEmail(new["email"], number))
    if "invitation" in new:
        commands.append(user_commands.ResendInvitation(number, changes["invitation"][0]))
    if new.get("external_user_id") is not None:
        tenant = office.tenants[new["external_tenant"]]
        commands.append(user_commands.ChangeToAzure(tenant, UUID(new["external_user_id"]), new.get("username")))
    ends = user_commands.iter_access_ends(new, secrets.get("integrations", ()))
    return sorted([*commands, *ends], key=lambda command: command.phase)


def _build_creation(
    new: Mapping[str, Any],
    details: UserDetails,
    grants: list[ExistingUserCommand],
    office: OfficeLookup,
    secrets: Mapping[str, Any],
) -> list[UserCommand]:
    kind = new["login_method"]
    if kind == LoginMethod.WEBSITE_SSO:
        return [new_user_commands.InviteUser(details, kind, secrets["mobile_number"], tuple(grants))]
    if kind == LoginMethod.SSO_WEBSERVICE:
        return [new_user_commands.CreateWebserviceUser(details, kind, new["username"], secrets["password"]), *grants]
    tenant, external_user_id = office.tenants[new["external_tenant"]], UUID(new["external_user_id"])
    return [new_user_commands.CreateAzureUser(details, kind, new["username"], tenant, external_user_id), *grants]


def _build_access_commands(changes: Changes, office: OfficeLookup) -> list[ExistingUserCommand]:
    old_teams, new_teams = (set(names or []) for names in changes.get("teams", [None, None]))
    joined, left = (
        [office.teams[compute_name_key(name)] for name in sorted(names)]
        for names in (new_teams - old_teams, old_teams - new_teams)
    )
    commands: list[ExistingUserCommand] = [user_commands.AddToTeam(team) for team in joined]
    commands += [user_commands.RemoveFromTeam(team) for team in left]
    old_rights, new_rights = (
        rights_from_codes(codes or []) for codes in changes.get("individual_rights", [None, None])
    )
    if new_rights - old_rights:
        commands.append(user_commands.GrantRights(new_rights - old_rights))
    if old_rights - new_rights:
        commands.append(user_commands.RevokeRights(old_rights - new_rights))
    if "authorization_set" in changes:
        found = office.sets[compute_name_key(changes["authorization_set"][1])]
        commands.append(user_commands.ApplyAuthorizationSet(found))
    if "signal_set" in changes:
        notification_set = office.notification_sets[compute_name_key(changes["signal_set"][1])]
        commands.append(user_commands.ApplyNotificationSet(notification_set))
    if "signals" in changes:
        commands.append(user_commands.SetNotifications(tuple(changes["signals"][1])))
    return commands
