"""Redirects to Microsoft and the callback: sign-in, re-authentication and confirmation of a tenant."""

from urllib.parse import urlencode
from uuid import UUID

import structlog
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from audit.actors import build_anonymous_actor, build_page_actor
from authentication import actions, reauthentication, sessions
from authentication.microsoft import callback, oidc
from authentication.microsoft.errors import ErrorPage, MicrosoftSignInError
from authentication.microsoft.oidc import FlowContext, FlowPurpose, FlowResult
from authentication.next_url import get_next_url
from authentication.rate_limits import MICROSOFT_LIMIT
from core import cookies, throttle
from core.access import SAFE, Access, DuringImpersonation, ReauthenticationLevel, page
from core.client_address import get_client_address
from permissions.access import OfficeRequest
from permissions.checks import Right

_COOKIE_NAME, _COOKIE_SALT, _COOKIE_SECONDS = "microsoft", "signin microsoft", oidc.FLOW_MINUTES * 60
_RESPONSE_PARAMETERS = ("code", "state", "error", "error_subcode", "error_description")
log = structlog.get_logger("loket.signin")


@page(Access.PUBLIC, methods=SAFE)
def sign_in(request: HttpRequest) -> HttpResponse:
    target = get_next_url(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    return _redirect_to_microsoft(request, FlowContext(FlowPurpose.SIGN_IN, target))


@page(Access.OFFICE_USER, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def reauthenticate(request: OfficeRequest) -> HttpResponse:
    if not request.user.is_azure_user:
        raise Http404
    flow_context = FlowContext(FlowPurpose.CONFIRM, get_next_url(request), user_id=str(request.user.pk))
    return _redirect_to_microsoft(request, flow_context)


@page(
    Right.MANAGE_PROVIDER,
    methods=SAFE,
    impersonation=DuringImpersonation.FORBIDDEN,
    reauthentication=ReauthenticationLevel.FIVE_MINUTES,
)
def confirm_tenant(request: OfficeRequest, pk: UUID) -> HttpResponse:
    tenant = get_object_or_404(request.user.office.tenants, pk=pk)
    target = reverse("users:tenant_list")
    flow_context = FlowContext(FlowPurpose.PROVE_TENANT, target, user_id=str(request.user.pk), tenant_id=str(tenant.pk))
    return _redirect_to_microsoft(request, flow_context)


@page(Access.PUBLIC, methods=SAFE)
def microsoft_callback(request: HttpRequest) -> HttpResponse:
    _require_configured()
    if request.method == "HEAD":  # from a link checker: the flow must still be completed
        return HttpResponse()
    parameters = {name: request.GET[name] for name in _RESPONSE_PARAMETERS if name in request.GET}
    name = cookies.build_flow_name(_COOKIE_NAME, parameters.get("state", ""))
    cookie = cookies.get_signed_cookie(request, name, salt=_COOKIE_SALT, max_age=_COOKIE_SECONDS)
    throttle.consume_attempt(MICROSOFT_LIMIT, throttle.build_network_key(get_client_address(request)))
    try:
        response = _complete_flow(request, oidc.finish_flow(cookie, parameters))
    except MicrosoftSignInError as refusal:
        response = _redirect_to_error(request, refusal, target=oidc.get_flow_target(cookie))
    cookies.delete_cookie(response, name)  # flows of other tabs stay
    return response


@page(Access.PUBLIC, methods=SAFE)
def microsoft_error(request: HttpRequest, error: str) -> HttpResponse:
    """Show the error page; the URL holds the error, the correlation ID and the page to continue on, signed."""
    try:
        name, correlation_id, target = signing.loads(error, salt=_COOKIE_SALT)
    except signing.BadSignature:
        raise Http404 from None
    query = f"?{urlencode({'next': target})}" if target else ""
    context = {"page": ErrorPage[name], "correlation_id": correlation_id, "query": query}
    return render(request, "authentication/microsoft_error.html", context, status=context["page"].status)


def _redirect_to_microsoft(request: HttpRequest, flow_context: FlowContext) -> HttpResponse:
    """Return the redirect to Microsoft, with the cookie that the callback needs."""
    _require_configured()
    throttle.consume_attempt(MICROSOFT_LIMIT, throttle.build_network_key(get_client_address(request)))
    try:
        address, state, cookie = oidc.start_flow(flow_context)
    except MicrosoftSignInError as refusal:
        return _redirect_to_error(request, refusal, target=flow_context.next)
    response = HttpResponseRedirect(address)
    name = cookies.build_flow_name(_COOKIE_NAME, state)
    cookies.set_signed_cookie(response, name, cookie, salt=_COOKIE_SALT, max_age=_COOKIE_SECONDS)
    cookies.delete_oldest_cookies(response, request, _COOKIE_NAME)
    return response


def _complete_flow(request: HttpRequest, arrival: FlowResult) -> HttpResponse:
    """Complete the flow for its purpose. Raises MicrosoftSignInError."""
    if arrival.flow_context.purpose == FlowPurpose.SIGN_IN:
        user = callback.identify_user(arrival)
        # Signing in twice would invalidate the forms of the tab that came first.
        if request.user != user or reauthentication.is_sso_session(request):
            sessions.start_session(request, user)
    elif arrival.flow_context.purpose == FlowPurpose.CONFIRM:
        callback.verify_reauthentication(arrival, request.user)
        request.session.cycle_key()
        reauthentication.record_reauthentication(request, with_factor=True)
    elif isinstance(request.user, User):
        tenant = callback.confirm_tenant(arrival, request.user, by=build_page_actor(request, request.user))
        messages.success(request, _("%(tenant)s has been confirmed.") % {"tenant": tenant.name})
    else:
        raise MicrosoftSignInError(ErrorPage.START_AGAIN, "other_person")
    return HttpResponseRedirect(arrival.flow_context.next)


def _redirect_to_error(request: HttpRequest, refusal: MicrosoftSignInError, *, target: str) -> HttpResponse:
    """Record the error and redirect to its page, whose URL has no code and state."""
    by = build_page_actor(request, request.user) if isinstance(request.user, User) else build_anonymous_actor(request)
    actions.record_failed_sign_in(refusal.user, refusal.reason, by=by)
    write = log.error if refusal.page == ErrorPage.OUR_SECRET else log.warning
    write("microsoft_refused", reason=refusal.reason)
    about = [refusal.page.name, by.correlation_id, target]
    return redirect("authentication:microsoft_error", signing.dumps(about, salt=_COOKIE_SALT))


def _require_configured() -> None:
    if not oidc.is_configured():
        raise Http404
