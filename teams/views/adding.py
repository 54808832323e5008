"""Search users or employers that are not in a team, and add the chosen or all matching ones."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

import teams.actions
from accounts.actions import Stale
from accounts.listing import searched
from accounts.models import User
from accounts.status import with_status
from audit.actors import on_page
from invitations.views.notes import warn
from loket.paging import Page, neighbours, page_of, query
from teams.access import OfficeRequest, requires
from teams.forms.teams import CountForm, EmployersForm, SearchForm, UsersForm
from teams.listing import employers_found
from teams.models import Employer, Team
from teams.rights import Right
from teams.views.contents import employer_text, gone, user_text
from teams.views.teams import is_member, one


def _colleagues(request: OfficeRequest, team: Team, q: str) -> QuerySet[User]:
    others = User.objects.visible_to(request.user).exclude(pk=request.user.pk)
    return searched(others, q).exclude(memberships__team=team)


def _employers(request: OfficeRequest, team: Team, q: str, only: str) -> QuerySet[Employer]:
    return employers_found(Employer.objects.visible_to(request.user), q=q, only=only).exclude(teams__team=team)


def _matching(found: "QuerySet[Any]", page: "Page[Any]", values: dict[str, str]) -> dict[str, Any]:
    """Return the context of `_add_all_matches.html`: the number of matches, and whether they exceed one page."""
    more = bool(page.previous or page.next)
    return {
        "total": found.count() if more else len(page.rows),
        "more": more,
        "values": values,
        "query": query(**values),
    }


def _added(request: OfficeRequest, team: Team, count: int, text: str) -> HttpResponse:
    messages.success(request, text % {"count": count})
    warn(request, User.objects.filter(memberships__team=team))
    return redirect("teams:team", team.pk)


def _put(request: OfficeRequest, team: Team, users: list[User]) -> HttpResponse:
    try:
        teams.actions.change_members(team, add=users, by=on_page(request, request.user))
    except Stale:
        return gone(request)
    text = ngettext("%(count)s colleague has been added.", "%(count)s colleagues have been added.", len(users))
    return _added(request, team, len(users), text)


def _bring(request: OfficeRequest, team: Team, employers: list[Employer]) -> HttpResponse:
    try:
        teams.actions.change_employers(team, add=employers, by=on_page(request, request.user))
    except Stale:
        return gone(request)
    text = ngettext("%(count)s employer has been added.", "%(count)s employers have been added.", len(employers))
    return _added(request, team, len(employers), text)


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
def add_users(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Search users who are not in the team, and add the chosen ones."""
    team = one(request, id)
    search = SearchForm(request.GET, hint=_("Name, username or e-mail"))
    values = {"q": search.values()["q"]}
    others = User.objects.visible_to(request.user).exclude(pk=request.user.pk)
    candidates = with_status(_colleagues(request, team, **values))
    page = page_of(candidates, cursor=request.GET.get("page", ""))
    shown = [(person.pk, user_text(person, linked=False)) for person in page.rows]
    form = UsersForm(request.POST or None, choosable=others, shown=shown)
    if request.method == "POST" and form.is_valid():
        return _put(request, team, list(form.cleaned_data["users"]))
    context = {"team": team, "form": form, "search": search, "shown": shown}
    context |= _matching(candidates, page, values) | neighbours(page, **values)
    return render(request, "teams/add_members.html", context)


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
def add_employers(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Search employers that are not in the team, and add the chosen ones."""
    team = one(request, id)
    search = SearchForm(request.GET, hint=_("Name or number"), only=_("Only employers without a team"))
    values = search.values()
    candidates = _employers(request, team, **values)
    page = page_of(candidates, cursor=request.GET.get("page", ""))
    shown = [(employer.pk, employer_text(employer)) for employer in page.rows]
    form = EmployersForm(request.POST or None, choosable=Employer.objects.visible_to(request.user), shown=shown)
    if request.method == "POST" and form.is_valid():
        return _bring(request, team, list(form.cleaned_data["employers"]))
    context = {"team": team, "form": form, "search": search, "shown": shown, "is_own": is_member(request, team)}
    context |= _matching(candidates, page, values) | neighbours(page, **values)
    return render(request, "teams/add_employers.html", context)


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
def add_all_users(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Add all matching users to the team, after confirmation."""
    team, values = one(request, id), {"q": _asked(request)["q"]}
    return _all(request, team, _colleagues(request, team, **values), values, _put)


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
def add_all_employers(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Add all matching employers to the team, after confirmation."""
    team, values = one(request, id), _asked(request)
    return _all(request, team, _employers(request, team, **values), values, _bring)


def _asked(request: OfficeRequest) -> dict[str, str]:
    return SearchForm(request.POST or request.GET, hint="").values()


def _all(
    request: OfficeRequest,
    team: Team,
    found: "QuerySet[Any]",
    values: dict[str, str],
    add: Callable[[OfficeRequest, Team, list[Any]], HttpResponse],
) -> HttpResponse:
    """Call `add` with all of `found` if their number is the confirmed one; otherwise ask for confirmation."""
    form = CountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        rows = list(found)
        if len(rows) == form.cleaned_data["count"]:
            return add(request, team, rows)
        messages.warning(request, _("The number has changed in the meantime, so nothing has been added yet."))
    context = {"team": team, "total": found.count(), "values": values, "query": query(**values)}
    context |= {"of_users": add is _put, "is_own": add is _bring and is_member(request, team)}
    return render(request, "teams/add_all_matches.html", context)
