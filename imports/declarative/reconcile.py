"""Reconcile offices with a file that declares them. A plan is a dry run that is rolled back, so it is exact.

Each office is reconciled in a transaction of its own. Anything the file does not name is left alone; a list replaces
the stored one. Secrets are not in the file: users who require one are skipped until it is given.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypedDict
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

import authentication.microsoft.tenants
import teams.sets
import users.actions
from accounts.locks import lock_provider
from accounts.models import ExternalTenant, Provider, User
from audit.actors import Actor
from audit.changes import Changes
from authentication.mfa import office_policy
from authentication.mfa.office_policy import MfaPolicy
from core.keys import compute_email_key, compute_name_key, compute_username_key, is_same_value
from imports.declarative.schema import DeclaredOffice, OfficeFault
from imports.declarative.secrets_file import OfficeSecrets
from imports.files.team_rows import TeamFileContents, TeamFileRow
from imports.files.user_columns import SECRET_COLUMNS
from imports.files.user_rows import BATCH_ROWS, UserFinder, UserRow
from imports.files.wording import format_value
from imports.plans import team_plans, user_plans
from imports.plans.plan import Plan, PlanItem, PlanRefused, apply_plan, check_plan, refuse_on_error
from outbox.message_limits import BulkProgress
from permissions.catalog import Right
from permissions.models import AuthorizationSet, Employer, Team
from users import office_setup

_OFFICE_FIELDS = ("name", "invitation_days", "support_may_look")
_RETENTION_FIELDS = ("erase_after_months", "checkpoint_addresses")
_POLICY_FIELDS = ("two_factor_managers", "two_factor_from", "two_factor_days")


class MissingSecret(TypedDict):
    """A user who is skipped: `key` is the secret to be given with --secrets."""

    number: int
    name: str
    key: str


@dataclass
class OfficeOutcome:
    """The changes to one office; applied only if it has no faults and no refusal."""

    name: str
    number: int
    items: list[PlanItem] = field(default_factory=list)
    faults: list[OfficeFault] = field(default_factory=list)
    missing_secrets: list[MissingSecret] = field(default_factory=list)
    not_in_file_counts: dict[str, int] = field(
        default_factory=dict
    )  # number of each that is not in the file and left alone
    refusal: str = ""
    send_forecast: BulkProgress | None = None
    provider_id: UUID | None = None

    @property
    def is_empty(self) -> bool:
        return not self.items


def reconcile_office(declared: DeclaredOffice, secrets: OfficeSecrets, *, by: Actor, commit: bool) -> OfficeOutcome:
    """Reconcile an office in one transaction, rolled back without `commit` or with a fault."""
    outcome = OfficeOutcome(declared.name, declared.number, faults=list(declared.faults))
    if any((fault["table"], fault["key"]) in (("office", "name"), ("office", "id")) for fault in declared.faults):
        return outcome  # the office is ambiguous
    try:
        with refuse_on_error(), transaction.atomic():
            _OfficeReconciler(declared, secrets, outcome, by).run()
            if outcome.faults or not commit:
                transaction.set_rollback(True)
    except PlanRefused as error:
        outcome.refusal = str(error)
    return outcome


class _OfficeReconciler:
    """Reconciles one office, in order of dependencies."""

    def __init__(self, declared: DeclaredOffice, secrets: OfficeSecrets, outcome: OfficeOutcome, by: Actor) -> None:
        self._declared, self._secrets, self._outcome, self._by = declared, secrets, outcome, by

    def run(self) -> None:
        self._provider = self._reconcile_office()
        self._outcome.provider_id = self._provider.pk
        self._reconcile_settings()
        self._reconcile_tenants()
        self._reconcile_sets()
        self._reconcile_teams()
        self._reconcile_users()
        self._reconcile_mfa_policy()
        self._count_unnamed()

    def _add_item(self, kind: str, number: int, name: str, changes: Changes, *, is_new: bool) -> None:
        """Add an item to the outcome, if there are changes."""
        if changes:
            item = PlanItem(row=number, id=None, name=name, kind=kind, is_new=is_new, changes=changes, has_losses=False)
            self._outcome.items.append(item)

    def _reconcile_office(self) -> Provider:
        values, name = self._declared.values, self._declared.name
        if "id" in values:
            known = Provider.objects.filter(pk=values["id"]).first()
            if known is None:
                raise ValidationError(_("No office has this ID. Check the ID."))
            if known.name_key != compute_name_key(name) and office_setup.lock_office_name(name) is not None:
                raise ValidationError(_("Another office already has this name."))
        else:
            known = office_setup.lock_office_name(name)
        if known is not None:
            return lock_provider(known.pk)
        self._add_item("office", self._declared.number, name, {"name": [None, name]}, is_new=True)
        return lock_provider(users.actions.create_provider(name, by=self._by).pk)

    def _reconcile_settings(self) -> None:
        values, office = self._declared.values, self._provider
        settings = {key: values.get(key, getattr(office, key)) for key in _OFFICE_FIELDS}
        if "id" not in values:  # found by name, which keeps its spelling
            settings["name"] = office.name
        retention = {key: values.get(key, getattr(office, key)) for key in _RETENTION_FIELDS}
        changes = _diff_fields(office, settings | retention)
        users.actions.change_provider(office, **settings, version=office.version, by=self._by)
        users.actions.change_retention(office, **retention, by=self._by)
        self._add_item("office", self._declared.number, office.name, changes, is_new=False)
        self._provider = lock_provider(office.pk)

    def _reconcile_tenants(self) -> None:
        known = {tenant.tenant_id: tenant for tenant in ExternalTenant.objects.filter(provider=self._provider)}
        for entry in self._declared.tables["tenant"]:
            name, tenant_id = entry.values.get("name"), entry.values.get("tenant_id")
            if name is None or tenant_id is None:
                continue
            tenant = known.get(tenant_id)
            changes: Changes = {}
            if tenant is None:
                changes = {"tenant_id": [None, str(tenant_id)], "name": [None, name]}
                known[tenant_id] = authentication.microsoft.tenants.add_tenant(
                    self._provider, name=name, tenant_id=tenant_id, by=self._by
                )
            elif not is_same_value(tenant.name, name):
                changes = {"name": [tenant.name, name]}
                known[tenant_id] = authentication.microsoft.tenants.rename_tenant(tenant, name=name, by=self._by)
            if (why := entry.values.get("confirmed")) and known[tenant_id].confirmed_at is None:
                how = ExternalTenant.ConfirmationMethod.SUPPORT
                authentication.microsoft.tenants.confirm_tenant(known[tenant_id], by=self._by, how=how, reason=why)
                changes["confirmed"] = [None, why]
            self._add_item("tenant", entry.number, name, changes, is_new=tenant is None)

    def _reconcile_sets(self) -> None:
        known = {compute_name_key(set_.name): set_ for set_ in AuthorizationSet.objects.filter(provider=self._provider)}
        for entry in self._declared.tables["set"]:
            name = entry.values.get("name")
            if name is None:
                continue
            stored = known.get(compute_name_key(name))
            held = stored.rights if stored else frozenset[Right]()
            rights = frozenset(entry.values.get("rights", held))
            changes: Changes = {} if stored else {"name": [None, name]}
            if rights != held:
                changes["rights"] = [sorted(held), sorted(rights)]
            if stored is None:
                known[compute_name_key(name)] = teams.sets.create_set(
                    self._provider, name=name, contents=rights, by=self._by
                )
            elif changes:
                teams.sets.update_set(stored, name=stored.name, contents=rights, version=stored.version, by=self._by)
            self._add_item("set", entry.number, name, changes, is_new=stored is None)

    def _reconcile_teams(self) -> None:
        plan, contents = Plan(self._provider.pk, "teams"), _build_team_contents(self._declared)
        team_plans.plan_team_contents(plan, self._provider, contents, self._by)
        for fault in plan.faults:
            table, _dot, key = fault["column"].partition(".")
            self._add_fault(table, fault["row"], key, fault["value"], fault["what"])
        check_plan(plan, None)
        if not plan.faults:
            apply_plan(self._provider, plan, by=self._by)
            self._outcome.items += plan.items

    def _reconcile_users(self) -> None:
        wrong = {fault["number"] for fault in self._declared.faults if fault["table"] == "user"}
        entries = [entry for entry in self._declared.tables["user"] if entry.number not in wrong]
        rows = [self._build_row(entry.number, entry.values) for entry in entries]
        plan = Plan(self._provider.pk, "users", invite=True)
        planner = user_plans.UserPlanner(self._provider, self._by, plan)
        for start in range(0, len(rows), BATCH_ROWS):
            planner.plan_rows(rows[start : start + BATCH_ROWS])
        if not plan.is_empty:
            planner.check_whole_plan()
        for row in rows:
            self._report_problems(row)
        check_plan(plan, None)
        if not self._outcome.faults:
            apply_plan(self._provider, plan, by=self._by)
            self._outcome.items += [item | PlanItem(kind="user") for item in plan.items]
            self._outcome.send_forecast = plan.send_forecast
        self._named_user_count = len(UserFinder(self._provider).find_users(rows))

    def _build_row(self, number: int, values: dict[str, Any]) -> UserRow:
        """Return the row of a user, with mobile number and password from the secrets."""
        row = UserRow(number, dict(values))
        if row.has_value("email"):
            row.values["mobile_number"] = self._secrets.mobile_numbers.get(compute_email_key(row.values["email"]))
        if row.has_value("username"):
            row.values["password"] = self._secrets.passwords.get(compute_username_key(row.values["username"]))
        if self._outcome.faults and "teams" in values:  # declared teams were not created; do not report them here
            declared = {compute_name_key(entry.values.get("name", "")) for entry in self._declared.tables["team"]}
            row.values["teams"] = [name for name in values["teams"] if compute_name_key(name) not in declared]
        return row

    def _report_problems(self, row: UserRow) -> None:
        """Report the problems of a user, missing secrets separately.

        A declared user who is blocked and does not exist yet is skipped, having no access anyway.
        """
        get = row.values.get
        if get("blocked") and row.has_problem("blocked"):
            return
        for problem in row.problems:
            if problem.column in SECRET_COLUMNS and not row.has_value(problem.column):
                name = User(initials=get("initials", ""), prefix=get("prefix", ""), last_name=get("last_name", ""))
                self._outcome.missing_secrets.append(
                    MissingSecret(number=row.row, name=name.list_name, key=problem.column)
                )
            else:
                self._add_fault("user", row.row, problem.column, problem.value, problem.what)

    def _add_fault(self, table: str, number: int, key: str, value: str, what: str) -> None:
        known = {(fault["table"], fault["number"], fault["key"]) for fault in self._declared.faults}
        if (table, number, key) not in known:  # a value that is invalid is reported as missing too
            fault = OfficeFault(office=self._declared.name, table=table, number=number, key=key, value=value, what=what)
            self._outcome.faults.append(fault)

    def _reconcile_mfa_policy(self) -> None:
        office, values = lock_provider(self._provider.pk), self._declared.values
        fields = {key: values.get(key, getattr(office, key)) for key in _POLICY_FIELDS}
        changes = _diff_fields(office, fields)
        if not changes:
            return
        policy = MfaPolicy(**fields)
        fingerprint = office_policy.compute_impact(
            office, policy.with_start_date(MfaPolicy.from_provider(office))
        ).fingerprint
        try:
            office_policy.change_policy(office, policy, version=office.version, fingerprint=fingerprint, by=self._by)
        except office_policy.PolicyRefused as error:
            raise PlanRefused(str(error)) from error
        self._add_item("office", self._declared.number, office.name, changes, is_new=False)

    def _count_unnamed(self) -> None:
        """Count the objects that the file does not name."""
        models: dict[str, type[Any]] = {
            "tenant": ExternalTenant,
            "set": AuthorizationSet,
            "employer": Employer,
            "team": Team,
            "user": User,
        }
        for table, model in models.items():
            named = self._named_user_count if table == "user" else len(self._declared.tables[table])
            there = model._default_manager.filter(provider=self._provider).count()
            if there > named:
                self._outcome.not_in_file_counts[table] = there - named


def _diff_fields(office: Provider, values: dict[str, Any]) -> Changes:
    pairs = {key: [getattr(office, key), value] for key, value in values.items()}
    return {
        key: [_convert_to_plain_value(old), _convert_to_plain_value(new)]
        for key, (old, new) in pairs.items()
        if old != new
    }


def _convert_to_plain_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


class _DeclaredTeamContents(TeamFileContents):
    """Contents whose faults are reported under the keys of the TOML file."""

    def add_fault(self, row: TeamFileRow, column: str, what: str, value: object = None) -> None:
        key = {"team": "name"}.get(column, column)
        shown = format_value(row.values.get(column) if value is None else value)
        self.faults.append({"row": row.row, "column": f"{row.sheet}.{key}", "value": shown, "what": what})


def _build_team_contents(declared: DeclaredOffice) -> TeamFileContents:
    """Convert declared teams and employers to contents of a team import; the rights of a team are complete."""
    contents = _DeclaredTeamContents()
    for entry in declared.tables["employer"]:
        contents.employers.append(TeamFileRow(entry.number, "employer", _sort_lists(entry.values)))
    for entry in declared.tables["team"]:
        values = _sort_lists(entry.values)
        rights = values.pop("rights", None)
        contents.teams.append(TeamFileRow(entry.number, "team", values))
        if rights is not None and "name" in values:
            marks = {right: right in rights for right in Right}
            contents.rights.append(TeamFileRow(entry.number, "team", {"team": values["name"], "marks": marks}))
    return contents


def _sort_lists(values: dict[str, Any]) -> dict[str, Any]:
    return {key: sorted(set(value)) if isinstance(value, list) else value for key, value in values.items()}


def reconcile_offices(
    offices: Iterable[DeclaredOffice], secrets: OfficeSecrets, *, by: Actor, commit: bool
) -> list[OfficeOutcome]:
    """Plan every office, and with `commit` reconcile each if no office has faults; return the outcomes."""
    declared = list(offices)
    planned = [reconcile_office(office, secrets, by=by, commit=False) for office in declared]
    _refuse_same_office(planned)
    if not commit or any(outcome.faults for outcome in planned):
        return planned
    return [
        outcome if outcome.is_empty or outcome.refusal else reconcile_office(office, secrets, by=by, commit=True)
        for office, outcome in zip(declared, planned, strict=True)
    ]


def _refuse_same_office(outcomes: Iterable[OfficeOutcome]) -> None:
    """Add a fault to each outcome about the office of an earlier one: one by its name, the other by its ID."""
    seen: set[UUID | None] = set()
    for outcome in outcomes:
        if outcome.provider_id in seen - {None}:
            name, what = outcome.name, _("This is in the file twice. Keep one.")
            fault = OfficeFault(office=name, table="office", number=outcome.number, key="name", value=name, what=what)
            outcome.faults.append(fault)
        seen.add(outcome.provider_id)
