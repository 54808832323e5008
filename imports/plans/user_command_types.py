"""What every command of a plan about users has: its effect on the rights of the user, and how it is applied."""

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from typing import Self

from accounts.models import User
from audit.actors import Actor
from imports.plans.plan import ApplyContext, Command, PlanItem
from permissions.impact import HypotheticalUser


class UserCommand(Command):
    """A change to a user."""

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        """Return what determines the rights of the user after the change."""
        return access


class ExistingUserCommand(UserCommand):
    """A change to a user who exists. Equal commands are applied to all their users at once, in `APPLY_ORDER`."""

    @abstractmethod
    def apply(self, members: Sequence[User], by: Actor) -> None: ...

    @classmethod
    def apply_all(cls, pairs: Sequence[tuple[PlanItem, Self]], context: ApplyContext) -> None:
        ids = [item["id"] or "" for item, _command in pairs]
        rows = User.objects.filter(provider=context.provider, pk__in=ids).prefetch_related("provider")
        users_by_id = {str(user.pk): user for user in rows}
        groups: dict[Self, list[User]] = defaultdict(list)
        for item, command in pairs:
            groups[command].append(users_by_id[item["id"] or ""])
        for command, members in groups.items():
            command.apply(members, context.by)


class SingleUserCommand(ExistingUserCommand):
    """A change that is applied to one user after the other."""

    def apply(self, members: Sequence[User], by: Actor) -> None:
        for user in members:
            self.apply_to_one(user, by)

    @abstractmethod
    def apply_to_one(self, user: User, by: Actor) -> None: ...
