"""Pages of the user's own notifications: the list, and marking them as read."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

import notifications.actions
from audit.actors import on_page
from loket.paging import neighbours
from notifications import inbox as questions
from notifications.forms import AllReadForm
from notifications.models import Notice
from teams.access import OfficeRequest, signed_in


def at_home(request: OfficeRequest) -> dict[str, Any]:
    """Return the template context of the home page. At most five queries."""
    newest = questions.newest_unread(request.user)
    return {
        "signals": questions.with_readers(newest),
        "unread": questions.unread_count(request.user) if newest else 0,
        "many": questions.MANY,
        "until": newest[0].pk if newest else None,
    }


@signed_in
@require_safe
def inbox(request: OfficeRequest) -> HttpResponse:
    """Show the notifications of the user, all or only unread ones, a page at a time."""
    only = "1" if request.GET.get("unread") == "1" else ""
    page = questions.page(request.user, cursor=request.GET.get("page", ""), unread=bool(only))
    unread = questions.unread_count(request.user)
    last = questions.last_unread(request.user) if unread else None
    context = {
        "signals": questions.with_readers(page.rows),
        "unread": unread,
        "many": questions.MANY,
        "only": only,
        "until": last.pk if last else None,
    } | neighbours(page, unread=only)
    return render(request, "notifications/inbox.html", context)


def _back(request: OfficeRequest) -> HttpResponse:
    """Redirect to the page with the button."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = reverse("notifications:inbox")
    return HttpResponseRedirect(back)


@signed_in
@require_POST
def mark_read(request: OfficeRequest, id: UUID) -> HttpResponse:
    notice = get_object_or_404(Notice.objects.visible_to(request.user), pk=id)
    notifications.actions.mark_read(notice, by=on_page(request, request.user))
    return _back(request)


@signed_in
@require_POST
def mark_all_read(request: OfficeRequest) -> HttpResponse:
    """Mark all notifications as read up to the newest one on the page."""
    form = AllReadForm(request.POST)
    if not form.is_valid():
        raise Http404
    by = on_page(request, request.user)
    count = notifications.actions.mark_all_read(request.user, until=form.cleaned_data["until"], by=by)
    text = ngettext(
        "%(count)s notification has been marked as read.", "%(count)s notifications have been marked as read.", count
    )
    messages.success(request, text % {"count": count} if count else _("There was nothing to mark as read."))
    return _back(request)
