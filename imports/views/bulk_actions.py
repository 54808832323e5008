"""Pages for bulk actions: choose the action, and enter mobile numbers for sending invitations again."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from core.access import ReauthenticationLevel, page
from core.ids import parse_uuid
from core.paging import PAGE_SIZE, build_query_string
from core.throttle import Throttled
from imports import actions
from imports.bulk_actions import BulkAction, BulkActionRequest, get_resend_refusal
from imports.forms import BulkActionForm, MobileNumbersForm
from imports.views import jobs
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import mark_as_throttled
from users.filters import MAX_SELECTED, filter_users
from users.forms.users import UserFilterForm

_FETCH_SIZE = 200  # fetched at a time


def _get_selected_users(request: OfficeRequest) -> QuerySet[User]:
    """Return the selected users: those ticked, or with `all` every user that matches the filters."""
    users: QuerySet[User] = User.objects.visible_to(request.user)
    if "all" in request.GET:
        filters = UserFilterForm(request.GET, user=request.user).values()
        del filters["sort"]
        users = filter_users(users, **filters)  # type: ignore[arg-type]
    else:
        ids = [id_ for text in request.GET.getlist("users") if (id_ := parse_uuid(text)) is not None]
        users = users.filter(pk__in=ids)
    return users.order_by("sort_name", "pk")


def _redirect_without_selection(request: OfficeRequest) -> HttpResponse:
    messages.warning(request, _("No users selected. Select users in the list first."))
    return redirect("users:user_list")


def _redirect_with_too_many(request: OfficeRequest) -> HttpResponse:
    text = _("Select at most %(count)s users at once. Use a search or filters.")
    messages.warning(request, text % {"count": number_format(MAX_SELECTED, force_grouping=True)})
    return redirect(reverse("users:user_list") + _build_filter_query(request))


def _build_filter_query(request: OfficeRequest) -> str:
    return build_query_string(**UserFilterForm(request.GET, user=request.user).values())


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def choose_bulk_action(request: OfficeRequest) -> HttpResponse:
    """Choose the bulk action for the selected users, and plan it; nothing is changed yet."""
    users = _get_selected_users(request)
    total = users[: MAX_SELECTED + 1].count()
    if not total:
        return _redirect_without_selection(request)
    if total > MAX_SELECTED:
        return _redirect_with_too_many(request)
    initial = {"act": request.GET.get("act", "")}
    form = BulkActionForm(request.POST or None, user=request.user, rights=request.rights, initial=initial)

    def render_form() -> HttpResponse:
        context = {
            "form": form,
            "total": total,
            "filters": _build_filter_query(request) if "all" in request.GET else "",
            "users": list(users[: PAGE_SIZE + 1])[:PAGE_SIZE],
            "recent_jobs": jobs.list_recent_jobs(request, about_teams=False),
        }
        return render(request, "imports/bulk_action.html", context)

    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["act"] == BulkAction.RESEND:
            return redirect(f"{reverse('imports:bulk_action_numbers')}?{request.GET.urlencode()}")
        bulk_action = form.build_request([str(pk) for pk in users.values_list("pk", flat=True)])
        return _create_and_redirect(request, form, bulk_action, render_form)
    return render_form()


@page(Right.MANAGE_USERS, reauthentication=ReauthenticationLevel.HALF_HOUR)
def enter_mobile_numbers(request: OfficeRequest) -> HttpResponse:
    """Enter the mobile numbers of users who can be invited again, at most one page full, and plan that."""
    users = _get_selected_users(request).select_related("invitation", "provider")
    pending = (user for user in users.filter(accepted_at=None).iterator(_FETCH_SIZE) if not get_resend_refusal(user))
    total, invitable = users.count(), list(islice(pending, PAGE_SIZE))
    if not total:
        return _redirect_without_selection(request)
    if total > MAX_SELECTED:
        return _redirect_with_too_many(request)
    form = MobileNumbersForm(request.POST or None, users=invitable)
    context: dict[str, Any] = {
        "form": form,
        "total": total,
        "invitable": len(invitable),
        "more": next(pending, None) is not None,
    }

    def render_form() -> HttpResponse:
        return render(request, "imports/mobile_numbers.html", context)

    if request.method == "POST" and invitable and form.is_valid():
        ids = [str(pk) for pk in users.values_list("pk", flat=True)]
        bulk_action = BulkActionRequest(BulkAction.RESEND, ids, numbers=form.mobile_numbers)
        return _create_and_redirect(request, form, bulk_action, render_form)
    return render_form()


def _create_and_redirect(
    request: OfficeRequest, form: Form, bulk_action: BulkActionRequest, render_form: Callable[[], HttpResponse]
) -> HttpResponse:
    """Plan `bulk_action` and redirect to its plan, or render the form again when throttled."""
    count = len(bulk_action.ids)
    users = ngettext("%(count)d user", "%(count)d users", count) % {"count": count}
    name = f"{BulkAction(bulk_action.act).label}: {users}"
    try:
        job = actions.create_bulk_action(request.user, bulk_action, name=name, by=request.actor)
    except Throttled as error:
        form.add_error(None, str(error))
        return mark_as_throttled(render_form(), error)
    return redirect("imports:plan", job.pk)
