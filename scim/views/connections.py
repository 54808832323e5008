"""Pages for the connections of the office with its directories."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urljoin
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import paging
from core.access import POST, SAFE, DuringImpersonation, ReauthenticationLevel, page
from core.confirmation import Confirmation, is_confirmed, render_confirmation
from permissions.access import OfficeRequest
from permissions.checks import Right, require_right
from permissions.shortcuts import render_form, report_refusal, show_errors
from scim import actions, directory_users
from scim.alerts import list_able_owners
from scim.announcements import list_refused, report_steps
from scim.brake import list_held
from scim.forms import ConnectionForm, TokenForm, WaitingUserForm
from scim.journal import find_last_cycle
from scim.models import MAX_TOKENS, ConnectionToken, DirectoryConnection
from scim.plans import build_plan

MAX_HELD_SHOWN = 100


@page(Right.MANAGE_INTEGRATIONS, methods=SAFE)
def connection_list(request: OfficeRequest) -> HttpResponse:
    rows = DirectoryConnection.objects.visible_to(request.user).select_related("owner")
    page = paging.paginate_queryset(rows, cursor=request.GET.get("page", ""), sorts={"name": F("name_key")})
    context = {"rows": page.rows, "able_owners": list_able_owners(request.user.office)}
    return render(request, "scim/connections.html", context | paging.build_pager_context(page))


@page(Right.MANAGE_INTEGRATIONS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def add_connection(request: OfficeRequest) -> HttpResponse:
    form = ConnectionForm(request.POST or None, provider=request.user.office)
    if form.is_valid():
        with show_errors(form):
            connection = actions.create_connection(request.user.office, details=form.to_details(), by=request.actor)
            messages.success(request, _("%(name)s has been added. Now create its token.") % {"name": connection})
            return redirect("scim:connection_detail", connection.pk)
    return render(request, "scim/add_connection.html", {"form": form})


@page(Right.MANAGE_INTEGRATIONS)
def connection_detail(request: OfficeRequest, pk: UUID) -> HttpResponse:
    connection = get_connection(request, pk)
    form = ConnectionForm(request.POST or None, provider=request.user.office, instance=connection)
    if form.is_valid():
        with show_errors(form, saved=connection):
            version = form.cleaned_data["version"]
            actions.update_connection(connection, details=form.to_details(), version=version, by=request.actor)
            messages.success(request, _("%(name)s has been saved.") % {"name": form.cleaned_data["name"]})
            return redirect("scim:connection_detail", pk)
    tokens = list(connection.tokens.order_by("created_at"))
    found, cursor = directory_users.list_waiting_users(connection).order_by(), request.GET.get("page", "")
    waiting = paging.paginate_queryset(found, cursor=cursor, sorts={"name": F("user_name_key")})
    context = {
        "form": form,
        "connection": connection,
        "able_owners": list_able_owners(request.user.office),
        "tokens": tokens,
        "may_add_token": len(tokens) < MAX_TOKENS,
        "waiting": waiting.rows,
        "waiting_count": found.count() if waiting.rows else 0,
        "may_view_users": Right.VIEW_USERS in request.rights,
        "report": report_steps(connection),
        "pending_count": connection.directory_users.filter(pending=True).count(),
        "refused": list_refused(connection) if Right.VIEW_USERS in request.rights else (),
        "address": urljoin(settings.LOKET_URL, f"/scim/v2/{connection.pk}"),
        "cycle": find_last_cycle(connection),
    }
    context |= _describe_held(connection)
    return render(request, "scim/connection.html", context | paging.build_pager_context(waiting))


def _describe_held(connection: DirectoryConnection) -> dict[str, object]:
    """Return what the brake holds: how many, the first of them, and the newest, up to which a decision goes."""
    losses = list_held(connection)
    newest = losses.order_by("-pk").first()
    if newest is None:
        return {"held": ()}
    until = newest.pk
    count = losses.filter(pk__lte=until).count()
    shown = {"held": losses[:MAX_HELD_SHOWN], "held_more": max(0, count - MAX_HELD_SHOWN)}
    return shown | {"held_count": count, "held_until": until}


@page(
    Right.MANAGE_INTEGRATIONS,
    impersonation=DuringImpersonation.FORBIDDEN,
    reauthentication=ReauthenticationLevel.FIVE_MINUTES,
)
def add_token(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Create a token and show it once."""
    connection = get_connection(request, pk)
    form = TokenForm(request.POST or None, connection=connection)
    context: dict[str, object] = {"form": form, "connection": connection}
    if form.is_valid():
        secret = form.cleaned_data["encrypted_secret"]
        try:
            actions.create_token(connection, secret=secret, by=request.actor)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            context["secret"] = secret
            context["address"] = urljoin(settings.LOKET_URL, f"/scim/v2/{connection.pk}")
    return render(request, "scim/token.html", context)


