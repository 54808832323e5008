"""The teams of one user: list, add and remove."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import teams.actions
from accounts.actions import Stale
from accounts.models import LoginMethod, User
from audit.actors import on_page
from invitations.views.notes import warn
from loket.paging import neighbours, page_of
from teams import rights
from teams.access import OfficeRequest, requires
from teams.forms.newcomers import team_text
from teams.forms.teams import SearchForm, TeamsForm
from teams.listing import teams_found, with_counts
from teams.models import Team
from teams.rights import LastAdministrator, Right
from teams.views.asking import Question, ask, is_sure
from teams.views.people import colleague


@requires(Right.VIEW_USERS)
@require_safe
def user_teams(request: OfficeRequest, id: UUID) -> HttpResponse:
    """List the teams of a user."""
    person = colleague(request, id)
    found = with_counts(Team.objects.visible_to(request.user).filter(members__user=person))
    page = page_of(found, cursor=request.GET.get("page", ""))
    linked, is_self = Right.VIEW_TEAMS in request.rights, person.pk == request.user.pk
    shown = [(team.pk, _linked(team) if linked else team_text(team)) for team in page.rows]
    context = {
        "person": person,
        "shown": shown,
        "form": TeamsForm(choosable=Team.objects.none(), shown=shown),
        "may_change": Right.MANAGE_TEAMS in request.rights and not is_self,
        "is_self": is_self,
    } | neighbours(page)
    return render(request, "teams/user_teams.html", context)


def _linked(team: Team) -> str:
    link = format_html('<a href="{}">{}</a>', reverse("teams:team", args=[team.pk]), team.name)
    return team_text(team, name=link)


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
def add_teams(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Search teams that the user is not in and the actor can grant, and add the user to the chosen ones."""
    person = colleague(request, id)
    search = SearchForm(request.GET, hint=_("Name of a team"))
    q = search.values()["q"]
    beyond = rights.teams_beyond(request.user, rights.givable(request.user))
    others = Team.objects.visible_to(request.user).exclude(pk__in=beyond)
    if person.login_method == LoginMethod.SSO_WEBSERVICE:
        others = others.exclude(rights__right=Right.MANAGE_PROVIDER)
    found = teams_found(with_counts(others), q=q).exclude(members__user=person)
    page = page_of(found, cursor=request.GET.get("page", ""))
    form = TeamsForm(request.POST or None, choosable=others, shown=[(team.pk, team_text(team)) for team in page.rows])
    if request.method == "POST" and form.is_valid():
        chosen = list(form.cleaned_data["teams"])
        try:
            teams.actions.change_teams(person, add=chosen, by=on_page(request, request.user))
        except Stale:
            form.add_error("teams", ValidationError(_("Another user deleted a team in the meantime."), code="stale"))
        else:
            text = ngettext(
                "%(name)s has been added to %(count)s team.", "%(name)s has been added to %(count)s teams.", len(chosen)
            )
            messages.success(request, text % {"name": person.full_name, "count": len(chosen)})
            warn(request, User.objects.filter(pk=person.pk))
            return redirect("teams:user_teams", person.pk)
    context = {"person": person, "form": form, "search": search, "rows": page.rows}
    return render(request, "teams/add_teams.html", context | neighbours(page, q=q))


def _without_teams(person: User, chosen: list[Team]) -> Question:
    values = {"count": len(chosen), "name": person.full_name}
    title = ngettext("Remove %(name)s from %(count)s team?", "Remove %(name)s from %(count)s teams?", len(chosen))
    happens = [
        _("%(name)s immediately loses the rights that only these teams grant, and access to their employers.") % values,
        _("Individual rights and other teams remain. You can add members again at any time."),
    ]
    back = reverse("teams:user_teams", args=[person.pk])
    return Question(
        title % values, [team.name for team in chosen], happens, _("Remove from the team"), person.list_name, back
    )


@requires(Right.MANAGE_TEAMS)
@require_POST
def leave_teams(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Remove a user from the chosen teams, after confirmation."""
    person = colleague(request, id)
    form = TeamsForm(request.POST, choosable=Team.objects.visible_to(request.user))
    if not form.is_valid():
        messages.error(request, _("Choose at least one from the list."))
        return redirect("teams:user_teams", person.pk)
    chosen = list(form.cleaned_data["teams"])
    if not is_sure(request):
        return ask(request, _without_teams(person, chosen), teams=[team.pk for team in chosen])
    try:
        teams.actions.change_teams(person, remove=chosen, by=on_page(request, request.user))
    except Stale:
        messages.error(request, _("Another user deleted a team in the meantime."))
    except LastAdministrator as error:
        messages.error(request, str(error))
    else:
        text = ngettext(
            "%(name)s has been removed from %(count)s team.", "%(name)s has been removed from %(count)s teams.",
            len(chosen),
        )  # fmt: skip
        messages.success(request, text % {"name": person.full_name, "count": len(chosen)})
    return redirect("teams:user_teams", person.pk)
