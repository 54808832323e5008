"""Pages for retention, erasure and subject access exports."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

import accounts.actions
from accounts import erasing, everything
from accounts.forms.office import KeepingForm
from accounts.models import User
from audit.actors import on_page
from audit.models import erased_name
from teams import rights
from teams.access import OfficeRequest, requires
from teams.rights import LastAdministrator, Right


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
def keeping(request: OfficeRequest) -> HttpResponse:
    """Show and change the retention of accounts and the recipients of checkpoints."""
    provider = request.user.provider
    initial = {name: getattr(provider, name) for name in KeepingForm.base_fields}
    form = KeepingForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        by = on_page(request, request.user)
        accounts.actions.change_keeping(provider, **form.cleaned_data, by=by)
        messages.success(request, _("The history settings have been saved."))
        return redirect("accounts:keeping")
    return render(request, "history/retention.html", {"form": form})


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Confirm and erase a user."""
    person = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=id)
    by, name = on_page(request, request.user), person.full_name
    rights.require_authority_over(by, person)
    error = erasing.refusal(person)
    if request.method == "POST" and not error:
        try:
            erasing.erase(person, by=by)
        except (ValidationError, LastAdministrator) as fault:
            error = " ".join(getattr(fault, "messages", [str(fault)]))
        except User.DoesNotExist:
            return redirect("accounts:list")
        else:
            messages.success(request, _("%(name)s has been erased.") % {"name": name})
            return redirect("accounts:list")
    context = {"person": person, "error": error, "alias": erased_name(id)}
    return render(request, "history/erase.html", context)


@requires(Right.MANAGE_PROVIDER)
@require_GET
def everything_json(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Send the subject access export as JSON."""
    person = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=id)
    found = everything.export(person, by=on_page(request, request.user))
    return _attached(HttpResponse(everything.as_json(found), content_type="application/json"), f"{person.pk}.json")


@requires(Right.MANAGE_PROVIDER)
@require_GET
def everything_html(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Send the subject access export as HTML."""
    person = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=id)
    found = everything.export(person, by=on_page(request, request.user))
    return _attached(HttpResponse(everything.as_html(found, person)), f"{person.pk}.html")


def _attached(response: HttpResponse, name: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
