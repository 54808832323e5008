"""Pages of the office's notification sets and deviations from them."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

import notifications.sets
from accounts.actions import Stale
from audit.actors import on_page
from notifications import wishes
from notifications.forms import SignalSetForm
from notifications.models import SignalSet
from teams.access import OfficeRequest, requires
from teams.rights import Right


@requires(Right.MANAGE_SETS)
@require_safe
def sets(request: OfficeRequest) -> HttpResponse:
    """Show the sets, with the number of users each was applied to and the number who deviate."""
    uses = notifications.sets.uses(request.user.provider)
    found = SignalSet.objects.visible_to(request.user).prefetch_related("settings").order_by("name", "pk")
    rows = [
        (one, len(wishes.contents(one)), len(used), sum(bool(use.difference) for use in used))
        for one in found
        for used in [uses.get(one.pk, [])]
    ]
    return render(request, "notifications/sets.html", {"rows": rows})


@requires(Right.MANAGE_SETS)
@require_http_methods(["GET", "HEAD", "POST"])
def new_set(request: OfficeRequest) -> HttpResponse:
    form = SignalSetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name, by = form.cleaned_data["name"], on_page(request, request.user)
        try:
            notifications.sets.create(request.user.provider, name=name, contents=form.wanted(), by=by)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The set %(name)s has been saved.") % {"name": name})
            return redirect("notifications:sets")
    return render(request, "notifications/new_set.html", {"form": form})


def _set(request: OfficeRequest, id: UUID) -> SignalSet:
    return get_object_or_404(SignalSet.objects.visible_to(request.user), pk=id)


@requires(Right.MANAGE_SETS)
@require_http_methods(["GET", "HEAD", "POST"])
def one_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Change a set, and show the users it was applied to with their deviations."""
    found = _set(request, id)
    form = SignalSetForm(request.POST or None, changed=found)
    if request.method == "POST" and form.is_valid():
        given, by = form.cleaned_data, on_page(request, request.user)
        try:
            notifications.sets.change(
                found, name=given["name"], contents=form.wanted(), version=given["version"], by=by
            )  # fmt: skip
        except Stale:
            form.add_error(None, ValidationError(_("Another user changed this set in the meantime."), code="stale"))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The set %(name)s has been saved.") % {"name": given["name"]})
            return redirect("notifications:sets")
    uses = [
        (use.application, [(one.type, wishes.words(one.type, one.now)) for one in use.difference])
        for use in notifications.sets.uses(request.user.provider).get(found.pk, [])
    ]
    return render(request, "notifications/set.html", {"form": form, "set": found, "uses": uses})


@requires(Right.MANAGE_SETS)
@require_http_methods(["GET", "HEAD", "POST"])
def delete_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Confirm and delete a set; no user's preferences change."""
    found = _set(request, id)
    if request.method == "POST":
        try:
            notifications.sets.delete(found, version=found.version, by=on_page(request, request.user))
        except Stale:
            messages.error(request, _("Another user changed this set in the meantime."))
            return redirect("notifications:sets")
        messages.success(request, _("The set %(name)s has been deleted.") % {"name": found.name})
        return redirect("notifications:sets")
    return render(request, "notifications/delete_set.html", {"set": found, "uses": found.applications.count()})
