"""Reconcile offices with a file that declares them. A plan is a dry run that is rolled back, so it is exact.

Each office is reconciled in a transaction of its own. Anything the file does not name is left alone; a list replaces
the stored one. Secrets are not in the file: users who require one are skipped until it is given.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

import accounts.actions
import accounts.tenants
import teams.sets
from accounts.locks import lock_provider
from accounts.models import ExternalTenant, Provider, User
from audit.actors import Actor
from bulk import applying, offices, people_plans, team_plans
from bulk.applying import REFUSALS, refused
from bulk.columns import SECRET
from bulk.office_files import Declared, Fault
from bulk.office_secrets import Secrets
from bulk.people import BATCH, Finder, Wanted
from bulk.plan import Item, Plan, Refused
from bulk.team_files import Contents, WantedThing
from loket.text import username_key
from signin.factors import policies
from signin.factors.policies import Policy
from teams.catalogue import Right
from teams.models import AuthorizationSet, Employer, Team

_OFFICE = ("name", "invitation_days", "support_may_look")
_KEEPING = ("erase_after_months", "checkpoint_addresses")
_POLICY = ("two_factor_managers", "two_factor_from", "two_factor_days")


class Waiting(TypedDict):
    """A user who is skipped: `key` is the secret to be given with --secrets."""

    number: int
    name: str
    key: str


@dataclass
class Outcome:
    """The changes to one office; applied only if it has no faults and no refusal."""

    name: str
    number: int
    items: list[Item] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    unnamed: dict[str, int] = field(default_factory=dict)  # number of each that is not in the file and left alone
    refusal: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.items


def run(declared: Declared, secrets: Secrets, *, by: Actor, keep: bool) -> Outcome:
    """Reconcile an office in one transaction, rolled back without `keep` or with a fault."""
    outcome = Outcome(declared.name, declared.number, faults=list(declared.faults))
    if any((fault["table"], fault["key"]) in (("office", "name"), ("office", "id")) for fault in declared.faults):
        return outcome  # the office is ambiguous
    try:
        with transaction.atomic():
            _Maker(declared, secrets, outcome, by).run()
            if outcome.faults or not keep:
                transaction.set_rollback(True)
    except REFUSALS as error:
        outcome.refusal = str(refused(error))
    except Refused as error:
        outcome.refusal = str(error)
    return outcome


class _Maker:
    """Reconciles one office, in order of dependencies."""

    def __init__(self, declared: Declared, secrets: Secrets, outcome: Outcome, by: Actor) -> None:
        self._declared, self._secrets, self._outcome, self._by = declared, secrets, outcome, by

    def run(self) -> None:
        self._provider = self._office()
        self._settings()
        self._tenants()
        self._sets()
        self._teams()
        self._users()
        self._policy()
        self._count_unnamed()

    def _note(self, kind: str, number: int, name: str, changes: dict[str, list[Any]], *, is_new: bool) -> None:
        """Add an item to the outcome, if there are changes."""
        if changes:
            item = Item(row=number, id=None, name=name, kind=kind, is_new=is_new, changes=changes, takes=False)
            self._outcome.items.append(item)

    def _office(self) -> Provider:
        values, name = self._declared.values, self._declared.name
        if "id" in values:
            known = Provider.objects.filter(pk=values["id"]).first()
            if known is None:
                raise ValidationError(_("No office has this ID. Check the ID."))
            if known.name != name and offices.called(name) is not None:
                raise ValidationError(_("Another office already has this name."))
        else:
            known = offices.called(name)
        if known is not None:
            return lock_provider(known.pk)
        self._note("office", self._declared.number, name, {"name": [None, name]}, is_new=True)
        return lock_provider(accounts.actions.create_provider(name, by=self._by).pk)

    def _settings(self) -> None:
        values, office = self._declared.values, self._provider
        wanted = {key: values.get(key, getattr(office, key)) for key in _OFFICE}
        keeping = {key: values.get(key, getattr(office, key)) for key in _KEEPING}
        changes = _changes(office, wanted | keeping)
        accounts.actions.change_provider(office, **wanted, version=office.version, by=self._by)
        accounts.actions.change_keeping(office, **keeping, by=self._by)
        self._note("office", self._declared.number, office.name, changes, is_new=False)
        self._provider = lock_provider(office.pk)

    def _tenants(self) -> None:
        known = {one.tenant_id: one for one in ExternalTenant.objects.filter(provider=self._provider)}
        for entry in self._declared.tables["tenant"]:
            name, id = entry.values.get("name"), entry.values.get("tenant_id")
            if name is None or id is None:
                continue
            tenant = known.get(id)
            changes: dict[str, list[Any]] = {}
            if tenant is None:
                changes = {"tenant_id": [None, str(id)], "name": [None, name]}
                known[id] = accounts.tenants.add(self._provider, name=name, tenant_id=id, by=self._by)
            elif tenant.name != name:
                changes = {"name": [tenant.name, name]}
                known[id] = accounts.tenants.rename(tenant, name=name, by=self._by)
            if (why := entry.values.get("confirmed")) and known[id].proved_at is None:
                how = ExternalTenant.Proof.SUPPORT
                accounts.tenants.prove(known[id], by=self._by, how=how, reason=why)
                changes["confirmed"] = [None, why]
            self._note("tenant", entry.number, name, changes, is_new=tenant is None)

    def _sets(self) -> None:
        known = {one.name.casefold(): one for one in AuthorizationSet.objects.filter(provider=self._provider)}
        for entry in self._declared.tables["set"]:
            name = entry.values.get("name")
            if name is None:
                continue
            found = known.get(name.casefold())
            held = found.rights if found else frozenset[Right]()
            wanted = frozenset(entry.values.get("rights", held))
            changes: dict[str, list[Any]] = (
                {} if found and found.name == name else {"name": [found and found.name, name]}
            )
            if wanted != held:
                changes["rights"] = [sorted(held), sorted(wanted)]
            if found is None:
                known[name.casefold()] = teams.sets.create(self._provider, name=name, contents=wanted, by=self._by)
            elif changes:
                teams.sets.change(found, name=name, contents=wanted, version=found.version, by=self._by)
            self._note("set", entry.number, name, changes, is_new=found is None)

    def _teams(self) -> None:
        plan, contents = Plan(self._provider.pk, "teams"), _contents(self._declared)
        team_plans.plan_contents(plan, self._provider, contents, self._by)
        for fault in plan.faults:
            table, _dot, key = fault["column"].partition(".")
            self._fault(table, fault["row"], key, fault["value"], fault["what"])
        applying.check(plan, None)
        if not len(plan.faults):
            self._outcome.items += team_plans.run(self._provider, plan, by=self._by)

    def _users(self) -> None:
        wrong = {fault["number"] for fault in self._declared.faults if fault["table"] == "user"}
        entries = [entry for entry in self._declared.tables["user"] if entry.number not in wrong]
        rows = [self._row(entry.number, entry.values) for entry in entries]
        plan = Plan(self._provider.pk, "users", invite=True)
        planner = people_plans.Planner(people_plans.Office(self._provider), self._by, plan)
        for start in range(0, len(rows), BATCH):
            planner.take(rows[start : start + BATCH])
        if not plan.is_empty:
            planner.finish()
        for row in rows:
            self._problems(row)
        applying.check(plan, None)
        if not self._outcome.faults:
            for item in applying.apply_items(self._provider, plan, by=self._by, rows=rows):
                self._outcome.items.append(item | Item(kind="user"))
        self._named = len(Finder(self._provider).find(rows))

    def _row(self, number: int, values: dict[str, Any]) -> Wanted:
        """Return the row of a user, with mobile number and password from the secrets."""
        row = Wanted(number, dict(values))
        if row.has("email"):
            row.values["mobile_number"] = self._secrets.numbers.get(row.values["email"].lower())
        if row.has("username"):
            row.values["password"] = self._secrets.passwords.get(username_key(row.values["username"]))
        if self._outcome.faults and "teams" in values:  # declared teams were not created; do not report them here
            made = {entry.values.get("name", "").casefold() for entry in self._declared.tables["team"]}
            row.values["teams"] = [name for name in values["teams"] if name.casefold() not in made]
        return row

    def _problems(self, row: Wanted) -> None:
        """Report the problems of a user, missing secrets separately.

        A declared user who is blocked and does not exist yet is skipped, having no access anyway.
        """
        get = row.values.get
        if get("blocked") and row.is_refused("blocked"):
            return
        for problem in row.problems:
            if problem.column in SECRET and not row.has(problem.column):
                name = User(initials=get("initials", ""), prefix=get("prefix", ""), last_name=get("last_name", ""))
                self._outcome.waiting.append(Waiting(number=row.row, name=name.list_name, key=problem.column))
            else:
                self._fault("user", row.row, problem.column, problem.value, problem.what)

    def _fault(self, table: str, number: int, key: str, value: str, what: str) -> None:
        known = {(fault["table"], fault["number"], fault["key"]) for fault in self._declared.faults}
        if (table, number, key) not in known:  # a value that is invalid is reported as missing too
            fault = Fault(office=self._declared.name, table=table, number=number, key=key, value=value, what=what)
            self._outcome.faults.append(fault)

    def _policy(self) -> None:
        office, values = lock_provider(self._provider.pk), self._declared.values
        wanted = {key: values.get(key, getattr(office, key)) for key in _POLICY}
        changes = _changes(office, wanted)
        if not changes:
            return
        policy = Policy(**wanted)
        seen = policies.effect(office, policy.begun(Policy.of(office))).seen
        try:
            policies.change(office, policy, version=office.version, seen=seen, by=self._by)
        except policies.Refused as error:
            raise Refused(str(error)) from error
        self._note("office", self._declared.number, office.name, changes, is_new=False)

    def _count_unnamed(self) -> None:
        """Count the objects that the file does not name."""
        models = {"tenant": ExternalTenant, "set": AuthorizationSet, "employer": Employer, "team": Team, "user": User}
        for table, model in models.items():
            named = self._named if table == "user" else len(self._declared.tables[table])
            there = model._default_manager.filter(provider=self._provider).count()
            if there > named:
                self._outcome.unnamed[table] = there - named


def _changes(office: Provider, wanted: dict[str, Any]) -> dict[str, list[Any]]:
    pairs = {key: [getattr(office, key), value] for key, value in wanted.items()}
    return {key: [_plain(old), _plain(new)] for key, (old, new) in pairs.items() if old != new}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


class _Keyed(Contents):
    """Contents whose faults are reported under the keys of the TOML file."""

    def refuse(self, wanted: WantedThing, column: str, what: str, value: object = None) -> None:
        key = {"team": "name"}.get(column, column)
        shown = str(wanted.values.get(column, "") if value is None else value)[:60]
        self.faults.append({"row": wanted.row, "column": f"{wanted.sheet}.{key}", "value": shown, "what": what})


def _contents(declared: Declared) -> Contents:
    """Convert declared teams and employers to contents of a team import; the rights of a team are complete."""
    found = _Keyed()
    for entry in declared.tables["employer"]:
        found.employers.append(WantedThing(entry.number, "employer", _sorted(entry.values)))
    for entry in declared.tables["team"]:
        values = _sorted(entry.values)
        given = values.pop("rights", None)
        found.teams.append(WantedThing(entry.number, "team", values))
        if given is not None and "name" in values:
            marks = {right: right in given for right in Right}
            found.rights.append(WantedThing(entry.number, "team", {"team": values["name"], "marks": marks}))
    return found


def _sorted(values: dict[str, Any]) -> dict[str, Any]:
    return {key: sorted(set(value)) if isinstance(value, list) else value for key, value in values.items()}


def run_all(wanted: Iterable[Declared], secrets: Secrets, *, by: Actor, keep: bool) -> list[Outcome]:
    """Plan every office, and with `keep` reconcile each if no office has faults; return the outcomes."""
    declared = list(wanted)
    planned = [run(one, secrets, by=by, keep=False) for one in declared]
    if not keep or any(outcome.faults for outcome in planned):
        return planned
    return [
        outcome if outcome.is_empty or outcome.refusal else run(one, secrets, by=by, keep=True)
        for one, outcome in zip(declared, planned, strict=True)
    ]
