"""The page of one team: its members, employers and rights, and changing each of them."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import teams.actions
from accounts.actions import Stale
from accounts.listing import searched
from accounts.models import User
from accounts.status import Status, chip, with_status
from audit.actors import on_page
from invitations.views.notes import warn
from loket.paging import neighbours, page_of
from teams import rights
from teams.access import OfficeRequest, requires
from teams.changes import team_rights
from teams.forms.teams import EmployersForm, SearchForm, TeamRightsForm, UsersForm
from teams.listing import employers_found, gaps
from teams.models import Employer, Team
from teams.rights import LastAdministrator, Right
from teams.views.asking import Question, ask, is_sure
from teams.views.teams import is_member, one

SHOWN = 25


def user_text(person: User, *, linked: bool) -> SafeString:
    """Return the label of a user in a list, with the status unless it is "has access"."""
    name = person.list_name
    if linked:
        name = format_html('<a href="{}">{}</a>', reverse("accounts:user", args=[person.pk]), name)
    status = chip(person)
    detail = "" if person.status == Status.ACTIVE else f"{status.mark} {status.label} · "  # type: ignore[attr-defined]
    return format_html('<span>{}<span class="detail">{}{}</span></span>', name, detail, person.email)


def employer_text(employer: Employer) -> SafeString:
    return format_html('<span>{}<span class="detail">{}</span></span>', employer.name, employer.number)


def gone(request: OfficeRequest) -> HttpResponse:
    """Respond to a change of a team that was deleted meanwhile."""
    messages.error(request, _("Another user deleted this team in the meantime."))
    return redirect("teams:list")


@requires(Right.VIEW_TEAMS)
@require_safe
def team(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show one team in three columns. Members and employers are paged separately."""
    team = one(request, id)
    form = SearchForm(request.GET, hint=_("Name, e-mail or number"))
    q = form.values()["q"]
    people = with_status(User.objects.visible_to(request.user).filter(memberships__team=team))
    employers = Employer.objects.visible_to(request.user).filter(teams__team=team)
    at = {name: request.GET.get(name, "") for name in ("members", "employers")}
    members = page_of(searched(people, q), cursor=at["members"], size=SHOWN)
    places = page_of(employers_found(employers, q=q), cursor=at["employers"], size=SHOWN)
    may_manage, is_own = Right.MANAGE_TEAMS in request.rights, is_member(request, team)
    linked = Right.VIEW_USERS in request.rights
    user_rows = [(person.pk, user_text(person, linked=linked)) for person in members.rows]
    employer_rows = [(employer.pk, employer_text(employer)) for employer in places.rows]
    held = team_rights(team)
    context = {
        "team": team,
        "form": form,
        "q": q,
        "gaps": gaps(team),
        "users": user_rows,
        "employers": employer_rows,
        "users_form": UsersForm(choosable=User.objects.none(), shown=user_rows),
        "employers_form": EmployersForm(choosable=Employer.objects.none(), shown=employer_rows),
        "users_pager": neighbours(members, cursor="members", q=q, employers=at["employers"]),
        "employers_pager": neighbours(places, cursor="employers", q=q, members=at["members"]),
        "rights": [right for right in Right if right in held],
        "may_manage": may_manage,
        "may_invite": may_manage and Right.MANAGE_USERS in request.rights,
        "may_change": may_manage and not is_own,
        "is_own": is_own,
    }
    return render(request, "teams/team.html", context)


def _page(team: Team) -> str:
    return reverse("teams:team", args=[team.pk])


def _without_members(team: Team, chosen: list[User]) -> Question:
    values = {"count": len(chosen), "team": team.name}
    title = ngettext(
        "Remove %(count)s member from team %(team)s?", "Remove %(count)s members from team %(team)s?", len(chosen)
    )
    happens = [
        _("Removed members immediately lose the rights that only this team grants, and access to its employers."),
        _("Individual rights and other teams remain. You can add members again at any time."),
    ]
    names = [person.list_name for person in chosen]
    return Question(title % values, names, happens, _("Remove from the team"), team.name, _page(team))


def _without_employers(team: Team, chosen: list[Employer]) -> Question:
    values = {"count": len(chosen), "team": team.name, "members": team.member_count}  # type: ignore[attr-defined]
    title = ngettext(
        "Remove %(count)s employer from team %(team)s?", "Remove %(count)s employers from team %(team)s?", len(chosen)
    )
    happens = [
        _("Members lose access to employers that they can reach only via this team. Current members: %(members)s.")
        % values,
        _("The employers themselves remain. You can add them again at any time."),
    ]
    names = [f"{employer.name} ({employer.number})" for employer in chosen]
    return Question(title % values, names, happens, _("Remove from the team"), team.name, _page(team))


@requires(Right.MANAGE_TEAMS)
@require_POST
def remove_users(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Remove the chosen users from the team, after confirmation."""
    team = one(request, id)
    form = UsersForm(request.POST, choosable=User.objects.visible_to(request.user))
    if not form.is_valid():
        messages.error(request, _("Choose at least one from the list."))
        return redirect("teams:team", team.pk)
    chosen = list(form.cleaned_data["users"])
    if not is_sure(request):
        return ask(request, _without_members(team, chosen), users=[person.pk for person in chosen])
    try:
        teams.actions.change_members(team, remove=chosen, by=on_page(request, request.user))
    except Stale:
        return gone(request)
    except LastAdministrator as error:
        messages.error(request, str(error))
    else:
        text = ngettext("%(count)s member has been removed.", "%(count)s members have been removed.", len(chosen))
        messages.success(request, text % {"count": len(chosen)})
    return redirect("teams:team", team.pk)


@requires(Right.MANAGE_TEAMS)
@require_POST
def remove_employers(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Remove the chosen employers from the team, after confirmation."""
    team = one(request, id)
    form = EmployersForm(request.POST, choosable=Employer.objects.visible_to(request.user))
    if not form.is_valid():
        messages.error(request, _("Choose at least one from the list."))
        return redirect("teams:team", team.pk)
    chosen = list(form.cleaned_data["employers"])
    if not is_sure(request):
        return ask(request, _without_employers(team, chosen), employers=[employer.pk for employer in chosen])
    try:
        teams.actions.change_employers(team, remove=chosen, by=on_page(request, request.user))
    except Stale:
        return gone(request)
    text = ngettext("%(count)s employer has been removed.", "%(count)s employers have been removed.", len(chosen))
    messages.success(request, text % {"count": len(chosen)})
    return redirect("teams:team", team.pk)


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
def change_rights(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Edit the rights that the team gives its members."""
    team = one(request, id)
    held, givable = team_rights(team), rights.givable(request.user)
    form = TeamRightsForm(request.POST or None, team=team, held=held, givable=givable)
    if request.method == "POST" and form.is_valid():
        wanted, version = form.cleaned_data["rights"], form.cleaned_data["version"]
        try:
            teams.actions.set_team_rights(team, wanted, version=version, by=on_page(request, request.user))
        except Stale:
            form.again(team.version, held)
        except LastAdministrator as error:
            form.add_error(None, ValidationError(str(error), code="last_administrator"))
        else:
            messages.success(request, _("The rights of team %(name)s have been saved.") % {"name": team.name})
            warn(request, User.objects.filter(memberships__team=team))
            return redirect("teams:team", team.pk)
    fixed = [right for right in Right if right in held - givable]
    context = {"team": team, "form": form, "fixed": fixed, "is_own": is_member(request, team)}
    return render(request, "teams/change_rights.html", context)
