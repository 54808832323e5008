"""Plan an import of users without writing anything."""

from datetime import date
from typing import IO, Any, NamedTuple
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actions import OWN_FIELDS
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.actors import Actor, Origin
from bulk.budget import FOR_COMMANDS, Limits
from bulk.columns import LABELS
from bulk.differences import SIGNALS, changed, created
from bulk.effects import Effects
from bulk.people import Finder, Wanted, wanted_in
from bulk.plan import Fault, Item, Plan, Progress, quiet
from notifications.models import SignalSet
from outbox import limits
from teams import rights
from teams.catalogue import Right, known
from teams.models import AuthorizationSet, Team, TeamEmployer, TeamRight
from teams.rights import LastAdministrator
from teams.whatif import Supposed


class Office:
    """The teams, sets and tenants of an office that rows can refer to by name."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.teams = {team.name.casefold(): team for team in Team.objects.filter(provider=provider)}
        self.sets = {one.name.casefold(): one for one in AuthorizationSet.objects.filter(provider=provider)}
        signal_sets = SignalSet.objects.filter(provider=provider).prefetch_related("settings")
        self.signal_sets = {one.name.casefold(): one for one in signal_sets}
        tenants = list(ExternalTenant.objects.proved().filter(provider=provider))
        self.tenants = {tenant.name.casefold(): tenant for tenant in tenants}
        self.tenants |= {str(tenant.tenant_id): tenant for tenant in tenants}

    def resolve(self, wanted: Wanted) -> None:
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
            if wanted.has(column):
                found = known_ones.get(str(wanted.values[column]).casefold())
                if found is None:
                    wanted.refuse(column, unknown)
                wanted.values[column] = found
        if "teams" in wanted.values:
            names = wanted.values["teams"]
            for name in names:
                if name.casefold() not in self.teams:
                    wanted.refuse("teams", _("Team “%(name)s” does not exist. Create it first.") % {"name": name})
            wanted.values["teams"] = sorted(
                {self.teams[name.casefold()].name for name in names if name.casefold() in self.teams}
            )


class Step(NamedTuple):
    """A row with its planned item, and the user before and after, for computing rights."""

    wanted: Wanted
    item: Item
    user: User | None
    before: Supposed | None
    after: Supposed


def plan(
    provider: Provider,
    file: IO[bytes],
    *,
    by: Actor,
    invite: bool,
    limits: Limits = FOR_COMMANDS,
    progress: Progress = quiet,
) -> Plan:
    """Return the plan of `file` when `by` applies it; `invite` allows invitations to be sent.

    `progress` is called after each batch with its number of rows. Raises Unreadable.
    """
    made = Plan(provider.pk, "users", invite=invite)
    head, batches = wanted_in(file, limits=limits)
    for name in head.unknown:
        made.notices[_("Unknown column “%(head)s” is ignored.") % {"head": name[:60]}] += 1
    planner = Planner(Office(provider), by, made)
    for batch in batches:
        planner.take(batch)
        progress(len(batch))
    planner.finish()
    return made


class Planner:
    """Adds rows to a plan: computes their impact on rights and checks permissions."""

    def __init__(self, office: Office, by: Actor, plan: Plan) -> None:
        self._office, self._by, self._plan = office, by, plan
        self._manages = rights.manages(by)
        self._finder, self._effects = Finder(office.provider), Effects(office.provider)
        self._gone: set[Any] = set()
        self._come = False

    def take(self, batch: list[Wanted]) -> None:
        """Plan a batch of rows."""
        for wanted in batch:
            self._office.resolve(wanted)
        people = self._finder.find(batch)
        steps = [step for wanted in batch if (step := self._step(wanted, people.get(wanted.row))) is not None]
        self.add(steps, batch)

    def add(self, steps: list[Step], rows: list[Wanted]) -> None:
        """Add steps to the plan, and the problems of `rows` as faults."""
        self._effects.learn([one for step in steps for one in (step.before, step.after)])
        for step in steps:
            self._finish_step(step)
        faults: list[Fault] = [
            {"row": wanted.row, "column": str(LABELS[problem.column]), "value": problem.value, "what": problem.what}
            for wanted in rows
            for problem in wanted.problems
        ]
        self._plan.add([step.item for step in steps if not step.wanted.problems], faults)

    def _step(self, wanted: Wanted, user: User | None) -> Step | None:
        if wanted.problems and user is None:
            return None
        made = created(wanted, self._plan, self._office.provider) if user is None else changed(wanted, user, self._plan)
        if not made["changes"]:
            return None
        before, after = supposed(user, made, self._office)
        return Step(wanted, made, user, before, after)

    def _finish_step(self, step: Step) -> None:
        """Add the impact on rights to a step, and refuse what this actor may not grant."""
        item, wanted = step.item, step.wanted
        item["effect"] = self._effects.change(step.before, step.after)
        blocked = item["changes"].get("blocked", [None, None])[1] is True
        item["takes"] = blocked or "lost" in item["effect"]
        if step.user is not None and step.user.accepted_at is None and "waiting" in item["effect"]:
            self._plan.notices[
                _("Invited user gets more rights. If the sender may not grant these, resend the invitation.")
            ] += 1
        can = self._effects.of(step.after)
        if step.after.login_method == LoginMethod.SSO_WEBSERVICE and Right.MANAGE_PROVIDER in can.office:
            wanted.refuse(
                "individual_rights",
                _("An SSO/Webservice user cannot have the office administration right. Remove that right."),
            )
        if not self._by.is_operator:
            _check_allowed(step, self._by, self._office, manages=self._manages)
        if wanted.problems:
            return  # nothing changes for this user
        if step.user is not None:
            self._gone.add(step.user.pk)
        is_able = step.after.accepted_on is not None and not step.after.blocked and step.after.access_until is None
        self._come = self._come or (is_able and Right.MANAGE_PROVIDER in can.office)

    def finish(self) -> None:
        """Refuse the whole plan when it leaves no administrator or exceeds the invitation limit."""
        provider, plan = self._office.provider, self._plan
        if provider.established_at is not None and not self._come:
            ends = [user.access_until for user in rights.able_administrators(provider) if user.pk not in self._gone]
            if None not in ends:
                today = timezone.localdate()
                last = max((day for day in ends if day and day >= today), default=None)
                plan.refusal = str(LastAdministrator(last))
        room = limits.room(provider.pk, self._by, "invitation")
        if self._by.origin != Origin.COMMAND and plan.mails["invitation"] > room:
            message = _(
                "This file sends %(count)s invitations, but your office can send only %(room)s more this hour. Split"
                " the file or postpone the rest."
            )
            plan.refusal = message % {"count": plan.mails["invitation"], "room": room}


def as_is(user: User) -> Supposed:
    """Return what determines the rights of a user now."""
    return Supposed(
        user.login_method,
        None if user.accepted_at is None else timezone.localdate(user.accepted_at),
        user.blocked_at is not None,
        user.access_until,
        user.two_factor_required,
        user.second_factor_at is not None,
        frozenset(member.team_id for member in user.memberships.all()),
        known(row.right for row in user.individual_rights.all()),
    )


def supposed(user: User | None, item: Item, office: Office) -> tuple[Supposed | None, Supposed]:
    """Return what determines the rights of a user before the change, None for a new user, and after it."""
    before = None if user is None else as_is(user)
    start = before or Supposed("", None, False, None, False, False, frozenset(), frozenset())
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
        teams=_team_ids(office, new["teams"]) if "teams" in new else start.teams,
        individual=known(new["individual_rights"]) if "individual_rights" in new else start.individual,
    )
    return before, after


def _team_ids(office: Office, names: list[str]) -> frozenset[Any]:
    return frozenset(office.teams[name.casefold()].pk for name in names)


def _check_allowed(step: Step, by: Actor, office: Office, *, manages: bool) -> None:
    """Refuse what this actor may not do, by rule 5; the actions check the same again.

    Permission to manage the office allows everything on other users, so it is checked once instead of for every row.
    """
    wanted, changes = step.wanted, step.item["changes"]
    column = next(iter(changes))
    try:
        manages = manages and by.user is not None and by.user.provider_id == office.provider.pk
        if not manages:
            rights.require(by, Right.MANAGE_USERS)
        if changes.keys() & SIGNALS and not manages:
            rights.require(by, Right.MANAGE_SIGNALS)
        is_own = step.user is not None and by.user is not None and step.user.pk == by.user.pk
        if step.user is not None and not changes.keys() <= (OWN_FIELDS | SIGNALS if is_own else SIGNALS):
            if is_own:
                raise PermissionDenied(_("You cannot do this to yourself. Ask another administrator."))
            if not manages:
                rights.require_authority_over(by, step.user)
        if not manages:
            _check_gives(step, by, office)
    except PermissionDenied as error:
        wanted.refuse(column, str(error))


def _check_gives(step: Step, by: Actor, office: Office) -> None:
    before = step.before or step.after._replace(teams=frozenset(), individual=frozenset())
    teams, own = before.teams ^ step.after.teams, before.individual ^ step.after.individual
    if teams:
        rights.require(by, Right.MANAGE_TEAMS)
        places = TeamEmployer.objects.filter(provider=office.provider, team__in=teams)
        codes = TeamRight.objects.filter(provider=office.provider, team__in=teams).values_list("right", flat=True)
        rights.require_can_give(by, known(codes) | before.individual | step.after.individual, _ids(places))
    if own:
        rights.require(by, Right.GRANT_RIGHTS)
        everywhere = before.teams | step.after.teams
        places = TeamEmployer.objects.filter(provider=office.provider, team__in=everywhere)
        rights.require_can_give(by, own, _ids(places))


def _ids(places: "QuerySet[TeamEmployer]") -> set[UUID]:
    return set(places.values_list("employer_id", flat=True))
