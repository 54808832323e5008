"""On whose authority an invitation is accepted: that of who sent it last, as it is at that moment."""

from collections.abc import Iterable
from uuid import UUID

from accounts.models import User
from audit.actors import Actor, Origin
from audit.models import Event, Verb
from invitations.models import Invitation
from teams import rights
from teams.rights import Right


def note_sender(invitation: Invitation, by: Actor) -> None:
    """Note that `by` sends the invitation, whose row is locked.

    Support that sends it again gives it no authority: it is accepted on that of who of the office sent it last.
    """
    invitation.refused_at = None
    if not by.is_support or by.is_operator:
        invitation.sent_by, invitation.sent_by_operator = (None if by.is_operator else by.user), by.is_operator


def is_vouched_for(invitation: Invitation) -> bool:
    """Return whether the last sender could send this invitation now, with all that the invited user holds by now.

    Asked with the office's row locked, so that no right is given between this answer and what follows from it.
    """
    sender, is_operator = _sender(invitation)
    return is_operator or (sender is not None and _has_say(sender, invitation.user))


def unvouched(users: Iterable[User]) -> set[UUID]:
    """Return which of `users`, with their invitations, hold an open one that cannot be accepted as it stands."""
    waiting = [user for user in users if user.accepted_at is None and hasattr(user, "invitation")]
    return {user.pk for user in waiting if user.invitation.is_open() and not is_vouched_for(user.invitation)}


def _has_say(sender: User, user: User) -> bool:
    by = Actor(Origin.PAGE, sender.full_name, sender)
    return rights.may(sender, Right.MANAGE_USERS) and rights.has_authority_over(by, user)


def _sender(invitation: Invitation) -> tuple[User | None, bool]:
    """Return who of the office sent it last, and whether it was the operator instead."""
    if invitation.sent_by_operator is not None:
        return invitation.sent_by, invitation.sent_by_operator
    sendings = Event.objects.filter(
        provider_id=invitation.provider_id, target_id=invitation.user_id, verb=Verb.INVITATION_SENT
    )
    last = sendings.exclude(origin=Origin.SUPPORT).order_by("-at", "-id").first()
    if last is None or last.actor_id is None:
        return None, last is not None
    return User.objects.filter(pk=last.actor_id, provider=invitation.provider_id).first(), False
