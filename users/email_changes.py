"""Change of an e-mail address: requested, confirmed from the new address, reported to the old one (rule 5)."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts import emails
from accounts.locks import lock_provider, lock_user
from accounts.models import EmailChange, User
from audit.actions import record
from audit.actors import Actor, EventOrigin, action
from audit.models import Verb
from core import clock_skew, encryption
from core.access import ReauthenticationLevel
from outbox import message_limits
from permissions import checks
from permissions.checks import Right

EMAIL_CHANGE_HOURS = 48


class InvalidEmailLink(Exception):
    """The link has been used, has been replaced by a newer one or has expired."""


@action(ReauthenticationLevel.FIVE_MINUTES)
def request_email_change(user: User, email: str, *, by: Actor) -> None:
    """Request confirmation from the new address `email` and notify the current one; nothing changes until then.

    For users who accepted their invitation; for others the invitation is resent instead. The actor is the user, or an
    administrator with authority over the user. A newer request replaces an older one (rule 5).
    """
    if not by.is_user(user.pk):
        checks.require_right(by, Right.MANAGE_USERS)
        checks.require_authority_over(by, user)
    if user.accepted_at is None:
        raise ValueError("the address of an invited user changes by sending the invitation again")
    token, expires_at = encryption.generate_token(), timezone.now() + timedelta(hours=EMAIL_CHANGE_HOURS)
    EmailChange.objects.update_or_create(
        user=user,
        defaults={
            "provider": user.office,
            "email": email,
            "token_hash": encryption.hash_token(token),
            "expires_at": expires_at,
            "asked_by": by.user,
        },
    )
    with message_limits.batch_charges():  # else two requests for each other's address would deadlock
        emails.send(
            "confirm_email",
            user,
            kind="confirm_address",
            to=email,
            expires_at=expires_at,
            requester=by,
            token=token,
            hours=EMAIL_CHANGE_HOURS,
        )
        emails.send("email_change_requested", user, kind="address_asked", requester=by)
    changes = {"email": [user.email, email]}
    record(Verb.EMAIL_CHANGE_REQUESTED, user, by=by, provider_id=user.provider_id, changes=changes)


def get_email_change(token: str) -> EmailChange:
    """Return the request that the link with `token` confirms. Raises InvalidEmailLink.

    The requester must still have authority over the user: rights may have changed since the request.
    """
    requests = EmailChange.objects.select_related("user__provider", "asked_by")
    found = requests.filter(token_hash=encryption.hash_token(token)).first()
    if (
        found is None
        or not clock_skew.is_still_valid(found.expires_at, within=timedelta(hours=EMAIL_CHANGE_HOURS))
        or not found.user.may_sign_in
    ):
        raise InvalidEmailLink
    requester = found.asked_by
    if requester is not None and requester.pk != found.user_id:
        by = Actor(EventOrigin.PAGE, requester.full_name, requester)
        if not checks.has_right(requester, Right.MANAGE_USERS) or not checks.has_authority_over(by, found.user):
            raise InvalidEmailLink
    return found


@transaction.atomic
def confirm_email_change(token: str, *, address: str, correlation_id: str) -> User:
    """Apply the change and notify the old address. `address` is the network address. Raises InvalidEmailLink."""
    lock_provider(get_email_change(token).provider_id)
    change = get_email_change(token)  # checked again while the office is locked and rights cannot change
    user = lock_user(change.user_id)
    if EmailChange.objects.filter(pk=change.pk, token_hash=change.token_hash).delete()[0] == 0:
        raise InvalidEmailLink
    old, user.email = user.email, change.email
    user.version += 1
    user.save()
    user.password_resets.all().delete()  # their links went to the old address
    emails.send("email_changed", user, kind="address_changed", to=old)
    by = Actor(EventOrigin.PAGE, user.full_name, user, address, correlation_id)
    record(Verb.EMAIL_CHANGED, user, by=by, provider_id=user.provider_id, changes={"email": [old, user.email]})
    return user
