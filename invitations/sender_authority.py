"""Authority behind an invitation: that of its last sender, at the moment of acceptance."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from accounts.models import User
from audit.actors import Actor, EventOrigin
from audit.models import Event, Verb
from invitations.models import Invitation
from permissions import checks
from permissions.checks import Right


def set_sender(invitation: Invitation, by: Actor) -> None:
    """Store `by` as the sender of the invitation, whose row is locked.

    Support gives it no authority: when support sends it again, the last sender of the office stays the sender.
    """
    invitation.refused_at = None
    if not by.is_support or by.is_operator:
        invitation.sent_by, invitation.sent_by_operator = (None if by.is_operator else by.user), by.is_operator


def has_sender_authority(invitation: Invitation) -> bool:
    """Return whether the last sender could send this invitation now, given what the invited user holds.

    Call with the office's row locked, so that rights cannot change before the result is used.
    """
    return not _find_without_sender_authority([invitation])


def find_users_without_sender_authority(users: Iterable[User]) -> set[UUID]:
    """Return which of `users` of one office, loaded with their invitation, have an open one that cannot be accepted.

    Runs a few queries per sender, however many invitations there are.
    """
    waiting = (user for user in users if user.accepted_at is None and hasattr(user, "invitation"))
    return _find_without_sender_authority([user.invitation for user in waiting if user.invitation.is_open()])


def _find_without_sender_authority(invitations: list[Invitation]) -> set[UUID]:
    invited = defaultdict[UUID | None, set[UUID]](set)
    for user_id, sender_id in _get_sender_ids(invitations).items():
        invited[sender_id].add(user_id)
    offices = {invitation.provider_id for invitation in invitations}
    known = User.objects.filter(provider__in=offices).in_bulk([sender_id for sender_id in invited if sender_id])
    return {
        user_id for sender_id, ids in invited.items() for user_id in _find_beyond_authority(known.get(sender_id), ids)
    }


def _find_beyond_authority(sender: User | None, user_ids: set[UUID]) -> set[UUID]:
    """Return the users that the sender could not invite now."""
    if sender is None or not checks.has_right(sender, Right.MANAGE_USERS):
        return user_ids
    own = user_ids & {sender.pk}
    return (
        own
        if checks.has_right(sender, Right.MANAGE_PROVIDER)
        else own | checks.find_users_with_more_rights(sender, user_ids)
    )


def _get_sender_ids(invitations: list[Invitation]) -> dict[UUID, UUID | None]:
    """Return the last sender in the office by invited user; invitations sent by the operator are left out."""
    found = {
        invitation.user_id: invitation.sent_by_id for invitation in invitations if invitation.sent_by_operator is False
    }
    if unknown := [invitation for invitation in invitations if invitation.sent_by_operator is None]:
        sendings = Event.objects.filter(
            provider_id__in={invitation.provider_id for invitation in unknown},
            target_id__in=[invitation.user_id for invitation in unknown],
            verb=Verb.INVITATION_SENT,
        ).exclude(origin=EventOrigin.SUPPORT)
        last = dict(sendings.order_by("at", "id").values_list("target_id", "actor_id"))
        senders = {invitation.user_id: last.get(invitation.user_id) for invitation in unknown}
        by_operator = {user_id for user_id, sender_id in last.items() if sender_id is None}
        found |= {user_id: sender_id for user_id, sender_id in senders.items() if user_id not in by_operator}
    return found
