"""The page that asks about a conflict of duties before a change is made, or says that a rule refuses it."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.actors import ACCEPT_CONFLICTS
from core.access import get_policy
from core.confirmation import Confirmation, render_confirmation
from permissions.duty_guard import DutyConflict, DutyWarning

_SECRETS = ("password",)  # part of the names of fields that no page shows again


def render_conflicts(request: HttpRequest, error: DutyWarning | DutyConflict) -> HttpResponse:
    """Return the page. It posts the form again, as confirmed, unless that has a password, a file or no chance."""
    holds_secret = bool(request.FILES) or any(secret in name for name in request.POST for secret in _SECRETS)
    is_refused = isinstance(error, DutyConflict)
    if is_refused:
        advice = _("Choose less, or ask for an exception under Segregation of duties.")
    elif holds_secret:
        advice = _("Save it without these rights, and grant them afterwards.")
    else:
        advice = ""
    confirmation = Confirmation(
        _("Conflict of duties"),
        _("Continue with this conflict"),
        _get_cancel_url(request),
        error.findings,
        label=_("This change leads to:"),
        note=_("If you continue, the history says that you accepted it."),
        error=" ".join([*error.findings, advice]) if advice else "",
        is_possible=not advice,
    )
    fields = {name: values for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"}
    chosen = {} if advice else fields | {ACCEPT_CONFLICTS: ["1"]}
    return render_confirmation(request, confirmation, chosen=chosen, status=403 if is_refused else 409)


def _get_cancel_url(request: HttpRequest) -> str:
    """Return the page with the form, or the home page if it was on another one."""
    match = request.resolver_match
    methods = get_policy(match.func).methods if match else ()
    return request.path if methods is None or "GET" in methods else reverse("home")
