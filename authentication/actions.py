"""Actions for password sign-in, password reset and password change."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import emails, passwords, user_lookup
from accounts.locks import lock_user
from accounts.models import EmailChange, LoginMethod, User
from accounts.sessions import end_sessions
from accounts.validators import MAX_USERNAME_LENGTH
from audit.actions import record
from audit.actors import Actor, action, build_job_actor, requires_reauthentication
from audit.models import Verb
from authentication import rate_limits
from authentication.mfa import reminders
from authentication.models import RESET_LINK_MINUTES, PasswordResetRequest, PasswordResetToken
from authentication.session_store import SessionStore
from core import encryption, periodic_jobs, throttle
from core.access import ReauthenticationLevel
from core.errors import EditConflict
from core.keys import compute_email_key, compute_username_key
from core.models import Throttle
from core.throttle import RateLimit, Throttled
from permissions.inactive import build_open_filter

_BATCH_SIZE = 50


class PasswordChangeNotAllowed(Exception):
    """The link has been used or has expired, or the user may not sign in or has no password here."""


@requires_reauthentication(ReauthenticationLevel.NONE)
def authenticate_password(
    username: str, password: str, *, device: str, by: Actor, kind: LoginMethod = LoginMethod.WEBSITE_SSO
) -> User | None:
    """Return the user with login method `kind` and these credentials, or record the failure and return None.

    `device` is the result of `trusted_devices.get_device_id`; `by` is an anonymous actor with a network address. Every
    failure runs the same statements and verifies exactly one password (rule 3). Space around the username is ignored:
    no username has any. Raises Throttled.
    """
    username = username.strip()
    possible = len(username) <= MAX_USERNAME_LENGTH and "\x00" not in username
    account = _build_account_key(username, device)
    if device:
        throttle.consume_attempt(*account)
    else:
        throttle.consume_attempt_pair(_build_network_key(by), account)
    user = user_lookup.find_user_by_username_key(compute_username_key(username) if possible else "")
    bounded = password if len(password) <= passwords.MAX_PASSWORD_LENGTH else ""
    stored, previous = (user.password, user.accepted_previous_password) if user else (None, "")
    matches = passwords.verify_password(bounded, stored, previous=previous)
    refusal = _get_refusal_reason(user, kind, matches)
    if user is None or refusal:
        record_failed_sign_in(user, refusal, by=by)
        return None
    if device:
        throttle.reset_attempts(*account)
    else:  # refund the network's attempt too: programs sign in often, and from one address
        throttle.refund_attempts(account, _build_network_key(by))
    return user


def _build_account_key(username: str, device: str) -> tuple[RateLimit, str]:
    key = compute_username_key(username[: MAX_USERNAME_LENGTH + 1])
    return rate_limits.DEVICE_LIMIT if device else rate_limits.ACCOUNT_LIMIT, f"{key}:{device}"


def _build_network_key(by: Actor) -> tuple[RateLimit, str]:
    return rate_limits.NETWORK_LIMIT, throttle.build_network_key(by.address)


def _get_refusal_reason(user: User | None, kind: LoginMethod, matches: bool) -> str:
    """Return why `user` may not sign in as a code for the audit trail, or ""."""
    if user is None:
        return "unknown"
    if user.login_method != kind:
        return "other_kind"
    return user.denial_reason or ("" if matches else "wrong_password")


@action(ReauthenticationLevel.NONE)
def record_failed_sign_in(user: User | None, refusal: str, *, by: Actor) -> None:
    """Record a failed sign-in; `user` is the account, if any, and `refusal` the reason as a code."""
    # An unknown username is recorded too, without an office: the response time must not reveal which usernames exist.
    target, provider_id = (user, user.provider_id) if user else (User(pk=None), None)
    target.history_key = None  # so that the key is looked up in every case, in the same time
    record(Verb.SIGN_IN_REFUSED, target, by=by, provider_id=provider_id, reason=refusal)


def request_password_reset(email: str, *, address: str) -> None:
    """Store a request to reset the password of the accounts with `email`.

    Does the same whether or not such an account exists, which only the worker determines. Raises Throttled for the
    network address only.
    """
    throttle.consume_attempt(rate_limits.RESET_NETWORK_LIMIT, throttle.build_network_key(address))
    try:
        throttle.consume_attempt(rate_limits.RESET_EMAIL_LIMIT, compute_email_key(email))
    except Throttled:
        return
    request = PasswordResetRequest()
    request.encrypted_email = encryption.encrypt(email.encode(), context=request.encryption_context)
    request.save(force_insert=True)


def process_reset_requests() -> int:
    """E-mail reset links for stored requests; return their number. Periodic job, for several workers at once."""
    waiting = (
        PasswordResetRequest.objects.exclude(pk__in=periodic_jobs.list_deferred_items())
        .order_by("id")
        .values_list("pk", flat=True)
    )
    return sum(periodic_jobs.process_items(_process_reset_request, waiting[:_BATCH_SIZE]))


@transaction.atomic
def _process_reset_request(pk: UUID) -> bool:
    request = PasswordResetRequest.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
    if request is None:
        return False
    try:
        email = encryption.decrypt(bytes(request.encrypted_email), context=request.encryption_context).decode()
    except encryption.DecryptionError:
        email = ""  # its key was retired in the meantime
    for user in _list_users_by_email(email):
        try:
            throttle.consume_attempt(rate_limits.RESET_USER_LIMIT, str(user.pk))
            email_password_link(user, by=build_job_actor("password_links"))
        except Throttled:
            continue
    request.delete()
    return True


def _list_users_by_email(email: str) -> list[User]:
    """Return the users with this address who can use the login page, in the same order for all workers."""
    users = User.objects.filter(
        build_open_filter(),
        provider__suspended_at=None,
        email_key=compute_email_key(email),
        login_method=LoginMethod.WEBSITE_SSO,
        accepted_at__isnull=False,
    )
    return list(users.select_related("provider").order_by("id"))


@action(ReauthenticationLevel.NONE)
def email_password_link(user: User, *, by: Actor) -> None:
    """E-mail a link to choose a new password. Raises MessageLimitReached."""
    token, minutes = encryption.generate_token(), RESET_LINK_MINUTES
    expires_at, token_hash = timezone.now() + timedelta(minutes=minutes), encryption.hash_token(token)
    PasswordResetToken.objects.create(provider=user.provider, user=user, token_hash=token_hash, expires_at=expires_at)
    emails.send(
        "password_link", user, kind="password_link", expires_at=expires_at, requester=by, token=token, minutes=minutes
    )
    record(Verb.PASSWORD_LINK_SENT, user, by=by, provider_id=user.provider_id)


@action(ReauthenticationLevel.NONE)
def reset_password(reset: PasswordResetToken, *, password: str, by: Actor) -> User:
    """End all sessions and other links too. Raises PasswordChangeNotAllowed, ValidationError for a weak password."""
    user = lock_user(reset.user_id, actor=by.user)
    stored = PasswordResetToken.objects.filter(pk=reset.pk).first()
    if stored is None or not stored.is_open():
        raise PasswordChangeNotAllowed
    _set_password(user, password, by)
    return user


@action(ReauthenticationLevel.FIVE_MINUTES)
def change_password(user: User, *, password: str, by: Actor) -> User:
    """Set a new password, end all sessions and return the user as stored.

    The caller has verified the current password. Raises EditConflict if it was changed in the meantime, ValidationError
    for a weak password, PasswordChangeNotAllowed for another login method.
    """
    locked = lock_user(user.pk, actor=by.user)
    if not (locked.is_website_user and locked.may_sign_in):
        raise PasswordChangeNotAllowed
    if locked.password != user.password:
        raise EditConflict
    _set_password(locked, password, by)
    return locked


def _set_password(user: User, password: str, by: Actor) -> None:
    passwords.validate_password(password, about=passwords.build_password_context(user))
    user.password, user.password_changed_at = passwords.hash_password(password), timezone.now()
    end_sessions(user, by=by)
    user.save(update_fields=["password", "password_changed_at", "session_version"])
    user.password_resets.all().delete()
    EmailChange.objects.filter(user=user).delete()  # it may have been requested with the old password
    emails.send("password_changed", user, kind="password_changed")
    record(Verb.PASSWORD_CHANGED, user, by=by, provider_id=user.provider_id)


def delete_expired_data() -> None:
    """Delete expired counters, requests, links, reminders and sessions. Hourly job."""
    now = timezone.now()
    steps = {
        "counters": Throttle.objects.filter(full_at__lt=now).delete,
        "requests": PasswordResetRequest.objects.filter(created_at__lt=now - timedelta(days=1)).delete,
        "links": PasswordResetToken.objects.filter(expires_at__lt=now).delete,
        "reminders": reminders.delete_past_reminders,
        "sessions": SessionStore.clear_expired,
    }
    periodic_jobs.process_items(lambda name: steps[name](), steps)
