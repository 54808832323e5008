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

import teams.actions
from accounts.models import User
from core.access import POST, SAFE, page
from core.confirmation import Confirmation, is_confirmed, render_confirmation
from core.errors import EditConflict
from core.paging import build_pager_context, paginate_queryset
from core.pickers import get_page_size, render_options, wants_options
from core.search import sort_names_by_match
from invitations.views.resend_warnings import add_resend_warnings
from permissions import checks
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.models import Team
from permissions.shortcuts import get_colleague_or_404, report_refusal
from teams.forms.teams import SearchForm, TeamSelectionForm, render_team_label
from teams.queries import CountedTeam, annotate_counts, filter_teams
from teams.views.undo import add_undo_message


@page(Right.VIEW_USERS, methods=SAFE)
def user_team_list(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    found = annotate_counts(Team.objects.visible_to(request.user).filter(members__user=user))
    page = paginate_queryset(found, cursor=request.GET.get("page", ""))
    linked, is_self = Right.VIEW_TEAMS in request.rights, user.pk == request.user.pk
    shown = [(team.pk, _render_team_link(team) if linked else render_team_label(team)) for team in page.rows]
    context = {
        "colleague": user,
        "shown": shown,
        "form": TeamSelectionForm(options=Team.objects.none(), shown=shown),
        "may_change": Right.MANAGE_TEAMS in request.rights and not is_self,
        "is_self": is_self,
    } | build_pager_context(page)
    return render(request, "teams/user_teams.html", context)


def _render_team_link(team: CountedTeam) -> str:
    link = format_html('<a href="{}">{}</a>', reverse("teams:team_detail", args=[team.pk]), team.name)
    return render_team_label(team, name=link)


@page(Right.MANAGE_TEAMS)
def add_teams(request: OfficeRequest, pk: UUID) -> HttpResponse:
    """Search for teams that the user is not in and the actor can grant, and add the user to the chosen ones."""
    user = get_colleague_or_404(request, pk)
    search = SearchForm(request.GET, hint=_("Name of a team"), picks="id_teams")
    q = search.values()["q"]
    beyond = checks.find_ungrantable_teams(request.user, checks.get_grantable_rights(request.user))
    impossible = checks.get_impossible_rights(user.login_method)
    others = Team.objects.visible_to(request.user).exclude(pk__in=beyond).exclude(rights__right__in=impossible)
    found = filter_teams(annotate_counts(others), q=q).exclude(members__user=user)
    sorts, size = sort_names_by_match(q), get_page_size(request)
    page = paginate_queryset(found, cursor=request.GET.get("page", ""), sorts=sorts, size=size)
    form = TeamSelectionForm(
        request.POST or None, options=others, shown=[(team.pk, render_team_label(team)) for team in page.rows]
    )
    if wants_options(request):
        return render_options(form)
    if request.method == "POST" and form.is_valid():
        chosen = list(form.cleaned_data["teams"])
        try:
            teams.actions.change_teams(user, add=chosen, by=request.actor)
        except EditConflict:
            form.add_error("teams", ValidationError(_("Another user deleted a team in the meantime."), code="stale"))
        else:
            text = ngettext(
                "%(name)s has been added to %(count)s team.", "%(name)s has been added to %(count)s teams.", len(chosen)
            )
            add_undo_message(request, text % {"name": user.full_name, "count": len(chosen)})
            add_resend_warnings(request, User.objects.filter(pk=user.pk))
            return redirect("teams:user_teams", user.pk)
    context = {"colleague": user, "form": form, "search": search, "rows": page.rows}
    return render(request, "teams/add_teams.html", context | build_pager_context(page, q=q))


def _confirm_leaving_teams(user: User, chosen: list[Team]) -> Confirmation:
    values = {"count": len(chosen), "name": user.full_name}
    title = ngettext("Remove %(name)s from %(count)s team?", "Remove %(name)s from %(count)s teams?", len(chosen))
    consequences = [
        _("%(name)s immediately loses the rights that only these teams grant, and access to their employers.") % values,
        _("Individual rights and other teams remain. You can add members again at any time."),
    ]
    back = reverse("teams:user_teams", args=[user.pk])
    names, parents = [team.name for team in chosen], [(user.list_name, back)]
    return Confirmation(title % values, _("Remove from the team"), back, consequences, names=names, parents=parents)


@page(Right.MANAGE_TEAMS, methods=POST)
def leave_teams(request: OfficeRequest, pk: UUID) -> HttpResponse:
    user = get_colleague_or_404(request, pk)
    form = TeamSelectionForm(request.POST, options=Team.objects.visible_to(request.user))
    if not form.is_valid():
        messages.error(request, _("Choose at least one from the list."))
        return redirect("teams:user_teams", user.pk)
    chosen = list(form.cleaned_data["teams"])
    if not is_confirmed(request):
        ids = {"teams": [team.pk for team in chosen]}
        return render_confirmation(request, _confirm_leaving_teams(user, chosen), chosen=ids)
    with report_refusal(request, _("Another user deleted a team in the meantime.")):
        teams.actions.change_teams(user, remove=chosen, by=request.actor)
        text = ngettext(
            "%(name)s has been removed from %(count)s team.", "%(name)s has been removed from %(count)s teams.",
            len(chosen),
        )  # fmt: skip
        add_undo_message(request, text % {"name": user.full_name, "count": len(chosen)})
    return redirect("teams:user_teams", user.pk)
