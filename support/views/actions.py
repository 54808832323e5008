"""Support actions: each asks for a reason and calls the same action as the office's own page."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

import authentication.mfa.actions
import authentication.microsoft.tenants
import invitations.actions
import oauth.applications
import users.actions
from accounts.models import ExternalTenant, Provider, User
from audit.actors import Actor, build_support_actor
from authentication import sessions
from core.access import Access, ReauthenticationLevel, page
from core.confirmation import Confirmation, render_confirmation
from core.throttle import Throttled
from invitations.actions import InvitationNotOpen
from oauth.models import Application
from permissions.access import OfficeRequest
from permissions.checks import LastAdministrator, SupportAction
from support.forms import SupportActionForm
from support.impact import describe_application_impact, describe_office_impact
from users import suspension

ActionTarget = User | ExternalTenant | Provider | Application


@page(Access.SUPPORT, reauthentication=ReauthenticationLevel.FIVE_MINUTES, with_factor=True)
def run_action(request: OfficeRequest, what: str, pk: UUID) -> HttpResponse:
    if what not in _ACTIONS:
        raise Http404
    support_action = SupportAction(what)
    row = _get_target(support_action, pk)
    form = SupportActionForm(request.POST or None, support_action=support_action, row=row)
    back = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    if form.is_valid():
        by = build_support_actor(request, request.user, form.cleaned_data["reason"])
        try:
            done = _ACTIONS[support_action](row, by, form.cleaned_data) is not False
        except (LastAdministrator, ValidationError, Throttled) as error:
            form.add_error(None, error if isinstance(error, ValidationError) else str(error))
        except InvitationNotOpen:
            form.add_error(None, _("This is no longer possible: the invitation is no longer open."))
        else:
            _add_result_message(request, support_action, row, done=done)
            return redirect(back)
    return render_confirmation(request, _build_confirmation(support_action, row, back), form=form)


def _build_confirmation(support_action: SupportAction, row: ActionTarget, cancel_url: str) -> Confirmation:
    values, introduction, impact = {"row": row, "office": _get_office(row)}, [], []
    if values["office"] not in (None, row):
        introduction.append(_("You are doing this for %(row)s at %(office)s.") % values)
    if isinstance(row, Provider):
        introduction.append(str(_OFFICE_ACTIONS[support_action]))
        impact = describe_office_impact(row)
    elif isinstance(row, Application):
        introduction.append(str(_APPLICATION_ACTIONS[support_action]))
        impact = describe_application_impact(row)
    warning = _(
        "Your name and reason are recorded in the history of %(office)s, where its administrators can read them."
    )
    return Confirmation(
        f"{support_action.label}: {row}",
        str(support_action.label),
        cancel_url,
        impact,
        label=_("Impact"),
        parents=[(_("Support"), reverse("admin:index"))],
        introduction=introduction,
        warning=warning % values if values["office"] else "",
    )


def _get_target(support_action: SupportAction, pk: UUID) -> ActionTarget:
    if support_action in _OFFICE_ACTIONS:
        return get_object_or_404(Provider, pk=pk)
    if support_action in _APPLICATION_ACTIONS:
        program: Application = get_object_or_404(Application.objects.registered().select_related("provider"), pk=pk)
        return program
    if support_action == SupportAction.CONFIRM_TENANT:
        return get_object_or_404(ExternalTenant.objects.select_related("provider"), pk=pk)
    people = User.objects.filter(is_support=False).select_related("provider")
    return get_object_or_404(people, pk=pk)


def _get_office(row: ActionTarget) -> Provider | None:
    return row if isinstance(row, Provider) else row.provider


def _add_result_message(
    request: OfficeRequest, support_action: SupportAction, row: ActionTarget, *, done: bool
) -> None:
    values = {"help": support_action.label, "name": row, "office": _get_office(row)}
    if done and not values["office"]:
        messages.success(request, _("%(help)s: done for %(name)s.") % values)
    elif done:
        messages.success(
            request, _("%(help)s: done for %(name)s. This is recorded in the history of %(office)s.") % values
        )
    else:
        messages.info(request, _("%(help)s: no change for %(name)s; this was already the case.") % values)


def _set_application_enabled(application: Application, by: Actor, *, enabled: bool) -> bool:
    if application.is_usable() == enabled:
        return False
    oauth.applications.set_application_enabled(application, enabled=enabled, by=by)
    return True


_OFFICE_ACTIONS = {
    SupportAction.SUSPEND_OFFICE: gettext_lazy(
        "No user of the office can log in; sessions and tokens end; invitations, e-mails and notifications are paused."
        " No data is deleted. The office administrators receive an e-mail with your reason."
    ),
    SupportAction.REACTIVATE_OFFICE: gettext_lazy(
        "All users can log in as before; invitations, e-mails and notifications resume unless they have expired. The"
        " office administrators receive an e-mail with your reason."
    ),
}
_APPLICATION_ACTIONS = {
    SupportAction.DISABLE_INTEGRATION: gettext_lazy("The integration has no access until it is turned on again."),
    SupportAction.ENABLE_INTEGRATION: gettext_lazy(
        "The integration regains access for the users who allowed it and have not revoked their consent."
    ),
}
# Each returns False if nothing had to change.
_ACTIONS: dict[SupportAction, Callable[[Any, Actor, dict[str, Any]], object]] = {
    SupportAction.RESET_MFA: lambda row, by, _data: authentication.mfa.actions.reset_mfa(row, reason=by.reason, by=by),
    SupportAction.END_SESSIONS: lambda row, by, _data: sessions.end_all_sessions(row, by=by),
    SupportAction.BLOCK: lambda row, by, _data: users.actions.block_user(row, by=by),
    SupportAction.UNBLOCK: lambda row, by, _data: users.actions.unblock_user(row, by=by),
    SupportAction.RESEND_INVITATION: lambda row, by, data: invitations.actions.resend_invitation(
        row, mobile_number=data["mobile_number"], email=row.email, by=by
    ),
    SupportAction.REVOKE_INVITATION: lambda row, by, _data: invitations.actions.revoke_invitation(row, by=by),
    SupportAction.CONFIRM_TENANT: lambda row, by, _data: authentication.microsoft.tenants.confirm_tenant(
        row, by=by, how=ExternalTenant.ConfirmationMethod.SUPPORT
    ),
    SupportAction.DISABLE_INTEGRATION: lambda row, by, _data: _set_application_enabled(row, by, enabled=False),
    SupportAction.ENABLE_INTEGRATION: lambda row, by, _data: _set_application_enabled(row, by, enabled=True),
    SupportAction.SUSPEND_OFFICE: lambda row, by, _data: suspension.suspend_office(row, by=by),
    SupportAction.REACTIVATE_OFFICE: lambda row, by, _data: suspension.reactivate_office(row, by=by),
}
