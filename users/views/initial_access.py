"""Shared by the pages that add a user, one per login method: assign the initial access, and say what comes next."""

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
    """Return a callback that assigns the access chosen in `form` to a new user.

    The callback raises ValidationError if it can no longer be granted; the user is not created then, and the form shows
    the error.
    """

    def assign(person: User) -> None:
        try:
            initial_access.assign_initial_access(person, **form.initial_access, by=by)
            notifications.actions.apply_initial_set(person, notification_set=form.signals, by=by)
        except PermissionDenied as error:
            raise ValidationError(str(error), code="not_held") from error
        except EditConflict as error:
            raise ValidationError(_("A team or set that you chose no longer exists."), code="gone") from error

    return assign


def render_next_steps(person: User) -> SafeString:
    """Return the message with the next steps for a user who was just created."""
    if not checks.has_no_rights(person):
        text = _("Your choices take effect immediately.")
        if person.accepted_at is None:
            text = _("Your choices take effect once the invitation is accepted.")
        return format_html("{}", text)
    text = _("Be sure to assign the right {teams}, {rights} and {signals}: until then, {name} cannot do anything.")
    pages = {
        "teams": (_("teams"), "teams:user_teams"),
        "rights": (_("rights"), "teams:user_rights"),
        "signals": (_("notifications"), "notifications:user_preferences"),
    }
    links = {
        name: format_html('<a href="{}">{}</a>', reverse(page, args=[person.pk]), word)
        for name, (word, page) in pages.items()
    }
    return format_html(text, name=person.full_name, **links)
