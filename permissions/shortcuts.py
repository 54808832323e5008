"""Shortcuts for views: find a colleague, show the errors of an action in its form, render the form."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from itertools import chain
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django_htmx.http import push_url

from accounts.models import User, build_office_filter
from core.errors import EditConflict
from core.forms import ThrottledError, Versioned, VersionedForm
from core.paging import build_query_string
from core.throttle import Throttled
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import LastAdministrator

HttpResponseT = TypeVar("HttpResponseT", bound=HttpResponse)


def render_list(
    request: OfficeRequest,
    template: str,
    context: dict[str, Any],
    query: Mapping[str, str | Sequence[str]],
    parts: str = "_list_parts.html",
) -> HttpResponse:
    """Render a list, or for htmx the `parts` that a search changes, with the address of `query`."""
    if not request.htmx:
        return render(request, template, context)
    address = (request.path + build_query_string(**query)).rstrip("?")
    return push_url(render(request, parts, context), address)


def get_colleague_or_404(request: OfficeRequest, pk: UUID) -> User:
    return get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=pk)


def get_managed_user(request: OfficeRequest, pk: UUID, users: QuerySet[User] | None = None) -> User:
    """Return a user of the same office, one of `users` if given. Raises Http404, PermissionDenied without authority."""
    found = User.objects.select_related("provider") if users is None else users
    user = get_object_or_404(found.filter(build_office_filter(request.user)), pk=pk)
    checks.require_authority_over(request.actor, user)
    return user


@contextmanager
def show_errors(form: Form, field: str | None = None, *, saved: Versioned | None = None) -> Iterator[None]:
    """Add the error of an action to `field` of the form; `saved` is the row whose concurrent change is shown.

    Raises Http404 if that was deleted.
    """
    try:
        yield
    except ValidationError as error:
        form.add_error(None if hasattr(error, "error_dict") else field, error)
    except LastAdministrator as error:
        form.add_error(None, str(error))
    except Throttled as error:
        form.add_error(field, ThrottledError(error))
    except EditConflict:
        if saved is None or not isinstance(form, VersionedForm):
            raise
        try:
            form.report_conflict(saved)
        except ObjectDoesNotExist:  # deleted meanwhile
            raise Http404 from None


@contextmanager
def report_refusal(request: HttpRequest, conflict: str = "") -> Iterator[None]:
    """Report a refusal of an action as a message; `conflict` is the text after a concurrent change."""
    try:
        yield
    except EditConflict:
        text = _("Something changed in the meantime, so nothing was done. Review the differences again.")
        messages.error(request, conflict or text)
    except LastAdministrator as error:
        messages.error(request, str(error))


def render_form(request: HttpRequest, template: str, form: Form, **context: Any) -> HttpResponse:
    response = render(request, template, {"form": form, **context})
    waits = _list_waits(form)
    return mark_as_throttled(response, max(waits, key=lambda error: error.seconds)) if waits else response


def get_form_status(form: Form) -> int:
    return 429 if _list_waits(form) else 200


def _list_waits(form: Form) -> list[ThrottledError]:
    errors = chain.from_iterable(form.errors.as_data().values()) if form.is_bound else ()
    return [error for error in errors if isinstance(error, ThrottledError)]


def mark_as_throttled(response: HttpResponseT, error: Throttled | ThrottledError) -> HttpResponseT:
    """Turn `response` into a 429 with a Retry-After header."""
    response.status_code = HTTPStatus.TOO_MANY_REQUESTS
    response["Retry-After"] = str(error.seconds)
    return response
