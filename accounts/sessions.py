"""Ending the sessions of users, here and at the integrations that `sessions_ended` reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.dispatch import Signal

if TYPE_CHECKING:
    from accounts.models import User
    from audit.actors import Actor

# Sent in the transaction of the change, while the users still exist. Arguments: `users`, an iterable or queryset of one
# office; `by`, the actor; `session_id`, that of the only browser session that ended, None if all of them did.
sessions_ended = Signal()


def end_sessions(*users: User, by: Actor) -> None:
    """Invalidate every session and token of `users`, whose rows the caller locked and will save."""
    for user in users:
        user.session_version += 1
    sessions_ended.send(None, users=users, by=by, session_id=None)
