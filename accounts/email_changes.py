"""Change of an e-mail address: requested, confirmed from the new address, reported to the old one (rule 5)."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts import letters
from accounts.locks import lock_provider, lock_user
from accounts.models import EmailChange, User
from audit.actions import record
from audit.actors import Actor, Origin, Proof, asks
from audit.models import Verb
from loket import clocks, sealing
from outbox import limits
from teams import rights
from teams.rights import Right

EMAIL_CHANGE_HOURS = 48


class DeadLink(Exception):
    """The link was used, replaced by a newer one or has expired."""


@asks(Proof.FIVE_MINUTES)
@transaction.atomic
def ask_email_change(user: User, email: str, *, by: Actor) -> None:
    """Request confirmation from the new address `email` and notify the current one; nothing changes until then.

    For users who accepted their invitation; for others the invitation is sent again instead. The actor is the user, or
    an administrator with authority over the user. A newer request replaces an older one (rule 5).
    """
    if by.user is None or by.user.pk != user.pk:
        rights.require(by, Right.MANAGE_USERS)
        rights.require_authority_over(by, user)
    if user.accepted_at is None:
        raise ValueError("an invited person's address changes by sending the invitation again")
    token, expires_at = sealing.new_token(), timezone.now() + timedelta(hours=EMAIL_CHANGE_HOURS)
    EmailChange.objects.update_or_create(
        user=user,
        defaults={
            "provider": user.provider,
            "email": email,
            "token_hash": sealing.token_hash(token),
            "expires_at": expires_at,
            "asked_by": by.user,
        },
    )
    with limits.together():  # else two requests for each other's address would deadlock
        letters.confirm_address(user, email, token=token, expires_at=expires_at, asker=by)
        letters.address_asked(user, asker=by)
    changes = {"email": [user.email, email]}
    record(Verb.EMAIL_CHANGE_ASKED, user, by=by, provider_id=user.provider_id, changes=changes)


def email_change_of(token: str) -> EmailChange:
    """Return the request that the link with `token` confirms. Raises DeadLink.

    The requester must still have authority over the user: rights may have changed since the request.
    """
    requests = EmailChange.objects.select_related("user__provider", "asked_by")
    found = requests.filter(token_hash=sealing.token_hash(token)).first()
    if (
        found is None
        or not clocks.is_before(found.expires_at, within=timedelta(hours=EMAIL_CHANGE_HOURS))
        or not found.user.may_sign_in
    ):
        raise DeadLink
    asker = found.asked_by
    if asker is not None and asker.pk != found.user_id:
        by = Actor(Origin.PAGE, asker.full_name, asker)
        if not rights.may(asker, Right.MANAGE_USERS) or not rights.has_authority_over(by, found.user):
            raise DeadLink
    return found


@transaction.atomic
def confirm_email_change(token: str, *, address: str, correlation_id: str) -> User:
    """Apply the confirmed change and notify the old address; `address` is the network address. Raises DeadLink."""
    lock_provider(email_change_of(token).provider_id)
    change = email_change_of(token)  # checked again while the office is locked and rights cannot change
    user = lock_user(change.user_id)
    if EmailChange.objects.filter(pk=change.pk, token_hash=change.token_hash).delete()[0] == 0:
        raise DeadLink
    old, user.email = user.email, change.email
    user.version += 1
    user.save()
    user.password_resets.all().delete()  # their links went to the old address
    letters.address_changed(user, old)
    by = Actor(Origin.PAGE, user.full_name, user, address, correlation_id)
    record(Verb.EMAIL_CHANGED, user, by=by, provider_id=user.provider_id, changes={"email": [old, user.email]})
    return user
