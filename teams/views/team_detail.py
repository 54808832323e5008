"""The page of one team: its members, employers and rights, and removing members and employers."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import F, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import teams.actions
from accounts.models import User
from accounts.search import filter_by_search, sort_users_by_match
from core.access import POST, SAFE, page
from core.confirmation import Confirmation, is_confirmed, render_confirmation
from core.errors import EditConflict
from core.paging import build_counted_pager_context, build_page_range, count_bounded, paginate_queryset
from permissions.access import OfficeRequest
from permissions.action_helpers import get_team_rights
from permissions.checks import LastAdministrator, Right
from permissions.models import Employer, Team
from permissions.rights_grid import GridContents, RightsGrid, describe_team_products
from permissions.shortcuts import render_list
from teams.forms.teams import EmployerSelectionForm, SearchForm, UserSelectionForm
from teams.queries import CountedTeam, filter_employers, list_missing_parts, sort_employers_by_match
from teams.views.teams import get_team_or_404, get_team_url, is_own_team
from teams.views.undo import add_undo_message
from users.status import (
    AccountStatus,
    Chip,
    UserWithAccountStatus,
    UserWithStatuses,
    annotate_statuses,
    build_status_chip,
    build_two_factor_chip,
)


def render_user_label(user: UserWithAccountStatus) -> SafeString:
    """Return the label of a user in a list, with the status unless it is "has access"."""
    is_usual = user.status == AccountStatus.ACTIVE
    detail = "" if is_usual else format_html("{} · ", build_status_chip(user).as_cell())
    return format_html('<span>{}<span class="detail">{}{}</span></span>', user.list_name, detail, user.email)


def render_employer_label(employer: Employer) -> SafeString:
    return format_html('<span>{}<span class="detail">{}</span></span>', employer.name, employer.number)


def redirect_deleted_team(request: OfficeRequest) -> HttpResponse:
    messages.error(request, _("Another user deleted this team in the meantime."))
    return redirect("teams:team_list")


@page(Right.VIEW_TEAMS, methods=SAFE)
def team_detail(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Show one of three tabs: the members of a team, its employers, or its rights."""
    team = get_team_or_404(request, pk)
    may_manage, is_own = Right.MANAGE_TEAMS in request.rights, is_own_team(request, team)
    context: dict[str, Any] = {
        "team": team,
        "tab": request.GET.get("tab", ""),
        "missing_parts": list_missing_parts(team),
        "may_manage": may_manage,
        "may_invite": may_manage and Right.MANAGE_USERS in request.rights,
        "may_change": may_manage and not is_own,
        "is_own": is_own,
    }
    if context["tab"] == "rights":
        return render(request, "teams/team.html", context | {"grid": _render_rights(team)})
    is_members = context["tab"] != "employers"
    form = SearchForm(request.GET, hint=_("Name or e-mail") if is_members else _("Name or number"))
    q = form.values()["q"]
    found, sorts = _find_members(request, team, q) if is_members else _find_employers(request, team, q)
    page = paginate_queryset(found, sorts=sorts, cursor=request.GET.get("page", ""))
    total = team.member_count if is_members else team.employer_count
    span = build_page_range(page, total=count_bounded(found) if q else total, at=request.GET.get("at", ""))
    query = {"tab": "" if is_members else "employers", "q": q}
    context |= {
        "form": form,
        "rows": [_build_member_row(user) for user in page.rows] if is_members else page.rows,
        "results": "teams/_team_members.html" if is_members else "teams/_team_employers.html",
        **build_counted_pager_context(page, span, query),
    }
    return render_list(request, "teams/team.html", context, query)


def _find_members(request: OfficeRequest, team: Team, q: str) -> tuple[QuerySet[Any], Mapping[str, Combinable]]:
    members = User.objects.visible_to(request.user).filter(memberships__team=team)
    members = members.annotate(managed_by=F("memberships__managed_by"))
    return filter_by_search(annotate_statuses(members), q), sort_users_by_match(q)


