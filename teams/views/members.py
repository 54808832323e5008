"""Search for users or employers that are not in a team, and add the chosen or all matching ones."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import teams.actions
from accounts.models import User
from accounts.search import filter_by_search, sort_users_by_match
from core.access import page
from core.errors import EditConflict
from core.paging import KeysetPage, build_pager_context, build_query_string, paginate_queryset
from core.pickers import get_page_size, render_options, wants_options
from invitations.views.resend_warnings import add_resend_warnings
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.models import Employer, Team
from teams.forms.teams import ConfirmCountForm, EmployerSelectionForm, SearchForm, UserSelectionForm
from teams.queries import filter_employers, sort_employers_by_match
from teams.views.team_detail import redirect_deleted_team, render_employer_label, render_user_label
from teams.views.teams import get_team_or_404, get_team_url, is_own_team
from teams.views.undo import add_undo_message
from users.status import annotate_statuses


def _filter_users_to_add(request: OfficeRequest, team: Team, q: str) -> QuerySet[User]:
    others = User.objects.visible_to(request.user).exclude(pk=request.user.pk)
    return filter_by_search(others, q).exclude(memberships__team=team)


def _filter_employers_to_add(request: OfficeRequest, team: Team, q: str, only: str) -> QuerySet[Employer]:
    return filter_employers(Employer.objects.visible_to(request.user), q=q, only=only).exclude(teams__team=team)


def _build_add_all_context(found: "QuerySet[Any]", page: "KeysetPage[Any]", values: dict[str, str]) -> dict[str, Any]:
    more = bool(page.previous or page.next)
    return {
        "total": found.count() if more else len(page.rows),
        "more": more,
        "values": values,
        "query": build_query_string(**values),
    }


def _redirect_after_adding(request: OfficeRequest, team: Team, count: int, text: str, tab: str = "") -> HttpResponse:
    add_undo_message(request, text % {"count": count})
    add_resend_warnings(request, User.objects.filter(memberships__team=team))
    return redirect(get_team_url(team, tab))


def _add_users(request: OfficeRequest, team: Team, users: list[User]) -> HttpResponse:
    try:
        teams.actions.change_members(team, add=users, by=request.actor)
    except EditConflict:
        return redirect_deleted_team(request)
    text = ngettext("%(count)s colleague has been added.", "%(count)s colleagues have been added.", len(users))
    return _redirect_after_adding(request, team, len(users), text)


def _add_employers(request: OfficeRequest, team: Team, employers: list[Employer]) -> HttpResponse:
    try:
        teams.actions.change_employers(team, add=employers, by=request.actor)
    except EditConflict:
        return redirect_deleted_team(request)
    text = ngettext("%(count)s employer has been added.", "%(count)s employers have been added.", len(employers))
    return _redirect_after_adding(request, team, len(employers), text, "employers")


@page(Right.MANAGE_TEAMS)
def add_users(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team = get_team_or_404(request, pk)
    search = SearchForm(request.GET, hint=_("Name, username or e-mail"), picks="id_users")
    values = {"q": search.values()["q"]}
    others = User.objects.visible_to(request.user).exclude(pk=request.user.pk)
    candidates = annotate_statuses(_filter_users_to_add(request, team, **values))
    sorts, size = sort_users_by_match(**values), get_page_size(request)
    page = paginate_queryset(candidates, cursor=request.GET.get("page", ""), sorts=sorts, size=size)
    shown = [(user.pk, render_user_label(user)) for user in page.rows]
    form = UserSelectionForm(request.POST or None, options=others, shown=shown)
    if wants_options(request):
        return render_options(form)
    if request.method == "POST" and form.is_valid():
        return _add_users(request, team, list(form.cleaned_data["users"]))
    context = {"team": team, "form": form, "search": search, "rows": shown, "of_users": True}
    context |= _build_add_all_context(candidates, page, values) | build_pager_context(page, **values)
    return render(request, "teams/add_to_team.html", context)


@page(Right.MANAGE_TEAMS)
def add_employers(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team = get_team_or_404(request, pk)
    only = _("Only employers without a team")
    search = SearchForm(request.GET, hint=_("Name or number"), only=only, picks="id_employers")
    values = search.values()
    candidates = _filter_employers_to_add(request, team, **values)
    sorts, size = sort_employers_by_match(values["q"]), get_page_size(request)
    page = paginate_queryset(candidates, cursor=request.GET.get("page", ""), sorts=sorts, size=size)
    shown = [(employer.pk, render_employer_label(employer)) for employer in page.rows]
    form = EmployerSelectionForm(request.POST or None, options=Employer.objects.visible_to(request.user), shown=shown)
    if wants_options(request):
        return render_options(form)
    if request.method == "POST" and form.is_valid():
        return _add_employers(request, team, list(form.cleaned_data["employers"]))
    context = {"team": team, "form": form, "search": search, "rows": shown, "is_own": is_own_team(request, team)}
    context |= _build_add_all_context(candidates, page, values) | build_pager_context(page, **values)
    return render(request, "teams/add_to_team.html", context)


@page(Right.MANAGE_TEAMS)
def add_all_users(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team, values = get_team_or_404(request, pk), {"q": _get_search_values(request)["q"]}
    return _confirm_add_all(request, team, _filter_users_to_add(request, team, **values), values, _add_users)


@page(Right.MANAGE_TEAMS)
def add_all_employers(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team, values = get_team_or_404(request, pk), _get_search_values(request)
    return _confirm_add_all(request, team, _filter_employers_to_add(request, team, **values), values, _add_employers)


def _get_search_values(request: OfficeRequest) -> dict[str, str]:
    return SearchForm(request.POST or request.GET, hint="").values()


def _confirm_add_all(
    request: OfficeRequest,
    team: Team,
    found: "QuerySet[Any]",
    values: dict[str, str],
    add: Callable[[OfficeRequest, Team, list[Any]], HttpResponse],
) -> HttpResponse:
    """Call `add` with all of `found` if their number is the confirmed one; otherwise ask for confirmation."""
    form = ConfirmCountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        rows = list(found)
        if len(rows) == form.cleaned_data["count"]:
            return add(request, team, rows)
        messages.warning(
            request, _("The number of matches has changed in the meantime, so nothing has been added yet.")
        )
    context = {"team": team, "total": found.count(), "values": values, "query": build_query_string(**values)}
    context |= {"of_users": add is _add_users, "is_own": add is _add_employers and is_own_team(request, team)}
    return render(request, "teams/add_all_matches.html", context)
