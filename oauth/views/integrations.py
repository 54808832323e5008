"""Integrations of the signed-in user, and of a colleague."""

from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from accounts.models import User
from core.access import POST, SAFE, Access, page
from oauth import consents
from oauth.models import Consent
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right

_MAX_CONSENTS = 100  # rows shown at most


@page(Access.OFFICE_USER, methods=SAFE)
def own_integrations(request: OfficeRequest) -> HttpResponse:
    """List the applications that may act on behalf of the signed-in user."""
    context = {"rows": _list_consents(request.user), "heading": _("Integrations")}
    return render(request, "oauth/integrations.html", context)


@page(Access.OFFICE_USER, methods=POST)
def end_own_integration(request: OfficeRequest, pk: UUID) -> HttpResponse:
    _end_integration(request, request.user, pk)
    return redirect("oauth:own_integrations")


@page(Right.MANAGE_USERS, methods=SAFE)
def user_integrations(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """List the applications that may act on behalf of a colleague."""
    user = _get_user(request, pk)
    if user.pk == request.user.pk:
        return redirect("oauth:own_integrations")
    checks.require_authority_over(request.actor, user)
    heading = _("Integrations of %(name)s") % {"name": user.full_name}
    context = {"rows": _list_consents(user), "colleague": user, "heading": heading}
    return render(request, "oauth/integrations.html", context)


@page(Right.MANAGE_USERS, methods=POST)
def end_user_integration(request: OfficeRequest, pk: UUID, integration_id: UUID) -> HttpResponse:
    user = _get_user(request, pk)
    checks.require_authority_over(request.actor, user)
    _end_integration(request, user, integration_id)
    return redirect("oauth:user_integrations", user.pk)


def _get_user(request: OfficeRequest, pk: UUID) -> User:
    user: User = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=pk)
    return user


def _list_consents(user: User) -> QuerySet[Consent]:
    rows = Consent.objects.visible_to(user).filter(user=user).with_office_scopes().select_related("application")
    return rows.order_by("application__name", "pk")[:_MAX_CONSENTS]


def _end_integration(request: OfficeRequest, user: User, integration_id: UUID) -> None:
    if consents.revoke_consent(user, integration_id, by=request.actor):
        messages.success(request, _("The access of the integration has been ended."))
    else:
        messages.info(request, _("That integration's access had already ended."))
