"""Revert an applied plan of teams."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Provider
from audit.actors import Actor
from audit.changes import Changes
from imports.files import team_rows
from imports.files.team_rows import TeamFileContents, TeamFileRow
from imports.plans.plan import Plan, PlanItem, ProgressCallback, ignore_progress
from imports.plans.team_plans import TeamLookup, add_items_with_impact, get_team_values, has_losses
from permissions.catalog import rights_from_codes


def plan_team_revert(
    provider: Provider, items: Iterable[PlanItem], *, by: Actor, progress: ProgressCallback = ignore_progress
) -> Plan:
    """Return the plan that reverts an applied plan of teams.

    Created teams and employers are kept, without rights.
    """
    made, contents, office = Plan(provider.pk, "teams"), TeamFileContents(), TeamLookup(provider)
    turned = [found for item in items if item["changes"] and (found := _revert_item(item, office, contents, made))]
    add_items_with_impact(made, provider, turned, contents, by, progress)
    return made


def _revert_item(item: PlanItem, office: TeamLookup, contents: TeamFileContents, plan: Plan) -> PlanItem | None:
    wanted = TeamFileRow(item["row"], item["name"])
    present = _get_current_values(item, office)
    if present is None:
        contents.add_fault(wanted, "id", _("%(name)s no longer exists.") % {"name": item["name"]})
        return None
    if item["is_new"]:
        plan.notices[_("Created teams and employers remain, but no longer grant anything.")] += 1
    changes: Changes = {}
    for name, (old, new) in item["changes"].items():
        if item["is_new"] and name not in ("employers", "rights"):
            continue
        before = [] if old is None else old
        if present[name] == new:
            changes[name] = [new, before]
        elif present[name] != before:
            text = _("%(what)s of %(name)s has been changed since. Undo this manually.")
            contents.add_fault(wanted, name, text % {"what": team_rows.get_column_label(name), "name": item["name"]})
    if not changes:
        return None
    return PlanItem(
        row=item["row"],
        id=item["id"],
        name=item["name"],
        kind=item["kind"],
        is_new=False,
        changes=changes,
        takes=has_losses(changes),
    )


def _get_current_values(item: PlanItem, office: TeamLookup) -> dict[str, Any] | None:
    """Return the current values of a team or employer, None when it was deleted."""
    if item["kind"] == "employer":
        found = [one for one in office.employers.values() if str(one.pk) == item["id"]]
        return {name: getattr(found[0], name) for name in ("name", "products")} if found else None
    teams = [team for team in office.teams.values() if str(team.pk) == item["id"]]
    if not teams:
        return None
    return get_team_values(teams[0]) | {"rights": sorted(rights_from_codes(row.right for row in teams[0].rights.all()))}
