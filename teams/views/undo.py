"""The page that undoes a change, and the message that leads to it."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from accounts.models import User
from audit.models import Event, Verb
from core.access import Access, page
from core.confirmation import Confirmation, render_confirmation
from core.errors import EditConflict
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import LastAdministrator, Right
from permissions.models import Team
from teams import undo


def add_undo_message(request: OfficeRequest, text: str) -> None:
    """Report success, with a link to undo what this request changed if that was one thing."""
    since = timezone.now() - timedelta(minutes=5)
    events = Event.objects.filter(provider_id=request.user.provider_id, actor_id=request.user.pk, at__gte=since)
    events = events.filter(correlation_id=request.correlation_id, verb__in=list(undo.NEEDED_RIGHTS))
    ids = list(events.values_list("pk", flat=True)[:2])
    if len(ids) == 1:
        url = reverse("teams:undo_change", args=ids)
        text = format_html('{} <a href="{}">{}</a>', text, url, _("Undo"))
    messages.success(request, text)


def _get_target_url(event: Event) -> str:
    name = {
        Verb.TEAM_CHANGED: "teams:team_detail",
        Verb.RIGHTS_CHANGED: "teams:user_rights",
        Verb.SET_CHANGED: "teams:edit_set",
    }[Verb(event.verb)]
    return reverse(name, args=[event.target_id])


@page(Access.OFFICE_USER)
def undo_change(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Say what undoing a change does, and do it."""
    event = undo.find_undoable_event(request.user.provider_id, pk)
    if event is None:
        raise Http404
    checks.require_right(request.actor, undo.NEEDED_RIGHTS[Verb(event.verb)])
    if event.verb == Verb.RIGHTS_CHANGED:
        checks.require_right(request.actor, Right.VIEW_USERS)  # it names the user
    error, steps = "", list[str]()
    try:
        if request.method == "POST":
            target = undo.undo_change(event, by=request.actor)
            name = target.full_name if isinstance(target, User) else target.name
            messages.success(request, _("The change of %(name)s has been undone.") % {"name": name})
            return redirect(_get_target_url(event))
        steps = undo.build_reversal(event, request.actor).list_steps()
    except EditConflict:
        error = _("It has been changed since. View it first, and change it by hand.")
    except ValidationError as refusal:
        error = " ".join(refusal.messages)
    except (undo.UndoRefused, LastAdministrator) as refusal:
        error = str(refusal)
    return render_confirmation(request, _build_confirmation(event, steps, error))


def _build_confirmation(event: Event, steps: list[str], error: str) -> Confirmation:
    url = _get_target_url(event)
    parents = [(_("Teams"), reverse("teams:team_list"))] if event.target_kind == Team._meta.model_name else []
    return Confirmation(
        _("Undo the change of %(name)s") % {"name": event.target_name},
        _("Undo"),
        url,
        steps,
        heading=_("Undo the change of %(name)s?") % {"name": event.target_name},
        parents=[*parents, (event.target_name, url)],
        error=error,
        is_harmless=True,
        is_possible=not error,
    )
