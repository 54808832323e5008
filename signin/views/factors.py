"""Pages for the user's own two-factor devices and recovery codes."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from audit.actors import Proof, on_page
from signin.factors import actions, must_enrol, passing, recovery
from signin.factors.actions import Device, LastFactor, TooManyDevices
from signin.factors.forms import AppForm, NameForm
from signin.factors.passing import Factor
from signin.middleware import opens_while_enrolling
from signin.reauthentication import reauthenticated
from signin.visitors import wanted_page
from teams import rights
from teams.access import OfficeRequest, of_website_user, own_account

_show_and_send = require_http_methods(["GET", "HEAD", "POST"])
_NEW = 3600  # seconds after acceptance in which enrollment is shown as its last step


def context(request: OfficeRequest, **more: object) -> dict[str, object]:
    """Return the context that all pages of this module share: layout, next page and office name."""
    user, target = request.user, wanted_page(request)
    enrolling = must_enrol(user)
    accepted_at = user.accepted_at or timezone.now()
    return {
        "layout": "standalone.html" if enrolling else "base.html",
        "enrolling": enrolling,
        "accepting": enrolling and (timezone.now() - accepted_at).total_seconds() < _NEW,
        "office_name": user.office_name,
        "next": target,
        "query": urlencode({"next": target}),
        **more,
    }


@own_account
@opens_while_enrolling
@require_safe
@never_cache
@of_website_user
def factors(request: OfficeRequest) -> HttpResponse:
    """List devices and recovery codes, or the kinds of device to start with."""
    user = request.user
    page = context(
        request,
        devices=actions.devices_of(user),
        codes_left=actions.codes_left(user),
        rules=rights.two_factor_rules(user),
        most=actions.MOST_DEVICES,
    )
    return render(request, "authentication/mfa/devices.html", page)


@own_account
@opens_while_enrolling
@_show_and_send
@never_cache
@of_website_user
@reauthenticated(Proof.FIVE_MINUTES)
def add_app(request: OfficeRequest) -> HttpResponse:
    """Show a new secret as QR code and text, and verify the code of the app."""
    user = request.user
    form = AppForm(request.POST or None, user=user)
    if form.is_valid():
        name, code = form.cleaned_data["name"], form.cleaned_data["code"]
        try:
            if actions.add_app(user, form.offered, name=name, code=code, by=on_page(request, user)):
                return HttpResponseRedirect(enrolled(request, Factor.APP))
            form.add_error(
                "code", ValidationError(_("This is not the code that your app currently shows."), code="wrong")
            )
        except TooManyDevices as error:
            form.add_error(None, ValidationError(str(error), code="too_many"))
    page = context(request, form=form, picture=form.offered.picture(user), secret=form.offered.text)
    return render(request, "authentication/mfa/add_authenticator.html", page)


def enrolled(request: OfficeRequest, factor: Factor) -> str:
    """Record that the user passed the new device in this session; return the address to continue on."""
    if not passing.is_passed(request):
        passing.settle(request, factor)
        request.session.cycle_key()
    messages.success(request, _("The device has been added."))
    target = wanted_page(request)
    if actions.codes_left(request.user):
        return reverse("signin:factors") if target == reverse("home") else target
    return f"{reverse('signin:recovery_codes')}?{urlencode({'next': target})}"


def _own_device(request: OfficeRequest, id: UUID) -> Device:
    try:
        return actions.own_device(request.user, id)
    except KeyError:
        raise Http404 from None


@own_account
@_show_and_send
@never_cache
@of_website_user
def rename_factor(request: OfficeRequest, id: UUID) -> HttpResponse:
    device = _own_device(request, id)
    form = NameForm(request.POST or None, initial={"name": device.name})
    if form.is_valid():
        actions.rename(request.user, id, name=form.cleaned_data["name"], by=on_page(request, request.user))
        messages.success(request, _("The name has been saved."))
        return redirect("signin:factors")
    return render(request, "authentication/mfa/rename.html", context(request, form=form, device=device))


@own_account
@_show_and_send
@never_cache
@of_website_user
@reauthenticated(Proof.FIVE_MINUTES)
def remove_factor(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Confirm and remove a device."""
    device = _own_device(request, id)
    error = ""
    if request.method == "POST":
        try:
            user = actions.remove(request.user, id, by=on_page(request, request.user))
        except LastFactor as fault:
            error = str(fault)
        else:
            _stay(request, user)
            messages.success(request, _("The device has been removed. You have been logged out everywhere else."))
            return redirect("signin:factors")
    is_last = len(actions.devices_of(request.user)) == 1
    return render(
        request, "authentication/mfa/remove.html", context(request, device=device, is_last=is_last, error=error)
    )


def _stay(request: OfficeRequest, user: User) -> None:
    """Keep only this session alive after all sessions were ended."""
    update_session_auth_hash(request, user)
    if user.second_factor_at is None:
        passing.settle(request, None)


@own_account
@_show_and_send
@never_cache
@of_website_user
@reauthenticated(Proof.FIVE_MINUTES)
def recovery_codes(request: OfficeRequest) -> HttpResponse:
    """Explain recovery codes; on POST generate ten and show them once."""
    user = request.user
    if user.second_factor_at is None:
        return redirect("signin:factors")
    if request.method != "POST":
        left = actions.codes_left(user)
        return render(request, "authentication/mfa/recovery_codes.html", context(request, codes_left=left))
    codes = actions.make_recovery_codes(user, by=on_page(request, user))
    page = context(request, codes=codes, sealed=recovery.sealed_for(user, codes))
    return render(request, "authentication/mfa/recovery_codes_created.html", page)


@own_account
@require_POST
@never_cache
@of_website_user
def download_codes(request: OfficeRequest) -> HttpResponse:
    """Return the codes that the previous page showed as a text file."""
    codes = recovery.opened(request.POST.get("codes", ""), request.user)
    if codes is None:
        raise PermissionDenied(_("These are not your recovery codes. Create new ones."))
    heading = _("Recovery codes for %(loket)s, username %(username)s. Each works once.") % {
        "loket": request.user.loket,
        "username": request.user.username,
    }
    response = HttpResponse("\r\n".join([heading, "", *codes, ""]), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="loket-herstelcodes.txt"'
    return response
