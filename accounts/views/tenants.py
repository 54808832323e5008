"""Pages of the office's Microsoft tenants."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

import accounts.tenants
from accounts.forms.office import RenameTenantForm, TenantForm
from accounts.models import ExternalTenant
from audit.actors import Proof, on_page
from signin import microsoft
from signin.reauthentication import reauthenticated
from teams.access import OfficeRequest, requires
from teams.rights import Right


@requires(Right.MANAGE_PROVIDER)
@require_safe
def tenants(request: OfficeRequest) -> HttpResponse:
    """Show the tenants of the office, with the number of users that depend on each and whether it is confirmed."""
    rows = ExternalTenant.objects.visible_to(request.user).annotate(user_count=Count("users")).order_by("name", "id")
    return render(request, "users/tenants.html", {"rows": rows, "is_configured": microsoft.is_configured()})


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.FIVE_MINUTES)
def add_tenant(request: OfficeRequest) -> HttpResponse:
    form = TenantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name, tenant_id, by = form.cleaned_data["name"], form.cleaned_data["tenant_id"], on_page(request, request.user)
        try:
            accounts.tenants.add(request.user.provider, name=name, tenant_id=tenant_id, by=by)
        except ValidationError as error:
            form.add_error("tenant_id", error)
        else:
            text = _("%(name)s has been added. Confirm it now: until then, you cannot link users to it.")
            messages.success(request, text % {"name": name})
            return redirect("accounts:tenants")
    return render(request, "users/add_tenant.html", {"form": form})


def _tenant(request: OfficeRequest, id: UUID) -> ExternalTenant:
    tenants = ExternalTenant.objects.visible_to(request.user).select_related("provider")
    return get_object_or_404(tenants.annotate(user_count=Count("users")), pk=id)


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.FIVE_MINUTES)
def rename_tenant(request: OfficeRequest, id: UUID) -> HttpResponse:
    tenant = _tenant(request, id)
    form = RenameTenantForm(request.POST or None, initial={"name": tenant.name})
    if request.method == "POST" and form.is_valid():
        tenant = accounts.tenants.rename(tenant, name=form.cleaned_data["name"], by=on_page(request, request.user))
        messages.success(request, _("The tenant is now called %(name)s.") % {"name": tenant.name})
        return redirect("accounts:tenants")
    return render(request, "users/rename_tenant.html", {"form": form, "tenant": tenant})


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.FIVE_MINUTES)
def remove_tenant(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Confirm and remove a tenant, unless users depend on it."""
    tenant = _tenant(request, id)
    error = ""
    if request.method == "POST":
        try:
            accounts.tenants.remove(tenant, by=on_page(request, request.user))
        except ValidationError as fault:
            error = fault.messages[0]
        else:
            messages.success(request, _("%(name)s has been removed.") % {"name": tenant.name})
            return redirect("accounts:tenants")
    return render(request, "users/remove_tenant.html", {"tenant": tenant, "error": error})
