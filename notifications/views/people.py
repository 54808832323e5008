"""Pages of a user's notification preferences, and of the user's own."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import notifications.actions
import notifications.sets
from accounts.actions import Stale
from audit.actors import on_page
from notifications import wishes
from notifications.forms import ApplySignalSetForm, ChooseSignalSetForm, OwnMailForm, OwnSignalsForm
from notifications.models import SignalSet
from teams import rights
from teams.access import OfficeRequest, requires, signed_in
from teams.rights import Right
from teams.views.people import colleague


@requires(Right.VIEW_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def user_signals(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show the preferences of a user; users with manage_signals can change them."""
    person = colleague(request, id)
    by = on_page(request, request.user)
    own, office = wishes.own_wishes(person), wishes.office_wishes(person.provider)
    form = OwnSignalsForm(request.POST or None, now=own, office=office)
    if request.method == "POST":
        rights.require(by, Right.MANAGE_SIGNALS)
        if form.is_valid():
            try:
                notifications.actions.set_own(person, form.wanted(), seen=form.cleaned_data["seen"], by=by)
            except Stale:
                form.again()
            else:
                messages.success(
                    request, _("The notifications of %(name)s have been saved.") % {"name": person.full_name}
                )
                return redirect("notifications:user", person.pk)
    now = wishes.over(own, office)
    may_change = Right.MANAGE_SIGNALS in request.rights
    context = {
        "person": person,
        "form": form,
        "may_change": may_change,
        "deviates": bool(own),
        "rows": [(type_, wishes.words(type_, wish), type_ in own) for type_, wish in now.items()],
        "sets": SignalSet.objects.visible_to(request.user).order_by("name", "pk") if may_change else [],
        "reaches": rights.reach(person).exists(),
    }
    return render(request, "notifications/user_preferences.html", context)


@requires(Right.MANAGE_SIGNALS)
@require_POST
def follow_office(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Remove all overrides of a user."""
    person = colleague(request, id)
    notifications.actions.follow_office(person, by=on_page(request, request.user))
    messages.success(request, _("%(name)s now follows the office notifications.") % {"name": person.full_name})
    return redirect("notifications:user", person.pk)


@requires(Right.MANAGE_SIGNALS)
@require_safe
def user_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show what applying a set would change for a user."""
    person = colleague(request, id)
    form = ChooseSignalSetForm(request.GET if "signal_set" in request.GET else None, user=request.user)
    context: dict[str, object] = {"person": person, "form": form}
    if form.is_valid():
        chosen = form.cleaned_data["signal_set"]
        context |= {
            "set": chosen,
            "seen": wishes.stamp(wishes.wishes_of(person)),
            "differences": [
                (one.type, wishes.words(one.type, one.now), wishes.words(one.type, one.wanted))
                for one in notifications.sets.difference(chosen, person)
            ],
        }
    return render(request, "notifications/apply_set_to_user.html", context)


@requires(Right.MANAGE_SIGNALS)
@require_POST
def apply_set(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Apply a set to a user, unless the set or the preferences changed since the page was shown."""
    person = colleague(request, id)
    form = ApplySignalSetForm(request.POST, user=request.user)
    if not form.is_valid():
        raise Http404
    chosen = form.cleaned_data["signal_set"]
    try:
        if not form.matches(wishes.wishes_of(person)):
            raise Stale
        notifications.sets.apply(chosen, person, by=on_page(request, request.user))
    except Stale:
        messages.error(
            request, _("Something changed in the meantime, so nothing was done. Review the differences again.")
        )
    else:
        values = {"set": chosen.name, "name": person.full_name}
        messages.success(request, _("The set %(set)s has been applied to %(name)s.") % values)
    return redirect("notifications:user", person.pk)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def own_signals(request: OfficeRequest) -> HttpResponse:
    """Show the user's own preferences, and choose which types are e-mailed."""
    now = wishes.wishes_of(request.user)
    form = OwnMailForm(request.POST if request.method == "POST" else None, now=now)
    if request.method == "POST" and form.is_valid():
        notifications.actions.set_own_mail(request.user, form.wanted(), by=on_page(request, request.user))
        messages.success(request, _("Your preferences have been saved."))
        return redirect("notifications:own")
    return render(
        request, "notifications/own_preferences.html", {"form": form, "off": [t for t in now if not now[t].is_on]}
    )
