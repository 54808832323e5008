"""Pages for changing the login method of a user."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

import users.change_login_method
from accounts.models import User
from audit.actors import build_page_actor
from authentication.microsoft import oidc
from core.access import SAFE, ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from core.throttle import Throttled
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import LastAdministrator, Right
from users.forms.invitations import MobileNumberForm
from users.forms.login_methods import ChangeToAzureForm


def _get_other_user(request: OfficeRequest, pk: UUID) -> User:
    """Return the user of the same office, or raise PermissionDenied without authority, which includes oneself."""
    people = User.objects.visible_to(request.user).select_related("provider", "external_tenant")
    person = get_object_or_404(people, pk=pk)
    checks.require_authority_over(build_page_actor(request, request.user), person)
    return person


@page(Right.MANAGE_USERS, methods=SAFE)
def login_method(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Show the login method of a user and the methods it can be changed to."""
    return render(request, "users/login_method.html", {"person": _get_other_user(request, pk)})


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def change_to_azure(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Change a user to Azure AD only, or to another Microsoft account."""
    person = _get_other_user(request, pk)
    form = ChangeToAzureForm(request.POST or None, person=person)
    if request.method == "POST" and form.is_valid():
        values, by = form.cleaned_data, build_page_actor(request, request.user)
        try:
            users.change_login_method.change_to_azure(
                person,
                tenant=values["external_tenant"],
                external_user_id=values["external_user_id"],
                username=values.get("username"),
                by=by,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("%(name)s now logs in with Microsoft.") % {"name": person.full_name})
            return redirect("users:user_detail", person.pk)
    context = {
        "form": form,
        "person": person,
        "is_configured": oidc.is_configured(),
        "may_add_tenant": Right.MANAGE_PROVIDER in request.rights,
    }
    return render(request, "users/change_to_azure.html", context)


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def change_to_website(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Invite an Azure user to sign in with username and password."""
    person = _get_other_user(request, pk)
    if not person.is_azure_user and person.accepted_at is not None:
        raise Http404
    form = MobileNumberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        number, by = form.cleaned_data["mobile_number"], build_page_actor(request, request.user)
        try:
            users.change_login_method.change_to_website(person, mobile_number=number, by=by)
        except ValidationError as error:
            form.add_error(None, error)
        except LastAdministrator as error:
            form.add_error(None, str(error))
        except Throttled as error:
            form.add_error(None, ValidationError(str(error), code="throttled"))
        else:
            messages.success(request, _("The invitation for %(name)s is on its way.") % {"name": person.full_name})
            return redirect("users:user_detail", person.pk)
    values = {"name": person.full_name, "email": person.email}
    confirmation = Confirmation(
        _("Resend the invitation"),
        _("Send the invitation"),
        reverse("users:user_detail", args=[person.pk]),
        [
            _("All sessions end immediately, and Microsoft login is no longer possible."),
            _("%(name)s receives an invitation at %(email)s to choose a username and password.") % values,
            _("Rights are inactive until the invitation is accepted."),
        ],
        heading=_("Switch %(name)s to login via website and SSO?") % values,
        breadcrumb="users/_breadcrumb.html",
    )
    status = 429 if form.has_error(NON_FIELD_ERRORS, "throttled") else 200
    return render_confirmation(request, confirmation, status=status, form=form, person=person)