@page(Right.MANAGE_INTEGRATIONS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def remove_token(request: OfficeRequest, pk: UUID, token_id: UUID) -> HttpResponse:
    connection = get_connection(request, pk)
    token = get_object_or_404(ConnectionToken.objects.visible_to(request.user), pk=token_id, connection=connection)
    if request.method == "POST":
        done = _("The token has been removed.")
        return _act(request, connection, partial(actions.remove_token, token, by=request.actor), done)
    consequence = _("A directory that still uses this token is refused immediately.")
    title, heading = _("Remove token"), _("Remove this token of %(name)s?")
    return _ask_confirmation(request, connection, title, heading, _("Remove"), [consequence])


@page(Right.MANAGE_INTEGRATIONS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def go_live(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Show what the shadow would do, and do it once confirmed."""
    connection = get_connection(request, pk)
    if not connection.is_shadow:
        return redirect("scim:connection_detail", pk)
    if is_confirmed(request):
        done = _("%(name)s is live. What still differs is done within a minute or so.")
        live = partial(actions.go_live, connection, shown=request.POST.get("shown", ""), by=request.actor)
        return _act(request, connection, live, done)
    plan = build_plan(connection)
    confirmation = Confirmation(
        _("Go live"),
        _("Go live"),
        reverse("scim:connection_detail", args=[pk]),
        plan.list_consequences(with_names=Right.VIEW_USERS in request.rights),
        heading=_("Go live with %(name)s?") % {"name": connection},
        breadcrumb="scim/_connection_breadcrumb.html",
        note=_("From then on every call of the directory changes users immediately."),
    )
    return render_confirmation(request, confirmation, chosen={"shown": [plan.digest]}, connection=connection)


@page(Right.MANAGE_INTEGRATIONS, methods=POST, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def turn_on(request: OfficeRequest, pk: UUID) -> HttpResponse:
    connection = get_connection(request, pk)
    switch = partial(actions.switch_connection, connection, enabled=True, by=request.actor)
    return _act(request, connection, switch, _("%(name)s has been turned on."))


@page(Right.MANAGE_INTEGRATIONS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def turn_off(request: OfficeRequest, pk: UUID) -> HttpResponse:
    connection = get_connection(request, pk)
    if request.method == "POST":
        done = _("%(name)s has been turned off.")
        switch = partial(actions.switch_connection, connection, enabled=False, by=request.actor)
        return _act(request, connection, switch, done)
    consequences = [
        _("Every call of the directory is refused, until the connection is turned on again."),
        _("Colleagues who leave are not blocked by the directory in the meantime."),
    ]
    title, heading = _("Turn off directory"), _("Turn off %(name)s?")
    return _ask_confirmation(request, connection, title, heading, _("Turn off"), consequences)


@page(Right.MANAGE_INTEGRATIONS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def take_over(request: OfficeRequest, pk: UUID) -> HttpResponse:
    connection = get_connection(request, pk)
    if request.method == "POST":
        is_owner = connection.owner == request.user
        done = _("What was refused is tried again.") if is_owner else _("You are the owner of %(name)s now.")
        take = partial(actions.take_over_connection, connection, by=request.actor)
        return _act(request, connection, take, done)
    consequences = [
        _("The directory acts with your rights: it can do what you may do with users, and nothing else."),
        _("Its tokens keep working."),
    ]
    title, heading = _("Take over directory"), _("Become the owner of %(name)s?")
    return _ask_confirmation(request, connection, title, heading, _("Become the owner"), consequences)


@page(Right.MANAGE_INTEGRATIONS, reauthentication=ReauthenticationLevel.FIVE_MINUTES)
def delete_connection(request: OfficeRequest, pk: UUID) -> HttpResponse:
    connection = get_connection(request, pk)
    if request.method == "POST":
        with report_refusal(request):
            actions.delete_connection(connection, by=request.actor)
            messages.success(request, _("%(name)s has been removed.") % {"name": connection})
        return redirect("scim:connection_list")
    consequences = [
        _("The directory and its tokens lose access immediately."),
        _("Users whom it created stay, and are managed here from now on."),
    ]
    if count := list_held(connection).count():
        text = ngettext(
            "%(count)s change that is held is dropped: these users keep their access and teams.",
            "%(count)s changes that are held are dropped: these users keep their access and teams.",
            count,
        )
        consequences.append(text % {"count": count})
    if count := connection.directory_users.filter(pending=True).count():
        text = ngettext(
            "What still has to be done for %(count)s user is dropped.",
            "What still has to be done for %(count)s users is dropped.",
            count,
        )
        consequences.append(text % {"count": count})
    title, heading = _("Remove directory"), _("Remove %(name)s?")
    return _ask_confirmation(request, connection, title, heading, _("Remove"), consequences)


@page(Right.MANAGE_INTEGRATIONS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def invite_waiting_user(request: OfficeRequest, pk: UUID, row_id: UUID) -> HttpResponse:
    connection = get_connection(request, pk)
    require_right(request.actor, Right.VIEW_USERS)  # it names the user
    row = get_object_or_404(directory_users.list_waiting_users(connection), pk=row_id)
    form = WaitingUserForm(request.POST or None)
    if form.is_valid():
        with show_errors(form), report_refusal(request):
            number = form.cleaned_data["mobile_number"]
            user = directory_users.invite_waiting_user(row, mobile_number=number, by=request.actor)
            messages.success(request, _("%(name)s has been invited.") % {"name": user.full_name})
            return redirect("scim:connection_detail", pk)
    return render_form(request, "scim/invite.html", form, connection=connection, row=row)


def _act(
    request: OfficeRequest, connection: DirectoryConnection, action: Callable[[], object], done: str
) -> HttpResponse:
    with report_refusal(request):
        action()
        messages.success(request, done % {"name": connection})
    return redirect("scim:connection_detail", connection.pk)


def _ask_confirmation(
    request: OfficeRequest,
    connection: DirectoryConnection,
    title: str,
    heading: str,
    button: str,
    consequences: list[str],
) -> HttpResponse:
    confirmation = Confirmation(
        title,
        button,
        reverse("scim:connection_detail", args=[connection.pk]),
        consequences,
        heading=heading % {"name": connection},
        breadcrumb="scim/_connection_breadcrumb.html",
    )
    return render_confirmation(request, confirmation, connection=connection)


def get_connection(request: OfficeRequest, pk: UUID) -> DirectoryConnection:
    rows = DirectoryConnection.objects.visible_to(request.user).select_related("owner__provider", "tenant")
    return get_object_or_404(rows, pk=pk)
