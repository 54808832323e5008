"""Home page, language choice and error page."""

import sys
from collections.abc import Container
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.defaults import server_error

from accounts.attention import Attention, counted
from accounts.models import User
from loket.away import is_away, never_connected
from notifications.views.inbox import at_home
from signin import pending_forms
from signin.factors import actions as factors
from signin.middleware import opens_before_factor, opens_while_enrolling
from teams.abilities import abilities
from teams.access import OfficeRequest, along, as_oneself, own_account, public
from teams.beginning import beginning
from teams.rights import Right
from webservice.api.envelopes import broken, refusal

RETRY = 5  # seconds
FEW_CODES = 3  # unused recovery codes at which users are asked to generate new ones


@own_account
@along
@require_safe
def home(request: OfficeRequest) -> HttpResponse:
    """Show the home page: alerts or available rights, the user's own tasks and the newest notifications."""
    if request.user.is_support:
        return redirect("admin:index")
    held = request.rights
    manages = {Right.VIEW_USERS, Right.MANAGE_USERS} <= held
    context = {
        "manages": manages,
        "may_invite": Right.MANAGE_USERS in held,
        "asking": counted(User.objects.visible_to(request.user), _reasons(held)) if manages else [],
        "beginning": beginning(request.user) if manages and Right.MANAGE_TEAMS in held else None,
        "codes_left": _few_codes(request.user),
    }
    if not manages:
        context |= {"abilities": abilities(request.user), "may_see_teams": Right.VIEW_TEAMS in held}
    return render(request, "users/home.html", context | at_home(request))


def _reasons(held: Container[Right]) -> list[Attention]:
    """Return the reasons for alerts that a user with these rights can act on."""
    equips = Right.MANAGE_TEAMS in held or Right.GRANT_RIGHTS in held
    return [reason for reason in Attention if equips or reason is not Attention.WITHOUT_RIGHTS]


def _few_codes(user: User) -> int | None:
    """Return the number of recovery codes left for a user with two-factor, or None if that is enough."""
    left = factors.codes_left(user) if user.second_factor_at is not None else None
    return left if left is not None and left <= FEW_CODES else None


@public
@as_oneself
@opens_before_factor
@opens_while_enrolling
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Store the chosen language in a cookie for a year and redirect back to the page."""
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
    """Render the error page, or the page that offers a retry while the database is down. Makes no queries."""
    if not is_away(sys.exception()):
        return server_error(request)
    if request.path.startswith("/v2/"):
        text = _("The database is temporarily unavailable. Try again in a few seconds.")
        response = refusal(request, 503, [broken("unavailable", text)])
    else:
        response = HttpResponse(render_to_string("503.html", _retry(request)), status=503)
        response["Cache-Control"] = "no-store"
    response["Retry-After"] = str(RETRY)
    return response


def _retry(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the retry page: for a form its fields, without secrets and files.

    Only a form that passed the CSRF check is offered again, never one forged by another site.
    """
    page: dict[str, Any] = {"address": request.get_full_path(), "sent": request.method == "POST"}
    is_ours = getattr(request, "csrf_processing_done", False)
    if page["sent"] and is_ours and request.content_type in pending_forms.CONTENT_TYPES:
        fields = pending_forms.typed_fields(request)
        page["pairs"] = [(name, value) for name, values in fields.items() for value in values]
        page["left_out"] = bool(request.FILES or request.POST.keys() - fields.keys() - {"csrfmiddlewaretoken"})
        page["nothing_saved"] = never_connected(sys.exception())
        page["csrf_token"] = get_token(request)
    return page
