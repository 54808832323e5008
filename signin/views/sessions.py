"""Pages that list and end sessions: the user's own, and those of a colleague."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from audit.actors import on_page
from signin import sessions
from signin.middleware import opens_before_factor, opens_while_enrolling
from teams import rights
from teams.access import OfficeRequest, as_oneself, own_account, public, requires
from teams.rights import Right

_MOST = 100  # sessions listed


@own_account
@require_safe
@never_cache
def own_sessions(request: OfficeRequest) -> HttpResponse:
    rows = sessions.open_of(request.user)[:_MOST]
    return render(request, "authentication/sessions/own.html", {"rows": rows, "current": sessions.current(request)})


@own_account
@require_POST
def end_own_session(request: OfficeRequest, id: UUID) -> HttpResponse:
    """End one of the user's sessions; the current one through the logout page."""
    if id == sessions.current(request):
        return redirect("signin:logout")
    _end_one(request, request.user, id)
    return redirect("signin:own_sessions")


@own_account
@require_POST
def end_other_sessions(request: OfficeRequest) -> HttpResponse:
    sessions.end_others(request, request.user)
    messages.success(request, _("All your other sessions have been ended."))
    return redirect("signin:own_sessions")


@public
@as_oneself
@opens_before_factor
@opens_while_enrolling
@require_POST
@never_cache
def stay(request: HttpRequest) -> HttpResponse:
    """Extend the session and return the seconds until it ends; 401 for an ended session.

    Public because a script calls it, which needs no redirect to the login page: the form on its page is still unsaved.
    """
    left = sessions.left(request) if isinstance(request.user, User) else None
    return JsonResponse({"left": left}, status=401 if left is None else 200)


@requires(Right.MANAGE_USERS)
@require_safe
@never_cache
def sessions_of(request: OfficeRequest, id: UUID) -> HttpResponse:
    person = _one(request, id)
    if person.pk == request.user.pk:
        return redirect("signin:own_sessions")
    rights.require_authority_over(on_page(request, request.user), person)
    rows = sessions.open_of(person)[:_MOST]
    return render(request, "authentication/sessions/user.html", {"rows": rows, "person": person})


@requires(Right.MANAGE_USERS)
@require_POST
def end_session_of(request: OfficeRequest, id: UUID, session: UUID) -> HttpResponse:
    person = _one(request, id)
    rights.require_authority_over(on_page(request, request.user), person)
    _end_one(request, person, session)
    return redirect("signin:sessions_of", person.pk)


@requires(Right.MANAGE_USERS)
@require_POST
def end_sessions_of(request: OfficeRequest, id: UUID) -> HttpResponse:
    person = _one(request, id)
    rights.require_authority_over(on_page(request, request.user), person)
    sessions.end_all(person, by=on_page(request, request.user))
    messages.success(request, _("%(name)s has been logged out everywhere.") % {"name": person.full_name})
    return redirect("signin:sessions_of", person.pk)


def _one(request: OfficeRequest, id: UUID) -> User:
    person: User = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=id)
    return person


def _end_one(request: OfficeRequest, person: User, id: UUID) -> None:
    if sessions.end_one(person, id, by=on_page(request, request.user)):
        messages.success(request, _("The session has been ended."))
    else:
        messages.info(request, _("That session had already ended."))
