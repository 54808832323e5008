"""OAuth applications of partners, which serve all offices; same actions as for those of an office."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from audit.actors import build_support_actor
from core.access import Access, ReauthenticationLevel, page
from oauth.models import Application
from oauth.views.applications import register_from_form, render_secret_page, update_from_form
from permissions.access import OfficeRequest
from support.forms import PartnerForm, PartnerSecretForm

_ADMIN_PAGE = "admin:oauth_application_change"


@page(Access.SUPPORT, reauthentication=ReauthenticationLevel.FIVE_MINUTES, with_factor=True)
def create_partner(request: OfficeRequest) -> HttpResponse:
    form = PartnerForm(request.POST or None)
    if form.is_valid():
        by = build_support_actor(request, request.user, form.cleaned_data["reason"])
        if partner := register_from_form(request, form, None, by=by):
            return redirect(_ADMIN_PAGE, partner.pk)
    return render(request, "support/partner.html", {"form": form})


@page(Access.SUPPORT, reauthentication=ReauthenticationLevel.FIVE_MINUTES, with_factor=True)
def change_partner(request: OfficeRequest, pk: UUID) -> HttpResponse:
    partner = _get_partner_or_404(pk)
    form = PartnerForm(request.POST or None, instance=partner)
    if form.is_valid():
        by = build_support_actor(request, request.user, form.cleaned_data["reason"])
        if update_from_form(request, form, partner, by=by):
            return redirect(_ADMIN_PAGE, partner.pk)
    return render(request, "support/partner.html", {"form": form, "partner": partner})


@page(Access.SUPPORT, reauthentication=ReauthenticationLevel.FIVE_MINUTES, with_factor=True)
def partner_secret(request: OfficeRequest, pk: UUID) -> HttpResponse:
    partner = _get_partner_or_404(pk)
    form = PartnerSecretForm(request.POST or None, application=partner)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    return render_secret_page(
        request,
        partner,
        form,
        by=build_support_actor(request, request.user, reason),
        breadcrumb="support/_partner_breadcrumb.html",
        partner=partner,
        back_url=reverse(_ADMIN_PAGE, args=[pk]),
    )


def _get_partner_or_404(pk: UUID) -> Application:
    partner: Application = get_object_or_404(Application.objects.registered().filter(provider=None), pk=pk)
    return partner
