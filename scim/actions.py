"""Actions on the connections of an office with its directories, and on their tokens."""

from typing import TypedDict

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import ExternalTenant, LoginMethod, Provider, User
from accounts.user_details import to_plain
from audit.actions import record
from audit.actors import Actor, action
from audit.changes import Changes
from audit.models import Verb
from core import encryption
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from core.keys import compute_name_key
from permissions import checks
from permissions.action_helpers import lock_and_authorize
from permissions.checks import Right
from permissions.models import TeamMember
from scim import memberships
from scim.announcements import announce, settle
from scim.models import MAX_TOKENS, AccessLoss, ConnectionToken, DirectoryConnection, ShadowStep
from scim.plans import build_plan


class ConnectionDetails(TypedDict):
    """Editable fields of a connection; `tenant` is needed for Azure users, and free for others."""

    name: str
    login_method: str
    tenant: ExternalTenant | None
    email_source: str
    name_source: str
    mobile_source: str
    max_blocked_count: int
    max_blocked_percent: int
    max_removed_percent: int


@action(ReauthenticationLevel.FIVE_MINUTES)
def create_connection(provider: Provider, *, details: ConnectionDetails, by: Actor) -> DirectoryConnection:
    """Add a directory with the actor as its owner. It has no token yet.

    Raises PermissionDenied without the rights to manage integrations and users, ValidationError for a name in use
    ("taken") or a tenant that cannot be used ("tenant").
    """
    provider = lock_and_authorize(provider.pk, by, Right.MANAGE_INTEGRATIONS)
    checks.require_right(by, Right.MANAGE_USERS)
    connection = DirectoryConnection(provider=provider, owner=by.user)
    changes = _apply_details(connection, details)
    connection.save(force_insert=True)
    record(Verb.DIRECTORY_ADDED, connection, by=by, provider_id=provider.pk, changes=changes)
    return connection


@action(ReauthenticationLevel.FIVE_MINUTES)
def update_connection(
    connection: DirectoryConnection, *, details: ConnectionDetails, version: int, by: Actor
) -> DirectoryConnection:
    """Raises EditConflict after a concurrent change; PermissionDenied, ValidationError as `create_connection`."""
    connection = lock_connection(connection, by)
    require_authority_of_owner(connection, by)
    if connection.version != version:
        raise EditConflict
    if changes := _apply_details(connection, details):
        _save_and_record(connection, by, changes)
    return connection


@action(ReauthenticationLevel.FIVE_MINUTES)
def switch_connection(connection: DirectoryConnection, *, enabled: bool, by: Actor) -> DirectoryConnection:
    """Turn the connection on, in the shadow if it was never live, or off; while it is off every call is refused.

    Raises PermissionDenied, EditConflict.
    """
    connection = lock_connection(connection, by)
    if enabled:
        require_authority_of_owner(connection, by)
    states = DirectoryConnection.State
    before, running = connection.state, states.ON if connection.went_live_at else states.SHADOW
    connection.state = running if enabled else states.OFF
    if before != connection.state:
        _save_and_record(connection, by, {"directory_state": [before, connection.state.value]})
    return connection


@action(ReauthenticationLevel.FIVE_MINUTES)
def go_live(connection: DirectoryConnection, *, shown: str, by: Actor) -> DirectoryConnection:
    """Let a shadow change users from now on; the worker does what still differs. `shown` is the digest of the plan.

    Raises EditConflict if it is another plan by now or no shadow, PermissionDenied.
    """
    connection = lock_connection(connection, by)
    require_able_owner(connection, by)
    plan = build_plan(connection)
    if not connection.is_shadow or plan.digest != shown:
        raise EditConflict
    announce(plan)
    for group in connection.groups.filter(team__isnull=False).select_related("team"):
        group.connection = connection
        joining = [row for row in memberships.list_joining(group) if row.active or not row.pending]
        memberships.sync_members(group, joining, by)  # without leavers, until the worker blocked them
    settle(connection.announced_steps.filter(step=ShadowStep.JOIN))
    connection.state, connection.went_live_at = DirectoryConnection.State.ON, timezone.now()
    changes: Changes = {"directory_state": [DirectoryConnection.State.SHADOW.value, connection.state.value]}
    _save_and_record(connection, by, changes)
    return connection


@action(ReauthenticationLevel.FIVE_MINUTES)
def take_over_connection(connection: DirectoryConnection, *, by: Actor) -> DirectoryConnection:
    """Make the actor the owner, for example because the owner left. Raises PermissionDenied, EditConflict.

    What was refused is tried again, also for the owner, but not what the brake holds. Without authority over the owner
    it is refused, so that nobody reads or blocks users through tokens of another.
    """
    connection = lock_connection(connection, by)
    checks.require_right(by, Right.MANAGE_USERS)
    if by.user is None:
        raise PermissionDenied(_("Only a user of the office can be the owner."))
    if not by.is_user(connection.owner_id or by.user.pk):
        require_authority_of_owner(connection, by)
    if connection.owner_id != by.user.pk:
        connection.owner = by.user
        connection.version += 1
        connection.save()
        record(Verb.DIRECTORY_TAKEN_OVER, connection, by=by, provider_id=connection.provider_id)
    connection.directory_users.filter(is_held=False).exclude(refusal="").update(pending=True, refusal="")
    return connection


