"""Two-factor policy of the office: the form, and the impact of a change before it is saved."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actions import Stale
from accounts.models import User
from accounts.status import two_factor_share
from audit.actors import Proof, on_page
from signin.factors import policies
from signin.factors.forms import PolicyForm
from signin.factors.policies import Changed, Policy, Refused
from signin.reauthentication import reauthenticated
from teams.access import OfficeRequest, requires
from teams.rights import Right


@requires(Right.MANAGE_PROVIDER)
@require_safe
def two_factor(request: OfficeRequest) -> HttpResponse:
    """Show the policy form, which leads to the page with the impact."""
    return _form_page(request, PolicyForm(provider=request.user.provider))


def _form_page(request: OfficeRequest, form: PolicyForm) -> HttpResponse:
    share = two_factor_share(User.objects.visible_to(request.user))
    return render(request, "authentication/mfa/policy.html", {"form": form, "share": share})


@requires(Right.MANAGE_PROVIDER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@reauthenticated(Proof.HALF_HOUR)
def effect(request: OfficeRequest) -> HttpResponse:
    """Show the impact of the policy in the query string; on POST save it."""
    provider, by = request.user.provider, on_page(request, request.user)
    form = PolicyForm(request.GET, provider=provider)
    if not form.is_valid():
        return _form_page(request, form)
    policy = form.policy.begun(Policy.of(provider))
    if policy == Policy.of(provider):
        messages.info(request, _("The office already requires this."))
        return redirect("signin:policies")
    error: Exception | None = None
    try:
        if request.method != "POST":
            policies.require_allowed(provider, policy, by=by)
        else:
            version, seen = form.cleaned_data["version"], request.POST.get("seen", "")
            policies.change(provider, policy, version=version, seen=seen, by=by)
            messages.success(request, _("The office settings have been saved."))
            return redirect("signin:policies")
    except Stale:
        form.now_based_on(provider)
        return _form_page(request, form)
    except (Changed, Refused) as fault:
        error = fault
    page = {"policy": policy, "effect": policies.effect(provider, policy), "error": error}
    page["refused"] = isinstance(error, Refused)
    return render(request, "authentication/mfa/policy_impact.html", page, status=409 if error else 200)
