"""Shared by the pages of users: finding the user, errors of actions in the form, and what follows creation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

import notifications.actions
from accounts.models import User, build_office_filter
from accounts.user_details import InitialAccessCallback
from audit.actors import Actor, build_page_actor
from core.errors import EditConflict
from core.forms import Versioned, VersionedForm
from core.throttle import Throttled
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import LastAdministrator
from teams import initial_access
from users.forms.initial_access import InitialAccessForm


def get_managed_user(request: OfficeRequest, pk: UUID, users: QuerySet[User]) -> User:
    """Return one of `users` in the same office. Raises Http404, or PermissionDenied without authority."""
    user = get_object_or_404(users.filter(build_office_filter(request.user)), pk=pk)
    checks.require_authority_over(build_page_actor(request, request.user), user)
    return user


@contextmanager
def show_errors(form: Form, field: str | None = None, *, saved: Versioned | None = None) -> Iterator[None]:
    """Add the error of an action to `field` of the form; `saved` is the row whose concurrent change is shown."""
    try:
        yield
    except ValidationError as error:
        form.add_error(field, error)
    except LastAdministrator as error:
        form.add_error(None, str(error))
    except Throttled as error:
        form.add_error(field, ValidationError(str(error), code="throttled"))
    except EditConflict:
        if saved is None or not isinstance(form, VersionedForm):
            raise
        form.report_conflict(saved)


def render_form(request: OfficeRequest, template: str, form: Form, **context: Any) -> HttpResponse:
    return render(request, template, {"form": form, **context}, status=get_form_status(form))


def get_form_status(form: Form) -> int:
    codes = {error.code for errors in form.errors.as_data().values() for error in errors} if form.is_bound else set()
    return 429 if "throttled" in codes else 200


def build_initial_access_callback(form: InitialAccessForm, by: Actor) -> InitialAccessCallback:
    """Return a callback that assigns the access chosen in `form` to a new user.

    The callback raises ValidationError if it can no longer be granted; the user is not created then, and the form shows
    the error.
    """

    def assign(user: User) -> None:
        try:
            initial_access.assign_initial_access(user, **form.initial_access, by=by)
            notifications.actions.apply_initial_set(user, notification_set=form.signals, by=by)
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
