"""Commands of a plan about users: what each changes in the rights of a user, and the action that applies it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from typing import Any, cast
from uuid import UUID

from django.utils import timezone

import invitations.actions
import notifications.actions
import notifications.sets
import teams.actions
import teams.sets
import users.actions
import users.change_login_method
import users.email_changes
from accounts.models import ExternalTenant, LoginMethod, User
from accounts.user_details import UserDetails
from audit.actors import Actor
from imports.plans.new_user_commands import CreateAzureUser, CreateWebserviceUser, InviteUser
from imports.plans.user_command_types import ExistingUserCommand, SingleUserCommand, UserCommand
from notifications import preference_text, preferences
from notifications.models import NotificationSet, NotificationSetting
from oauth import consents
from oauth.models import Consent
from permissions import checks
from permissions.catalog import Right
from permissions.impact import HypotheticalUser
from permissions.models import AuthorizationSet, Team


@dataclass(frozen=True)
class UnblockUser(ExistingUserCommand):
    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        return access._replace(blocked=False)

    def apply(self, members: Sequence[User], by: Actor) -> None:
        users.actions.unblock_users(members, by=by)


@dataclass(frozen=True)
class ChangeToWebsite(SingleUserCommand):
    mobile_number: str = field(repr=False)

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        return access._replace(login_method=LoginMethod.WEBSITE_SSO, accepted_on=None)

    def apply_to_one(self, user: User, by: Actor) -> None:
        users.change_login_method.change_to_website(user, mobile_number=self.mobile_number, by=by)


@dataclass(frozen=True)
class ChangeDetails(ExistingUserCommand):
    """Other details; an end of access is a command of its own, which comes after all grants."""

    details: tuple[tuple[str, Any], ...]

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        known = {name: value for name, value in self.details if name in ("access_until", "two_factor_required")}
        return access._replace(**known)

    def apply(self, members: Sequence[User], by: Actor) -> None:
        users.actions.edit_users(members, details=cast(UserDetails, dict(self.details)), by=by)


@dataclass(frozen=True)
class ChangeEmail(SingleUserCommand):
    """A new address, which the user confirms; an invitation that is not accepted is sent there at once."""

    email: str
    mobile_number: str = field(repr=False)

    def apply_to_one(self, user: User, by: Actor) -> None:
        if user.accepted_at is None:
            invitations.actions.resend_invitation(user, mobile_number=self.mobile_number, email=self.email, by=by)
        else:
            users.email_changes.request_email_change(user, self.email, by=by)


@dataclass(frozen=True)
class ResendInvitation(SingleUserCommand):
    mobile_number: str = field(repr=False)
    sent_before: str  # when it was last sent (ISO 8601)

    def apply_to_one(self, user: User, by: Actor) -> None:
        invitations.actions.resend_invitation(
            user, mobile_number=self.mobile_number, email=user.email, before=self.sent_before, by=by
        )


@dataclass(frozen=True)
class ChangeToAzure(SingleUserCommand):
    """Sign in at Microsoft from now on, or with another account there; `username` for a user without one."""

    tenant: ExternalTenant
    external_user_id: UUID
    username: str | None

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        return access._replace(
            login_method=LoginMethod.AZURE_AD, accepted_on=access.accepted_on or timezone.localdate()
        )

    def apply_to_one(self, user: User, by: Actor) -> None:
        users.change_login_method.change_to_azure(
            user, tenant=self.tenant, external_user_id=self.external_user_id, username=self.username, by=by
        )


@dataclass(frozen=True)
class AddToTeam(ExistingUserCommand):
    team: Team

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        return access._replace(teams=access.teams | {self.team.pk})

    def apply(self, members: Sequence[User], by: Actor) -> None:
        teams.actions.change_members(self.team, add=members, by=by)


@dataclass(frozen=True)
class GrantRights(ExistingUserCommand):
    rights: frozenset[Right]

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        return access._replace(individual=access.individual | self.rights)

    def apply(self, members: Sequence[User], by: Actor) -> None:
        teams.actions.give_individual_rights(members, self.rights, by=by)


@dataclass(frozen=True)
class ApplyAuthorizationSet(SingleUserCommand):
    """Note that the user has the set, whose rights are granted by `GrantRights`."""

    authorization_set: AuthorizationSet

    def apply_to_one(self, user: User, by: Actor) -> None:
        teams.sets.apply_set(self.authorization_set, user, by=by)


@dataclass(frozen=True)
class ApplyNotificationSet(SingleUserCommand):
    notification_set: NotificationSet

    def apply_to_one(self, user: User, by: Actor) -> None:
        notifications.sets.apply_set(self.notification_set, user, by=by)


@dataclass(frozen=True)
class SetNotifications(ExistingUserCommand):
    """Replace the notification settings of the user; `codes` as in the column of a file."""

    codes: tuple[str, ...]

    def apply(self, members: Sequence[User], by: Actor) -> None:
        overrides = preference_text.parse_overrides(self.codes)
        ids = [user.pk for user in members]
        having = set(NotificationSetting.objects.filter(user__in=ids).values_list("user_id", flat=True))
        without = [user for user in members if user.pk not in having]
        notifications.actions.set_overrides_for_users(without, overrides, by=by)
        for user in members:
            if user.pk in having:
                seen = preferences.fingerprint_preferences(preferences.get_user_overrides(user))
                notifications.actions.set_user_overrides(user, overrides, seen=seen, by=by)


@dataclass(frozen=True)
class EndAccess(ExistingUserCommand):
    last_day: date

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        return access._replace(access_until=self.last_day)

    def apply(self, members: Sequence[User], by: Actor) -> None:
        users.actions.edit_users(members, details={"access_until": self.last_day}, by=by)


@dataclass(frozen=True)
class RemoveFromTeam(ExistingUserCommand):
    team: Team

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        return access._replace(teams=access.teams - {self.team.pk})

    def apply(self, members: Sequence[User], by: Actor) -> None:
        teams.actions.change_members(self.team, remove=members, by=by)


@dataclass(frozen=True)
class RevokeRights(SingleUserCommand):
    rights: frozenset[Right]

    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        return access._replace(individual=access.individual - self.rights)

    def apply_to_one(self, user: User, by: Actor) -> None:
        teams.actions.set_individual_rights(user, checks.individual_rights(user) - self.rights, by=by)


@dataclass(frozen=True)
class EndIntegrations(SingleUserCommand):
    """End what integrations may do for the user; `applications` are their IDs."""

    applications: tuple[UUID, ...]

    def apply_to_one(self, user: User, by: Actor) -> None:
        for consent in Consent.objects.filter(user=user, application__in=self.applications):
            consents.revoke_consent(user, consent.pk, by=by)


@dataclass(frozen=True)
class BlockUser(ExistingUserCommand):
    def change_access(self, access: HypotheticalUser) -> HypotheticalUser:
        return access._replace(blocked=True)

    def apply(self, members: Sequence[User], by: Actor) -> None:
        users.actions.block_users(members, by=by)


@dataclass(frozen=True)
class RevokeInvitation(SingleUserCommand):
    def apply_to_one(self, user: User, by: Actor) -> None:
        invitations.actions.revoke_invitation(user, by=by)


# Grants come before revocations, so that the office always has an administrator.
APPLY_ORDER: tuple[type[UserCommand], ...] = (
    UnblockUser, CreateAzureUser, CreateWebserviceUser, InviteUser, ChangeToWebsite, ChangeDetails, ChangeEmail,
    ResendInvitation, ChangeToAzure, AddToTeam, GrantRights, ApplyAuthorizationSet, ApplyNotificationSet,
    SetNotifications, EndAccess, RemoveFromTeam, RevokeRights, EndIntegrations,
    BlockUser, RevokeInvitation,
)  # fmt: skip
for phase, command_class in enumerate(APPLY_ORDER):
    command_class.phase = phase


def iter_access_ends(new: Mapping[str, Any], integrations: Iterable[str]) -> Iterator[UserCommand]:
    """Yield what ends or restores access as a whole; `integrations` are the IDs of those whose access ends."""
    if "integrations" in new:
        yield EndIntegrations(tuple(map(UUID, integrations)))
    if "blocked" in new:
        yield BlockUser() if new["blocked"] else UnblockUser()
    if "invitation_revoked" in new:
        yield RevokeInvitation()


def compute_access_after(access: HypotheticalUser, commands: Iterable[UserCommand]) -> HypotheticalUser:
    """Return what determines the rights of a user after all `commands`."""
    after = reduce(lambda access, command: command.change_access(access), commands, access)
    is_required = after.two_factor_required and after.login_method == LoginMethod.WEBSITE_SSO
    return after._replace(two_factor_required=is_required)
