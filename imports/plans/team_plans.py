"""Plan an import of teams with a dry run: it is applied in a transaction that is rolled back, so the plan is exact."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider, User
from audit.actors import Actor
from audit.changes import Changes
from core.access import ReauthenticationLevel
from imports.execute.apply_teams import apply_team_items
from imports.execute.apply_users import REFUSAL_ERRORS, build_plan_refused, check_plan
from imports.files import team_rows
from imports.files.budget import COMMAND_LIMITS, FileLimits
from imports.files.team_rows import NamedFiles, TeamFileContents, TeamFileRow
from imports.plans.impact import ImpactCache, compute_impact
from imports.plans.plan import JsonLinesFile, Plan, PlanItem, ProgressCallback, ignore_progress
from imports.plans.user_plans import snapshot_user
from permissions.catalog import Right, rights_from_codes
from permissions.impact import HypotheticalAccess
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
    made = Plan(provider.pk, "teams")
    plan_team_contents(made, provider, team_rows.read_team_files(files, made, limits=limits), by, progress)
    return made


def plan_team_contents(
    made: Plan, provider: Provider, contents: TeamFileContents, by: Actor, progress: ProgressCallback = ignore_progress
) -> None:
    """Add the changes in `contents` to the plan when `by` applies them."""
    office = TeamLookup(provider)
    items = [*_build_employer_items(contents, office), *_build_team_items(contents, office)]
    add_items_with_impact(made, provider, items, contents, by, progress)


def add_items_with_impact(
    made: Plan,
    provider: Provider,
    items: list[PlanItem],
    contents: TeamFileContents,
    by: Actor,
    progress: ProgressCallback,
) -> None:
    """Add the items to the plan, followed by every user whose rights they affect."""
    people: list[PlanItem] = []
    if items and not contents.faults:
        try:
            people = _dry_run(provider, items, by, progress)
        except REFUSAL_ERRORS as error:
            made.refusal = str(build_plan_refused(error))
    made.add([*items, *people], contents.faults)


def _dry_run(provider: Provider, items: list[PlanItem], by: Actor, progress: ProgressCallback) -> list[PlanItem]:
    with transaction.atomic():
        lock_provider(provider.pk)
        people = _find_affected_users(provider, items)
        before = _compute_abilities(provider, people)
        # Confirming requires re-authentication.
        apply_team_items(provider, items, replace(by, proof=ReauthenticationLevel.FIVE_MINUTES), progress)
        after = _compute_abilities(provider, people)
        transaction.set_rollback(True)
    for item in items:
        item["id"] = None if item["is_new"] else item["id"]
    found = []
    for user in people:
        effect = compute_impact(before[user.pk], after[user.pk])
        if effect:
            takes = "lost" in effect
            found.append(
                PlanItem(
                    row=0, id=str(user.pk), name=user.list_name, is_new=False, changes={}, effect=effect, takes=takes
                )
            )
    return found


def _find_affected_users(provider: Provider, items: list[PlanItem]) -> list[User]:
    """Return the members of the teams that change, and of teams at an employer that changes."""
    ids = [UUID(item["id"]) for item in items if item["id"] is not None]
    found = User.objects.filter(provider=provider, memberships__team__in=ids)
    at = User.objects.filter(provider=provider, memberships__team__employers__employer__in=ids)
    keys = {*found.values_list("pk", flat=True), *at.values_list("pk", flat=True)}
    users = User.objects.filter(pk__in=keys).prefetch_related("memberships", "individual_rights")
    return list(users.order_by("sort_name", "pk"))


def _compute_abilities(provider: Provider, people: list[User]) -> dict[UUID, HypotheticalAccess]:
    impacts = ImpactCache(provider)
    cases = {user.pk: snapshot_user(user) for user in people}
    impacts.preload(cases.values())
    return {pk: impacts.get_rights(case) for pk, case in cases.items()}


def apply_team_files(
    provider: Provider,
    files: NamedFiles,
    *,
    by: Actor,
    digest: str | None = None,
    limits: FileLimits = COMMAND_LIMITS,
    planning: ProgressCallback = ignore_progress,
    progress: ProgressCallback = ignore_progress,
) -> tuple[Plan, JsonLinesFile]:
    """Plan and apply files in one transaction, like `apply_users.apply_user_file`. Raises PlanRefused."""
    try:
        with transaction.atomic():
            provider = lock_provider(provider.pk)
            made = plan_team_files(provider, files, by=by, limits=limits, progress=planning)
            check_plan(made, digest)
            if len(made.faults):
                return made, JsonLinesFile()
            return made, apply_team_plan(provider, made, by=by, progress=progress)
    except REFUSAL_ERRORS as error:
        raise build_plan_refused(error) from error


def apply_team_plan(
    provider: Provider, made: Plan, *, by: Actor, progress: ProgressCallback = ignore_progress
) -> JsonLinesFile:
    """Apply a plan of teams; return its items with the assigned IDs. The caller holds the lock on the office."""
    done, items = JsonLinesFile(), list(made.items)
    apply_team_items(provider, [item for item in items if item["changes"]], by, progress)
    done.add(items)
    return done


class TeamLookup:
    """The existing teams and employers of an office, for comparison."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        rows = Team.objects.filter(provider=provider).prefetch_related("rights", "employers__employer")
        self.teams = {team.name.casefold(): team for team in rows}
        self.by_id = {team.pk: team for team in self.teams.values()}
        self.employers = {one.number: one for one in Employer.objects.filter(provider=provider)}


