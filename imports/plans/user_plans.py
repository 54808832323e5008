"""Plan an import of users without writing anything."""

from datetime import date
from typing import IO, Any, NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.actors import Actor, EventOrigin
from imports.files.budget import COMMAND_LIMITS, FileLimits
from imports.files.user_columns import USER_COLUMN_LABELS
from imports.files.user_rows import UserFinder, UserRow, read_user_rows
from imports.plans.impact import ImpactCache
from imports.plans.plan import Plan, PlanFault, PlanItem, ProgressCallback, ignore_progress
from imports.plans.user_diff import NOTIFICATION_FIELDS, plan_existing_user, plan_new_user
from notifications.models import NotificationSet
from outbox import message_limits
from permissions import checks
from permissions.catalog import Right, rights_from_codes
from permissions.checks import LastAdministrator
from permissions.impact import HypotheticalUser
from permissions.models import AuthorizationSet, Team, TeamEmployer, TeamRight
from users.actions import PROFILE_FIELDS


class OfficeLookup:
    """The teams, sets and tenants of an office that rows can refer to by name."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.teams = {team.name.casefold(): team for team in Team.objects.filter(provider=provider)}
        self.sets = {one.name.casefold(): one for one in AuthorizationSet.objects.filter(provider=provider)}
        signal_sets = NotificationSet.objects.filter(provider=provider).prefetch_related("settings")
        self.signal_sets = {one.name.casefold(): one for one in signal_sets}
        tenants = list(ExternalTenant.objects.proved().filter(provider=provider))
        self.tenants = {tenant.name.casefold(): tenant for tenant in tenants}
        self.tenants |= {str(tenant.tenant_id): tenant for tenant in tenants}

    def resolve_names(self, wanted: UserRow) -> None:
        """Replace names in a row by the objects they refer to, and add problems for unknown names."""
        for column, known_ones, unknown in (
            (
                "external_tenant",
                self.tenants,
                _("This tenant cannot be used: it has been removed or is not confirmed."),
            ),
            ("authorization_set", self.sets, _("No set has this name. Check the name.")),
            ("signal_set", self.signal_sets, _("No set has this name. Check the name.")),
        ):
            if wanted.has_value(column):
                found = known_ones.get(str(wanted.values[column]).casefold())
                if found is None:
                    wanted.add_problem(column, unknown)
                wanted.values[column] = found
        if "teams" in wanted.values:
            names = wanted.values["teams"]
            for name in names:
                if name.casefold() not in self.teams:
                    wanted.add_problem("teams", _("Team “%(name)s” does not exist. Create it first.") % {"name": name})
            wanted.values["teams"] = sorted(
                {self.teams[name.casefold()].name for name in names if name.casefold() in self.teams}
            )


class PlanStep(NamedTuple):
    """A row with its planned item, and the user before and after, for computing rights."""

    wanted: UserRow
    item: PlanItem
    user: User | None
    before: HypotheticalUser | None
    after: HypotheticalUser


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
    made = Plan(provider.pk, "users", invite=invite)
    head, batches = read_user_rows(file, limits=limits)
    for name in head.unknown:
        made.notices[_("Unknown column “%(head)s” is ignored.") % {"head": name[:60]}] += 1
    planner = UserPlanner(OfficeLookup(provider), by, made)
    for batch in batches:
        planner.plan_batch(batch)
        progress(len(batch))
    planner.check_whole_plan()
    return made


class UserPlanner:
    """Adds rows to a plan: computes their impact on rights and checks permissions."""

    def __init__(self, office: OfficeLookup, by: Actor, plan: Plan) -> None:
        self._office, self._by, self._plan = office, by, plan
        self._manages = checks.holds_every_right(by)
        self._finder, self._impacts = UserFinder(office.provider), ImpactCache(office.provider)
        self._changed_user_ids: set[Any] = set()
        self._gains_administrator = False

    def plan_batch(self, batch: list[UserRow]) -> None:
        """Plan a batch of rows."""
        for wanted in batch:
            self._office.resolve_names(wanted)
        people = self._finder.find_users(batch)
        steps = [step for wanted in batch if (step := self._plan_row(wanted, people.get(wanted.row))) is not None]
        self.add_steps(steps, batch)

    def add_steps(self, steps: list[PlanStep], rows: list[UserRow]) -> None:
        """Add steps to the plan, and the problems of `rows` as faults."""
        self._impacts.preload([one for step in steps for one in (step.before, step.after)])
        for step in steps:
            self._add_impact_and_check(step)
        faults: list[PlanFault] = [
            {
                "row": wanted.row,
                "column": str(USER_COLUMN_LABELS[problem.column]),
                "value": problem.value,
                "what": problem.what,
            }
            for wanted in rows
            for problem in wanted.problems
        ]
        self._plan.add([step.item for step in steps if not step.wanted.problems], faults)

    def _plan_row(self, wanted: UserRow, user: User | None) -> PlanStep | None:
        if wanted.problems and user is None:
            return None
        made = (
            plan_new_user(wanted, self._plan, self._office.provider)
            if user is None
            else plan_existing_user(wanted, user, self._plan)
        )
        if not made["changes"]:
            return None
        before, after = snapshot_before_and_after(user, made, self._office)
        return PlanStep(wanted, made, user, before, after)

    def _add_impact_and_check(self, step: PlanStep) -> None:
        """Add the impact on rights to a step, and refuse what this actor may not grant."""
        item, wanted = step.item, step.wanted
        item["effect"] = self._impacts.compute_change(step.before, step.after)
        blocked = item["changes"].get("blocked", [None, None])[1] is True
        item["takes"] = blocked or "lost" in item["effect"]
        if step.user is not None and step.user.accepted_at is None and "waiting" in item["effect"]:
            self._plan.notices[
                _("Invited user gets more rights. If the sender may not grant these, resend the invitation.")
            ] += 1
        can = self._impacts.get_rights(step.after)
        if step.after.login_method == LoginMethod.SSO_WEBSERVICE and Right.MANAGE_PROVIDER in can.office:
            wanted.add_problem(
                "individual_rights",
                _("An SSO/Webservice user cannot have the office administration right. Remove that right."),
            )
        if not self._by.is_operator:
            _check_permissions(step, self._by, self._office, manages=self._manages)
        if wanted.problems:
            return  # nothing changes for this user
        if step.user is not None:
            self._changed_user_ids.add(step.user.pk)
        is_able = step.after.accepted_on is not None and not step.after.blocked and step.after.access_until is None
        self._gains_administrator = self._gains_administrator or (is_able and Right.MANAGE_PROVIDER in can.office)

    def check_whole_plan(self) -> None:
        """Refuse the whole plan when it leaves no administrator or exceeds the invitation limit."""
        provider, plan = self._office.provider, self._plan
        if provider.established_at is not None and not self._gains_administrator:
            ends = [
                user.access_until
                for user in checks.list_active_administrators(provider)
                if user.pk not in self._changed_user_ids
            ]
            if None not in ends:
                today = timezone.localdate()
                last = max((day for day in ends if day and day >= today), default=None)
                plan.refusal = str(LastAdministrator(last))
        room = message_limits.count_messages_left(provider.pk, self._by, "invitation")
        if self._by.origin != EventOrigin.COMMAND and plan.mails["invitation"] > room:
            message = _(
                "This file sends %(count)s invitations, but your office can send only %(room)s more this hour. Split"
                " the file or postpone the rest."
            )
            plan.refusal = message % {"count": plan.mails["invitation"], "room": room}


def snapshot_user(user: User) -> HypotheticalUser:
    """Return what determines the rights of a user now."""
    return HypotheticalUser(
        user.login_method,
        None if user.accepted_at is None else timezone.localdate(user.accepted_at),
        user.blocked_at is not None,
        user.access_until,
        user.two_factor_required,
        user.second_factor_at is not None,
        frozenset(member.team_id for member in user.memberships.all()),
        rights_from_codes(row.right for row in user.individual_rights.all()),
    )


def snapshot_before_and_after(
    user: User | None, item: PlanItem, office: OfficeLookup
) -> tuple[HypotheticalUser | None, HypotheticalUser]:
    """Return what determines the rights of a user before the change, None for a new user, and after it."""
    before = None if user is None else snapshot_user(user)
    start = before or HypotheticalUser("", None, False, None, False, False, frozenset(), frozenset())
    new = {name: change[1] for name, change in item["changes"].items()}
    kind = new.get("login_method", start.login_method)
    accepted_on = start.accepted_on
    if "login_method" in new:
        accepted_on = None if kind == LoginMethod.WEBSITE_SSO else accepted_on or timezone.localdate()
    until = new.get("access_until", start.access_until)
    after = start._replace(
        login_method=kind,
        accepted_on=accepted_on,
        blocked=new.get("blocked", start.blocked),
        access_until=date.fromisoformat(until) if isinstance(until, str) else until,
        two_factor_required=new.get("two_factor_required", start.two_factor_required)
        and kind == LoginMethod.WEBSITE_SSO,
        teams=_get_team_ids(office, new["teams"]) if "teams" in new else start.teams,
        individual=rights_from_codes(new["individual_rights"]) if "individual_rights" in new else start.individual,
    )
    return before, after


def _get_team_ids(office: OfficeLookup, names: list[str]) -> frozenset[Any]:
    return frozenset(office.teams[name.casefold()].pk for name in names)


def _check_permissions(step: PlanStep, by: Actor, office: OfficeLookup, *, manages: bool) -> None:
    """Refuse what this actor may not do, by rule 5; the actions check the same again.

    Permission to manage the office allows everything on other users, so it is checked once instead of for every row.
    """
    wanted, changes = step.wanted, step.item["changes"]
    column = next(iter(changes))
    try:
        manages = manages and by.user is not None and by.user.provider_id == office.provider.pk
        if not manages:
            checks.require_right(by, Right.MANAGE_USERS)
        if changes.keys() & NOTIFICATION_FIELDS and not manages:
            checks.require_right(by, Right.MANAGE_SIGNALS)
        is_own = step.user is not None and by.user is not None and step.user.pk == by.user.pk
        if step.user is not None and not changes.keys() <= (
            PROFILE_FIELDS | NOTIFICATION_FIELDS if is_own else NOTIFICATION_FIELDS
        ):
            if is_own:
                raise PermissionDenied(_("You cannot do this to yourself. Ask another administrator."))
            if not manages:
                checks.require_authority_over(by, step.user)
        if not manages:
            _check_grant_permissions(step, by, office)
    except PermissionDenied as error:
        wanted.add_problem(column, str(error))


def _check_grant_permissions(step: PlanStep, by: Actor, office: OfficeLookup) -> None:
    before = step.before or step.after._replace(teams=frozenset(), individual=frozenset())
    teams, own = before.teams ^ step.after.teams, before.individual ^ step.after.individual
    if teams:
        checks.require_right(by, Right.MANAGE_TEAMS)
        places = TeamEmployer.objects.filter(provider=office.provider, team__in=teams)
        codes = TeamRight.objects.filter(provider=office.provider, team__in=teams).values_list("right", flat=True)
        checks.require_can_grant(
            by, rights_from_codes(codes) | before.individual | step.after.individual, _get_employer_ids(places)
        )
    if own:
        checks.require_right(by, Right.GRANT_RIGHTS)
        everywhere = before.teams | step.after.teams
        places = TeamEmployer.objects.filter(provider=office.provider, team__in=everywhere)
        checks.require_can_grant(by, own, _get_employer_ids(places))


def _get_employer_ids(places: "QuerySet[TeamEmployer]") -> set[UUID]:
    return set(places.values_list("employer_id", flat=True))
