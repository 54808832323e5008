"""Integrations of the signed-in user, and of a colleague."""

from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from audit.actors import on_page
from teams import rights
from teams.access import OfficeRequest, requires, signed_in
from teams.rights import Right
from webservice import consents
from webservice.models import Consent

_MOST = 100  # rows shown at most


@signed_in
@require_safe
def own_integrations(request: OfficeRequest) -> HttpResponse:
    """List the applications that may act on behalf of the signed-in user."""
    return render(request, "oauth/own_integrations.html", {"rows": _of(request.user)})


@signed_in
@require_POST
def cut_own(request: OfficeRequest, id: UUID) -> HttpResponse:
    _cut(request, request.user, id)
    return redirect("webservice:own_integrations")


@requires(Right.MANAGE_USERS)
@require_safe
def integrations_of(request: OfficeRequest, id: UUID) -> HttpResponse:
    """List the applications that may act on behalf of a colleague."""
    person = _one(request, id)
    if person.pk == request.user.pk:
        return redirect("webservice:own_integrations")
    rights.require_authority_over(on_page(request, request.user), person)
    return render(request, "oauth/user_integrations.html", {"rows": _of(person), "person": person})


@requires(Right.MANAGE_USERS)
@require_POST
def cut_of(request: OfficeRequest, id: UUID, integration: UUID) -> HttpResponse:
    person = _one(request, id)
    rights.require_authority_over(on_page(request, request.user), person)
    _cut(request, person, integration)
    return redirect("webservice:integrations_of", person.pk)


def _one(request: OfficeRequest, id: UUID) -> User:
    person: User = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=id)
    return person


def _of(person: User) -> QuerySet[Consent]:
    rows = Consent.objects.visible_to(person).filter(user=person).select_related("application")
    return rows.order_by("application__name", "pk")[:_MOST]


def _cut(request: OfficeRequest, person: User, id: UUID) -> None:
    if consents.cut(person, id, by=on_page(request, request.user)):
        messages.success(request, _("The access of the integration has been ended."))
    else:
        messages.info(request, _("The access of that integration had already ended."))
