"""Note about the invitation of a user whose rights a page shows or changes."""

from typing import Any

from django import template

from accounts.models import User
from invitations.sender_authority import find_users_without_sender_authority

register = template.Library()


@register.inclusion_tag("invitations/_pending_notice.html", takes_context=True)
def invitation_note(context: dict[str, Any], user: User) -> dict[str, Any]:
    """Say that the invitation of `user` must be resent, or that granting rights may cause that."""
    waits = user.accepted_at is None and hasattr(user, "invitation") and user.invitation.is_open()
    return {
        "colleague": user,
        "waits": waits,
        "must_be_sent": waits and bool(find_users_without_sender_authority([user])),
        "may_send": "manage_users" in context["request"].rights,
    }
