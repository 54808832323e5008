"""Actions for password sign-in, password reset and password change."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Lower
from django.utils import timezone

from accounts import passwords
from accounts.actions import Stale
from accounts.locks import lock_user
from accounts.models import EmailChange, LoginMethod, User
from audit.actions import record
from audit.actors import Actor, Proof, asks, scheduled
from audit.models import Verb
from loket import periodic, sealing
from loket.text import username_key
from signin import letters, names, throttle
from signin.factors import reminders
from signin.models import RESET_MINUTES, PasswordReset, ResetRequest, Throttle
from signin.store import SessionStore
from signin.throttle import Limit, Throttled

LINK = Limit("password link", burst=60, every=timedelta(seconds=5))  # opened, by network address
PASSWORD = Limit("current password", burst=10, every=timedelta(minutes=1))  # by user
MICROSOFT = Limit("microsoft network", burst=200, every=timedelta(seconds=2))  # by network address, both ways
_ACCOUNT = Limit("sign-in account", burst=10, every=timedelta(minutes=1))  # by username, for unknown browsers
_DEVICE = Limit("sign-in device", burst=10, every=timedelta(minutes=1))  # by username and browser
_NETWORK = Limit("sign-in network", burst=50, every=timedelta(seconds=10))  # by network address, for unknown browsers
_ASKING = Limit("forgotten network", burst=10, every=timedelta(minutes=1))
_ASKED = Limit("forgotten address", burst=3, every=timedelta(minutes=20))
_MAILED = Limit("forgotten mail", burst=3, every=timedelta(minutes=20))  # by user
_LONGEST_USERNAME = 50
_BATCH = 50


class NotOpen(Exception):
    """The link was used or has expired, or the user may not sign in or has no password here."""


@asks(Proof.NONE)
def prove(
    username: str, password: str, *, device: str, by: Actor, kind: LoginMethod = LoginMethod.WEBSITE_SSO
) -> User | None:
    """Return the user with login method `kind` and these credentials, or record the failure and return None.

    `device` is the result of `devices.find`; `by` is an anonymous actor with a network address. Every failure runs
    the same statements and verifies exactly one password (rule 3). Raises Throttled.
    """
    user = match(username, password, kind, device=device, by=by)
    if user is not None:
        settle(username, device=device, by=by)
    return user


@asks(Proof.NONE)
def match(username: str, password: str, kind: LoginMethod, *, device: str, by: Actor) -> User | None:
    """Do the same as `prove`, but count a success as an attempt until the caller calls `settle`."""
    possible = len(username) <= _LONGEST_USERNAME and "\x00" not in username
    account = _account(username, device)
    if device:
        throttle.charge(*account)
    else:
        throttle.charge_both(_network(by), account)
    user = names.named(username_key(username) if possible else "")
    bounded = password if len(password) <= passwords.MAXIMUM else ""
    matches = passwords.verify(bounded, user.password if user else None)
    refusal = _refusal(user, kind, matches)
    if user is None or refusal:
        record_refusal(user, refusal, by=by)
        return None
    return user


@asks(Proof.NONE)
def settle(username: str, *, device: str, by: Actor) -> None:
    """Refund the attempt that a success cost, and reset the earlier attempts on the account."""
    if device:
        throttle.forgive(*_account(username, device))
    else:  # the network's attempt as well: a machine signs in often, and from one address
        throttle.settle(_account(username, ""), _network(by))


@asks(Proof.NONE)
def settling(username: str, *, by: Actor) -> tuple[str, list[str | float]]:
    """Return the SQL of `settle` without a device, for the WITH of a larger statement, and its parameters."""
    return throttle.settling(_account(username, ""), _network(by))


def _account(username: str, device: str) -> tuple[Limit, str]:
    key = username_key(username[: _LONGEST_USERNAME + 1])
    return _DEVICE if device else _ACCOUNT, f"{key}:{device}"


def _network(by: Actor) -> tuple[Limit, str]:
    return _NETWORK, throttle.network(by.address)


def _refusal(user: User | None, kind: LoginMethod, matches: bool) -> str:
    """Return why `user` may not sign in as a code for the audit trail, or ""."""
    if user is None:
        return "unknown"
    if user.login_method != kind:
        return "other_kind"
    return user.refusal or ("" if matches else "wrong_password")


@asks(Proof.NONE)
@transaction.atomic
def record_refusal(user: User | None, refusal: str, *, by: Actor) -> None:
    """Record a failed sign-in; `user` is the account, if any, and `refusal` the reason as a code."""
    # An unknown username leaves an event as well, without an office: the response time must not reveal who exists.
    target, provider_id = (user, user.provider_id) if user else (User(pk=None), None)
    target.history_key = None  # looked up for every sign-in, so there is none here
    record(Verb.SIGN_IN_REFUSED, target, by=by, provider_id=provider_id, reason=refusal)


def ask_reset(email: str, *, address: str) -> None:
    """Store a request to reset the password of the accounts with `email`.

    Does the same whether or not such an account exists: the worker finds out. Raises Throttled for the network address
    only.
    """
    throttle.charge(_ASKING, throttle.network(address))
    try:
        throttle.charge(_ASKED, email.lower())
    except Throttled:
        return
    request = ResetRequest()
    request.sealed_email = sealing.seal(email.encode(), context=request.seal_context)
    request.save(force_insert=True)


def expand_reset_requests() -> int:
    """E-mail reset links for the stored requests; return the number of requests handled.

    Periodic job; safe to run in several workers at once.
    """
    waiting = ResetRequest.objects.exclude(pk__in=periodic.resting()).order_by("id").values_list("pk", flat=True)
    return sum(periodic.each(_expand, waiting[:_BATCH]))


@transaction.atomic
def _expand(pk: UUID) -> bool:
    request = ResetRequest.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
    if request is None:
        return False
    try:
        email = sealing.unseal(bytes(request.sealed_email), context=request.seal_context).decode()
    except sealing.Unreadable:
        email = ""  # its key was retired in the meantime
    for user in _accounts_with(email):
        try:
            throttle.charge(_MAILED, str(user.pk))
            mail_link(user, by=scheduled("password_links"))
        except Throttled:
            continue
    request.delete()
    return True


def _accounts_with(email: str) -> list[User]:
    """Return the users with this address who can use the login page, in the same order for all workers."""
    users = User.objects.alias(address=Lower("email")).filter(
        Q(access_until=None) | Q(access_until__gte=timezone.localdate()),
        provider__closed_at=None,
        address=Lower(Value(email)),
        login_method=LoginMethod.WEBSITE_SSO,
        accepted_at__isnull=False,
        blocked_at=None,
    )
    return list(users.select_related("provider").order_by("id"))


@asks(Proof.NONE)
@transaction.atomic
def mail_link(user: User, *, by: Actor) -> None:
    """E-mail `user` a single-use link to choose a password, valid for an hour. Raises TooMany."""
    token = sealing.new_token()
    reset = PasswordReset(provider=user.provider, user=user, token_hash=sealing.token_hash(token))
    reset.expires_at = timezone.now() + timedelta(minutes=RESET_MINUTES)
    reset.save(force_insert=True)
    letters.password_link(reset, token=token, minutes=RESET_MINUTES, asker=by)
    record(Verb.PASSWORD_LINK_SENT, user, by=by, provider_id=user.provider_id)


@asks(Proof.NONE)
@transaction.atomic
def reset_password(reset: PasswordReset, *, password: str, by: Actor) -> User:
    """Set the password chosen through a reset link, end all sessions and invalidate all reset links.

    Raises NotOpen if the link was used or the user lost access in the meantime, ValidationError for a weak password.
    """
    user = lock_user(reset.user_id, actor=by.user)
    fresh = PasswordReset.objects.filter(pk=reset.pk).first()
    if fresh is None or not fresh.is_open():
        raise NotOpen
    _set_password(user, password, by)
    return user


@asks(Proof.FIVE_MINUTES)
@transaction.atomic
def change_password(user: User, *, password: str, by: Actor) -> User:
    """Set a new password, end all sessions and return the user as stored.

    The caller has verified the current password. Raises Stale if it was changed in the meantime, ValidationError for a
    weak password, NotOpen for another login method.
    """
    fresh = lock_user(user.pk, actor=by.user)
    if not (fresh.is_website_user and fresh.may_sign_in):
        raise NotOpen
    if fresh.password != user.password:
        raise Stale
    _set_password(fresh, password, by)
    throttle.forgive(PASSWORD, str(fresh.pk))
    return fresh


def _set_password(user: User, password: str, by: Actor) -> None:
    passwords.check(password, about=passwords.about_user(user))
    user.password, user.password_changed_at = passwords.hashed(password), timezone.now()
    user.session_version += 1
    user.save(update_fields=["password", "password_changed_at", "session_version"])
    user.password_resets.all().delete()
    EmailChange.objects.filter(user=user).delete()  # it may have been requested with the old password
    letters.password_changed(user)
    record(Verb.PASSWORD_CHANGED, user, by=by, provider_id=user.provider_id)


def clean() -> None:
    """Delete expired counters, requests, links, reminders and sessions. Hourly job."""
    now = timezone.now()
    steps = {
        "counters": Throttle.objects.filter(full_at__lt=now).delete,
        "requests": ResetRequest.objects.filter(created_at__lt=now - timedelta(days=1)).delete,
        "links": PasswordReset.objects.filter(expires_at__lt=now).delete,
        "reminders": reminders.clean,
        "sessions": SessionStore.clear_expired,
    }
    periodic.each(lambda name: steps[name](), steps)
