"""Redirects to Microsoft and the callback: sign-in, re-authentication and confirmation of a tenant."""

from uuid import UUID

import structlog
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from accounts.models import LoginMethod, User
from audit.actors import Proof, on_page
from loket import cookies
from loket.middleware import client_address
from signin import actions, arrivals, microsoft, reauthentication, sessions, throttle
from signin.microsoft import Arrival, Errand, Purpose
from signin.reauthentication import reauthenticated
from signin.refusals import Page, Refused
from signin.throttle import Throttled
from signin.visitors import stranger, wanted_page
from teams.access import OfficeRequest, not_along, public, requires, signed_in
from teams.rights import Right

_COOKIE, _SALT = "microsoft", "signin microsoft"
log = structlog.get_logger("loket.signin")


@public
@require_GET
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect to Microsoft to sign in."""
    target = wanted_page(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    return _leave(request, Errand(Purpose.SIGN_IN, target))


@signed_in
@not_along
@require_GET
@never_cache
def confirm(request: OfficeRequest) -> HttpResponse:
    """Redirect an Azure user to Microsoft to re-authenticate."""
    if request.user.login_method != LoginMethod.AZURE_AD:
        raise Http404
    return _leave(request, Errand(Purpose.CONFIRM, wanted_page(request), user_id=str(request.user.pk)))


@requires(Right.MANAGE_PROVIDER)
@not_along
@require_GET
@never_cache
@reauthenticated(Proof.FIVE_MINUTES)
def prove_tenant(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Redirect an administrator to Microsoft to sign in to the tenant, which confirms it."""
    tenant = get_object_or_404(request.user.provider.tenants, pk=id)
    target = reverse("accounts:tenants")
    errand = Errand(Purpose.PROVE_TENANT, target, user_id=str(request.user.pk), tenant_id=str(tenant.pk))
    return _leave(request, errand)


@public
@require_GET
@never_cache
def back(request: HttpRequest) -> HttpResponse:
    """Handle the callback from Microsoft."""
    _require_configured()
    kept = cookies.read(request, _COOKIE, salt=_SALT, max_age=microsoft.MINUTES * 60)
    answer = {name: request.GET[name] for name in ("code", "state", "error") if name in request.GET}
    try:
        throttle.charge(actions.MICROSOFT, throttle.network(client_address(request)))
        response = _serve(request, microsoft.arrive(kept, answer))
    except Throttled as error:
        return _throttled(request, error)
    except Refused as refusal:
        response = _refused(request, refusal)
    cookies.remove(response, _COOKIE)
    return response


@public
@require_safe
@never_cache
def refused(request: HttpRequest, told: str) -> HttpResponse:
    """Show the error page; the URL holds the error and the correlation ID, signed."""
    try:
        name, correlation_id = signing.loads(told, salt=_SALT)
    except signing.BadSignature:
        raise Http404 from None
    context = {"page": Page[name], "correlation_id": correlation_id}
    return render(request, "authentication/microsoft_error.html", context, status=context["page"].status)


def _leave(request: HttpRequest, errand: Errand) -> HttpResponse:
    """Return the redirect to Microsoft, with the cookie that the callback needs."""
    _require_configured()
    try:
        throttle.charge(actions.MICROSOFT, throttle.network(client_address(request)))
        address, kept = microsoft.leave(errand)
    except Throttled as error:
        return _throttled(request, error)
    except Refused as refusal:
        return _refused(request, refusal)
    response = HttpResponseRedirect(address)
    cookies.put(response, _COOKIE, kept, salt=_SALT, max_age=microsoft.MINUTES * 60)
    return response


def _serve(request: HttpRequest, arrival: Arrival) -> HttpResponse:
    """Complete the flow for its purpose. Raises Refused."""
    if arrival.errand.purpose == Purpose.SIGN_IN:
        sessions.start(request, arrivals.sign_in(arrival))
    elif arrival.errand.purpose == Purpose.CONFIRM:
        arrivals.confirm(arrival, request.user)
        request.session.cycle_key()
        reauthentication.note(request, with_factor=True)
    elif isinstance(request.user, User):
        tenant = arrivals.prove_tenant(arrival, request.user, by=on_page(request, request.user))
        messages.success(request, _("%(tenant)s has been confirmed.") % {"tenant": tenant.name})
    else:
        raise Refused(Page.START_AGAIN, "other_person")
    return HttpResponseRedirect(arrival.errand.next)


def _refused(request: HttpRequest, refusal: Refused) -> HttpResponse:
    """Record the error and redirect to its page, whose URL has no code and state."""
    by = on_page(request, request.user) if isinstance(request.user, User) else stranger(request)
    actions.record_refusal(refusal.user, refusal.reason, by=by)
    write = log.error if refusal.page == Page.OUR_SECRET else log.warning
    write("microsoft_refused", reason=refusal.reason)
    return redirect("signin:microsoft_refused", signing.dumps([refusal.page.name, by.correlation_id], salt=_SALT))


def _throttled(request: HttpRequest, error: Throttled) -> HttpResponse:
    return render(request, "authentication/throttled.html", {"message": str(error)}, status=429)


def _require_configured() -> None:
    if not microsoft.is_configured():
        raise Http404
