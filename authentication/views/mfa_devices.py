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

from accounts.logos import build_office_context
from authentication import recovery_codes
from authentication.mfa import actions, must_enroll, session_state
from authentication.mfa.actions import LastDeviceRequired, TooManyDevices
from authentication.mfa.forms import AuthenticatorAppForm, DeviceNameForm
from authentication.models import AuthenticatorApp, MfaDevice, Passkey
from authentication.next_url import get_next_url
from core.access import POST, SAFE, Access, ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from core.export_files import attach
from permissions import checks
from permissions.access import OfficeRequest

_ONBOARDING_SECONDS = 3600  # seconds after acceptance in which enrollment is shown as its last step


def build_context(request: OfficeRequest, **more: object) -> dict[str, object]:
    user, target = request.user, get_next_url(request)
    enrolling = must_enroll(user)
    accepted_at = user.accepted_at or timezone.now()
    return {
        "layout": "standalone.html" if enrolling else "base.html",
        "enrolling": enrolling,
        "accepting": enrolling and (timezone.now() - accepted_at).total_seconds() < _ONBOARDING_SECONDS,
        **(build_office_context(user) if enrolling else {}),
        "next": target,
        "query": urlencode({"next": target}),
        **more,
    }


@page(Access.OWN_ACCOUNT, methods=SAFE, during_enrollment=True, website_users_only=True)
def device_list(request: OfficeRequest) -> HttpResponse:
    user = request.user
    context = build_context(
        request,
        devices=actions.list_devices(user),
        codes_left=actions.count_recovery_codes(user),
        rules=checks.two_factor_rules(user),
        most=actions.MAX_DEVICES,
    )
    return render(request, "authentication/mfa/devices.html", context)


@page(
    Access.OWN_ACCOUNT,
    during_enrollment=True,
    website_users_only=True,
    reauthentication=ReauthenticationLevel.FIVE_MINUTES,
)
def add_app(request: OfficeRequest) -> HttpResponse:
    user = request.user
    form = AuthenticatorAppForm(request.POST or None, user=user)
    if form.is_valid():
        name, code = form.cleaned_data["name"], form.cleaned_data["code"]
        try:
            if app := actions.add_authenticator_app(user, form.enrollment, name=name, code=code, by=request.actor):
                return HttpResponseRedirect(complete_enrollment(request, app))
            form.add_error(
                "code", ValidationError(_("This is not the code that your app currently shows."), code="wrong")
            )
        except TooManyDevices as error:
            form.add_error(None, ValidationError(str(error), code="too_many"))
    context = build_context(
        request,
        form=form,
        otpauth_uri=form.enrollment.build_otpauth_uri(user),
        qr_code=form.enrollment.render_qr_code(user),
        secret=form.enrollment.grouped_secret,
    )
    return render(request, "authentication/mfa/add_authenticator.html", context)


def complete_enrollment(request: OfficeRequest, device: MfaDevice) -> str:
    if not request.user.is_verified():
        session_state.set_verified_device(request, device)
        request.session.cycle_key()
    messages.success(request, _("The device has been added."))
    target = get_next_url(request)
    if actions.count_recovery_codes(request.user):
        return reverse("authentication:device_list") if target == reverse("home") else target
    return f"{reverse('authentication:generate_recovery_codes')}?{urlencode({'next': target})}"


def _get_device_or_404(request: OfficeRequest, pk: UUID) -> AuthenticatorApp | Passkey:
    try:
        return actions.get_device(request.user, pk)
    except KeyError:
        raise Http404 from None


@page(Access.OWN_ACCOUNT, website_users_only=True)
def rename_device(request: OfficeRequest, pk: UUID) -> HttpResponse:
    device = _get_device_or_404(request, pk)
    form = DeviceNameForm(request.POST or None, initial={"name": device.name})
    if form.is_valid():
        actions.rename_device(request.user, pk, name=form.cleaned_data["name"], by=request.actor)
        messages.success(request, _("The name has been saved."))
        return redirect("authentication:device_list")
    context = {
        "form": form,
        "name": device.name,
        "title": _("Rename"),
        "breadcrumb": "authentication/mfa/_breadcrumb.html",
        "deeper": True,
        "cancel_url": reverse("authentication:device_list"),
    }
    return render(request, "rename.html", context)


@page(Access.OWN_ACCOUNT, website_users_only=True, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def remove_device(request: OfficeRequest, pk: UUID) -> HttpResponse:
    device = _get_device_or_404(request, pk)
    error = ""
    if request.method == "POST":
        try:
            user = actions.remove_device(request.user, pk, by=request.actor)
        except LastDeviceRequired as fault:
            error = str(fault)
        else:
            update_session_auth_hash(request, user)  # not this session
            messages.success(request, _("The device has been removed. You have been logged out everywhere else."))
            return redirect("authentication:device_list")
    consequences = [_("You can no longer log in with this device."), _("You will be logged out everywhere else.")]
    if len(actions.list_devices(request.user)) == 1:
        text = _("This is your last device: your recovery codes stop working and you log in with only your password.")
        consequences.append(text)
    list_url = reverse("authentication:device_list")
    confirmation = Confirmation(
        _("Remove %(name)s") % {"name": device.name},
        _("Remove"),
        list_url,
        consequences,
        heading=_("Remove %(name)s?") % {"name": device.name},
        parents=[(_("Profile"), reverse("users:profile")), (_("Two-factor"), list_url)],
        error=error,
    )
    return render_confirmation(request, confirmation)


@page(Access.OWN_ACCOUNT, website_users_only=True, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def generate_recovery_codes(request: OfficeRequest) -> HttpResponse:
    user = request.user
    if user.second_factor_at is None:
        return redirect("authentication:device_list")
    if request.method != "POST":
        left = actions.count_recovery_codes(user)
        return render(request, "authentication/mfa/recovery_codes.html", build_context(request, codes_left=left))
    codes = actions.generate_recovery_codes(user, by=request.actor)
    context = build_context(request, codes=codes, encrypted_codes=recovery_codes.encrypt_for(user, codes))
    return render(request, "authentication/mfa/recovery_codes_created.html", context)


@page(Access.OWN_ACCOUNT, methods=POST, website_users_only=True)
def download_recovery_codes(request: OfficeRequest) -> HttpResponse:
    codes = recovery_codes.decrypt_codes(request.POST.get("codes", ""), request.user)
    if codes is None:
        raise PermissionDenied(_("These are not your recovery codes. Create new ones."))
    heading = _("Recovery codes for %(loket)s, username %(username)s. Each works once.") % {
        "loket": request.user.product_name_in_sentence,
        "username": request.user.username,
    }
    response = HttpResponse("\r\n".join([heading, "", *codes, ""]), content_type="text/plain; charset=utf-8")
    return attach(response, "loket-herstelcodes.txt")
