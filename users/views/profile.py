"""Pages of the user's own profile and e-mail address."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

import users.actions
import users.email_changes
from accounts.logos import build_office_context
from core.access import Access, DuringImpersonation, ReauthenticationLevel, page
from core.client_address import get_client_address
from permissions.access import OfficeRequest
from permissions.catalog import sort_rights
from permissions.shortcuts import render_form, show_errors
from users.email_changes import InvalidEmailLink
from users.forms.users import ChangeEmailForm, ProfileForm


@page(Access.OWN_ACCOUNT)
def profile(request: OfficeRequest) -> HttpResponse:
    user = request.user
    if user.is_support:
        return redirect("authentication:device_list")
    form = ProfileForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"]
        with show_errors(form, saved=user):
            users.actions.edit_profile(user, details=form.details, version=version, by=request.actor)
            messages.success(request, _("Your details have been saved."))
            return redirect("users:profile")
    context = {"rights": sort_rights(request.rights), "email_change": getattr(user, "email_change", None)}
    return render_form(request, "users/profile.html", form, **context)


@page(
    Access.OFFICE_USER,
    impersonation=DuringImpersonation.FORBIDDEN,
    website_users_only=True,
    reauthentication=ReauthenticationLevel.FIVE_MINUTES,
)
def change_email(request: OfficeRequest) -> HttpResponse:
    form = ChangeEmailForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        with show_errors(form, "email"):
            users.email_changes.request_email_change(request.user, email, by=request.actor)
            text = _("We sent an e-mail to %(email)s. The new address takes effect once you confirm it there.")
            messages.success(request, text % {"email": email})
            return redirect("users:profile")
    return render_form(request, "users/change_email.html", form)


@page(Access.PUBLIC)
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    try:
        if request.method == "POST":
            user = users.email_changes.confirm_email_change(
                token, address=get_client_address(request), correlation_id=getattr(request, "correlation_id", "")
            )
            return render(request, "users/email_confirmed.html", {"user": user, **build_office_context(user)})
        change = users.email_changes.get_email_change(token)
    except InvalidEmailLink:
        return render(request, "users/email_link_expired.html", status=404)
    context = {"token": token, "change": change, **build_office_context(change.user)}
    return render(request, "users/confirm_email.html", context)
