"""Release or reject what the brake holds of a directory, and what it called."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import paging
from core.access import POST, SAFE, ReauthenticationLevel, page
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import report_refusal
from scim import held, journal
from scim.brake import list_held
from scim.forms import HeldForm
from scim.models import DirectoryUser
from scim.views.connections import get_connection


@page(Right.MANAGE_INTEGRATIONS, methods=POST, reauthentication=ReauthenticationLevel.HALF_HOUR)
def release_held(request: OfficeRequest, pk: UUID) -> HttpResponse:
    return _decide(
        request,
        pk,
        held.release_held,
        lambda count: ngettext("%(count)s change has been released.", "%(count)s changes have been released.", count),
    )


@page(Right.MANAGE_INTEGRATIONS, methods=POST, reauthentication=ReauthenticationLevel.HALF_HOUR)
def reject_held(request: OfficeRequest, pk: UUID) -> HttpResponse:
    return _decide(
        request,
        pk,
        held.reject_held,
        lambda count: ngettext("%(count)s change has been rejected.", "%(count)s changes have been rejected.", count),
    )


def _decide(request: OfficeRequest, pk: UUID, decide: Callable[..., int], done: Callable[[int], str]) -> HttpResponse:
    connection = get_connection(request, pk)
    form = HeldForm(request.POST)
    if form.is_valid():
        with report_refusal(request):
            count = decide(connection, newest=form.cleaned_data["until"], by=request.actor)
            messages.success(request, done(count) % {"count": count})
            if list_held(connection).filter(pk__lte=form.cleaned_data["until"]).exists():
                text = _(
                    "What the owner of the connection may not do is still held. Give them the rights, or reject it."
                )
                messages.warning(request, text)
    return redirect("scim:connection_detail", pk)


@page(Right.MANAGE_INTEGRATIONS, methods=SAFE)
def call_list(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """List the changes and refusals of the last 30 days, newest first."""
    connection = get_connection(request, pk)
    calls = connection.calls.filter(status__gte=400) if "refused" in request.GET else connection.calls.all()
    found = paging.paginate_queryset(
        calls, cursor=request.GET.get("page", ""), sort="-at", sorts={"at": F("at")}, datetime_sorts=["at"]
    )
    ids = [call.resource_id for call in found.rows if call.resource_id]
    named = DirectoryUser.objects.visible_to(request.user).filter(pk__in=ids).select_related("user")
    users = named.in_bulk() if Right.VIEW_USERS in request.rights else {}
    rows = [
        (call, users.get(call.resource_id), journal.describe_refusal(call) if call.is_refused else "")
        for call in found.rows
    ]
    query = {"refused": "1"} if "refused" in request.GET else {}
    context = {"connection": connection, "rows": rows} | paging.build_pager_context(found, **query)
    return render(request, "scim/calls.html", context)
