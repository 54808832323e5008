"""Pages of authorization sets, with the teams and users that deviate from them."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import teams.sets
from audit.actors import build_page_actor
from core.access import SAFE, page
from core.confirmation import Confirmation, render_confirmation
from core.errors import EditConflict
from permissions import checks
from permissions.access import OfficeRequest
from permissions.catalog import sort_rights
from permissions.checks import Right
from permissions.models import AuthorizationSet
from teams.forms.sets import AuthorizationSetForm


@page(Right.MANAGE_SETS, methods=SAFE)
def set_list(request: OfficeRequest) -> HttpResponse:
    """List the sets, with the number of applications and of current deviations."""
    uses = teams.sets.list_set_deviations(request.user.office)
    rows = [
        (one, len(uses.get(one.pk, [])), sum(bool(use.difference) for use in uses.get(one.pk, [])))
        for one in AuthorizationSet.objects.visible_to(request.user).order_by("name", "pk")
    ]
    return render(request, "teams/sets.html", {"rows": rows})


@page(Right.MANAGE_SETS)
def create_set(request: OfficeRequest) -> HttpResponse:
    """Create a set."""
    form = AuthorizationSetForm(request.POST or None, givable=checks.get_grantable_rights(request.user))
    if request.method == "POST" and form.is_valid():
        name, contents, by = (
            form.cleaned_data["name"],
            form.cleaned_data["rights"],
            build_page_actor(request, request.user),
        )
        try:
            teams.sets.create_set(request.user.office, name=name, contents=contents, by=by)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The set %(name)s has been saved.") % {"name": name})
            return redirect("teams:set_list")
    return render(request, "teams/new_set.html", {"form": form})


def _get_set_or_404(request: OfficeRequest, pk: UUID) -> AuthorizationSet:
    return get_object_or_404(AuthorizationSet.objects.visible_to(request.user), pk=pk)


@page(Right.MANAGE_SETS)
def edit_set(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Edit a set, and show its applications with their current deviations."""
    found = _get_set_or_404(request, pk)
    form = AuthorizationSetForm(request.POST or None, givable=checks.get_grantable_rights(request.user), instance=found)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            teams.sets.update_set(
                found, name=given["name"], contents=given["rights"], version=given["version"],
                by=build_page_actor(request, request.user),
            )  # fmt: skip
        except EditConflict:
            form.add_error(None, ValidationError(_("Another user changed this set in the meantime."), code="stale"))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The set %(name)s has been saved.") % {"name": given["name"]})
            return redirect("teams:set_list")
    uses = [
        (application, sort_rights(differs.missing), sort_rights(differs.extra))
        for application, differs in teams.sets.list_set_deviations(request.user.office).get(found.pk, [])
    ]
    context = {"form": form, "set": found, "locked_rights": sort_rights(form.locked_rights), "uses": uses}
    return render(request, "teams/set.html", context)


@page(Right.MANAGE_SETS)
def delete_set(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Delete a set, after confirmation. No rights are revoked."""
    found = _get_set_or_404(request, pk)
    if request.method == "POST":
        try:
            teams.sets.delete_set(found, version=found.version, by=build_page_actor(request, request.user))
        except EditConflict:
            messages.error(request, _("Another user changed this set in the meantime."))
            return redirect("teams:set_list")
        messages.success(request, _("The set %(name)s has been deleted.") % {"name": found.name})
        return redirect("teams:set_list")
    count = len(teams.sets.list_set_deviations(request.user.office).get(found.pk, []))
    text = ngettext(
        "It was applied to %(count)s team or user; deviations from it can no longer be seen.",
        "It was applied to %(count)s teams and users; deviations from it can no longer be seen.",
        count,
    )
    url, list_url = reverse("teams:edit_set", args=[found.pk]), reverse("teams:set_list")
    confirmation = Confirmation(
        _("Delete %(name)s") % {"name": found.name},
        _("Delete"),
        url,
        [_("The set is deleted; no user loses any rights."), text % {"count": count}],
        heading=_("Delete %(name)s?") % {"name": found.name},
        parents=[(_("Office settings"), ""), (_("Authorization sets"), list_url), (found.name, url)],
    )
    return render_confirmation(request, confirmation)
