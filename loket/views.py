"""Home page, language choice and error page."""

import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.csrf import csrf_failure
from django.views.defaults import bad_request, server_error

import scim.errors
from accounts.models import User
from authentication import ended_sessions, pending_forms
from authentication.mfa import actions as factors
from authentication.middleware import redirect_to_second_factor
from authentication.next_url import get_next_url
from core.access import POST, SAFE, Access, DuringImpersonation, get_policy, page
from core.db_errors import is_database_unavailable, was_never_connected
from notifications.views.inbox import get_home_context
from permissions.access import OfficeRequest
from permissions.access_summary import summarize_access
from permissions.checks import Right, effective_rights, list_active_administrators
from reviews.alerts import find_review_alert
from scim.alerts import find_directory_alert
from senders.alerts import find_sender_alert
from teams.onboarding import get_onboarding_progress
from users.alerts import count_alerts, list_alert_reasons
from users.overview_charts import build_overview_context, sort_alerts

_SIGN_IN_PAGES = ("login", "second_step", "enter_recovery_code")
RETRY_AFTER_SECONDS = 5  # seconds
MAX_HELPERS = 3  # administrators named on an error page
MAX_TASKS = 6  # alerts shown in full
LOW_RECOVERY_CODES = 3  # unused recovery codes at which users are asked to generate new ones


@page(Access.OWN_ACCOUNT, methods=SAFE, impersonation=DuringImpersonation.READ_ONLY)
def home(request: OfficeRequest) -> HttpResponse:
    """Show the home page: figures and alerts, or available rights, and the newest notifications."""
    if request.user.is_support:
        return redirect("admin:index")
    held = request.rights
    manages = {Right.VIEW_USERS, Right.MANAGE_USERS} <= held
    alerts = count_alerts(request.user, list_alert_reasons(held))
    review = find_review_alert(request.user, held)
    context: dict[str, Any] = {
        "manages": manages,
        "may_invite": Right.MANAGE_USERS in held,
        "alerts": alerts,
        "beginning": get_onboarding_progress(request.user) if manages and Right.MANAGE_TEAMS in held else None,
        "codes_left": _count_low_recovery_codes(request.user),
        "greeting": _get_greeting(),
    }
    if manages and not context["beginning"]:
        context |= build_overview_context(request.user, held)
        others = (find_sender_alert(request.user, held), find_directory_alert(request.user, held))
        tasks = sort_alerts([*alerts, *others, context["single_payroll"], review])
        context |= {"task_count": len(tasks), "tasks": tasks[:MAX_TASKS], "other_tasks": tasks[MAX_TASKS:]}
    elif review:
        context |= {"task_count": 1, "tasks": [review]}
    if not manages:
        context |= {"access_groups": summarize_access(request.user), "may_see_teams": Right.VIEW_TEAMS in held}
    return render(request, "users/home.html", context | get_home_context(request))


def _get_greeting() -> str:
    hour = timezone.localtime().hour
    return _("Good morning") if hour < 12 else _("Good afternoon") if hour < 18 else _("Good evening")


def _count_low_recovery_codes(user: User) -> int | None:
    """Return the number of recovery codes left for a user with two-factor, or None if that is enough."""
    left = factors.count_recovery_codes(user) if user.second_factor_at is not None else None
    return left if left is not None and left <= LOW_RECOVERY_CODES else None


@page(
    Access.PUBLIC,
    methods=POST,
    impersonation=DuringImpersonation.AS_SUPPORT,
    before_second_factor=True,
    during_enrollment=True,
)
def set_language(request: HttpRequest) -> HttpResponse:
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


def handle_csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Render the page that asks to submit again, or continue after a sign-in meanwhile done in another tab.

    A form to sign in continues where that sign-in leads to; any other form of the same user is offered again.
    """
    if "csrfmiddlewaretoken" not in request.POST or not isinstance(request.user, User):
        return csrf_failure(request, reason)
    if request.path in (reverse(f"authentication:{name}") for name in _SIGN_IN_PAGES):
        return redirect(get_next_url(request))
    return ended_sessions.redirect_earlier_form(request, request.user) or csrf_failure(request, reason)


def handle_permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _render_error(request, "403.html", 403, exception)


def handle_bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(scim.errors.PREFIX):
        return scim.errors.render_error(400, "The request cannot be read.", "invalidSyntax")
    return bad_request(request, exception)


def handle_page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _render_error(request, "404.html", 404, exception)


def _render_error(request: HttpRequest, template: str, status: int, exception: Exception) -> HttpResponse:
    """Render an error page: in the frame with the menu, naming administrators, for users who are fully signed in."""
    context: dict[str, Any] = {}
    user = getattr(request, "user", None)
    if isinstance(user, User) and redirect_to_second_factor(request, user, get_policy(home)) is None:
        if not hasattr(request, "rights"):  # no view was found, so that nothing asked who may open it
            request.rights = effective_rights(user)  # type: ignore[attr-defined]
        context["frame"] = "base.html"
        if not user.is_support:
            context["administrators"] = _list_helpers(user)
    if isinstance(exception, PermissionDenied):
        context["exception"] = str(exception)
    return render(request, template, context, status=status)


def _list_helpers(user: User) -> list[User]:
    """Return other administrators of the office of `user` whose access has not ended, at most MAX_HELPERS."""
    today = timezone.localdate()
    administrators = list_active_administrators(user.office)
    others = [one for one in administrators if one != user and not (one.access_until and one.access_until < today)]
    return others[:MAX_HELPERS]


def handle_server_error(request: HttpRequest) -> HttpResponse:
    """Render the error page, or the page that offers a retry while the database is down. Makes no queries."""
    is_directory = request.path.startswith(scim.errors.PREFIX)
    if not is_database_unavailable(sys.exception()):
        return scim.errors.render_error(500, "Something went wrong.") if is_directory else server_error(request)
    if request.path.startswith("/v2/"):
        from api.schemas import build_error_message, render_error  # loaded when needed, see `loket.urls`

        text = _("The database is temporarily unavailable. Try again in a few seconds.")
        response = render_error(request, 503, [build_error_message(503, "unavailable", text)])
    elif is_directory:
        response = scim.errors.render_error(503, "The database is temporarily unavailable. Try again in a few seconds.")
    else:
        response = HttpResponse(render_to_string("503.html", _build_retry_context(request)), status=503)
        response["Cache-Control"] = "no-store"
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _build_retry_context(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the retry page: for a form its fields, without secrets and files.

    Only a form that passed the CSRF check is offered again, never one forged by another site.
    """
    page: dict[str, Any] = {"address": request.get_full_path(), "sent": request.method == "POST"}
    is_ours = getattr(request, "csrf_processing_done", False)
    if page["sent"] and is_ours and request.content_type in pending_forms.FORM_CONTENT_TYPES:
        fields = pending_forms.get_typed_fields(request)
        page["pairs"] = [(name, value) for name, values in fields.items() for value in values]
        page["left_out"] = bool(request.FILES or request.POST.keys() - fields.keys() - {"csrfmiddlewaretoken"})
        page["nothing_saved"] = was_never_connected(sys.exception())
        page["csrf_token"] = get_token(request)
    return page
