"""Revert an applied plan of teams."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Provider
from audit.actors import Actor
from bulk import team_files
from bulk.plan import Item, Plan, Progress, quiet
from bulk.team_files import Contents, WantedThing
from bulk.team_plans import Office, complete, present_of, takes
from teams.catalogue import known


def plan_undo(provider: Provider, items: Iterable[Item], *, by: Actor, progress: Progress = quiet) -> Plan:
    """Return the plan that reverts an applied plan of teams.

    Created teams and employers are kept, without rights.
    """
    made, contents, office = Plan(provider.pk, "teams"), Contents(), Office(provider)
    turned = [found for item in items if item["changes"] and (found := _turned(item, office, contents, made))]
    complete(made, provider, turned, contents, by, progress)
    return made


def _turned(item: Item, office: Office, contents: Contents, plan: Plan) -> Item | None:
    wanted = WantedThing(item["row"], item["name"])
    present = _present(item, office)
    if present is None:
        contents.refuse(wanted, "id", _("%(name)s no longer exists.") % {"name": item["name"]})
        return None
    if item["is_new"]:
        plan.notices[_("Created teams and employers remain, but no longer grant anything.")] += 1
    changes: dict[str, list[Any]] = {}
    for name, (old, new) in item["changes"].items():
        if item["is_new"] and name not in ("employers", "rights"):
            continue
        before = [] if old is None else old
        if present[name] == new:
            changes[name] = [new, before]
        elif present[name] != before:
            text = _("%(what)s of %(name)s has been changed since. Undo this manually.")
            contents.refuse(wanted, name, text % {"what": team_files.label(name), "name": item["name"]})
    if not changes:
        return None
    return Item(
        row=item["row"],
        id=item["id"],
        name=item["name"],
        kind=item["kind"],
        is_new=False,
        changes=changes,
        takes=takes(changes),
    )


def _present(item: Item, office: Office) -> dict[str, Any] | None:
    """Return the current values of a team or employer, None when it was deleted."""
    if item["kind"] == "employer":
        found = [one for one in office.employers.values() if str(one.pk) == item["id"]]
        return {name: getattr(found[0], name) for name in ("name", "products")} if found else None
    teams = [team for team in office.teams.values() if str(team.pk) == item["id"]]
    if not teams:
        return None
    return present_of(teams[0]) | {"rights": sorted(known(row.right for row in teams[0].rights.all()))}
