"""OAuth applications of partners, which serve all offices; same actions as for those of an office."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

import webservice.clients
from accounts.actions import Stale
from audit.actors import helping
from support.forms import PartnerForm, PartnerSecretForm
from support.recent import confirmed
from teams.access import OfficeRequest, for_support
from webservice.models import Application

_show_and_send = require_http_methods(["GET", "HEAD", "POST"])
_STALE = gettext_lazy("Another user changed this integration in the meantime. Open it again.")
_PAGE = "admin:webservice_application_change"


@for_support
@_show_and_send
@never_cache
@confirmed
def new_partner(request: OfficeRequest) -> HttpResponse:
    """Register an application of a partner, without a secret."""
    form = PartnerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        by = helping(request, request.user, form.cleaned_data["reason"])
        try:
            partner = webservice.clients.register(None, details=form.details(), by=by)
        except ValidationError as error:
            form.add_error("name", error)
        else:
            messages.success(request, _("%(name)s has been added. Now create its secret.") % {"name": partner})
            return redirect(_PAGE, partner.pk)
    return render(request, "support/partner.html", {"form": form})


@for_support
@_show_and_send
@never_cache
@confirmed
def change_partner(request: OfficeRequest, id: UUID) -> HttpResponse:
    partner = _one(id)
    form = PartnerForm(request.POST or None, changed=partner)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        by = helping(request, request.user, given["reason"])
        try:
            webservice.clients.change(partner, details=form.details(), version=given["version"], by=by)
        except Stale:
            form.add_error(None, ValidationError(_STALE, code="stale"))
        except ValidationError as error:
            form.add_error("name", error)
        else:
            messages.success(request, _("%(name)s has been saved.") % {"name": given["name"]})
            return redirect(_PAGE, partner.pk)
    return render(request, "support/partner.html", {"form": form, "partner": partner})


@for_support
@_show_and_send
@never_cache
@confirmed
def partner_secret(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Generate a secret for an application of a partner and show it once."""
    partner = _one(id)
    form = PartnerSecretForm(request.POST or None, application=partner)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        by = helping(request, request.user, given["reason"])
        try:
            webservice.clients.set_secret(
                partner, secret=given["sealed"], hours=given["hours"], version=given["version"], by=by
            )
        except Stale:
            form.add_error(None, ValidationError(_STALE, code="stale"))
        else:
            context = {"partner": partner, "secret": given["sealed"]}
            return render(request, "support/partner_secret_created.html", context)
    return render(request, "support/new_partner_secret.html", {"form": form, "partner": partner})


def _one(id: UUID) -> Application:
    partner: Application = get_object_or_404(Application.objects.registered().filter(provider=None), pk=id)
    return partner
