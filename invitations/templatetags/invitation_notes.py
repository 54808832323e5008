"""Note about the invitation of a user whose rights a page shows or changes."""

from typing import Any

from django import template

from accounts.models import User
from invitations.sender_authority import find_users_without_sender_authority

register = template.Library()


@register.inclusion_tag("invitations/_pending_notice.html", takes_context=True)
def invitation_note(context: dict[str, Any], person: User) -> dict[str, Any]:
    """Tell that the invitation of `person` must be sent again, or that granting rights may cause that."""
    waits = person.accepted_at is None and hasattr(person, "invitation") and person.invitation.is_open()
    return {
        "person": person,
        "waits": waits,
        "must_be_sent": waits and bool(find_users_without_sender_authority([person])),
        "may_send": "manage_users" in context["request"].rights,
    }
