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

import notifications.actions
from core.access import POST, SAFE, Access, page
from core.paging import MAX_COUNT, build_counted_pager_context, build_page_range, count_bounded, format_count
from notifications import inbox as questions
from notifications.forms import MarkAllReadForm
from notifications.models import Notification
from permissions.access import OfficeRequest


def get_home_context(request: OfficeRequest) -> dict[str, Any]:
    newest = questions.get_newest_unread(request.user)
    return {
        "notifications": questions.add_first_readers(newest),
        "unread": questions.count_unread(request.user) if newest else 0,
        "many": questions.MAX_UNREAD_COUNT,
        "until": newest[0].pk if newest else None,
    }


@page(Access.OFFICE_USER, methods=SAFE)
def notification_list(request: OfficeRequest) -> HttpResponse:
    only = "1" if request.GET.get("unread") == "1" else ""
    page = questions.get_inbox_page(request.user, cursor=request.GET.get("page", ""), unread=bool(only))
    total = count_bounded(Notification.objects.visible_to(request.user))
    unread = questions.count_unread(request.user, limit=MAX_COUNT + 1) if total else 0
    span = build_page_range(page, total=unread if only else total, at=request.GET.get("at", ""))
    last = questions.get_last_unread(request.user) if unread else None
    context = {
        "notifications": questions.add_first_readers(page.rows),
        "total": format_count(total) if total else "",
        "unread": format_count(unread) if unread else "",
        "only": only,
        "until": last.pk if last else None,
    } | build_counted_pager_context(page, span, {"unread": only})
    return render(request, "notifications/inbox.html", context)


def _redirect_back(request: OfficeRequest) -> HttpResponse:
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = reverse("notifications:notification_list")
    return HttpResponseRedirect(back)


@page(Access.OFFICE_USER, methods=POST)
def mark_read(request: OfficeRequest, pk: UUID) -> HttpResponse:
    notice = get_object_or_404(Notification.objects.visible_to(request.user), pk=pk)
    notifications.actions.mark_notification_read(notice, by=request.actor)
    questions.forget_unread_count(request.user)
    return _redirect_back(request)


@page(Access.OFFICE_USER, methods=POST)
def mark_all_read(request: OfficeRequest) -> HttpResponse:
    form = MarkAllReadForm(request.POST)
    if not form.is_valid():
        raise Http404
    until = form.cleaned_data["until"]
    count = notifications.actions.mark_all_notifications_read(request.user, until=until, by=request.actor)
    questions.forget_unread_count(request.user)
    text = ngettext(
        "%(count)s notification has been marked as read.", "%(count)s notifications have been marked as read.", count
    )
    messages.success(request, text % {"count": count} if count else _("There was nothing to mark as read."))
    return _redirect_back(request)
