"""Pages for creating webservice and Azure users, and for setting passwords of webservice users."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

import accounts.kinds
from accounts import passwords
from accounts.actions import Stale
from accounts.forms.kinds import AzureForm, SetPasswordForm, WebserviceForm, fill
from accounts.models import LoginMethod, User
from audit.actors import Proof, on_page
from signin import microsoft
from signin.reauthentication import reauthenticated
from teams import rights
from teams.access import OfficeRequest, not_along, requires
from teams.rights import Right
from teams.views.newcomers import equipping, what_next


@requires(Right.MANAGE_USERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def new_webservice(request: OfficeRequest) -> HttpResponse:
    """Create a user "Alleen via SSO/Webservice"."""
    form = WebserviceForm(request.POST or None, asker=request.user)
    person = None
    if request.method == "POST" and form.is_valid():
        values, by = form.cleaned_data, on_page(request, request.user)
        try:
            person = accounts.kinds.create_webservice_user(
                request.user.provider,
                details=form.details,
                username=values["username"],
                password=values["password"],
                by=by,
                user_id=values["concept"],
                equip=equipping(form, by),
            )
        except ValidationError as error:
            form.add_error(None, error)
    if person := person or form.made_before():
        return _made(request, person)
    return render(request, "users/new_webservice.html", {"form": form})


@requires(Right.MANAGE_USERS)
@not_along
@never_cache
@require_POST
def new_webservice_password(request: OfficeRequest) -> HttpResponse:
    """Show the submitted form again with a generated password, which is not stored."""
    typed: dict[str, object] = {name: request.POST.get(name) for name in WebserviceForm.base_fields}
    typed |= {name: request.POST.getlist(name) for name in ("teams", "rights")}
    form, password = WebserviceForm(initial=typed, asker=request.user), passwords.generated()
    fill(form, password)
    return render(request, "users/new_webservice.html", {"form": form, "generated": password})


@requires(Right.MANAGE_USERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def new_azure(request: OfficeRequest) -> HttpResponse:
    """Create a user "Alleen via Azure AD"."""
    form = AzureForm(request.POST or None, asker=request.user, provider=request.user.provider)
    person = None
    if request.method == "POST" and form.is_valid():
        values, by = form.cleaned_data, on_page(request, request.user)
        try:
            person = accounts.kinds.create_azure_user(
                request.user.provider,
                details=form.details,
                username=values["username"],
                tenant=values["external_tenant"],
                external_user_id=values["external_user_id"],
                by=by,
                user_id=values["concept"],
                equip=equipping(form, by),
            )
        except ValidationError as error:
            form.add_error(None, error)
    if person := person or form.made_before():
        return _made(request, person)
    context = {
        "form": form,
        "is_configured": microsoft.is_configured(),
        "may_add_tenant": Right.MANAGE_PROVIDER in request.rights,
    }
    return render(request, "users/new_azure.html", context)


def _made(request: OfficeRequest, person: User) -> HttpResponse:
    what = _("%(name)s has been added.") % {"name": person.full_name}
    messages.success(request, format_html("<strong>{}</strong> {}", what, what_next(person)))
    return redirect("accounts:list")


def _service(request: OfficeRequest, id: UUID) -> User:
    """Return the webservice user of the same office; raise PermissionDenied without authority."""
    services = User.objects.visible_to(request.user).filter(login_method=LoginMethod.SSO_WEBSERVICE)
    person = get_object_or_404(services.select_related("provider"), pk=id)
    rights.require_authority_over(on_page(request, request.user), person)
    return person


@requires(Right.MANAGE_USERS)
@not_along
@reauthenticated(Proof.FIVE_MINUTES)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def set_password(request: OfficeRequest, id: UUID) -> HttpResponse:
    person = _service(request, id)
    form = SetPasswordForm(request.POST or None, user=person)
    if request.method == "POST" and form.is_valid():
        values, by = form.cleaned_data, on_page(request, request.user)
        try:
            accounts.kinds.set_password(person, password=values["password"], before=values["before"], by=by)
        except Stale:
            messages.warning(request, _("Another user set a new password in the meantime. Yours was not saved."))
        else:
            text = _(
                "The password of %(name)s has been changed. All sessions and tokens of the old password have ended."
            )
            messages.success(request, text % {"name": person.full_name})
        return redirect("accounts:user", person.pk)
    return render(request, "users/set_password.html", {"form": form, "person": person})


@requires(Right.MANAGE_USERS)
@not_along
@never_cache
@require_POST
def generate_password(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show the form with a generated password; nothing is stored yet."""
    person = _service(request, id)
    form, password = SetPasswordForm(user=person), passwords.generated()
    fill(form, password)
    return render(request, "users/set_password.html", {"form": form, "person": person, "generated": password})
