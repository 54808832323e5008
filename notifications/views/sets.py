"""Pages of the office's notification sets and deviations from them."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import notifications.sets
from audit.actors import build_page_actor
from core.access import SAFE, page
from core.confirmation import Confirmation, render_confirmation
from core.errors import EditConflict
from notifications import preferences
from notifications.forms import NotificationSetForm
from notifications.models import NotificationSet
from permissions.access import OfficeRequest
from permissions.checks import Right


@page(Right.MANAGE_SETS, methods=SAFE)
def set_list(request: OfficeRequest) -> HttpResponse:
    """Show the sets, with the number of users each was applied to and the number who deviate."""
    uses = notifications.sets.get_set_usages(request.user.office)
    found = NotificationSet.objects.visible_to(request.user).prefetch_related("settings").order_by("name", "pk")
    rows = [
        (one, len(preferences.get_set_preferences(one)), len(used), sum(bool(use.difference) for use in used))
        for one in found
        for used in [uses.get(one.pk, [])]
    ]
    return render(request, "notifications/sets.html", {"rows": rows})


@page(Right.MANAGE_SETS)
def create_set(request: OfficeRequest) -> HttpResponse:
    form = NotificationSetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        name, by = form.cleaned_data["name"], build_page_actor(request, request.user)
        try:
            notifications.sets.create_set(request.user.office, name=name, contents=form.get_preferences(), by=by)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The set %(name)s has been saved.") % {"name": name})
            return redirect("notifications:set_list")
    return render(request, "notifications/new_set.html", {"form": form})


def _get_set(request: OfficeRequest, pk: UUID) -> NotificationSet:
    return get_object_or_404(NotificationSet.objects.visible_to(request.user), pk=pk)


@page(Right.MANAGE_SETS)
def edit_set(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Change a set, and show the users it was applied to with their deviations."""
    found = _get_set(request, pk)
    form = NotificationSetForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        given, by = form.cleaned_data, build_page_actor(request, request.user)
        try:
            notifications.sets.change_set(
                found, name=given["name"], contents=form.get_preferences(), version=given["version"], by=by
            )  # fmt: skip
        except EditConflict:
            form.add_error(None, ValidationError(_("Another user changed this set in the meantime."), code="stale"))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The set %(name)s has been saved.") % {"name": given["name"]})
            return redirect("notifications:set_list")
    uses = [
        (use.application, [(one.type, preferences.describe_preference(one.type, one.now)) for one in use.difference])
        for use in notifications.sets.get_set_usages(request.user.office).get(found.pk, [])
    ]
    return render(request, "notifications/set.html", {"form": form, "set": found, "uses": uses})


@page(Right.MANAGE_SETS)
def delete_set(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Confirm and delete a set; no user's preferences change."""
    found = _get_set(request, pk)
    if request.method == "POST":
        try:
            notifications.sets.delete_set(found, version=found.version, by=build_page_actor(request, request.user))
        except EditConflict:
            messages.error(request, _("Another user changed this set in the meantime."))
            return redirect("notifications:set_list")
        messages.success(request, _("The set %(name)s has been deleted.") % {"name": found.name})
        return redirect("notifications:set_list")
    count = found.applications.count()
    text = ngettext(
        "It was applied to %(count)s user; deviations from it can no longer be seen.",
        "It was applied to %(count)s users; deviations from it can no longer be seen.",
        count,
    )
    url, list_url = reverse("notifications:edit_set", args=[found.pk]), reverse("notifications:set_list")
    confirmation = Confirmation(
        _("Delete %(name)s") % {"name": found.name},
        _("Delete"),
        url,
        [_("The set is deleted; no user's notifications change."), text % {"count": count}],
        heading=_("Delete %(name)s?") % {"name": found.name},
        parents=[(_("Office settings"), ""), (_("Notification sets"), list_url), (found.name, url)],
    )
    return render_confirmation(request, confirmation)
