"""Access control of pages: decorators that mark a view, and the middleware that enforces the mark.

A view without a mark does not open. The marks of pages are `public`, `signed_in`, `own_account`, `for_support` and
`requires`; `token` is the mark of the API.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actors import Proof
from teams import rights
from teams.rights import Right

View = TypeVar("View", bound=Callable[..., Any])


class OfficeRequest(HttpRequest):
    """A request of a user who is signed in."""

    user: User
    rights: frozenset[Right]
    proof: Proof
    correlation_id: str


def public(view: View) -> View:
    """Mark a page that is open without signing in."""
    view.rule = "public"  # type: ignore[attr-defined]
    return view


def token(view: View) -> View:
    """Mark an API endpoint, which authenticates by token and ignores the session (webservice.api.door)."""
    view.rule = "token"  # type: ignore[attr-defined]
    return view


def signed_in(view: View) -> View:
    """Mark a page for all signed-in users of an office, regardless of their rights."""
    view.rule = "signed_in"  # type: ignore[attr-defined]
    return view


def own_account(view: View) -> View:
    """Mark a page about the user's own account, for all signed-in users including support."""
    view.rule = "own_account"  # type: ignore[attr-defined]
    return view


def of_website_user(view: View) -> View:
    """Return 404 for login methods without a password or second factor here. Place it below the access mark."""

    @wraps(view)
    def wrapper(request: OfficeRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.is_website_user:
            raise Http404
        return view(request, *args, **kwargs)

    return cast(View, wrapper)


def for_support(view: View) -> View:
    """Mark a page of support; it is a 404 for other users."""
    view.rule = "for_support"  # type: ignore[attr-defined]
    return view


def requires(right: Right) -> Callable[[View], View]:
    """Mark a page that requires `right`."""

    def mark(view: View) -> View:
        view.rule = right  # type: ignore[attr-defined]
        return view

    return mark


def not_along(view: View) -> View:
    """Close a page during impersonation, because it shows a secret or returns a file."""
    view.along = False  # type: ignore[attr-defined]
    return view


def along(view: View) -> View:
    """Open a page about the user's own account during impersonation; it shows the account of that user."""
    view.along = True  # type: ignore[attr-defined]
    return view


def as_oneself(view: View) -> View:
    """Let support use a page as themselves, also during impersonation."""
    view.along = None  # type: ignore[attr-defined]
    return view


def shown_along(view: Callable[..., Any]) -> bool | None:
    """Return whether the page is open during impersonation; None if support uses it as themselves."""
    rule = getattr(view, "rule", None)
    return getattr(view, "along", None if rule == "for_support" else isinstance(rule, Right) or rule == "signed_in")


class AccessMiddleware:
    """Deny requests that the mark of the view does not allow (default deny), and forbid caching of pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)  # also after logging out, on a shared computer
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Redirect anonymous users to the login page; raise PermissionDenied if the user lacks the right."""
        rule = getattr(view, "rule", None)
        if rule is None:
            raise ImproperlyConfigured(f"{view.__module__}.{view.__name__} does not say who may open it")
        if rule in ("public", "token"):
            return None
        user = request.user
        if not isinstance(user, User):
            query = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
            return HttpResponseRedirect(f"{reverse('signin:login')}?{query}".rstrip("?"))
        if user.is_support:
            _require_page_of_support(rule)
        elif rule == "for_support":
            raise Http404
        request.rights = rights.effective_rights(user)  # type: ignore[attr-defined]
        if isinstance(rule, Right) and rule not in request.rights:  # type: ignore[attr-defined]
            raise PermissionDenied(_("You do not have the right “%(right)s”.") % {"right": rule.label})
        return None


def _require_page_of_support(rule: str) -> None:
    if rule not in ("own_account", "for_support"):
        raise PermissionDenied(
            _("This page belongs to an office, and you do not belong to one. Use the support pages.")
        )
