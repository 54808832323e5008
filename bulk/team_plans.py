"""Plan an import of teams with a dry run: it is applied in a transaction that is rolled back, so the plan is exact."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.locks import lock_provider
from accounts.models import Provider, User
from audit.actors import Actor, Proof
from bulk import team_files
from bulk.applying import REFUSALS, check, refused
from bulk.budget import FOR_COMMANDS, Limits
from bulk.effects import Effects, difference
from bulk.people_plans import as_is
from bulk.plan import Item, Lines, Plan, Progress, quiet
from bulk.team_doing import do
from bulk.team_files import Contents, Files, WantedThing
from teams.catalogue import Right, known
from teams.models import Employer, Team
from teams.whatif import Abilities


def plan(
    provider: Provider, files: Files, *, by: Actor, limits: Limits = FOR_COMMANDS, progress: Progress = quiet
) -> Plan:
    """Return the plan of `files` when `by` applies them. Raises Unreadable."""
    made = Plan(provider.pk, "teams")
    plan_contents(made, provider, team_files.read(files, made, limits=limits), by, progress)
    return made


def plan_contents(made: Plan, provider: Provider, contents: Contents, by: Actor, progress: Progress = quiet) -> None:
    """Add the changes in `contents` to the plan when `by` applies them."""
    office = Office(provider)
    items = [*_employer_items(contents, office), *_team_items(contents, office)]
    complete(made, provider, items, contents, by, progress)


def complete(
    made: Plan, provider: Provider, items: list[Item], contents: Contents, by: Actor, progress: Progress
) -> None:
    """Add the items to the plan, followed by every user whose rights they affect."""
    people: list[Item] = []
    if items and not contents.faults:
        try:
            people = _on_trial(provider, items, by, progress)
        except REFUSALS as error:
            made.refusal = str(refused(error))
    made.add([*items, *people], contents.faults)


def _on_trial(provider: Provider, items: list[Item], by: Actor, progress: Progress) -> list[Item]:
    with transaction.atomic():
        lock_provider(provider.pk)
        people = _concerned(provider, items)
        before = _abilities(provider, people)
        do(provider, items, replace(by, proof=Proof.FIVE_MINUTES), progress)  # confirming requires re-authentication
        after = _abilities(provider, people)
        transaction.set_rollback(True)
    for item in items:
        item["id"] = None if item["is_new"] else item["id"]
    found = []
    for user in people:
        effect = difference(before[user.pk], after[user.pk])
        if effect:
            takes = "lost" in effect
            found.append(
                Item(row=0, id=str(user.pk), name=user.list_name, is_new=False, changes={}, effect=effect, takes=takes)
            )
    return found


def _concerned(provider: Provider, items: list[Item]) -> list[User]:
    """Return the members of the teams that change, and of teams at an employer that changes."""
    ids = [UUID(item["id"]) for item in items if item["id"] is not None]
    found = User.objects.filter(provider=provider, memberships__team__in=ids)
    at = User.objects.filter(provider=provider, memberships__team__employers__employer__in=ids)
    keys = {*found.values_list("pk", flat=True), *at.values_list("pk", flat=True)}
    users = User.objects.filter(pk__in=keys).prefetch_related("memberships", "individual_rights")
    return list(users.order_by("sort_name", "pk"))


def _abilities(provider: Provider, people: list[User]) -> dict[UUID, Abilities]:
    effects = Effects(provider)
    cases = {user.pk: as_is(user) for user in people}
    effects.learn(cases.values())
    return {pk: effects.of(case) for pk, case in cases.items()}


def apply(
    provider: Provider,
    files: Files,
    *,
    by: Actor,
    digest: str | None = None,
    limits: Limits = FOR_COMMANDS,
    planning: Progress = quiet,
    progress: Progress = quiet,
) -> tuple[Plan, Lines]:
    """Plan and apply files in one transaction, like `applying.apply_file`. Raises Refused."""
    try:
        with transaction.atomic():
            provider = lock_provider(provider.pk)
            made = plan(provider, files, by=by, limits=limits, progress=planning)
            check(made, digest)
            if len(made.faults):
                return made, Lines()
            return made, run(provider, made, by=by, progress=progress)
    except REFUSALS as error:
        raise refused(error) from error


def run(provider: Provider, made: Plan, *, by: Actor, progress: Progress = quiet) -> Lines:
    """Apply a plan of teams; return its items with the assigned IDs. The caller holds the lock on the office."""
    done, items = Lines(), list(made.items)
    do(provider, [item for item in items if item["changes"]], by, progress)
    done.add(items)
    return done


class Office:
    """The existing teams and employers of an office, for comparison."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        rows = Team.objects.filter(provider=provider).prefetch_related("rights", "employers__employer")
        self.teams = {team.name.casefold(): team for team in rows}
        self.by_id = {team.pk: team for team in self.teams.values()}
        self.employers = {one.number: one for one in Employer.objects.filter(provider=provider)}


