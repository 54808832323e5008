"""Pages of login methods: create webservice and Azure users, set passwords, change the login method of a user."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

import users.change_login_method
import users.login_methods
import users.password_overlap
from accounts import passwords
from accounts.models import LoginMethod, User
from authentication.microsoft import oidc
from core.access import POST, SAFE, DuringImpersonation, ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from core.errors import EditConflict
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import get_form_status, get_managed_user, render_form, show_errors
from users.forms.invitations import MobileNumberForm, find_users_with_email
from users.forms.login_methods import (
    ChangeToAzureForm,
    NewAzureUserForm,
    NewUserForm,
    NewWebserviceUserForm,
    SetPasswordForm,
    fill_password,
)
from users.views.shared import build_initial_access_callback, render_created_message


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def create_webservice_user(request: OfficeRequest) -> HttpResponse:
    form = NewWebserviceUserForm(request.POST or None, requester=request.user)
    fields = {"username": "username", "password": "password"}
    if response := _create_from_form(request, form, users.login_methods.create_webservice_user, **fields):
        return response
    return render(request, "users/new_webservice.html", {"form": form})


def _create_from_form(
    request: OfficeRequest, form: NewUserForm, create: Callable[..., User], **fields: str
) -> HttpResponse | None:
    """Create a user, once, with arguments from `fields` of a submitted form; return None if the form is to be shown."""
    user = None
    if request.method == "POST" and form.is_valid():
        with show_errors(form):
            user = create(
                request.user.office,
                details=form.details,
                **{argument: form.cleaned_data[field] for argument, field in fields.items()},
                by=request.actor,
                user_id=form.cleaned_data["concept"],
                assign_initial_access=build_initial_access_callback(form, request.actor),
            )
    if not (user := user or form.find_previous_user()):
        return None
    messages.success(request, render_created_message(_("%(name)s has been added."), user))
    others = [other.full_name for other in find_users_with_email(request.user.office, user.email) if other != user]
    if others:
        messages.warning(request, _("This address is also used by %(names)s.") % {"names": ", ".join(others)})
    return redirect("users:user_list")


@page(Right.MANAGE_USERS, methods=POST, impersonation=DuringImpersonation.FORBIDDEN)
def generate_new_user_password(request: OfficeRequest) -> HttpResponse:
    typed: dict[str, object] = {name: request.POST.get(name) for name in NewWebserviceUserForm.base_fields}
    typed |= {name: request.POST.getlist(name) for name in ("teams", "rights")}
    form, password = NewWebserviceUserForm(initial=typed, requester=request.user), passwords.generate_password()
    fill_password(form, password)
    return render(request, "users/new_webservice.html", {"form": form, "generated": password})


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def create_azure_user(request: OfficeRequest) -> HttpResponse:
    form = NewAzureUserForm(request.POST or None, requester=request.user, provider=request.user.office)
    fields = {"username": "username", "tenant": "external_tenant", "external_user_id": "external_user_id"}
    if response := _create_from_form(request, form, users.login_methods.create_azure_user, **fields):
        return response
    return render(request, "users/new_azure.html", {"form": form, **_get_microsoft_context(request)})


def _get_microsoft_context(request: OfficeRequest) -> dict[str, bool]:
    return {"is_configured": oidc.is_configured(), "may_add_tenant": Right.MANAGE_PROVIDER in request.rights}


def _get_webservice_user(request: OfficeRequest, pk: UUID) -> User:
    services = User.objects.filter(login_method=LoginMethod.SSO_WEBSERVICE)
    return get_managed_user(request, pk, services.select_related("provider"))


@page(
    Right.MANAGE_USERS, impersonation=DuringImpersonation.FORBIDDEN, reauthentication=ReauthenticationLevel.FIVE_MINUTES
)
def set_password(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_webservice_user(request, pk)
    form = SetPasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        with show_errors(form, "password"):
            return _set_password(request, user, form)
    return render(request, "users/set_password.html", {"form": form, "colleague": user})


def _set_password(request: OfficeRequest, user: User, form: SetPasswordForm) -> HttpResponse:
    """Set the password of a valid form. Raises ValidationError."""
    values, until = form.cleaned_data, form.overlap_until
    try:
        users.login_methods.set_password(
            user, password=values["password"], before=values["before"], overlap_until=until, by=request.actor
        )
    except EditConflict:
        messages.warning(request, _("Another user set a new password in the meantime. Yours was not saved."))
    else:
        text = _("The password for %(name)s has been changed. All sessions and tokens of the old password have ended.")
        if until is not None:
            text = _("The password for %(name)s has been changed. The old one works until %(until)s.")
        messages.success(request, text % {"name": user.full_name, "until": until and _format_moment(until)})
    return redirect("users:user_detail", user.pk)


def _format_moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "j F H:i")


@page(Right.MANAGE_USERS, methods=POST)
def end_previous_password(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_webservice_user(request, pk)
    users.password_overlap.end_previous_password(user, by=request.actor)
    messages.success(request, _("The previous password of %(name)s no longer works.") % {"name": user.full_name})
    return redirect("users:user_detail", user.pk)


@page(Right.MANAGE_USERS, methods=POST, impersonation=DuringImpersonation.FORBIDDEN)
def generate_password(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_webservice_user(request, pk)
    form, password = SetPasswordForm(user=user), passwords.generate_password()
    fill_password(form, password)
    return render(request, "users/set_password.html", {"form": form, "colleague": user, "generated": password})


def _get_user(request: OfficeRequest, pk: UUID) -> User:
    return get_managed_user(request, pk, User.objects.select_related("provider", "external_tenant"))


@page(Right.MANAGE_USERS, methods=SAFE)
def login_method(request: OfficeRequest, pk: UUID) -> HttpResponse:
    return render(request, "users/login_method.html", {"colleague": _get_user(request, pk)})


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def change_to_azure(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_user(request, pk)
    form = ChangeToAzureForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        with show_errors(form):
            users.change_login_method.change_to_azure(
                user,
                tenant=values["external_tenant"],
                external_user_id=values["external_user_id"],
                username=values.get("username"),
                by=request.actor,
            )
            messages.success(request, _("%(name)s now logs in with Microsoft.") % {"name": user.full_name})
            return redirect("users:user_detail", user.pk)
    return render_form(request, "users/change_to_azure.html", form, colleague=user, **_get_microsoft_context(request))


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def change_to_website(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = _get_user(request, pk)
    if not user.is_azure_user and user.accepted_at is not None:
        raise Http404
    form = MobileNumberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        number = form.cleaned_data["mobile_number"]
        with show_errors(form):
            users.change_login_method.change_to_website(user, mobile_number=number, by=request.actor)
            messages.success(request, _("The invitation for %(name)s is on its way.") % {"name": user.full_name})
            return redirect("users:user_detail", user.pk)
    values = {"name": user.full_name, "email": user.email}
    confirmation = Confirmation(
        _("Change login method"),
        _("Send the invitation"),
        reverse("users:user_detail", args=[user.pk]),
        [
            _("All sessions end immediately, and Microsoft login is no longer possible."),
            _("%(name)s receives an invitation at %(email)s to choose a username and password.") % values,
            _("Rights are inactive until the invitation is accepted."),
        ],
        heading=_("Switch %(name)s to login via website and SSO?") % values,
        breadcrumb="users/_breadcrumb.html",
    )
    status = get_form_status(form)
    return render_confirmation(request, confirmation, status=status, form=form, colleague=user)
