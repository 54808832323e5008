"""Two-factor policy of the office: the form, and the impact of a change before it is saved."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.models import User
from authentication.mfa import office_policy
from authentication.mfa.forms import MfaPolicyForm
from authentication.mfa.office_policy import MfaPolicy, PolicyImpactChanged, PolicyRefused
from authentication.mfa.status import count_two_factor
from core.access import SAFE, ReauthenticationLevel, page
from core.errors import EditConflict
from permissions.access import OfficeRequest
from permissions.checks import Right


@page(Right.MANAGE_PROVIDER, methods=SAFE)
def mfa_policy(request: OfficeRequest) -> HttpResponse:
    return _render_form(request, MfaPolicyForm(provider=request.user.office))


def _render_form(request: OfficeRequest, form: MfaPolicyForm) -> HttpResponse:
    share = count_two_factor(User.objects.visible_to(request.user))
    return render(request, "authentication/mfa/policy.html", {"form": form, "share": share})


@page(Right.MANAGE_PROVIDER, reauthentication=ReauthenticationLevel.HALF_HOUR)
def mfa_policy_impact(request: OfficeRequest) -> HttpResponse:
    provider = request.user.office
    form = MfaPolicyForm(request.GET, provider=provider)
    if not form.is_valid():
        return _render_form(request, form)
    policy = form.policy.with_start_date(MfaPolicy.from_provider(provider))
    if policy == MfaPolicy.from_provider(provider):
        messages.info(request, _("The office already requires this."))
        return redirect("authentication:mfa_policy")
    error: Exception | None = None
    try:
        if request.method != "POST":
            office_policy.require_policy_allowed(provider, policy, by=request.actor)
        else:
            version, fingerprint = form.cleaned_data["version"], request.POST.get("seen", "")
            office_policy.change_policy(provider, policy, version=version, fingerprint=fingerprint, by=request.actor)
            messages.success(request, _("The office settings have been saved."))
            return redirect("authentication:mfa_policy")
    except EditConflict:
        form.report_conflict(provider)
        return _render_form(request, form)
    except (PolicyImpactChanged, PolicyRefused) as fault:
        error = fault
    page = {"policy": policy, "impact": office_policy.compute_impact(provider, policy), "error": error}
    page["refused"] = isinstance(error, PolicyRefused)
    return render(request, "authentication/mfa/policy_impact.html", page, status=409 if error else 200)
