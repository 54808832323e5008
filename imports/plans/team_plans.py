"""Plan an import of teams with a dry run: it is applied in a transaction that is rolled back, so the plan is exact."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider, User
from audit.actors import Actor
from audit.changes import Changes
from core.access import ReauthenticationLevel
from core.keys import compute_name_key, is_same_value
from imports.files import team_rows
from imports.files.budget import COMMAND_LIMITS, FileLimits
from imports.files.team_rows import NamedFiles, TeamFileContents, TeamFileRow
from imports.files.user_rows import UserWithAccess, select_with_access
from imports.plans import team_commands
from imports.plans.duty_checks import add_accepted_conflicts
from imports.plans.impact import compute_access, compute_impact
from imports.plans.office_lookup import OfficeLookup
from imports.plans.plan import Plan, PlanItem, PlanRefused, PlanStep, ProgressCallback, apply_plan, ignore_progress
from imports.plans.user_changes import snapshot_user
from permissions.catalog import Right, rights_from_codes
from permissions.models import Employer, Team


def plan_team_files(
    provider: Provider,
    files: NamedFiles,
    *,
    by: Actor,
    limits: FileLimits = COMMAND_LIMITS,
    progress: ProgressCallback = ignore_progress,
) -> Plan:
    """Return the plan of `files` when `by` applies them. Raises UnreadableFile."""
    plan = Plan(provider.pk, "teams")
    plan_team_contents(plan, provider, team_rows.read_team_files(files, plan, limits=limits), by, progress)
    return plan


def plan_team_contents(
    plan: Plan, provider: Provider, contents: TeamFileContents, by: Actor, progress: ProgressCallback = ignore_progress
) -> None:
    """Add the changes in `contents` to the plan when `by` applies them."""
    office = OfficeLookup(provider)
    items = [*_build_employer_items(contents, office), *_build_team_items(contents, office)]
    add_items_with_impact(plan, provider, items, contents, by, progress)


def add_items_with_impact(
    plan: Plan,
    provider: Provider,
    items: list[PlanItem],
    contents: TeamFileContents,
    by: Actor,
    progress: ProgressCallback = ignore_progress,
) -> None:
    """Add the items to the plan, followed by every user whose rights they affect."""
    steps, affected = [PlanStep(item, team_commands.build_commands(item)) for item in items], list[PlanItem]()
    if items and not contents.faults:
        try:
            affected = _dry_run(provider, steps, by, progress, plan)
        except PlanRefused as error:
            plan.refusal = str(error)
    plan.add([*steps, *map(PlanStep, affected)], contents.faults)


def _dry_run(
    provider: Provider, steps: list[PlanStep], by: Actor, progress: ProgressCallback, plan: Plan
) -> list[PlanItem]:
    """Return an item for each user whose rights the steps affect. Raises PlanRefused."""
    trial = Plan(provider.pk, "teams")
    trial.add(steps, ())
    with transaction.atomic():
        lock_provider(provider.pk)
        users = _find_affected_users(provider, trial.items)
        cases = {user.pk: snapshot_user(user) for user in users}
        before = compute_access(provider, cases.values())
        # Confirming requires re-authentication.
        by = replace(by, proof=ReauthenticationLevel.FIVE_MINUTES, accepts_conflicts=True)
        started = timezone.now()
        apply_plan(provider, trial, by=by, progress=progress)
        add_accepted_conflicts(provider, started, plan)
        after = compute_access(provider, cases.values())
        transaction.set_rollback(True)
    for item in trial.items:
        item["id"] = None if item["is_new"] else item["id"]
    affected = []
    for user in users:
        if effect := compute_impact(before[cases[user.pk]], after[cases[user.pk]]):
            item = PlanItem(row=0, id=str(user.pk), name=user.list_name, is_new=False, changes={}, effect=effect)
            affected.append(item | PlanItem(has_losses="lost" in effect))
    return affected


def _find_affected_users(provider: Provider, items: list[PlanItem]) -> list[UserWithAccess]:
    """Return the members of the teams that change, and of teams at an employer that changes."""
    ids = [UUID(item["id"]) for item in items if item["id"] is not None]
    members = User.objects.filter(provider=provider, memberships__team__in=ids)
    at_employers = User.objects.filter(provider=provider, memberships__team__employers__employer__in=ids)
    keys = {*members.values_list("pk", flat=True), *at_employers.values_list("pk", flat=True)}
    return list(select_with_access(User.objects.filter(pk__in=keys)).order_by("sort_name", "pk"))


def _build_employer_items(contents: TeamFileContents, office: OfficeLookup) -> list[PlanItem]:
    items: list[PlanItem] = []
    seen: set[int] = set()
    for row in contents.employers:
        number, name = row.values.get("number"), row.values.get("name", "")
        if number is None:
            contents.require_value(row, "number", _("Enter the employer number."))
        elif number in seen:
            contents.add_fault(row, "number", _("This is in the file twice. Keep one."))
        elif number not in office.employers and not name:
            contents.require_value(row, "name", _("Enter a name."))
        elif len(name) > 70:
            contents.add_fault(row, "name", _("Use at most %(count)d characters.") % {"count": 70})
        else:
            seen.add(number)
            if item := _build_employer_item(row, number, office.employers.get(number)):
                items.append(item)
    return items


def _build_employer_item(row: TeamFileRow, number: int, employer: Employer | None) -> PlanItem | None:
    name = row.values.get("name") or None
    changes: Changes = {} if employer else {"number": [None, number]}
    for key, value in (("name", name), ("products", row.values.get("products"))):
        present = getattr(employer, key) if employer else None
        if value is not None and not is_same_value(value, present) and (employer or value):
            changes[key] = [present, value]
    if not changes:
        return None
    return PlanItem(
        row=row.row,
        id=str(employer.pk) if employer else None,
        name=f"{number} {name or (employer.name if employer else '')}",
        kind="employer",
        is_new=employer is None,
        changes=changes,
        has_losses=False,
    )


def _build_team_items(contents: TeamFileContents, office: OfficeLookup) -> list[PlanItem]:
    items: dict[str, PlanItem] = {}
    with_rights: set[str] = set()  # teams whose rights are in a column of their own row
    new_numbers = {row.values.get("number") for row in contents.employers}
    for row in contents.teams:
        team = _find_team(row, contents, office)
        key = compute_name_key(team.name if team else row.values.get("name", ""))
        if key in items:
            contents.add_fault(row, "name", _("This is in the file twice. Keep one."))
        elif key:
            unknown = [n for n in row.values.get("employers", []) if n not in office.employers and n not in new_numbers]
            for number in unknown:
                message = _("No employer has this number. Check the number, or add the employer first.")
                contents.add_fault(row, "employers", message, number)
            items[key] = _build_team_item(row, team)
            with_rights |= {key} if "rights" in row.values else set()
    for row in contents.rights:
        if compute_name_key(row.values["team"]) in with_rights:
            contents.add_fault(row, "team", _("This is in the file twice. Keep one."))
        else:
            _add_rights(row, contents, office, items)
    return [item for item in items.values() if item["changes"]]


def _find_team(row: TeamFileRow, contents: TeamFileContents, office: OfficeLookup) -> Team | None:
    name = row.values.get("name", "")
    if row.values.get("id") is not None:
        team = next((team for team in office.teams.values() if team.pk == row.values["id"]), None)
        if team is None:
            contents.add_fault(row, "id", _("No team in this office has this ID. Check the ID."))
        elif name and compute_name_key(name) != compute_name_key(team.name) and compute_name_key(name) in office.teams:
            contents.add_fault(row, "name", _("A team with this name already exists. Choose another name."))
        return team
    if not name:
        contents.require_value(row, "name", _("Enter a name."))
    elif len(name) > 50:
        contents.add_fault(row, "name", _("Use at most %(count)d characters.") % {"count": 50})
    return office.teams.get(compute_name_key(name))


def get_team_values(team: Team | None) -> dict[str, Any]:
    """Return the compared fields of a team, except its rights; defaults for a team that does not exist yet."""
    if team is None:
        return {"name": None, "two_factor_required": False, "employers": []}
    numbers = sorted(row.employer.number for row in team.employers.all())
    return {"name": team.name, "two_factor_required": team.two_factor_required, "employers": numbers}


def get_team_rights(team: Team | None) -> frozenset[Right]:
    return rights_from_codes(row.right for row in team.rights.all()) if team else frozenset()


def _build_team_item(row: TeamFileRow, team: Team | None) -> PlanItem:
    changes = {
        name: [present, row.values[name]]
        for name, present in get_team_values(team).items()
        if name in row.values and row.values[name] != present and (name != "name" or _is_new_name(row, team))
    }
    held, new = get_team_rights(team), frozenset(row.values.get("rights", ()))
    if "rights" in row.values and new != held:
        changes["rights"] = [sorted(held), sorted(new)]
    return PlanItem(
        row=row.row,
        id=str(team.pk) if team else None,
        name=team.name if team else row.values.get("name", ""),
        kind="team",
        is_new=team is None,
        changes=changes,
        has_losses=has_losses(changes),
    )


def _is_new_name(row: TeamFileRow, team: Team | None) -> bool:
    """Return whether a row names its team anew, which only its ID can do: a team found by name keeps its spelling."""
    name = row.values["name"]
    if team is None or not name:
        return bool(name)
    return bool(row.values.get("id")) and not is_same_value(name, team.name)


def has_losses(changes: Changes) -> bool:
    """Return whether a change removes employers or rights from a team."""
    return any(set(changes[name][0]) - set(changes[name][1]) for name in ("employers", "rights") if name in changes)


def _add_rights(row: TeamFileRow, contents: TeamFileContents, office: OfficeLookup, items: dict[str, PlanItem]) -> None:
    """Add the row of a rights matrix to the item of its team."""
    key = compute_name_key(row.values["team"])
    team, item = office.teams.get(key), items.get(key)
    if team is None and item is None:
        contents.add_fault(row, "team", office.build_unknown_team_message(row.values["team"]))
        return
    if item is None:
        item = items[key] = _build_team_item(TeamFileRow(row.row, row.sheet), team)
    if "rights" in item["changes"]:
        contents.add_fault(row, "team", _("This is in the file twice. Keep one."))
        return
    held, marks = get_team_rights(team), row.values["marks"]
    new = held - marks.keys() | {right for right, is_marked in marks.items() if is_marked}
    if new != held:
        item["changes"]["rights"] = [sorted(held), sorted(new)]
        item["has_losses"] = has_losses(item["changes"])