def _employer_items(contents: Contents, office: Office) -> list[Item]:
    items: list[Item] = []
    seen: set[int] = set()
    for wanted in contents.employers:
        number = wanted.values.get("number")
        if number is None:
            contents.refuse(wanted, "number", _("Enter the employer number."))
        elif number in seen:
            contents.refuse(wanted, "number", _("This is in the file twice. Keep one."))
        elif number not in office.employers and not wanted.values.get("name"):
            contents.refuse(wanted, "name", _("Enter a name."))
        elif len(wanted.values.get("name", "")) > 70:
            contents.refuse(wanted, "name", _("Use at most %(count)d characters.") % {"count": 70})
        else:
            seen.add(number)
            old = office.employers.get(number)
            values = {"name": wanted.values.get("name") or None, "products": wanted.values.get("products")}
            changes: dict[str, list[Any]] = {} if old else {"number": [None, number]}
            for name, value in values.items():
                present = getattr(old, name) if old else None
                if value is not None and value != present and (old or value):
                    changes[name] = [present, value]
            if changes:
                shown = f"{number} {values['name'] or (old.name if old else '')}"
                key, is_new = str(old.pk) if old else None, old is None
                items.append(
                    Item(
                        row=wanted.row, id=key, name=shown, kind="employer", is_new=is_new, changes=changes, takes=False
                    )
                )
    return items


def _team_items(contents: Contents, office: Office) -> list[Item]:
    found: dict[str, Item] = {}
    given: set[str] = set()  # teams whose rights are in a column of their own row
    new_numbers = {wanted.values.get("number") for wanted in contents.employers}
    for wanted in contents.teams:
        team = _team_of(wanted, contents, office)
        key = (team.name if team else wanted.values.get("name", "")).casefold()
        if key in found:
            contents.refuse(wanted, "name", _("This is in the file twice. Keep one."))
        elif key:
            for number in wanted.values.get("employers", []):
                if number not in office.employers and number not in new_numbers:
                    contents.refuse(
                        wanted,
                        "employers",
                        _("No employer has this number. Check the number, or add the employer first."),
                        number,
                    )
            found[key] = _team_item(wanted, team)
            given |= {key} if "rights" in wanted.values else set()
    for wanted in contents.rights:
        if wanted.values["team"].casefold() in given:
            contents.refuse(wanted, "team", _("This is in the file twice. Keep one."))
        else:
            _add_rights(wanted, contents, office, found)
    return [item for item in found.values() if item["changes"]]


def _team_of(wanted: WantedThing, contents: Contents, office: Office) -> Team | None:
    name = wanted.values.get("name", "")
    if wanted.values.get("id") is not None:
        team = office.by_id.get(wanted.values["id"])
        if team is None:
            contents.refuse(wanted, "id", _("No team in this office has this ID. Check the ID."))
        elif name and name.casefold() != team.name.casefold() and name.casefold() in office.teams:
            contents.refuse(wanted, "name", _("A team with this name already exists. Choose another name."))
        return team
    if not name:
        contents.refuse(wanted, "name", _("Enter a name."))
    elif len(name) > 50:
        contents.refuse(wanted, "name", _("Use at most %(count)d characters.") % {"count": 50})
    return office.teams.get(name.casefold())


def present_of(team: Team | None) -> dict[str, Any]:
    """Return the compared fields of a team, except its rights; defaults for a team that does not exist yet."""
    if team is None:
        return {"name": None, "two_factor_required": False, "employers": []}
    numbers = sorted(row.employer.number for row in team.employers.all())
    return {"name": team.name, "two_factor_required": team.two_factor_required, "employers": numbers}


def _team_item(wanted: WantedThing, team: Team | None) -> Item:
    changes = {
        name: [present, wanted.values[name]]
        for name, present in present_of(team).items()
        if name in wanted.values and wanted.values[name] != present and (name != "name" or wanted.values[name])
    }
    held, new = _held(team), frozenset(wanted.values.get("rights", ()))
    if "rights" in wanted.values and new != held:
        changes["rights"] = [sorted(held), sorted(new)]
    name = team.name if team else wanted.values.get("name", "")
    return Item(
        row=wanted.row,
        id=str(team.pk) if team else None,
        name=name,
        kind="team",
        is_new=team is None,
        changes=changes,
        takes=takes(changes),
    )


def _held(team: Team | None) -> frozenset[Right]:
    return known(row.right for row in team.rights.all()) if team else frozenset()


def takes(changes: dict[str, list[Any]]) -> bool:
    """Return whether a change removes employers or rights from a team."""
    return any(set(changes[name][0]) - set(changes[name][1]) for name in ("employers", "rights") if name in changes)


def _add_rights(wanted: WantedThing, contents: Contents, office: Office, found: dict[str, Item]) -> None:
    key = wanted.values["team"].casefold()
    team, item = office.teams.get(key), found.get(key)
    if team is None and item is None:
        contents.refuse(
            wanted, "team", _("Team “%(name)s” does not exist. Create it first.") % {"name": wanted.values["team"]}
        )
        return
    if item is None:
        item = found[key] = _team_item(WantedThing(wanted.row, wanted.sheet), team)
    if "rights" in item["changes"]:
        contents.refuse(wanted, "team", _("This is in the file twice. Keep one."))
        return
    held, marks = _held(team), wanted.values["marks"]
    new = held - marks.keys() | {right for right, marked in marks.items() if marked}
    if new != held:
        item["changes"]["rights"] = [sorted(held), sorted(new)]
        item["takes"] = takes(item["changes"])
