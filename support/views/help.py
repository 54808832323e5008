"""Support actions: each asks for a reason and calls the same action as the office's own page."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

import accounts.actions
import accounts.tenants
import invitations.actions
import signin.factors.actions
import webservice.clients
from accounts import closing
from accounts.models import ExternalTenant, Provider, User
from audit.actors import Actor, helping
from invitations.actions import NotOpen
from signin import sessions
from signin.throttle import Throttled
from support.forms import HelpForm
from support.recent import confirmed
from support.touched import by_office, by_program
from teams.access import OfficeRequest, for_support
from teams.rights import Help, LastAdministrator
from webservice.models import Application

Row = User | ExternalTenant | Provider | Application


@for_support
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@confirmed
def help_office(request: OfficeRequest, what: str, id: UUID) -> HttpResponse:
    """Ask for a reason and run the support action `what` on the object `id`."""
    if what not in _ACTIONS:
        raise Http404
    help = Help(what)
    row = _row(help, id)
    form, back = HelpForm(request.POST or None, help=help, row=row), _page_of(row)
    if form.is_valid():
        by = helping(request, request.user, form.cleaned_data["reason"])
        try:
            done = _ACTIONS[help](row, by, form.cleaned_data)
        except (LastAdministrator, ValidationError, Throttled) as error:
            form.add_error(None, error if isinstance(error, ValidationError) else str(error))
        except NotOpen:
            form.add_error(None, _("This is no longer possible: the invitation is no longer open."))
        else:
            _tell(request, help, row, done=done)
            return redirect(back)
    context = {"form": form, "help": help, "row": row, "office": _office_of(row), "back": back}
    if isinstance(row, Provider):
        context |= {"touched": by_office(row), "what": _OF_OFFICES[help]}
    elif isinstance(row, Application):
        context |= {"touched": by_program(row), "what": _OF_PROGRAMS[help]}
    return render(request, "support/confirm_action.html", context)


def _row(help: Help, id: UUID) -> Row:
    if help in _OF_OFFICES:
        return get_object_or_404(Provider, pk=id)
    if help in _OF_PROGRAMS:
        program: Application = get_object_or_404(Application.objects.registered().select_related("provider"), pk=id)
        return program
    if help == Help.CONFIRM_TENANT:
        return get_object_or_404(ExternalTenant.objects.select_related("provider"), pk=id)
    people = User.objects.filter(is_support=False).select_related("provider")
    return get_object_or_404(people, pk=id)


def _office_of(row: Row) -> Provider | None:
    return row if isinstance(row, Provider) else row.provider


def _page_of(row: Row) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def _tell(request: OfficeRequest, help: Help, row: Row, *, done: bool) -> None:
    values = {"help": help.label, "name": row, "office": _office_of(row)}
    if done and not values["office"]:
        messages.success(request, _("%(help)s: done for %(name)s.") % values)
    elif done:
        messages.success(
            request, _("%(help)s: done for %(name)s. This is recorded in the history of %(office)s.") % values
        )
    else:
        messages.info(request, _("%(help)s: no change for %(name)s; this was already the case.") % values)


def _end_sessions(person: User, by: Actor) -> bool:
    sessions.end_all(person, by=by)
    return True


def _resend(person: User, by: Actor, number: str) -> bool:
    invitations.actions.resend(person, mobile_number=number, email=person.email, by=by)
    return True


def _switch(application: Application, by: Actor, *, on: bool) -> bool:
    if application.is_usable() == on:
        return False
    webservice.clients.switch(application, on=on, by=by)
    return True


def _revoke(person: User, by: Actor) -> bool:
    invitations.actions.revoke(person, by=by)
    return True


_OF_OFFICES = {
    Help.CLOSE_OFFICE: gettext_lazy(
        "No users of the office can log in; sessions and tokens end; invitations, e-mails and notifications are"
        " paused. No data is deleted. The office administrators receive an e-mail with your reason."
    ),
    Help.REOPEN_OFFICE: gettext_lazy(
        "All users can log in as before; invitations, e-mails and notifications resume unless they have expired. The"
        " office administrators receive an e-mail with your reason."
    ),
}
_OF_PROGRAMS = {
    Help.SWITCH_OFF: gettext_lazy("The integration has no access until it is turned on again."),
    Help.SWITCH_ON: gettext_lazy("The integration has access again for users who allowed it and did not revoke that."),
}
_ACTIONS: dict[Help, Callable[[Any, Actor, dict[str, Any]], bool]] = {
    Help.RESET_FACTORS: lambda row, by, _data: signin.factors.actions.reset(row, reason=by.reason, by=by),
    Help.END_SESSIONS: lambda row, by, _data: _end_sessions(row, by),
    Help.BLOCK: lambda row, by, _data: accounts.actions.block(row, by=by),
    Help.UNBLOCK: lambda row, by, _data: accounts.actions.unblock(row, by=by),
    Help.RESEND: lambda row, by, data: _resend(row, by, data["mobile_number"]),
    Help.REVOKE: lambda row, by, _data: _revoke(row, by),
    Help.CONFIRM_TENANT: lambda row, by, _data: accounts.tenants.prove(row, by=by, how=ExternalTenant.Proof.SUPPORT),
    Help.SWITCH_OFF: lambda row, by, _data: _switch(row, by, on=False),
    Help.SWITCH_ON: lambda row, by, _data: _switch(row, by, on=True),
    Help.CLOSE_OFFICE: lambda row, by, _data: closing.close(row, by=by),
    Help.REOPEN_OFFICE: lambda row, by, _data: closing.reopen(row, by=by),
}
