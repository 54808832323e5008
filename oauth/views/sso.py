"""Sign-in from a portal."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

import oauth.sso_tickets
from accounts.models import User
from authentication import sessions
from core.access import Access, page


@page(Access.PUBLIC, before_second_factor=True, during_enrollment=True)
def sso(request: HttpRequest, ticket: str) -> HttpResponse:
    """Show which user the ticket signs in, and sign in on POST. A GET or HEAD request does not redeem the ticket."""
    if request.method != "POST":
        found = oauth.sso_tickets.find_sso_ticket(ticket)
        other = request.user if found and isinstance(request.user, User) and request.user != found.user else None
        if found is None:
            return _render_expired(request)
        return render(request, "oauth/sso.html", {"colleague": found.user, "other": other})
    opened = oauth.sso_tickets.redeem_sso_ticket(ticket)
    if opened is None:
        return _render_expired(request)
    if request.user != opened.user:
        if isinstance(request.user, User):
            sessions.log_out(request, request.user)
        sessions.start_sso_session(request, opened.user)
    return HttpResponseRedirect(opened.next)


def _render_expired(request: HttpRequest) -> HttpResponse:
    return render(request, "oauth/sso_link_expired.html", status=404)
