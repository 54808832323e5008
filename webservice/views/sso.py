"""Sign-in from a portal."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

import webservice.actions
from accounts.models import User
from signin import sessions
from signin.middleware import opens_before_factor, opens_while_enrolling
from teams.access import public


@public
@opens_before_factor
@opens_while_enrolling
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def sso(request: HttpRequest, ticket: str) -> HttpResponse:
    """Show which user the ticket signs in, and sign in on POST. A GET or HEAD request does not redeem the ticket."""
    if request.method != "POST":
        found = webservice.actions.find_ticket(ticket)
        other = request.user if found and isinstance(request.user, User) and request.user != found.user else None
        return render(request, "oauth/sso.html", {"person": found.user, "other": other}) if found else _dead(request)
    opened = webservice.actions.open_ticket(ticket)
    if opened is None:
        return _dead(request)
    if request.user != opened.user:
        if isinstance(request.user, User):
            sessions.end(request, request.user)
        sessions.start_by_sso(request, opened.user)
    return HttpResponseRedirect(opened.next)


def _dead(request: HttpRequest) -> HttpResponse:
    return render(request, "oauth/sso_link_expired.html", status=404)
