"""Shared by the pages of users: finding the user, and what follows creation."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

import notifications.actions
from accounts.models import User
from accounts.user_details import InitialAccessCallback
from audit.actors import Actor
from core.errors import EditConflict
from permissions import checks
from teams import initial_access
from users.forms.initial_access import InitialAccessForm


def build_initial_access_callback(form: InitialAccessForm, by: Actor) -> InitialAccessCallback:
    """Return a callback that assigns what `form` grants; it raises ValidationError, so that no user is created."""

    def assign(user: User) -> None:
        try:
            initial_access.assign_initial_access(user, **form.initial_access, by=by)
            notifications.actions.apply_initial_set(user, notification_set=form.notification_set, by=by)
        except PermissionDenied as error:
            raise ValidationError(str(error), code="not_held") from error
        except EditConflict as error:
            raise ValidationError(_("A team or set that you chose no longer exists."), code="gone") from error

    return assign


def render_created_message(text: str, user: User) -> SafeString:
    """Return `text`, which names a user who was just created, with the next steps."""
    return format_html("<strong>{}</strong> {}", text % {"name": user.full_name}, _render_next_steps(user))


def _render_next_steps(user: User) -> str:
    if not checks.has_no_rights(user):
        if user.accepted_at is None:
            return _("Your choices take effect once the invitation is accepted.")
        return _("Your choices take effect immediately.")
    text = _("Be sure to assign the right {teams}, {rights} and {signals}: until then, {name} cannot do anything.")
    pages = {
        "teams": (_("teams"), "teams:user_teams"),
        "rights": (_("rights"), "teams:user_rights"),
        "signals": (_("notifications"), "notifications:user_preferences"),
    }
    links = {
        name: format_html('<a href="{}">{}</a>', reverse(page, args=[user.pk]), word)
        for name, (word, page) in pages.items()
    }
    return format_html(text, name=user.full_name, **links)
