"""Create webservice and Azure users, which are not invited, and set passwords of webservice users.

Changing the login method of an existing user starts or ends an invitation: see `invitations.kinds`.
"""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import letters, passwords
from accounts.actions import Details, Equip, Stale, require_free_username, shown, unusable_password
from accounts.locks import lock_provider, lock_user
from accounts.models import ExternalTenant, LoginMethod, Provider, User
from audit.actions import record
from audit.actors import Actor, Proof, asks
from audit.models import Verb
from loket.text import refuse_control_characters
from teams import rights
from teams.rights import Right


@asks(Proof.HALF_HOUR)
@transaction.atomic
def create_webservice_user(
    provider: Provider,
    *,
    details: Details,
    username: str,
    password: str,
    by: Actor,
    user_id: UUID | None = None,
    equip: Equip | None = None,
) -> User:
    """Create a user "Alleen via SSO/Webservice"; the office chooses username and password (seed article).

    `user_id` makes the action idempotent: a double click creates one user. `equip` assigns initial access to a user
    created by this call; when it raises, no user is created. Raises PermissionDenied without the right to manage users,
    ValidationError for a weak password (several codes), a username in use ("taken"), or a `user_id` that created
    another user ("used").
    """
    user = User(provider=provider, login_method=LoginMethod.SSO_WEBSERVICE, username=username, **details)
    check_username(username)
    passwords.check(password, about=passwords.about_user(user))
    hashed = passwords.hashed(password)  # slow, so before locking rows
    _lock(provider, by)
    if (made := _made_before(user, user_id)) is not None:
        return made
    user.password, user.password_changed_at = hashed, timezone.now()
    return _store_new(user, by, equip)


@asks(Proof.HALF_HOUR)
@transaction.atomic
def create_azure_user(
    provider: Provider,
    *,
    details: Details,
    username: str,
    tenant: ExternalTenant,
    external_user_id: UUID,
    by: Actor,
    user_id: UUID | None = None,
    equip: Equip | None = None,
) -> User:
    """Create a user "Alleen via Azure AD", who signs in at Microsoft only (seed article), and e-mail them.

    `user_id` and `equip` as in `create_webservice_user`. Raises PermissionDenied without the right to manage users,
    ValidationError when the tenant cannot be used ("tenant"), or the username ("taken") or Microsoft account
    ("account_taken") is in use.
    """
    check_username(username)
    provider = _lock(provider, by)
    user = User(provider=provider, login_method=LoginMethod.AZURE_AD, username=username, **details)
    if (made := _made_before(user, user_id)) is not None:
        return made
    user.external_tenant, user.external_user_id = usable_tenant(provider, tenant), external_user_id
    user.password = unusable_password()
    _store_new(user, by, equip)
    letters.microsoft(user, asker=by)
    return user


def check_username(username: str) -> None:
    """Raise ValidationError unless `username` has 3 to 50 characters ("length") and no control characters.

    Every other character is allowed (seed article).
    """
    if not 3 <= len(username) <= 50:
        raise ValidationError(_("Use 3 to 50 characters."), code="length")
    refuse_control_characters(username)


def _lock(provider: Provider, by: Actor) -> Provider:
    provider = lock_provider(provider.pk)
    rights.require_office(by, provider.pk)
    rights.require(by, Right.MANAGE_USERS)
    return provider


def _made_before(user: User, user_id: UUID | None) -> User | None:
    """Return the user created by an earlier submission of the same form; otherwise assign the id to `user`."""
    if user_id is None:
        return None
    known = User.objects.select_related("provider").filter(pk=user_id).first()
    if known is None:
        user.pk = user_id
        return None
    same = ("provider_id", "login_method", "username", "email")
    if all(getattr(known, name) == getattr(user, name) for name in same):
        return known
    raise ValidationError(_("This form was already submitted. Open a new one."), code="used")


def _store_new(user: User, by: Actor, equip: Equip | None) -> User:
    user.accepted_at = timezone.now()
    save_unique(user)
    record(Verb.USER_CREATED, user, by=by, provider_id=user.provider_id, changes=shown(user))
    if equip is not None:
        equip(user)
    return user


def save_unique(user: User) -> None:
    """Store `user`. Raises ValidationError when the username ("taken") or Microsoft account ("account_taken") is used.

    Both are unique over all offices, so the lock on the office is not enough.
    """
    _require_free(user)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        _require_free(user)  # taken between the check and the insert
        raise


def _require_free(user: User) -> None:
    if user.username is not None:
        require_free_username(user.username, user=user)
    if user.external_tenant is not None and user.external_user_id is not None:
        require_free_account(user.external_tenant, user.external_user_id, user=user)


def require_free_account(tenant: ExternalTenant, external_user_id: UUID, *, user: User | None = None) -> None:
    """Raise ValidationError when a user of any office, other than `user`, has this Microsoft account."""
    holder = User.objects.filter(external_tid=tenant.tenant_id, external_user_id=external_user_id).first()
    if holder is not None and holder != user:
        message = _("Another user already has this Microsoft account. Check the User ID.")
        raise ValidationError(message, code="account_taken")


def usable_tenant(provider: Provider, tenant: ExternalTenant) -> ExternalTenant:
    """Return `tenant` from the database. Raises ValidationError unless it is a confirmed tenant of that office."""
    found = ExternalTenant.objects.proved().filter(pk=tenant.pk, provider=provider).first()
    if found is None:
        raise ValidationError(_("This tenant cannot be used: it has been removed or is not confirmed."), code="tenant")
    return found


def set_at(user: User) -> str:
    """Return when the password of `user` was last set (ISO 8601), or "" if never."""
    return user.password_changed_at.isoformat() if user.password_changed_at else ""


@asks(Proof.FIVE_MINUTES)
@transaction.atomic
def set_password(user: User, *, password: str, by: Actor, before: str | None = None) -> User:
    """Set a new password for a user "Alleen via SSO/Webservice" and end sessions and tokens of the old one.

    `before` is the time of the last change that the form knew (ISO 8601): submitting a password twice sets it once.
    Raises PermissionDenied without authority over the user, Stale when another password was set meanwhile,
    ValidationError for a weak password or another login method ("kind").
    """
    passwords.check(password, about=passwords.about_user(user))
    hashed = passwords.hashed(password)  # slow, so before locking rows
    _lock(user.provider, by)
    user = lock_user(user.pk, actor=by.user)
    rights.require_authority_over(by, user)
    if not user.is_webservice_user:
        raise ValidationError(_("The office can set passwords only for SSO/Webservice users."), code="kind")
    if before is not None and before != set_at(user):
        if passwords.verify(password, user.password):
            return user
        raise Stale
    user.password, user.password_changed_at = hashed, timezone.now()
    user.session_version += 1
    user.version += 1
    user.save()
    record(Verb.PASSWORD_CHANGED, user, by=by, provider_id=user.provider_id)
    return user
