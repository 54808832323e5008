"""Middleware that enforces second factors and re-authentication, as the policy of the page says."""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from accounts.models import User
from audit.actors import ReauthenticationRequired
from authentication import ended_sessions, last_user, pending_forms, reauthentication, sessions
from authentication.mfa import get_enrollment_deadline, must_enroll
from core.access import SAFE, Access, PagePolicy, ReauthenticationLevel, get_policy
from core.throttle import Throttled
from permissions.access import OfficeRequest
from permissions.shortcuts import mark_as_throttled


class MfaRequest(HttpRequest):
    """A request as this middleware leaves it, if a user is signed in; see also `OfficeRequest`."""

    proof: ReauthenticationLevel
    enrollment_deadline: date | None  # for the banner on every page


class MfaMiddleware(MiddlewareMixin):
    """Redirect users without a passed or required second factor to the page for it, unless its policy opens it."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        # The database may be unavailable, and a query waits for its timeout.
        is_undeliverable = response.status_code >= 500
        if not is_undeliverable and request.session.accessed and isinstance(request.user, User):
            sessions.record_activity(request)
            last_user.set_last_user(request, response)
        return response

    def process_view(
        self, request: MfaRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Return the redirect, or None if no factor is missing."""
        user = request.user
        policy = get_policy(view)
        if not isinstance(user, User) and policy.access not in (Access.PUBLIC, Access.TOKEN):
            return ended_sessions.redirect_to_login(request)
        if not isinstance(user, User):
            return None
        request.proof = reauthentication.get_reauthentication_level(request, user)
        pending_forms.delete_resubmitted_form(request, user)
        if not user.is_website_user:
            return None
        missing = redirect_to_second_factor(request, user, policy)
        if missing is not None or user.second_factor_at is not None:
            return missing
        request.enrollment_deadline = get_enrollment_deadline(user)
        if user.is_support and policy.access == Access.SUPPORT and not settings.LOKET_DEMO:
            # Support accounts of the demo may lack a second factor.
            return _redirect_with_next(request, "authentication:device_list")
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Redirect to re-authentication if an action required it; answer 429 to a Throttled that no view handled."""
        if isinstance(exception, Throttled):
            response = render(request, "authentication/throttled.html", {"message": str(exception)})
            return mark_as_throttled(response, exception)
        if isinstance(exception, ReauthenticationRequired) and isinstance(request.user, User):
            return reauthentication.redirect_to_reauthentication(request, request.user)
        return None


class ReauthenticationMiddleware(MiddlewareMixin):
    """Ask for recent re-authentication where the policy of the page requires it; the right has already been checked."""

    def process_view(
        self, request: OfficeRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Return the redirect to re-authentication, or None. In the demo, support may lack a second factor."""
        policy = get_policy(view)
        if not policy.reauthentication:
            return None
        may_lack_factor = settings.LOKET_DEMO and request.user.is_support and request.user.second_factor_at is None
        with_factor = policy.with_factor and not may_lack_factor
        return reauthentication.require_recent(request, policy.reauthentication, with_factor=with_factor)


def redirect_to_second_factor(request: HttpRequest, user: User, policy: PagePolicy) -> HttpResponse | None:
    """Return the redirect of a website user whose second factor is missing and needed by `policy`, else None."""
    if not user.is_website_user:
        return None
    if user.second_factor_at is not None:
        is_open = user.is_verified() or policy.before_second_factor
        return None if is_open else _redirect_with_next(request, "authentication:second_step")
    if must_enroll(user) and not policy.during_enrollment:
        return _redirect_with_next(request, "authentication:device_list")
    return None


def _redirect_with_next(request: HttpRequest, name: str) -> HttpResponse:
    query = urlencode({"next": request.get_full_path()}) if request.method in SAFE else ""
    return HttpResponseRedirect(f"{reverse(name)}?{query}".rstrip("?"))
