"""Pages of the office's settings and Microsoft tenants."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_list_or_404, get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control

import authentication.microsoft.tenants
import users.actions
from accounts.logos import OfficeLogo
from accounts.models import ExternalTenant, User
from authentication.microsoft import oidc
from core.access import SAFE, Access, ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import render_form, show_errors
from users.forms.office import AddTenantForm, LogoForm, OfficeSettingsForm, RenameTenantForm

_LOGO_CACHE_SECONDS = 365 * 24 * 3600  # another logo has another address


@page(Right.MANAGE_PROVIDER)
def office_settings(request: OfficeRequest) -> HttpResponse:
    provider = request.user.office
    form = OfficeSettingsForm(request.POST or None, provider=provider)
    if request.method == "POST" and form.is_valid():
        with show_errors(form, saved=provider):
            users.actions.change_provider(provider, **form.cleaned_data, by=request.actor)
            messages.success(request, _("The office settings have been saved."))
            return redirect("users:office_settings")
    return render_form(request, "users/office_settings.html", form)


@page(Right.MANAGE_PROVIDER)
def office_logo(request: OfficeRequest) -> HttpResponse:
    form = LogoForm(request.POST, request.FILES) if request.method == "POST" else LogoForm()
    if "remove" in request.POST:
        users.actions.set_logo(request.user.office, None, by=request.actor)
        messages.success(request, _("The logo has been removed."))
        return redirect("users:office_logo")
    if form.is_valid():
        users.actions.set_logo(request.user.office, form.cleaned_data["logo"], by=request.actor)
        messages.success(request, _("The logo has been saved."))
        return redirect("users:office_logo")
    logo = OfficeLogo.objects.defer("png").filter(provider=request.user.office).first()
    return render(request, "users/office_logo.html", {"form": form, "logo": logo})


@page(Access.PUBLIC, methods=SAFE)
@cache_control(public=True, immutable=True, max_age=_LOGO_CACHE_SECONDS)
def show_logo(request: HttpRequest, digest: str) -> HttpResponse:
    """Return a logo to everyone who has its digest: invited colleagues have not signed in yet."""
    logo = get_list_or_404(OfficeLogo, digest=digest)[0]  # two offices may upload the same image
    return HttpResponse(bytes(logo.png), content_type="image/png")


@page(Right.MANAGE_PROVIDER, methods=SAFE)
def tenant_list(request: OfficeRequest) -> HttpResponse:
    rows = ExternalTenant.objects.visible_to(request.user).annotate(user_count=Count("users")).order_by("name", "id")
    return render(request, "users/tenants.html", {"rows": rows, "is_configured": oidc.is_configured()})


@page(Right.MANAGE_PROVIDER, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def add_tenant(request: OfficeRequest) -> HttpResponse:
    form = AddTenantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["name"]
        with show_errors(form):
            authentication.microsoft.tenants.add_tenant(request.user.office, **form.cleaned_data, by=request.actor)
            text = _("%(name)s has been added. Confirm it now: until then, you cannot link users to it.")
            messages.success(request, text % {"name": name})
            return redirect("users:tenant_list")
    return render_form(request, "users/add_tenant.html", form)


def _get_tenant(request: OfficeRequest, pk: UUID) -> ExternalTenant:
    tenants = ExternalTenant.objects.visible_to(request.user).select_related("provider")
    return get_object_or_404(tenants, pk=pk)


@page(Right.MANAGE_PROVIDER, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def rename_tenant(request: OfficeRequest, pk: UUID) -> HttpResponse:
    tenant = _get_tenant(request, pk)
    form = RenameTenantForm(request.POST or None, initial={"name": tenant.name})
    if request.method == "POST" and form.is_valid():
        with show_errors(form):
            tenant = authentication.microsoft.tenants.rename_tenant(
                tenant, name=form.cleaned_data["name"], by=request.actor
            )
            messages.success(request, _("The tenant is now called %(name)s.") % {"name": tenant.name})
            return redirect("users:tenant_list")
    context = {
        "form": form,
        "name": tenant.name,
        "title": _("Rename tenant"),
        "breadcrumb": "users/_tenant_breadcrumb.html",
        "cancel_url": reverse("users:tenant_list"),
    }
    return render(request, "rename.html", context)


@page(Right.MANAGE_PROVIDER, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def remove_tenant(request: OfficeRequest, pk: UUID) -> HttpResponse:
    tenant = _get_tenant(request, pk)
    error = ""
    if request.method == "POST":
        try:
            authentication.microsoft.tenants.remove_tenant(tenant, by=request.actor)
        except ValidationError as fault:
            error = fault.messages[0]
        else:
            messages.success(request, _("%(name)s has been removed.") % {"name": tenant.name})
            return redirect("users:tenant_list")
    count = User.objects.filter(external_tenant=tenant).count()
    text = ngettext(
        "%(count)s user logs in through this tenant. It cannot be removed as long as it is in use.",
        "%(count)s users log in through this tenant. It cannot be removed as long as it is in use.",
        count,
    )
    url = reverse("users:tenant_list")
    confirmation = Confirmation(
        _("Remove tenant"),
        _("Remove"),
        url,
        [
            _("Users can no longer be linked to this tenant."),
            _("If you add it again later, it must be confirmed again."),
        ],
        heading=_("Remove %(name)s?") % {"name": tenant.name},
        breadcrumb="users/_tenant_breadcrumb.html",
        note=text % {"count": count},
        error=error,
    )
    return render_confirmation(request, confirmation)