def _build_employer_items(contents: TeamFileContents, office: TeamLookup) -> list[PlanItem]:
    items: list[PlanItem] = []
    seen: set[int] = set()
    for wanted in contents.employers:
        number = wanted.values.get("number")
        if number is None:
            contents.add_fault(wanted, "number", _("Enter the employer number."))
        elif number in seen:
            contents.add_fault(wanted, "number", _("This is in the file twice. Keep one."))
        elif number not in office.employers and not wanted.values.get("name"):
            contents.add_fault(wanted, "name", _("Enter a name."))
        elif len(wanted.values.get("name", "")) > 70:
            contents.add_fault(wanted, "name", _("Use at most %(count)d characters.") % {"count": 70})
        else:
            seen.add(number)
            old = office.employers.get(number)
            values = {"name": wanted.values.get("name") or None, "products": wanted.values.get("products")}
            changes: Changes = {} if old else {"number": [None, number]}
            for name, value in values.items():
                present = getattr(old, name) if old else None
                if value is not None and value != present and (old or value):
                    changes[name] = [present, value]
            if changes:
                shown = f"{number} {values['name'] or (old.name if old else '')}"
                key, is_new = str(old.pk) if old else None, old is None
                items.append(
                    PlanItem(
                        row=wanted.row, id=key, name=shown, kind="employer", is_new=is_new, changes=changes, takes=False
                    )
                )
    return items


def _build_team_items(contents: TeamFileContents, office: TeamLookup) -> list[PlanItem]:
    found: dict[str, PlanItem] = {}
    given: set[str] = set()  # teams whose rights are in a column of their own row
    new_numbers = {wanted.values.get("number") for wanted in contents.employers}
    for wanted in contents.teams:
        team = _find_team(wanted, contents, office)
        key = (team.name if team else wanted.values.get("name", "")).casefold()
        if key in found:
            contents.add_fault(wanted, "name", _("This is in the file twice. Keep one."))
        elif key:
            for number in wanted.values.get("employers", []):
                if number not in office.employers and number not in new_numbers:
                    contents.add_fault(
                        wanted,
                        "employers",
                        _("No employer has this number. Check the number, or add the employer first."),
                        number,
                    )
            found[key] = _build_team_item(wanted, team)
            given |= {key} if "rights" in wanted.values else set()
    for wanted in contents.rights:
        if wanted.values["team"].casefold() in given:
            contents.add_fault(wanted, "team", _("This is in the file twice. Keep one."))
        else:
            _add_rights(wanted, contents, office, found)
    return [item for item in found.values() if item["changes"]]


def _find_team(wanted: TeamFileRow, contents: TeamFileContents, office: TeamLookup) -> Team | None:
    name = wanted.values.get("name", "")
    if wanted.values.get("id") is not None:
        team = office.by_id.get(wanted.values["id"])
        if team is None:
            contents.add_fault(wanted, "id", _("No team in this office has this ID. Check the ID."))
        elif name and name.casefold() != team.name.casefold() and name.casefold() in office.teams:
            contents.add_fault(wanted, "name", _("A team with this name already exists. Choose another name."))
        return team
    if not name:
        contents.add_fault(wanted, "name", _("Enter a name."))
    elif len(name) > 50:
        contents.add_fault(wanted, "name", _("Use at most %(count)d characters.") % {"count": 50})
    return office.teams.get(name.casefold())


def get_team_values(team: Team | None) -> dict[str, Any]:
    """Return the compared fields of a team, except its rights; defaults for a team that does not exist yet."""
    if team is None:
        return {"name": None, "two_factor_required": False, "employers": []}
    numbers = sorted(row.employer.number for row in team.employers.all())
    return {"name": team.name, "two_factor_required": team.two_factor_required, "employers": numbers}


def _build_team_item(wanted: TeamFileRow, team: Team | None) -> PlanItem:
    changes = {
        name: [present, wanted.values[name]]
        for name, present in get_team_values(team).items()
        if name in wanted.values and wanted.values[name] != present and (name != "name" or wanted.values[name])
    }
    held, new = _get_team_rights(team), frozenset(wanted.values.get("rights", ()))
    if "rights" in wanted.values and new != held:
        changes["rights"] = [sorted(held), sorted(new)]
    name = team.name if team else wanted.values.get("name", "")
    return PlanItem(
        row=wanted.row,
        id=str(team.pk) if team else None,
        name=name,
        kind="team",
        is_new=team is None,
        changes=changes,
        takes=has_losses(changes),
    )


def _get_team_rights(team: Team | None) -> frozenset[Right]:
    return rights_from_codes(row.right for row in team.rights.all()) if team else frozenset()


def has_losses(changes: Changes) -> bool:
    """Return whether a change removes employers or rights from a team."""
    return any(set(changes[name][0]) - set(changes[name][1]) for name in ("employers", "rights") if name in changes)


def _add_rights(
    wanted: TeamFileRow, contents: TeamFileContents, office: TeamLookup, found: dict[str, PlanItem]
) -> None:
    key = wanted.values["team"].casefold()
    team, item = office.teams.get(key), found.get(key)
    if team is None and item is None:
        contents.add_fault(
            wanted, "team", _("Team “%(name)s” does not exist. Create it first.") % {"name": wanted.values["team"]}
        )
        return
    if item is None:
        item = found[key] = _build_team_item(TeamFileRow(wanted.row, wanted.sheet), team)
    if "rights" in item["changes"]:
        contents.add_fault(wanted, "team", _("This is in the file twice. Keep one."))
        return
    held, marks = _get_team_rights(team), wanted.values["marks"]
    new = held - marks.keys() | {right for right, marked in marks.items() if marked}
    if new != held:
        item["changes"]["rights"] = [sorted(held), sorted(new)]
        item["takes"] = has_losses(item["changes"])
