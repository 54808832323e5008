"""Pages for retention, erasure and subject access exports."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

import users.actions
from accounts.models import User
from audit.models import build_erased_name
from core.access import SAFE, page
from core.confirmation import Confirmation, render_confirmation
from core.export_files import attach
from history import erasure, subject_access
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import LastAdministrator, Right
from users.forms.office import RetentionForm


@page(Right.MANAGE_PROVIDER)
def retention_settings(request: OfficeRequest) -> HttpResponse:
    provider = request.user.office
    initial = {name: getattr(provider, name) for name in RetentionForm.base_fields}
    form = RetentionForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        users.actions.change_retention(provider, **form.cleaned_data, by=request.actor)
        messages.success(request, _("The history settings have been saved."))
        return redirect("history:retention_settings")
    return render(request, "history/retention.html", {"form": form})


@page(Right.MANAGE_PROVIDER)
def erase_user(request: OfficeRequest, pk: UUID) -> HttpResponse:
    person = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=pk)
    name = person.full_name
    checks.require_authority_over(request.actor, person)
    error = erasure.get_erasure_blocker(person)
    if request.method == "POST" and not error:
        try:
            erasure.erase_user(person, by=request.actor)
        except (ValidationError, LastAdministrator) as fault:
            error = " ".join(getattr(fault, "messages", [str(fault)]))
        except User.DoesNotExist:
            return redirect("users:user_list")
        else:
            messages.success(request, _("%(name)s has been erased.") % {"name": name})
            return redirect("users:user_list")
    text = _("The history is kept, and refers to this user as “%(name)s” from now on.") % {
        "name": build_erased_name(pk)
    }
    confirmation = Confirmation(
        _("Erase %(name)s") % {"name": name},
        _("Erase"),
        reverse("users:user_detail", args=[pk]),
        [_("The account is deleted, with its teams, rights, sessions and messages."), text],
        heading=_("Erase %(name)s?") % {"name": name},
        breadcrumb="users/_breadcrumb.html",
        note=format_html("<strong>{}</strong>", _("This cannot be undone.")),
        error=error,
        is_possible=not error,
    )
    return render_confirmation(request, confirmation, colleague=person)


@page(Right.MANAGE_PROVIDER, methods=SAFE)
def personal_data_json(request: OfficeRequest, pk: UUID) -> HttpResponse:
    person = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=pk)
    found = subject_access.export_personal_data(person, by=request.actor)
    return attach(HttpResponse(subject_access.render_json(found), content_type="application/json"), f"{person.pk}.json")


@page(Right.MANAGE_PROVIDER, methods=SAFE)
def personal_data_html(request: OfficeRequest, pk: UUID) -> HttpResponse:
    person = get_object_or_404(User.objects.visible_to(request.user).select_related("provider"), pk=pk)
    found = subject_access.export_personal_data(person, by=request.actor)
    return attach(HttpResponse(subject_access.render_html(found, person)), f"{person.pk}.html")