@action(ReauthenticationLevel.FIVE_MINUTES)
def create_token(connection: DirectoryConnection, *, secret: str, by: Actor) -> ConnectionToken:
    """Let the random `secret` authenticate the directory; a repeated call with the same one has no effect.

    Raises PermissionDenied, EditConflict, ValidationError ("many") if there are two already.
    """
    connection = lock_connection(connection, by)
    require_authority_of_owner(connection, by)
    hashed = encryption.hash_token(secret)
    if (known := connection.tokens.filter(token_hash=hashed).first()) is not None:
        return known
    if connection.tokens.count() >= MAX_TOKENS:
        text = _("There are two tokens already. First remove the one that the directory no longer uses.")
        raise ValidationError(text, code="many")
    token = ConnectionToken.objects.create(provider_id=connection.provider_id, connection=connection, token_hash=hashed)
    record(Verb.DIRECTORY_TOKEN_MADE, connection, by=by, provider_id=connection.provider_id)
    return token


@action(ReauthenticationLevel.FIVE_MINUTES)
def remove_token(connection_token: ConnectionToken, *, by: Actor) -> None:
    """Refuse the token from now on. Raises PermissionDenied, EditConflict if it is removed already."""
    connection = lock_connection(connection_token.connection, by)
    if not connection.tokens.filter(pk=connection_token.pk).delete()[0]:
        raise EditConflict
    record(Verb.DIRECTORY_TOKEN_REMOVED, connection, by=by, provider_id=connection.provider_id)


@action(ReauthenticationLevel.FIVE_MINUTES)
def delete_connection(connection: DirectoryConnection, *, by: Actor) -> None:
    """Remove the connection; its users stay as they are. Raises PermissionDenied, EditConflict."""
    connection = lock_connection(connection, by)
    changes: Changes = {"name": [connection.name, None]}
    record(Verb.DIRECTORY_REMOVED, connection, by=by, provider_id=connection.provider_id, changes=changes)
    held = connection.losses.filter(state=AccessLoss.State.HELD, team=OuterRef("team"), row__user=OuterRef("user"))
    members = TeamMember.objects.filter(provider=connection.provider_id)
    memberships.leave_to_office(members.filter(Q(team__directory_groups__connection=connection) | Exists(held)))
    connection.delete()


def lock_connection(connection: DirectoryConnection, by: Actor) -> DirectoryConnection:
    lock_and_authorize(connection.provider_id, by, Right.MANAGE_INTEGRATIONS)
    rows = DirectoryConnection.objects.select_for_update(of=("self",)).select_related("owner__provider")
    locked = rows.filter(pk=connection.pk).first()
    if locked is None:
        raise EditConflict
    return locked


def require_authority_of_owner(connection: DirectoryConnection, by: Actor) -> None:
    """Raise PermissionDenied unless the actor could do whatever the directory can, with the rights of its owner.

    Without an owner nobody can, or it would get what the next owner may.
    """
    if connection.owner is None:
        raise PermissionDenied(_("The connection has no owner. First become its owner."))
    if not by.is_user(connection.owner.pk):
        checks.require_authority_over(by, connection.owner)


def require_able_owner(connection: DirectoryConnection, by: Actor) -> User:
    """Return the owner, who can manage users. Raises PermissionDenied, also as `require_authority_of_owner`."""
    require_authority_of_owner(connection, by)
    owner = connection.owner
    if owner is None or not connection.has_able_owner:
        raise PermissionDenied(_("The owner of the connection cannot manage users. First become its owner."))
    return owner


def _apply_details(connection: DirectoryConnection, details: ConnectionDetails) -> Changes:
    """Assign `details` and return the changes. Raises ValidationError."""
    namesakes = DirectoryConnection.objects.filter(
        provider=connection.provider_id, name_key=compute_name_key(details["name"])
    )
    if namesakes.exclude(pk=connection.pk).exists():
        message = _("A directory with this name already exists. Choose another name.")
        raise ValidationError({"name": ValidationError(message, code="taken")})
    tenant = details["tenant"]
    usable = ExternalTenant.objects.proved().filter(provider=connection.provider_id)
    if tenant is not None and not usable.filter(pk=tenant.pk).exists():
        message = _("This tenant cannot be used: it has been removed or is not confirmed.")
        raise ValidationError({"tenant": ValidationError(message, code="tenant")})
    if tenant is None and details["login_method"] == LoginMethod.AZURE_AD:
        message = _("Choose the tenant in which the users log in.")
        raise ValidationError({"tenant": ValidationError(message, code="tenant")})
    before = _get_recorded_values(connection)
    for name, value in details.items():
        setattr(connection, name, value)
    after = _get_recorded_values(connection)
    return {name: [before[name], after[name]] for name in after if before[name] != after[name]}


def _get_recorded_values(connection: DirectoryConnection) -> dict[str, str | None]:
    values = {name: getattr(connection, name) for name in ConnectionDetails.__annotations__}
    values["external_tenant"] = values.pop("tenant")
    return {name: to_plain(value) or None for name, value in values.items()}


def _save_and_record(connection: DirectoryConnection, by: Actor, changes: Changes) -> None:
    connection.version += 1
    connection.save()
    record(Verb.DIRECTORY_CHANGED, connection, by=by, provider_id=connection.provider_id, changes=changes)
