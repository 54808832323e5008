"""Apply a plan of teams through the same actions as the pages."""

import teams.actions
import teams.employers
from accounts.models import Provider
from audit.actors import Actor
from bulk.plan import Item, Progress
from teams.catalogue import Right
from teams.models import Employer, Team
from teams.products import Product


def do(provider: Provider, items: list[Item], by: Actor, progress: Progress) -> None:
    """Apply the items: employers first, then additions to teams, removals last."""
    for item in items:
        if item["kind"] == "employer":
            _do_employer(provider, item, by)
            progress(1)
    numbers = {one.number: one for one in Employer.objects.filter(provider=provider)}
    ours = [item for item in items if item["kind"] == "team"]
    made = {id(item): _make_team(provider, item, by) for item in ours}
    for keep in (True, False):
        for item in ours:
            _fill_team(made[id(item)], item, numbers, by, keep=keep)
            progress(not keep)


def _do_employer(provider: Provider, item: Item, by: Actor) -> None:
    new = {name: change[1] for name, change in item["changes"].items()}
    if item["is_new"] and item["id"] is None:
        products = map(Product, new.get("products", []))
        employer = teams.employers.create(provider, number=new["number"], name=new["name"], products=products, by=by)
        item["id"] = str(employer.pk)
        return
    employer = Employer.objects.get(provider=provider, pk=item["id"] or "")
    name, products = new.get("name", employer.name), map(Product, new.get("products", employer.products))
    teams.employers.change(
        employer, number=employer.number, name=name, products=products, version=employer.version, by=by
    )


def _make_team(provider: Provider, item: Item, by: Actor) -> Team:
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
        teams.actions.require_two_factor(team, required=required, version=team.version, by=by)
    return team


def _fill_team(team: Team, item: Item, numbers: dict[int, Employer], by: Actor, *, keep: bool) -> None:
    """Set the employers and rights of a team; with `keep`, nothing is removed yet."""
    changes = item["changes"]
    if "employers" in changes:
        old, new = (set(part or []) for part in changes["employers"])
        add, remove = ([numbers[number] for number in part if number in numbers] for part in (new - old, old - new))
        if keep:
            teams.actions.change_employers(team, add=add, by=by)
        else:
            teams.actions.change_employers(team, remove=remove, by=by)
    if "rights" in changes:
        held, wished = (set(part or []) for part in changes["rights"])
        wanted = map(Right, held | wished if keep else wished)
        teams.actions.set_team_rights(team, wanted, by=by)
