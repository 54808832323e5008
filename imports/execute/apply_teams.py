"""Apply a plan of teams through the same actions as the pages."""

import teams.actions
import teams.employers
from accounts.models import Provider
from audit.actors import Actor
from imports.plans.plan import PlanItem, ProgressCallback
from permissions.catalog import Right
from permissions.models import Employer, Team
from permissions.products import Product


def apply_team_items(provider: Provider, items: list[PlanItem], by: Actor, progress: ProgressCallback) -> None:
    """Apply the items: employers first, then additions to teams, removals last."""
    for item in items:
        if item["kind"] == "employer":
            _apply_employer(provider, item, by)
            progress(1)
    numbers = {one.number: one for one in Employer.objects.filter(provider=provider)}
    ours = [item for item in items if item["kind"] == "team"]
    made = {id(item): _create_or_update_team(provider, item, by) for item in ours}
    for only_add in (True, False):
        for item in ours:
            _apply_team_contents(made[id(item)], item, numbers, by, only_add=only_add)
            progress(not only_add)


def _apply_employer(provider: Provider, item: PlanItem, by: Actor) -> None:
    new = {name: change[1] for name, change in item["changes"].items()}
    if item["is_new"] and item["id"] is None:
        products = map(Product, new.get("products", []))
        employer = teams.employers.create_employer(
            provider, number=new["number"], name=new["name"], products=products, by=by
        )
        item["id"] = str(employer.pk)
        return
    employer = Employer.objects.get(provider=provider, pk=item["id"] or "")
    name, products = new.get("name", employer.name), map(Product, new.get("products", employer.products))
    teams.employers.update_employer(
        employer, number=employer.number, name=name, products=products, version=employer.version, by=by
    )


def _create_or_update_team(provider: Provider, item: PlanItem, by: Actor) -> Team:
    new = {name: change[1] for name, change in item["changes"].items()}
    if item["is_new"]:
        team = teams.actions.create_team(provider, name=new["name"], by=by)
        item["id"] = str(team.pk)
    else:
        team = Team.objects.select_related("provider").get(provider=provider, pk=item["id"] or "")
    if "name" in new and not item["is_new"]:
        teams.actions.rename_team(team, name=new["name"], version=team.version, by=by)
    if "two_factor_required" in new:
        team.refresh_from_db()
        required = new["two_factor_required"]
        teams.actions.set_two_factor_required(team, required=required, version=team.version, by=by)
    return team


def _apply_team_contents(
    team: Team, item: PlanItem, numbers: dict[int, Employer], by: Actor, *, only_add: bool
) -> None:
    """Set the employers and rights of a team; with `only_add`, nothing is removed yet."""
    changes = item["changes"]
    if "employers" in changes:
        old, new = (set(part or []) for part in changes["employers"])
        add, remove = ([numbers[number] for number in part if number in numbers] for part in (new - old, old - new))
        if only_add:
            teams.actions.change_employers(team, add=add, by=by)
        else:
            teams.actions.change_employers(team, remove=remove, by=by)
    if "rights" in changes:
        held, wished = (set(part or []) for part in changes["rights"])
        wanted = map(Right, held | wished if only_add else wished)
        teams.actions.set_team_rights(team, wanted, by=by)
