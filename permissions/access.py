"""Access to pages: the middleware that enforces who may open them (`core.access.PagePolicy`)."""

from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from audit.actors import Actor, build_page_actor
from core.access import SAFE, Access, ReauthenticationLevel, get_policy
from permissions import checks, duty_warnings
from permissions.checks import Right
from permissions.duty_guard import DutyRefusal, DutyWarning


class OfficeRequest(HttpRequest):
    user: User
    rights: frozenset[Right]
    actor: Actor
    proof: ReauthenticationLevel
    correlation_id: str
    htmx: HtmxDetails


class AccessMiddleware(MiddlewareMixin):
    """Deny requests that the policy of the page does not allow (default deny), and forbid caching of pages."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)  # also after logging out, on a shared computer
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Redirect anonymous users to the login page, and answer 405 to methods that the page does not have.

        Raises PermissionDenied if the user lacks the right, and Http404 if the page is not for this kind of user.
        """
        policy = get_policy(view)
        if policy.access not in (Access.PUBLIC, Access.TOKEN):
            user = request.user
            if not isinstance(user, User):
                query = urlencode({"next": request.get_full_path()}) if request.method in SAFE else ""
                return HttpResponseRedirect(f"{reverse('authentication:login')}?{query}".rstrip("?"))
            _require_access(cast(OfficeRequest, request), user, policy.access)
        if policy.methods is not None and request.method not in policy.methods:
            content = b"" if policy.access == Access.TOKEN else render_to_string("405.html", request=request)
            return HttpResponseNotAllowed(policy.methods, content)
        if policy.website_users_only and not (isinstance(request.user, User) and request.user.is_website_user):
            raise Http404
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Ask about a conflict of duties to which a change leads, or say why it is refused."""
        if isinstance(exception, DutyWarning | DutyRefusal):
            return duty_warnings.render_conflicts(request, exception)
        return None


def _require_access(request: OfficeRequest, user: User, access: str) -> None:
    if user.is_support and access not in (Access.OWN_ACCOUNT, Access.SUPPORT):
        raise PermissionDenied(
            _("This page belongs to an office, and you do not belong to one. Use the support pages.")
        )
    if not user.is_support and access == Access.SUPPORT:
        raise Http404
    request.rights, request.actor = checks.effective_rights(user), build_page_actor(request, user)
    if isinstance(access, Right) and access not in request.rights:
        raise PermissionDenied(_("You do not have the right “%(right)s”.") % {"right": access.label})
