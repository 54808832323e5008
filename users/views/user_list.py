"""The list of users: search, filters, views and columns, and what each row leads to."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.search import sort_users_by_match
from core.access import POST, SAFE, DuringImpersonation, page
from core.export_files import FileFormat, send_export
from core.filter_pills import build_pills
from core.paging import (
    KeysetPage,
    build_counted_pager_context,
    build_page_range,
    build_query_string,
    count_bounded,
    format_count,
    paginate_queryset,
)
from core.replica import allow_replica
from invitations.sender_authority import find_users_without_sender_authority
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.shortcuts import render_list
from users import exports, list_preferences, user_list
from users.filters import DATETIME_SORTS, MAX_SELECTED, SORT_EXPRESSIONS, UserFilters, filter_users
from users.forms.list_preferences import ColumnsForm, ViewForm
from users.forms.users import UserFilterForm
from users.row_actions import list_row_actions
from users.status import AccountStatus, UserWithStatuses, annotate_statuses


@page(Right.VIEW_USERS, methods=SAFE)
@allow_replica
def list_users(request: OfficeRequest) -> HttpResponse:
    """Render the list, or for htmx the parts of it that a search or filter changes."""
    form = UserFilterForm(request.GET, user=request.user)
    filters = form.values()
    sort = str(filters.pop("sort"))
    users = User.objects.visible_to(request.user)
    found = filter_users(users, **filters)  # type: ignore[arg-type]
    page = paginate_queryset(
        found,
        sort=sort or "name",
        sorts={**SORT_EXPRESSIONS, **sort_users_by_match(str(filters["q"]))},
        datetime_sorts=DATETIME_SORTS,
        cursor=request.GET.get("page", ""),
    )
    _mark_refused(page)
    total = count_bounded(users)
    found_count = count_bounded(found, page) if any(filters.values()) else total
    span = build_page_range(page, total=found_count, at=request.GET.get("at", ""))
    context = {
        **_build_toolbar_context(request, form, filters, total),
        **_build_table_context(request, page, filters, sort),
        **build_counted_pager_context(page, span, {**filters, "sort": sort}),
        "selection": _flatten(filters) if len(page.rows) < span.total <= MAX_SELECTED else None,
        "max_selected": MAX_SELECTED,
    }
    if not page.rows:
        context["suggestion"], context["suggestions"] = user_list.suggest_users(users, str(filters["q"]))
    query = {**filters, "sort": sort}
    return render_list(request, "users/list.html", context, query, parts="users/_list_parts.html")


def _build_toolbar_context(
    request: OfficeRequest, form: UserFilterForm, filters: UserFilters, total: int
) -> dict[str, Any]:
    form.offer_teams()
    users = User.objects.visible_to(request.user)
    counts, pills = user_list.count_views(users, total), build_pills(form, filters, user_list.PILLS)
    if not request.htmx and "pending" in counts:
        form.add_counts(user_list.get_choice_counts(request.user.office.pk, users, counts))
    may_begin = {Right.MANAGE_USERS, Right.MANAGE_TEAMS} <= request.rights
    return {
        "form": form,
        "filtered": any(filters.values()),
        "office_count": format_count(total),
        "alone": may_begin and total == 1 and not any(filters.values()),
        "may_manage": Right.MANAGE_USERS in request.rights,
        "views": user_list.build_views(counts, filters),
        "pills": pills,
        "single_filters": ("access_until", "last_login", "attention"),
        "teams_query": build_query_string(**filters, teams="1"),
        "export_query": build_query_string(**filters),
        "columns": list_preferences.ListColumn,
    }


def _build_table_context(
    request: OfficeRequest, page: KeysetPage[UserWithStatuses], filters: UserFilters, sort: str
) -> dict[str, Any]:
    best_first = bool(filters["q"]) and not sort
    preference = list_preferences.get_list_preference(request.user)
    rows = user_list.build_rows(page.rows, str(filters["q"]), may_manage=Right.MANAGE_USERS in request.rights)
    return {
        "rows": rows,
        "cells": [(row, row.render_cells(preference.columns)) for row in rows],
        "best_first": best_first,
        "headers": user_list.build_headers(preference.columns, filters, "" if best_first else sort or "name"),
        "preference": preference,
    }


def _mark_refused(page: KeysetPage[UserWithStatuses]) -> None:
    refused = find_users_without_sender_authority(page.rows)
    for user in page.rows:
        if user.pk in refused:
            user.status = AccountStatus.REFUSED


def _flatten(filters: UserFilters) -> list[tuple[str, str]]:
    """Return the filters as names and values of hidden fields."""
    return [
        (name, value)
        for name, values in filters.items()
        for value in ([values] if isinstance(values, str) else values)
        if value
    ]


@page(Right.VIEW_USERS, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def export_users(request: OfficeRequest, form: FileFormat) -> FileResponse:
    """Send the users that match the filters as a file; an event is recorded, even for HEAD requests."""
    filters = UserFilterForm(request.GET, user=request.user).values()
    del filters["sort"]
    users = filter_users(User.objects.visible_to(request.user), **filters)  # type: ignore[arg-type]
    file = exports.export_users(request.user.office, users, form=form, filters=filters, by=request.actor)
    return send_export(file, "gebruikers", form)


@page(Right.VIEW_USERS, methods=SAFE)
def row_actions(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Render what can be done with one user: as the menu of a row for the script of the list, else as a page."""
    user = get_object_or_404(annotate_statuses(User.objects.visible_to(request.user).select_related("provider")), pk=pk)
    is_self = user.pk == request.user.pk
    may_manage = Right.MANAGE_USERS in request.rights and not is_self
    context: dict[str, Any] = {
        "colleague": user,
        "actions": list_row_actions(
            user,
            may_manage=may_manage and checks.has_authority_over(request.actor, user),
            may_assign=may_manage and Right.MANAGE_TEAMS in request.rights,
        ),
    }
    return render(request, "users/_row_actions.html" if request.htmx else "users/row_actions.html", context)


@page(Right.VIEW_USERS, methods=POST)
def save_columns(request: OfficeRequest) -> HttpResponse:
    form = ColumnsForm(request.POST)
    if form.is_valid():
        chosen, has_shortcuts = form.cleaned_data["columns"], form.cleaned_data["shortcuts"]
        list_preferences.save_columns(request.user, chosen, has_shortcuts=has_shortcuts, by=request.actor)
    else:
        _report_errors(request, form)
    return _redirect_to_list(request)


@page(Right.VIEW_USERS, methods=POST)
def save_view(request: OfficeRequest) -> HttpResponse:
    form = ViewForm(request.POST)
    filters = UserFilterForm(request.GET, user=request.user).values()
    del filters["sort"]
    if form.is_valid():
        name = form.cleaned_data["name"]
        try:
            list_preferences.save_view(request.user, name, filters, by=request.actor)
        except ValidationError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, _("The view %(name)s has been saved.") % {"name": name})
    else:
        _report_errors(request, form)
    return _redirect_to_list(request)


@page(Right.VIEW_USERS, methods=POST)
def remove_view(request: OfficeRequest) -> HttpResponse:
    list_preferences.remove_view(request.user, request.POST.get("name", ""), by=request.actor)
    return redirect("users:user_list")


def _report_errors(request: OfficeRequest, form: ColumnsForm | ViewForm) -> None:
    for errors in form.errors.values():
        messages.error(request, str(errors[0]))


def _redirect_to_list(request: OfficeRequest) -> HttpResponse:
    filters = UserFilterForm(request.GET, user=request.user).values()
    return redirect((reverse("users:user_list") + build_query_string(**filters)).rstrip("?"))
