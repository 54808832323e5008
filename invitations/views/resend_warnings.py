"""Warnings that granting rights makes invitations unacceptable until they are sent again."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from invitations.models import Invitation
from invitations.sender_authority import find_users_without_sender_authority

_MAX_NAMED_USERS, _MAX_CHECKED_USERS = 3, 100


def add_resend_warnings(request: HttpRequest, users: QuerySet[User]) -> None:
    """Add a warning for each of `users`, up to a hundred, that can no longer accept their invitation."""
    waiting = users.filter(accepted_at=None, invitation__state=Invitation.State.OPEN)
    ordered = waiting.select_related("provider", "invitation").order_by("sort_name", "pk").distinct()
    invited = list(ordered[:_MAX_CHECKED_USERS])
    found = find_users_without_sender_authority(invited)
    for user in [user for user in invited if user.pk in found][:_MAX_NAMED_USERS]:
        text = _("%(name)s can no longer accept the invitation: the sender may not grant these rights.")
        link = format_html('<a href="{}">{}</a>', reverse("users:resend_invitation", args=[user.pk]), _("Resend"))
        messages.warning(request, format_html("{} {}", text % {"name": user.full_name}, link))
    if (more := len(found) - _MAX_NAMED_USERS) > 0:
        text = ngettext("%(count)s more invitation must be resent.", "%(count)s more invitations must be resent.", more)
        messages.warning(request, text % {"count": more})
