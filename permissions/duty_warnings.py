"""The page that asks about a conflict of duties before a change is made, or says that a rule refuses it."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.actors import ACCEPT_CONFLICTS
from core.access import get_policy
from core.confirmation import Confirmation, render_confirmation
from permissions.duty_guard import DutyRefusal, DutyWarning

_SECRETS = ("password",)  # part of the names of fields that no page shows again


def render_conflicts(request: HttpRequest, error: DutyWarning | DutyRefusal) -> HttpResponse:
    """Return the page. It posts the form again, as confirmed, unless that has a password, a file or no chance."""
    is_refused = isinstance(error, DutyRefusal)
    holds_secret = bool(request.FILES) or any(secret in name for name in request.POST for secret in _SECRETS)
    advice = "" if is_refused else _("Save it without these rights, and grant them afterwards.") if holds_secret else ""
    confirmation = Confirmation(
        _("Conflict of duties"),
        _("Continue with this conflict"),
        _get_cancel_url(request),
        [finding.text for finding in error.findings],
        label=_("This change leads to:"),
        note=_("If you continue, the history says that you accepted it."),
        error=f"{error} {advice}".strip() if is_refused or advice else "",
        is_possible=not (is_refused or advice),
    )
    fields = {name: values for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"}
    return render_confirmation(
        request,
        confirmation,
        chosen=fields | {ACCEPT_CONFLICTS: ["1"]} if confirmation.is_possible else {},
        template="permissions/duty_warning.html",
        status=403 if is_refused else 409,
        findings=error.findings if is_refused else [],
    )


def _get_cancel_url(request: HttpRequest) -> str:
    """Return the page with the form, or the home page if it was on another one."""
    match = request.resolver_match
    methods = get_policy(match.func).methods if match else ()
    return request.path if methods is None or "GET" in methods else reverse("home")
