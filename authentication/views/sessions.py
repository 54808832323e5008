"""Pages that list and end sessions: the user's own, and those of a colleague."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.models import User
from authentication import sessions
from core.access import POST, SAFE, Access, DuringImpersonation, page
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import get_managed_user

_MAX_LISTED_SESSIONS = 100


@page(Access.OWN_ACCOUNT, methods=SAFE)
def own_sessions(request: OfficeRequest) -> HttpResponse:
    rows = sessions.list_active_sessions(request.user)[:_MAX_LISTED_SESSIONS]
    context = {"rows": rows, "current": sessions.get_current_session_id(request)}
    return render(request, "authentication/sessions/own.html", context)


@page(Access.OWN_ACCOUNT, methods=POST)
def end_own_session(request: OfficeRequest, pk: UUID) -> HttpResponse:
    if pk == sessions.get_current_session_id(request):
        return redirect("authentication:logout")
    _end_session(request, request.user, pk)
    return redirect("authentication:own_sessions")


@page(Access.OWN_ACCOUNT, methods=POST)
def end_other_sessions(request: OfficeRequest) -> HttpResponse:
    sessions.end_other_sessions(request, request.user)
    messages.success(request, _("All your other sessions have been ended."))
    return redirect("authentication:own_sessions")


@page(
    Access.PUBLIC,
    methods=POST,
    impersonation=DuringImpersonation.AS_SUPPORT,
    before_second_factor=True,
    during_enrollment=True,
)
def extend_session(request: HttpRequest) -> HttpResponse:
    """Extend the session and return the seconds until it ends; 401 for an ended session.

    Public because a script calls it, which needs no redirect to the login page: the form on its page is still unsaved.
    """
    left = sessions.get_time_left(request) if isinstance(request.user, User) else None
    return JsonResponse({"left": left}, status=401 if left is None else 200)


@page(Right.MANAGE_USERS, methods=SAFE)
def user_sessions(request: OfficeRequest, pk: UUID) -> HttpResponse:
    if pk == request.user.pk:
        return redirect("authentication:own_sessions")
    owner = get_managed_user(request, pk)
    rows = sessions.list_active_sessions(owner)[:_MAX_LISTED_SESSIONS]
    return render(request, "authentication/sessions/user.html", {"rows": rows, "owner": owner})


@page(Right.MANAGE_USERS, methods=POST)
def end_user_session(request: OfficeRequest, pk: UUID, session_id: UUID) -> HttpResponse:
    _end_session(request, get_managed_user(request, pk), session_id)
    return redirect("authentication:user_sessions", pk)


@page(Right.MANAGE_USERS, methods=POST)
def end_user_sessions(request: OfficeRequest, pk: UUID) -> HttpResponse:
    owner = get_managed_user(request, pk)
    sessions.end_all_sessions(owner, by=request.actor)
    messages.success(request, _("%(name)s has been logged out everywhere.") % {"name": owner.full_name})
    return redirect("authentication:user_sessions", pk)


def _end_session(request: OfficeRequest, owner: User, session_id: UUID) -> None:
    if sessions.end_session(owner, session_id, by=request.actor):
        messages.success(request, _("The session has been ended."))
    else:
        messages.info(request, _("That session had already ended."))
