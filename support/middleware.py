"""Middleware for impersonation: it replaces the user, limits the pages and makes the request read-only."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.contrib import messages
from django.db import InternalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from psycopg.errors import ReadOnlySqlTransaction

from accounts.models import User
from audit.actors import scheduled
from signin.backends import EffectiveUserBackend
from support import looking
from support.models import Look
from teams.access import shown_along

KEY = "look"  # in the session


class LookingMiddleware:
    """Show the pages of an office to support as the impersonated user, and reject everything else.

    Pages that support opens as itself still work: the support pages, logout, the language. An impersonated page runs in
    a read-only database transaction.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """End the read-only transaction after the response."""
        with ExitStack() as stack:
            request.reading = stack  # type: ignore[attr-defined]
            return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Return None to continue, as the impersonated user or as support itself, or the response that rejects it."""
        look = _begun(request)
        if look is None:
            return None
        if not look.goes_on():
            return self._over(request, look)
        request.look = look  # type: ignore[attr-defined]  # for the banner
        safe = request.method in ("GET", "HEAD")
        shown = shown_along(view)
        if shown is None or (shown is False and safe and getattr(view, "rule", None) in ("public", "token")):
            return None
        if not (shown and safe):
            return _refused(request)
        person = EffectiveUserBackend().get_user(look.person_id)
        if person is None:
            return self._over(request, look)
        request.looker, request.user = request.user, person  # type: ignore[attr-defined]
        _only_read(request)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Render the refusal if an impersonated page tried to write to the database."""
        wrote = isinstance(exception, InternalError) and isinstance(exception.__cause__, ReadOnlySqlTransaction)
        if not (wrote and hasattr(request, "looker")):
            return None
        transaction.set_rollback(True)
        request.reading.close()  # type: ignore[attr-defined]
        return _refused(request)

    def _over(self, request: HttpRequest, look: Look) -> HttpResponse:
        del request.session[KEY]
        looking.end(look, by=scheduled("end_looks"))
        messages.info(request, _("Impersonation has ended."))
        return redirect("admin:index")


def _begun(request: HttpRequest) -> Look | None:
    """Return the current impersonation of this support session, or None."""
    if not (isinstance(request.user, User) and request.user.is_support and KEY in request.session):
        return None
    return Look.objects.begun().filter(pk=request.session[KEY], helper=request.user).first()


def _only_read(request: HttpRequest) -> None:
    reading: ExitStack = request.reading  # type: ignore[attr-defined]
    reading.enter_context(transaction.atomic())
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")


def _refused(request: HttpRequest) -> HttpResponse:
    return render(request, "support/impersonation_readonly.html", status=403)
