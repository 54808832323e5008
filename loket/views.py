"""Pages that belong to no part: the home page, the choice of language, what is said when something went wrong."""

import sys

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.defaults import server_error

from accounts.models import User
from accounts.status import chip, needing_attention, two_factor_share
from loket.away import is_away
from notifications.views.inbox import at_home
from signin.middleware import opens_before_factor, opens_while_enrolling
from teams.access import OfficeRequest, along, as_oneself, own_account, public
from teams.rights import Right
from webservice.api.envelopes import broken, refusal

RETRY = 5  # seconds


@own_account
@along
@require_safe
def home(request: OfficeRequest) -> HttpResponse:
    """Show where somebody begins: what asks for attention, the newest signals, or what still has to happen."""
    if request.user.is_support:
        return redirect("admin:index")
    may_view = Right.VIEW_USERS in request.rights
    rows = needing_attention(User.objects.visible_to(request.user)) if may_view else []
    context = {
        "rows": [(person, chip(person)) for person in rows],
        "may_view": may_view,
        "share": two_factor_share(User.objects.visible_to(request.user)) if may_view else None,
        "may_manage": Right.MANAGE_USERS in request.rights,
    } | at_home(request)
    return render(request, "home.html", context)


@public
@as_oneself
@opens_before_factor
@opens_while_enrolling
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Remember the chosen language in a cookie of its own, for a year, and go back to the page."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    response = HttpResponseRedirect(back)
    code = request.POST.get("language", "")
    if code in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            code,
            max_age=365 * 24 * 3600,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response


def fault(request: HttpRequest) -> HttpResponse:
    """Say that something went wrong, or that it is a matter of waiting; nothing here asks the database anything."""
    if not is_away(sys.exception()):
        return server_error(request)
    if request.path.startswith("/v2/"):
        text = _("The database is away for a moment. Try again in a few seconds.")
        response = refusal(request, 503, [broken("unavailable", text)])
    else:
        response = HttpResponse(render_to_string("503.html"), status=503)
    response["Retry-After"] = str(RETRY)
    return response
