"""Commands of a plan about employers and teams, and the action that applies each."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import teams.actions
import teams.employers
from audit.actors import Actor
from imports.plans.plan import ApplyContext, Command, PlanItem
from permissions.action_helpers import get_team_rights
from permissions.catalog import Right, rights_from_codes
from permissions.models import Employer, Team
from permissions.products import Product


@dataclass(frozen=True)
class CreateEmployer(Command):
    number: int
    name: str
    products: tuple[Product, ...]

    @classmethod
    def apply_all(cls, pairs: Sequence[tuple[PlanItem, Self]], context: ApplyContext) -> None:
        for item, command in pairs:
            employer = teams.employers.create_employer(
                context.provider,
                number=command.number,
                name=command.name,
                products=command.products,
                by=context.by,
            )
            item["id"] = str(employer.pk)


@dataclass(frozen=True)
class ChangeEmployer(Command):
    """Another name or other products; None leaves them as they are."""

    name: str | None
    products: tuple[Product, ...] | None

    @classmethod
    def apply_all(cls, pairs: Sequence[tuple[PlanItem, Self]], context: ApplyContext) -> None:
        for item, command in pairs:
            employer = Employer.objects.get(provider=context.provider, pk=item["id"] or "")
            products = map(Product, employer.products) if command.products is None else command.products
            teams.employers.update_employer(
                employer,
                number=employer.number,
                name=command.name or employer.name,
                products=products,
                version=employer.version,
                by=context.by,
            )


@dataclass(frozen=True)
class CreateTeam(Command):
    name: str

    @classmethod
    def apply_all(cls, pairs: Sequence[tuple[PlanItem, Self]], context: ApplyContext) -> None:
        for item, command in pairs:
            item["id"] = str(teams.actions.create_team(context.provider, name=command.name, by=context.by).pk)


class TeamCommand(Command):
    """A change to a team that exists."""

    @abstractmethod
    def apply(self, team: Team, by: Actor) -> None: ...

    @classmethod
    def apply_all(cls, pairs: Sequence[tuple[PlanItem, Self]], context: ApplyContext) -> None:
        rows = Team.objects.select_related("provider").filter(provider=context.provider)
        for item, command in pairs:
            command.apply(rows.get(pk=item["id"] or ""), context.by)


@dataclass(frozen=True)
class RenameTeam(TeamCommand):
    name: str

    def apply(self, team: Team, by: Actor) -> None:
        teams.actions.rename_team(team, name=self.name, version=team.version, by=by)


@dataclass(frozen=True)
class RequireTwoFactor(TeamCommand):
    required: bool

    def apply(self, team: Team, by: Actor) -> None:
        teams.actions.set_two_factor_required(team, required=self.required, version=team.version, by=by)


@dataclass(frozen=True)
class AddEmployers(TeamCommand):
    numbers: frozenset[int]

    def apply(self, team: Team, by: Actor) -> None:
        employers = Employer.objects.filter(provider=team.provider, number__in=self.numbers)
        teams.actions.change_employers(team, add=list(employers), by=by)


@dataclass(frozen=True)
class GrantTeamRights(TeamCommand):
    rights: frozenset[Right]

    def apply(self, team: Team, by: Actor) -> None:
        teams.actions.set_team_rights(team, get_team_rights(team) | self.rights, by=by)


@dataclass(frozen=True)
class RemoveEmployers(TeamCommand):
    numbers: frozenset[int]

    def apply(self, team: Team, by: Actor) -> None:
        employers = Employer.objects.filter(provider=team.provider, number__in=self.numbers)
        teams.actions.change_employers(team, remove=list(employers), by=by)


@dataclass(frozen=True)
class RevokeTeamRights(TeamCommand):
    rights: frozenset[Right]

    def apply(self, team: Team, by: Actor) -> None:
        teams.actions.set_team_rights(team, get_team_rights(team) - self.rights, by=by)


APPLY_ORDER: tuple[type[Command], ...] = (
    CreateEmployer, ChangeEmployer, CreateTeam, RenameTeam, RequireTwoFactor,
    AddEmployers, GrantTeamRights, RemoveEmployers, RevokeTeamRights,
)  # fmt: skip
for phase, command_class in enumerate(APPLY_ORDER):
    command_class.phase = phase


def build_commands(item: PlanItem) -> list[Command]:
    """Return the commands of an item in order of application."""
    changes = item["changes"]
    new = {name: change[1] for name, change in changes.items()}
    if item["kind"] == "employer":
        products = tuple(map(Product, new["products"])) if "products" in new else None
        if item["is_new"]:
            return [CreateEmployer(new["number"], new["name"], products or ())]
        return [ChangeEmployer(new.get("name"), products)]
    commands: list[Command] = []
    if "name" in new:
        commands.append(CreateTeam(new["name"]) if item["is_new"] else RenameTeam(new["name"]))
    if "two_factor_required" in new:
        commands.append(RequireTwoFactor(new["two_factor_required"]))
    old_numbers, new_numbers = (frozenset(part or ()) for part in changes.get("employers", [None, None]))
    old_rights, new_rights = (rights_from_codes(part or ()) for part in changes.get("rights", [None, None]))
    if new_numbers - old_numbers:
        commands.append(AddEmployers(new_numbers - old_numbers))
    if old_numbers - new_numbers:
        commands.append(RemoveEmployers(old_numbers - new_numbers))
    if new_rights - old_rights:
        commands.append(GrantTeamRights(new_rights - old_rights))
    if old_rights - new_rights:
        commands.append(RevokeTeamRights(old_rights - new_rights))
    return sorted(commands, key=lambda command: command.phase)
