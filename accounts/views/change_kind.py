"""Pages for changing the login method of a user."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

import invitations.kinds
from accounts.forms.kinds import ToAzureForm
from accounts.models import User
from audit.actors import Proof, on_page
from invitations.forms.office import MobileForm
from signin import microsoft
from signin.reauthentication import reauthenticated
from signin.throttle import Throttled
from teams import rights
from teams.access import OfficeRequest, requires
from teams.rights import LastAdministrator, Right


def _other(request: OfficeRequest, id: UUID) -> User:
    """Return the user of the same office, or raise PermissionDenied without authority, which includes oneself."""
    people = User.objects.visible_to(request.user).select_related("provider", "external_tenant")
    person = get_object_or_404(people, pk=id)
    rights.require_authority_over(on_page(request, request.user), person)
    return person


@requires(Right.MANAGE_USERS)
@require_safe
def kind(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show the login method of a user and the methods it can be changed to."""
    return render(request, "users/login_method.html", {"person": _other(request, id)})


@requires(Right.MANAGE_USERS)
@reauthenticated(Proof.FIVE_MINUTES)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def to_azure(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Change a user to Azure AD only, or to another Microsoft account."""
    person = _other(request, id)
    form = ToAzureForm(request.POST or None, person=person)
    if request.method == "POST" and form.is_valid():
        values, by = form.cleaned_data, on_page(request, request.user)
        try:
            invitations.kinds.to_azure(
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
            return redirect("accounts:user", person.pk)
    context = {
        "form": form,
        "person": person,
        "is_configured": microsoft.is_configured(),
        "may_add_tenant": Right.MANAGE_PROVIDER in request.rights,
    }
    return render(request, "users/change_to_azure.html", context)


@requires(Right.MANAGE_USERS)
@reauthenticated(Proof.FIVE_MINUTES)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def to_website(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Invite an Azure user to sign in with username and password."""
    person = _other(request, id)
    if not person.is_azure_user and person.accepted_at is not None:
        raise Http404
    form = MobileForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        number, by = form.cleaned_data["mobile_number"], on_page(request, request.user)
        try:
            invitations.kinds.to_website(person, mobile_number=number, by=by)
        except ValidationError as error:
            form.add_error(None, error)
        except LastAdministrator as error:
            form.add_error(None, str(error))
        except Throttled as error:
            form.add_error(None, ValidationError(str(error), code="throttled"))
        else:
            messages.success(request, _("The invitation for %(name)s is on its way.") % {"name": person.full_name})
            return redirect("accounts:user", person.pk)
    status = 429 if form.has_error(NON_FIELD_ERRORS, "throttled") else 200
    return render(request, "users/change_to_website.html", {"form": form, "person": person}, status=status)
