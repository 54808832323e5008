"""Commands of a plan that create users."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Self
from uuid import UUID

from django.utils import timezone

import invitations.actions
from accounts.models import ExternalTenant, LoginMethod, User
from accounts.user_details import UserDetails
from imports.plans.plan import ApplyContext, Command, PlanItem
from imports.plans.user_command_types import ExistingUserCommand, UserCommand
from permissions.impact import HypotheticalUser
from users import login_methods
from users.login_methods import NewAzureUser, NewWebserviceUser


@dataclass(frozen=True, eq=False)
class CreateUser(UserCommand):
    """A new user; each login method has a class of its own."""

    details: UserDetails
    login_method: LoginMethod

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        is_accepted = self.login_method != LoginMethod.WEBSITE_SSO
        return access._replace(
            login_method=self.login_method,
            accepted_on=timezone.localdate() if is_accepted else None,
            access_until=self.details.get("access_until"),
            two_factor_required=self.details.get("two_factor_required", False),
        )


@dataclass(frozen=True, eq=False)
class CreateIncompleteUser(CreateUser):
    """A new user whose row has faults: the plan shows the impact, and nothing can be applied."""

    @classmethod
    def apply_all(cls, pairs: Sequence[tuple[PlanItem, Self]], context: ApplyContext) -> None:
        raise TypeError("a row with faults cannot be applied")


@dataclass(frozen=True, eq=False)
class CreateAzureUser(CreateUser):
    username: str
    tenant: ExternalTenant
    external_user_id: UUID

    @classmethod
    def apply_all(cls, pairs: Sequence[tuple[PlanItem, Self]], context: ApplyContext) -> None:
        new = [NewAzureUser(one.details, one.username, one.tenant, one.external_user_id) for _item, one in pairs]
        _set_ids(pairs, login_methods.create_azure_users(context.provider, new, by=context.by))


@dataclass(frozen=True, eq=False)
class CreateWebserviceUser(CreateUser):
    username: str
    password: str = field(repr=False)

    @classmethod
    def apply_all(cls, pairs: Sequence[tuple[PlanItem, Self]], context: ApplyContext) -> None:
        new = [NewWebserviceUser(command.details, command.username, command.password) for _item, command in pairs]
        _set_ids(pairs, login_methods.create_webservice_users(context.provider, new, by=context.by))


@dataclass(frozen=True, eq=False)
class InviteUser(CreateUser):
    """A new user who is invited. `grants` come first, because the invitation depends on them."""

    mobile_number: str = field(repr=False)
    grants: tuple[ExistingUserCommand, ...]

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        return reduce(lambda after, grant: grant.change_access(after), self.grants, super().change_access(access))

    @classmethod
    def apply_all(cls, pairs: Sequence[tuple[PlanItem, Self]], context: ApplyContext) -> None:
        _set_ids(pairs, [command._invite(context) for _item, command in pairs])

    def _invite(self, context: ApplyContext) -> User:
        def assign_grants(user: User) -> None:
            for grant in self.grants:
                grant.apply([user], context.by)

        return invitations.actions.invite_user(
            context.provider,
            details=self.details,
            mobile_number=self.mobile_number,
            by=context.by,
            assign_initial_access=assign_grants,
        )


def _set_ids(pairs: Sequence[tuple[PlanItem, Command]], created: Iterable[User]) -> None:
    for (item, _command), user in zip(pairs, created, strict=True):
        item["id"] = str(user.pk)
