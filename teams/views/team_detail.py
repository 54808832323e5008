"""The page of one team: its members, employers and rights, and removing members and employers."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
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
from core.paging import build_pager_context, paginate_queryset
from permissions.access import OfficeRequest
from permissions.action_helpers import get_team_rights
from permissions.checks import LastAdministrator, Right
from permissions.models import Employer, Team
from teams.forms.teams import EmployerSelectionForm, SearchForm, UserSelectionForm
from teams.queries import CountedTeam, filter_employers, list_missing_parts, sort_employers_by_match
from teams.views.teams import get_team_or_404, is_own_team
from teams.views.undo import add_undo_message
from users.status import AccountStatus, UserWithAccountStatus, annotate_statuses, build_status_chip

PAGE_SIZE = 25


def render_user_label(user: UserWithAccountStatus, *, linked: bool) -> SafeString:
    """Return the label of a user in a list, with the status unless it is "has access"."""
    name = user.list_name
    if linked:
        name = format_html('<a href="{}">{}</a>', reverse("users:user_detail", args=[user.pk]), name)
    is_usual = user.status == AccountStatus.ACTIVE
    detail = "" if is_usual else format_html("{} · ", build_status_chip(user).as_cell())
    return format_html('<span>{}<span class="detail">{}{}</span></span>', name, detail, user.email)


def render_employer_label(employer: Employer) -> SafeString:
    return format_html('<span>{}<span class="detail">{}</span></span>', employer.name, employer.number)


def redirect_deleted_team(request: OfficeRequest) -> HttpResponse:
    messages.error(request, _("Another user deleted this team in the meantime."))
    return redirect("teams:team_list")


@page(Right.VIEW_TEAMS, methods=SAFE)
def team_detail(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team = get_team_or_404(request, pk)
    form = SearchForm(request.GET, hint=_("Name, e-mail or number"))
    q = form.values()["q"]
    users = annotate_statuses(User.objects.visible_to(request.user).filter(memberships__team=team))
    employers = Employer.objects.visible_to(request.user).filter(teams__team=team)
    at = {name: request.GET.get(name, "") for name in ("members", "employers")}
    members = paginate_queryset(
        filter_by_search(users, q), sorts=sort_users_by_match(q), cursor=at["members"], size=PAGE_SIZE
    )
    found = filter_employers(employers, q=q)
    places = paginate_queryset(found, sorts=sort_employers_by_match(q), cursor=at["employers"], size=PAGE_SIZE)
    may_manage, is_own = Right.MANAGE_TEAMS in request.rights, is_own_team(request, team)
    linked = Right.VIEW_USERS in request.rights
    user_rows = [(user.pk, render_user_label(user, linked=linked)) for user in members.rows]
    employer_rows = [(employer.pk, render_employer_label(employer)) for employer in places.rows]
    held = get_team_rights(team)
    context = {
        "team": team,
        "form": form,
        "q": q,
        "missing_parts": list_missing_parts(team),
        "users": user_rows,
        "employers": employer_rows,
        "users_form": UserSelectionForm(options=User.objects.none(), shown=user_rows),
        "employers_form": EmployerSelectionForm(options=Employer.objects.none(), shown=employer_rows),
        "users_pager": build_pager_context(members, parameter="members", q=q, employers=at["employers"]),
        "employers_pager": build_pager_context(places, parameter="employers", q=q, members=at["members"]),
        "rights": [right for right in Right if right in held],
        "may_manage": may_manage,
        "may_invite": may_manage and Right.MANAGE_USERS in request.rights,
        "may_change": may_manage and not is_own,
        "is_own": is_own,
    }
    return render(request, "teams/team.html", context)


def _get_team_url(team: Team) -> str:
    return reverse("teams:team_detail", args=[team.pk])


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
    url = _get_team_url(team)
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
    url = _get_team_url(team)
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
        return redirect("teams:team_detail", team.pk)
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
    return redirect("teams:team_detail", team.pk)
