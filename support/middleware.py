"""Middleware for impersonation: it replaces the user, limits the pages and makes the request read-only."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.db import InternalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from psycopg.errors import ReadOnlySqlTransaction

from accounts.models import User
from audit.actors import build_job_actor
from authentication.backends import ActiveUserBackend
from core.access import Access, DuringImpersonation, get_policy
from support.impersonation import end_impersonation
from support.models import Impersonation

IMPERSONATION_KEY = "look"  # in the session


class ImpersonationRequest(HttpRequest):
    """A request as this middleware leaves it; `impersonation` and `impersonator` exist during one only."""

    reading: ExitStack  # holds the read-only transaction
    impersonation: Impersonation  # for the banner
    impersonator: User | AnonymousUser  # support, once `user` is the impersonated user


class ImpersonationMiddleware:
    """Show the pages of an office to support as the impersonated user, and reject everything else.

    Pages that support opens as itself still work: the support pages, logout, the language. An impersonated page runs in
    a read-only database transaction.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: ImpersonationRequest) -> HttpResponse:
        """End the read-only transaction after the response."""
        with ExitStack() as stack:
            request.reading = stack
            return self.get_response(request)

    def process_view(
        self, request: ImpersonationRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        impersonation = _get_impersonation(request)
        if impersonation is None:
            return None
        if not impersonation.is_ongoing():
            return self._end_and_redirect(request, impersonation)
        request.impersonation = impersonation
        safe = request.method in ("GET", "HEAD")
        policy = get_policy(view)
        is_open_to_all = policy.access in (Access.PUBLIC, Access.TOKEN) and safe
        if policy.impersonation is DuringImpersonation.AS_SUPPORT or is_open_to_all:
            return None
        if policy.impersonation is not DuringImpersonation.READ_ONLY or not safe:
            return _render_refusal(request)
        user = ActiveUserBackend().get_user(impersonation.user_id)
        if user is None:
            return self._end_and_redirect(request, impersonation)
        if isinstance(request.user, User):
            user.otp_device = request.user.otp_device
        request.impersonator, request.user = request.user, user
        request.reading.enter_context(transaction.atomic())
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        return None

    def process_exception(self, request: ImpersonationRequest, exception: Exception) -> HttpResponse | None:
        """Render the refusal if an impersonated page tried to write to the database."""
        wrote = isinstance(exception, InternalError) and isinstance(exception.__cause__, ReadOnlySqlTransaction)
        if not (wrote and hasattr(request, "impersonator")):
            return None
        transaction.set_rollback(True)
        request.reading.close()
        return _render_refusal(request)

    def _end_and_redirect(self, request: HttpRequest, impersonation: Impersonation) -> HttpResponse:
        del request.session[IMPERSONATION_KEY]
        end_impersonation(impersonation, by=build_job_actor("end_looks"))
        messages.info(request, _("Impersonation has ended."))
        return redirect("admin:index")


def _get_impersonation(request: HttpRequest) -> Impersonation | None:
    if not (isinstance(request.user, User) and request.user.is_support and IMPERSONATION_KEY in request.session):
        return None
    return Impersonation.objects.begun().filter(pk=request.session[IMPERSONATION_KEY], supporter=request.user).first()


def _render_refusal(request: HttpRequest) -> HttpResponse:
    return render(request, "support/impersonation_readonly.html", status=403)
