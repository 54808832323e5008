"""Actions on accounts of support staff, which belong to no office; for the operator only."""

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import gettext as _

import authentication.actions
from accounts import passwords
from accounts.locks import lock_user
from accounts.models import LoginMethod, User
from accounts.sessions import end_sessions
from accounts.user_lookup import require_free_username
from accounts.validators import build_username_taken_error, validate_username
from audit.actions import record
from audit.actors import Actor, action
from audit.models import Verb
from core import encryption
from core.access import ReauthenticationLevel
from core.keys import compute_username_key
from core.text import validate_no_control_characters


def _require_operator(by: Actor) -> None:
    if not by.is_operator:
        raise PermissionDenied(_("Only the operator can create and end support accounts."))


@action(ReauthenticationLevel.FIVE_MINUTES)
def create_support_user(username: str, *, initials: str, prefix: str, last_name: str, email: str, by: Actor) -> User:
    """Create a support user with an unknown random password and e-mail the link to choose one.

    Two-factor is required, except in the demo. Raises PermissionDenied unless the actor is the operator,
    ValidationError for a taken username or an invalid field.
    """
    _require_operator(by)
    validate_username(username)
    require_free_username(username)
    for text in (initials, prefix, last_name):
        validate_no_control_characters(text)
    user = User(
        is_support=True,
        login_method=LoginMethod.WEBSITE_SSO,
        username=username,
        initials=initials,
        prefix=prefix,
        last_name=last_name,
        email=email,
        accepted_at=timezone.now(),
        password=passwords.hash_password(encryption.generate_token()),
        two_factor_required=not settings.LOKET_DEMO,
    )
    user.clean_fields(exclude=["provider", "external_tenant", "external_user_id"])
    user.save(force_insert=True)
    changes = {"username": [None, username], "email": [None, email]}
    record(Verb.USER_CREATED, user, by=by, provider_id=None, changes=changes)
    authentication.actions.email_password_link(user, by=by)
    return user


@action(ReauthenticationLevel.FIVE_MINUTES)
def close_support_user(user: User, *, by: Actor) -> bool:
    """Return False if already blocked. Raises PermissionDenied unless the operator closes a support account."""
    _require_operator(by)
    user = lock_user(user.pk, actor=by.user)
    if not user.is_support:
        raise PermissionDenied(_("This is not a support account."))
    if user.blocked_at is not None:
        return False
    user.blocked_at = timezone.now()
    end_sessions(user, by=by)
    user.save(update_fields=["blocked_at", "session_version"])
    record(Verb.USER_BLOCKED, user, by=by, provider_id=None)
    return True


def find_support_user(username: str) -> User | None:
    """Raises ValidationError for an invalid username, or one of a user of an office."""
    validate_username(username)
    user = User.objects.filter(username_key=compute_username_key(username)).first()
    if user is not None and not user.is_support:
        raise build_username_taken_error()
    return user
