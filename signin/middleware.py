"""Middleware that enforces second factors on every view, except on views that are marked here."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts.models import User
from audit.actors import ProofRequired
from signin import pending_forms, reauthentication, sessions, signed_out
from signin.factors import deadline, must_enrol, passing
from signin.throttle import Throttled

View = TypeVar("View", bound=Callable[..., Any])


def opens_before_factor(view: View) -> View:
    """Mark a view as open to users who have not passed their second factor in this session."""
    view.opens_before_factor = True  # type: ignore[attr-defined]
    return view


def opens_while_enrolling(view: View) -> View:
    """Mark a view as open to users who still have to set up the required second factor."""
    view.opens_while_enrolling = True  # type: ignore[attr-defined]
    return view


class SecondFactorMiddleware:
    """Redirect users without a passed or required second factor to the page for it, unless the view is marked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Record the last use of the session after the response."""
        response = self.get_response(request)
        went_wrong = response.status_code >= 500  # the database may be unavailable, and a query waits for its timeout
        if not went_wrong and request.session.accessed and isinstance(request.user, User):
            sessions.note_use(request)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Return the redirect, or None if no factor is missing."""
        user = request.user
        if not isinstance(user, User) and getattr(view, "rule", "public") not in ("public", "token"):
            return signed_out.send_to_login(request)
        if isinstance(user, User):
            request.proof = reauthentication.proof_of(request, user)  # type: ignore[attr-defined]  # see OfficeRequest
            pending_forms.forget_sent(request, user)
        if not isinstance(user, User) or not user.is_website_user:
            return None
        if user.second_factor_at is not None:
            is_open = passing.is_passed(request) or hasattr(view, "opens_before_factor")
            return None if is_open else _away(request, "signin:second_step")
        if must_enrol(user) and not hasattr(view, "opens_while_enrolling"):
            return _away(request, "signin:factors")
        request.enrol_by = deadline(user)  # type: ignore[attr-defined] # for the banner on every page
        if user.is_support and getattr(view, "rule", None) == "for_support" and not settings.LOKET_DEMO:
            return _away(request, "signin:factors")  # an account of the demo's database may lack a factor
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Redirect to re-authentication if an action required it, and keep the submitted form.

        Also answers Throttled with 429 for views that do not handle it themselves.
        """
        if isinstance(exception, Throttled):
            response = render(request, "authentication/throttled.html", {"message": str(exception)}, status=429)
            response["Retry-After"] = str(exception.seconds)
            return response
        if isinstance(exception, ProofRequired) and isinstance(request.user, User):
            return reauthentication.ask(request, request.user)
        return None


def _away(request: HttpRequest, name: str) -> HttpResponse:
    """Return a redirect to the URL `name` with the requested page in `next`."""
    query = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
    return HttpResponseRedirect(f"{reverse(name)}?{query}".rstrip("?"))
