"""Pages of the own profile and e-mail address."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

import accounts.actions
import accounts.email_changes
from accounts.actions import Stale
from accounts.email_changes import DeadLink
from accounts.forms.people import OwnEmailForm, ProfileForm
from audit.actors import Proof, on_page
from loket.middleware import client_address
from signin.reauthentication import reauthenticated
from signin.throttle import Throttled
from teams.access import OfficeRequest, not_along, of_website_user, own_account, public, signed_in
from teams.catalogue import ordered


@own_account
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: OfficeRequest) -> HttpResponse:
    """Show the user's own details and rights, and change the editable fields."""
    user = request.user
    if user.is_support:
        return redirect("signin:factors")
    form = ProfileForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        version, by = form.cleaned_data["version"], on_page(request, user)
        try:
            accounts.actions.edit_profile(user, details=form.details, version=version, by=by)
        except Stale:
            form.now_based_on(user)
        else:
            messages.success(request, _("Your details have been saved."))
            return redirect("accounts:profile")
    context = {"form": form, "rights": ordered(request.rights), "email_change": getattr(user, "email_change", None)}
    return render(request, "users/profile.html", context)


@signed_in
@not_along
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@of_website_user
@reauthenticated(Proof.FIVE_MINUTES)
def own_email(request: OfficeRequest) -> HttpResponse:
    """Request a change of the own e-mail address; for users with a password to confirm it."""
    form = OwnEmailForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        try:
            accounts.email_changes.ask_email_change(request.user, email, by=on_page(request, request.user))
        except Throttled as error:
            form.add_error("email", ValidationError(str(error), code="throttled"))
        else:
            text = _("We sent an e-mail to %(email)s. The new address takes effect once you confirm it there.")
            messages.success(request, text % {"email": email})
            return redirect("accounts:profile")
    status = 429 if any(form.has_error(name, "throttled") for name in form.fields) else 200
    return render(request, "users/change_email.html", {"form": form}, status=status)


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    """Show the new address behind an e-mailed link, and apply the change on POST."""
    context = {"token": token}
    try:
        if request.method == "POST":
            user = accounts.email_changes.confirm_email_change(
                token, address=client_address(request), correlation_id=getattr(request, "correlation_id", "")
            )
            return render(request, "users/email_confirmed.html", {"office_name": user.office_name, "user": user})
        change = accounts.email_changes.email_change_of(token)
    except DeadLink:
        return render(request, "users/email_link_expired.html", status=404)
    return render(
        request,
        "users/confirm_email.html",
        context | {"change": change, "office_name": change.user.office_name},
    )
