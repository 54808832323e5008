"""Who may open a page: every view says so with a mark, and a view without one does not open.

The marks of a page are `public`, `signed_in`, `own_account`, `for_support` and `requires`; `token` is that of the web
service.
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
    """A request of somebody who signed in."""

    user: User
    rights: frozenset[Right]
    proof: Proof
    correlation_id: str


def public(view: View) -> View:
    """Mark a page that anybody may open."""
    view.rule = "public"  # type: ignore[attr-defined]
    return view


def token(view: View) -> View:
    """Mark an address of the web service, which asks for a token itself and knows no session (webservice.api.door)."""
    view.rule = "token"  # type: ignore[attr-defined]
    return view


def signed_in(view: View) -> View:
    """Mark a page that everybody of an office may open who signed in, whatever his rights."""
    view.rule = "signed_in"  # type: ignore[attr-defined]
    return view


def own_account(view: View) -> View:
    """Mark a page about one's own account: everybody who signed in may open it, support as well."""
    view.rule = "own_account"  # type: ignore[attr-defined]
    return view


def of_website_user(view: View) -> View:
    """Answer 404 to the login methods that have no password or second factor here; goes inside the access mark."""

    @wraps(view)
    def wrapper(request: OfficeRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.is_website_user:
            raise Http404
        return view(request, *args, **kwargs)

    return cast(View, wrapper)


def for_support(view: View) -> View:
    """Mark a page of support, which for everybody else does not exist."""
    view.rule = "for_support"  # type: ignore[attr-defined]
    return view


def requires(right: Right) -> Callable[[View], View]:
    """Mark a page that needs `right`."""

    def mark(view: View) -> View:
        view.rule = right  # type: ignore[attr-defined]
        return view

    return mark


def not_along(view: View) -> View:
    """Mark a page that nobody of support sees who looks along: it shows a secret, or hands a file out."""
    view.along = False  # type: ignore[attr-defined]
    return view


def along(view: View) -> View:
    """Mark a page about one's own account that support sees of the person with whom it looks along."""
    view.along = True  # type: ignore[attr-defined]
    return view


def as_oneself(view: View) -> View:
    """Mark what support does as itself, also while it looks along."""
    view.along = None  # type: ignore[attr-defined]
    return view


def shown_along(view: Callable[..., Any]) -> bool | None:
    """Return whether support that looks along sees this page as the person does; None where it goes on as itself."""
    rule = getattr(view, "rule", None)
    return getattr(view, "along", None if rule == "for_support" else isinstance(rule, Right) or rule == "signed_in")


class AccessMiddleware:
    """Refuse what its mark does not allow (default deny), and let no cache keep a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)  # also after logging out, on a computer that others use
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Return a redirect to the login page for a stranger; raise PermissionDenied for a missing right."""
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
        raise PermissionDenied(_("This is a page of an office, and you are of none. You work in the support pages."))
