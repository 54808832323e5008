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
    """Return which of `users`, who come with their invitation, hold an open one that cannot be accepted as it stands.

    A query for each sender, and more only where a sender does not manage the office.
    """
    waiting = [user for user in users if user.accepted_at is None and hasattr(user, "invitation")]
    known = User.objects.in_bulk({user.invitation.sent_by_id for user in waiting} - {None})
    managers = {sender.pk for sender in known.values() if rights.may(sender, Right.MANAGE_PROVIDER)}
    found = set()
    for user in waiting:
        invitation = user.invitation
        if not invitation.is_open() or invitation.sent_by_id in managers:
            continue
        invitation.sent_by = known.get(invitation.sent_by_id)
        if not is_vouched_for(invitation):
            found.add(user.pk)
    return found


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
