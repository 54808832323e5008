"""What the office decides about an application: consent for all its users, and the teams that may use it."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.access import POST, page
from core.confirmation import Confirmation, render_confirmation
from core.errors import EditConflict
from oauth import office_decisions
from oauth.models import Application
from oauth.office_access import get_office_access
from oauth.office_access_form import TeamAssignmentForm
from oauth.scopes import sort_scopes
from permissions.access import OfficeRequest
from permissions.checks import Right

_EDIT_CONFLICT_MESSAGE = gettext_lazy("Another user changed this integration in the meantime. Look at it again.")


@page(Right.MANAGE_INTEGRATIONS)
def office_access(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Show what the office decided, and assign the application to teams."""
    application, office = _get_application(request, pk), request.user.office
    access = get_office_access(application, office)
    form = TeamAssignmentForm(request.POST or None, user=request.user, instance=access)
    if form.is_valid():
        version = form.cleaned_data["version"]
        try:
            office_decisions.assign_to_teams(
                application, provider=office, teams=form.chosen_teams, version=version, by=request.actor
            )
        except EditConflict:
            form.add_error(None, ValidationError(_EDIT_CONFLICT_MESSAGE, code="stale"))
        else:
            messages.success(request, _("%(name)s has been saved.") % {"name": application})
            return redirect("oauth:office_access", application.pk)
    scopes = sort_scopes(application.scopes)
    context = {
        "form": form,
        "application": application,
        "access": access,
        "scopes": scopes,
        "new_scopes": [scope for scope in scopes if access.scopes and scope not in access.scopes],
        "may_consent": office_decisions.may_decide_on_scopes(request.actor, application.scopes),
        "administration_right": Right.MANAGE_PROVIDER.label,
    }
    return render(request, "oauth/office_access.html", context)


@page(Right.MANAGE_INTEGRATIONS, methods=POST)
def grant_consent(request: OfficeRequest, pk: UUID) -> HttpResponse:
    application = _get_application(request, pk)
    version = request.POST.get("version", "")
    try:
        office_decisions.grant_office_consent(
            application,
            provider=request.user.office,
            version=int(version) if version.isascii() and version.isdigit() else 0,
            by=request.actor,
        )
    except EditConflict:
        messages.error(request, _EDIT_CONFLICT_MESSAGE)
    else:
        messages.success(request, _("%(name)s no longer asks users for consent.") % {"name": application})
    return redirect("oauth:office_access", application.pk)


@page(Right.MANAGE_INTEGRATIONS)
def withdraw_consent(request: OfficeRequest, pk: UUID) -> HttpResponse:
    application = _get_application(request, pk)
    if request.method == "POST":
        if office_decisions.withdraw_office_consent(application, provider=request.user.office, by=request.actor):
            messages.success(request, _("The consent for the whole office has been withdrawn."))
        else:
            messages.info(request, _("The consent had already been withdrawn."))
        return redirect("oauth:office_access", application.pk)
    consequences = [
        _("The integration loses the access that users did not agree to themselves, immediately."),
        _("From now on, it asks each user for consent."),
    ]
    confirmation = Confirmation(
        _("Withdraw consent"),
        _("Withdraw"),
        reverse("oauth:office_access", args=[pk]),
        consequences,
        heading=_("Withdraw the consent for %(application)s?") % {"application": application},
        breadcrumb="oauth/_office_access_breadcrumb.html",
    )
    return render_confirmation(request, confirmation, application=application)


def _get_application(request: OfficeRequest, pk: UUID) -> Application:
    application: Application = get_object_or_404(Application.objects.serving(request.user.office), pk=pk)
    return application
