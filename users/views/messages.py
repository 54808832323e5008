"""Pages of the messages that were sent: of the office, and of one user."""

from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _

from core.access import SAFE, page
from core.filter_pills import build_pills
from core.paging import build_counted_pager_context, build_page_range, count_bounded, paginate_newest_first
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import get_colleague_or_404, render_list
from users.forms.messages import MessageFilterForm
from users.messages import build_message_rows, fetch_messages, find_messages

_PILLS = {
    "kind": (_("Type"), ["kind"]),
    "state": (_("State"), ["state"]),
    "period": (_("Period"), ["since", "until"]),
}


@page(Right.MANAGE_USERS, methods=SAFE)
def message_list(request: OfficeRequest) -> HttpResponse:
    return _render_messages(request, "users/messages.html")


@page(Right.MANAGE_USERS, methods=SAFE)
def user_message_list(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    return _render_messages(request, "users/user_messages.html", user.pk, colleague=user)


def _render_messages(
    request: OfficeRequest, template: str, subject: UUID | None = None, **context: Any
) -> HttpResponse:
    form = MessageFilterForm(request.GET or None)
    values = form.values()
    query = {name: str(value) for name, value in values.items()}
    found = find_messages(request.user, subject=subject, **values)
    page = paginate_newest_first(partial(fetch_messages, found), cursor=request.GET.get("page", ""))
    span = build_page_range(page, total=count_bounded(found, page), at=request.GET.get("at", ""))
    context |= {"form": form, "rows": build_message_rows(page.rows, request.user, request.actor)}
    context |= {"pills": build_pills(form, values, _PILLS), "filtered": any(query.values())}
    context |= build_counted_pager_context(page, span, query) | {"results": "users/_messages.html"}
    return render_list(request, template, context, query, parts="users/_message_list_parts.html")
