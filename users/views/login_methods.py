"""Pages for creating webservice and Azure users, and for setting passwords of webservice users."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _

import users.login_methods
from accounts import passwords
from accounts.models import LoginMethod, User
from audit.actors import build_page_actor
from authentication.microsoft import oidc
from core.access import POST, DuringImpersonation, ReauthenticationLevel, page
from core.errors import EditConflict
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right
from users.forms.login_methods import NewAzureUserForm, NewWebserviceUserForm, SetPasswordForm, fill_password
from users.views.initial_access import build_initial_access_callback, render_next_steps


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def create_webservice_user(request: OfficeRequest) -> HttpResponse:
    """Create a user "Alleen via SSO/Webservice"."""
    form = NewWebserviceUserForm(request.POST or None, requester=request.user)
    person = None
    if request.method == "POST" and form.is_valid():
        values, by = form.cleaned_data, build_page_actor(request, request.user)
        try:
            person = users.login_methods.create_webservice_user(
                request.user.office,
                details=form.details,
                username=values["username"],
                password=values["password"],
                by=by,
                user_id=values["concept"],
                assign_initial_access=build_initial_access_callback(form, by),
            )
        except ValidationError as error:
            form.add_error(None, error)
    if person := person or form.find_previous_user():
        return _redirect_after_create(request, person)
    return render(request, "users/new_webservice.html", {"form": form})


@page(Right.MANAGE_USERS, methods=POST, impersonation=DuringImpersonation.FORBIDDEN)
def generate_new_user_password(request: OfficeRequest) -> HttpResponse:
    """Show the submitted form again with a generated password, which is not stored."""
    typed: dict[str, object] = {name: request.POST.get(name) for name in NewWebserviceUserForm.base_fields}
    typed |= {name: request.POST.getlist(name) for name in ("teams", "rights")}
    form, password = NewWebserviceUserForm(initial=typed, requester=request.user), passwords.generate_password()
    fill_password(form, password)
    return render(request, "users/new_webservice.html", {"form": form, "generated": password})


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def create_azure_user(request: OfficeRequest) -> HttpResponse:
    """Create a user "Alleen via Azure AD"."""
    form = NewAzureUserForm(request.POST or None, requester=request.user, provider=request.user.office)
    person = None
    if request.method == "POST" and form.is_valid():
        values, by = form.cleaned_data, build_page_actor(request, request.user)
        try:
            person = users.login_methods.create_azure_user(
                request.user.office,
                details=form.details,
                username=values["username"],
                tenant=values["external_tenant"],
                external_user_id=values["external_user_id"],
                by=by,
                user_id=values["concept"],
                assign_initial_access=build_initial_access_callback(form, by),
            )
        except ValidationError as error:
            form.add_error(None, error)
    if person := person or form.find_previous_user():
        return _redirect_after_create(request, person)
    context = {
        "form": form,
        "is_configured": oidc.is_configured(),
        "may_add_tenant": Right.MANAGE_PROVIDER in request.rights,
    }
    return render(request, "users/new_azure.html", context)


def _redirect_after_create(request: OfficeRequest, person: User) -> HttpResponse:
    what = _("%(name)s has been added.") % {"name": person.full_name}
    messages.success(request, format_html("<strong>{}</strong> {}", what, render_next_steps(person)))
    return redirect("users:user_list")


def _get_webservice_user(request: OfficeRequest, pk: UUID) -> User:
    """Return the webservice user of the same office; raise PermissionDenied without authority."""
    services = User.objects.visible_to(request.user).filter(login_method=LoginMethod.SSO_WEBSERVICE)
    person = get_object_or_404(services.select_related("provider"), pk=pk)
    checks.require_authority_over(build_page_actor(request, request.user), person)
    return person


@page(
    Right.MANAGE_USERS, impersonation=DuringImpersonation.FORBIDDEN, reauthentication=ReauthenticationLevel.FIVE_MINUTES
)
def set_password(request: OfficeRequest, pk: UUID) -> HttpResponse:
    person = _get_webservice_user(request, pk)
    form = SetPasswordForm(request.POST or None, user=person)
    if request.method == "POST" and form.is_valid():
        values, by = form.cleaned_data, build_page_actor(request, request.user)
        try:
            users.login_methods.set_password(person, password=values["password"], before=values["before"], by=by)
        except EditConflict:
            messages.warning(request, _("Another user set a new password in the meantime. Yours was not saved."))
        else:
            text = _(
                "The password of %(name)s has been changed. All sessions and tokens of the old password have ended."
            )
            messages.success(request, text % {"name": person.full_name})
        return redirect("users:user_detail", person.pk)
    return render(request, "users/set_password.html", {"form": form, "person": person})


@page(Right.MANAGE_USERS, methods=POST, impersonation=DuringImpersonation.FORBIDDEN)
def generate_password(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Show the form with a generated password; nothing is stored yet."""
    person = _get_webservice_user(request, pk)
    form, password = SetPasswordForm(user=person), passwords.generate_password()
    fill_password(form, password)
    return render(request, "users/set_password.html", {"form": form, "person": person, "generated": password})
