"""Pages of authorization sets, with the teams and users that deviate from them."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

import teams.sets
from accounts.actions import Stale
from audit.actors import on_page
from teams import rights
from teams.access import OfficeRequest, requires
from teams.catalogue import ordered
from teams.forms.sets import SetForm
from teams.models import AuthorizationSet
from teams.rights import Right


@requires(Right.MANAGE_SETS)
@require_safe
def sets(request: OfficeRequest) -> HttpResponse:
    """List the sets, with the number of applications and of current deviations."""
    uses = teams.sets.uses(request.user.provider)
    rows = [
        (one, len(uses.get(one.pk, [])), sum(bool(use.difference) for use in uses.get(one.pk, [])))
        for one in AuthorizationSet.objects.visible_to(request.user).order_by("name", "pk")
    ]
    return render(request, "teams/sets.html", {"rows": rows})


@requires(Right.MANAGE_SETS)
@require_http_methods(["GET", "HEAD", "POST"])
def new_set(request: OfficeRequest) -> HttpResponse:
    """Create a set."""
    form = SetForm(request.POST or None, givable=rights.givable(request.user))
    if request.method == "POST" and form.is_valid():
        name, contents, by = form.cleaned_data["name"], form.cleaned_data["rights"], on_page(request, request.user)
        try:
            teams.sets.create(request.user.provider, name=name, contents=contents, by=by)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The set %(name)s has been saved.") % {"name": name})
            return redirect("teams:sets")
    return render(request, "teams/new_set.html", {"form": form})


def _set(request: OfficeRequest, id: UUID) -> AuthorizationSet:
    return get_object_or_404(AuthorizationSet.objects.visible_to(request.user), pk=id)


@requires(Right.MANAGE_SETS)
@require_http_methods(["GET", "HEAD", "POST"])
def one_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Edit a set, and show its applications with their current deviations."""
    found = _set(request, id)
    form = SetForm(request.POST or None, givable=rights.givable(request.user), changed=found)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            teams.sets.change(
                found, name=given["name"], contents=given["rights"], version=given["version"],
                by=on_page(request, request.user),
            )  # fmt: skip
        except Stale:
            form.add_error(None, ValidationError(_("Another user changed this set in the meantime."), code="stale"))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("The set %(name)s has been saved.") % {"name": given["name"]})
            return redirect("teams:sets")
    uses = [
        (application, ordered(differs.missing), ordered(differs.extra))
        for application, differs in teams.sets.uses(request.user.provider).get(found.pk, [])
    ]
    context = {"form": form, "set": found, "kept": ordered(form.kept), "uses": uses}
    return render(request, "teams/set.html", context)


@requires(Right.MANAGE_SETS)
@require_http_methods(["GET", "HEAD", "POST"])
def delete_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Delete a set, after confirmation. No rights are revoked."""
    found = _set(request, id)
    if request.method == "POST":
        try:
            teams.sets.delete(found, version=found.version, by=on_page(request, request.user))
        except Stale:
            messages.error(request, _("Another user changed this set in the meantime."))
            return redirect("teams:sets")
        messages.success(request, _("The set %(name)s has been deleted.") % {"name": found.name})
        return redirect("teams:sets")
    uses = teams.sets.uses(request.user.provider).get(found.pk, [])
    return render(request, "teams/delete_set.html", {"set": found, "uses": uses})