def _find_employers(request: OfficeRequest, team: Team, q: str) -> tuple[QuerySet[Any], Mapping[str, Combinable]]:
    employers = Employer.objects.visible_to(request.user).filter(teams__team=team)
    return filter_employers(employers, q=q), sort_employers_by_match(q)


def _build_member_row(user: UserWithStatuses) -> tuple[UserWithStatuses, Chip, Chip]:
    return user, build_status_chip(user), build_two_factor_chip(user)


def _render_rights(team: Team) -> SafeString:
    """Return the grid of the rights, in which nothing can be changed."""
    held, employers = get_team_rights(team), Employer.objects.filter(teams__team=team, provider=team.provider_id)
    grid = RightsGrid()
    grid.contents = GridContents(differences={}, describe=describe_team_products(employers.only("products")))
    return grid.render("rights", [right.value for right in held])


def _confirm_removing_members(team: Team, chosen: list[User]) -> Confirmation:
    values = {"count": len(chosen), "team": team.name}
    title = ngettext(
        "Remove %(count)s member from team %(team)s?", "Remove %(count)s members from team %(team)s?", len(chosen)
    )
    consequences = [
        _("Removed members immediately lose the rights that only this team grants, and access to its employers."),
        _("Individual rights and other teams remain. You can add members again at any time."),
    ]
    names = [user.list_name for user in chosen]
    url = get_team_url(team)
    return Confirmation(
        title % values, _("Remove from the team"), url, consequences, names=names, parents=[(team.name, url)]
    )


def _confirm_removing_employers(team: CountedTeam, chosen: list[Employer]) -> Confirmation:
    values = {"count": len(chosen), "team": team.name, "members": team.member_count}
    title = ngettext(
        "Remove %(count)s employer from team %(team)s?", "Remove %(count)s employers from team %(team)s?", len(chosen)
    )
    consequences = [
        _("Members lose access to employers that they can reach only via this team. Current members: %(members)s.")
        % values,
        _("The employers themselves remain. You can add them again at any time."),
    ]
    names = [f"{employer.name} ({employer.number})" for employer in chosen]
    url = get_team_url(team, "employers")
    return Confirmation(
        title % values, _("Remove from the team"), url, consequences, names=names, parents=[(team.name, url)]
    )


@page(Right.MANAGE_TEAMS, methods=POST)
def remove_users(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team = get_team_or_404(request, pk)
    form = UserSelectionForm(request.POST, options=User.objects.visible_to(request.user))
    if not form.is_valid():
        messages.error(request, _("Choose at least one from the list."))
        return redirect("teams:team_detail", team.pk)
    chosen = list(form.cleaned_data["users"])
    if not is_confirmed(request):
        return render_confirmation(
            request, _confirm_removing_members(team, chosen), chosen={"users": [user.pk for user in chosen]}
        )
    try:
        teams.actions.change_members(team, remove=chosen, by=request.actor)
    except EditConflict:
        return redirect_deleted_team(request)
    except LastAdministrator as error:
        messages.error(request, str(error))
    else:
        text = ngettext("%(count)s member has been removed.", "%(count)s members have been removed.", len(chosen))
        add_undo_message(request, text % {"count": len(chosen)})
    return redirect("teams:team_detail", team.pk)


@page(Right.MANAGE_TEAMS, methods=POST)
def remove_employers(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team = get_team_or_404(request, pk)
    form = EmployerSelectionForm(request.POST, options=Employer.objects.visible_to(request.user))
    if not form.is_valid():
        messages.error(request, _("Choose at least one from the list."))
        return redirect(get_team_url(team, "employers"))
    chosen = list(form.cleaned_data["employers"])
    if not is_confirmed(request):
        return render_confirmation(
            request,
            _confirm_removing_employers(team, chosen),
            chosen={"employers": [employer.pk for employer in chosen]},
        )
    try:
        teams.actions.change_employers(team, remove=chosen, by=request.actor)
    except EditConflict:
        return redirect_deleted_team(request)
    text = ngettext(
        "%(count)s employer has been removed from the team.",
        "%(count)s employers have been removed from the team.",
        len(chosen),
    )
    add_undo_message(request, text % {"count": len(chosen)})
    return redirect(get_team_url(team, "employers"))
