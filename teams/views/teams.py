"""List, create, edit and delete teams."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import teams.actions
import teams.sets
from audit.actors import ReauthenticationRequired
from core.access import SAFE, DuringImpersonation, page
from core.confirmation import Confirmation, render_confirmation
from core.errors import EditConflict
from core.export_files import FileFormat, send_export
from core.forms import VersionedForm
from core.paging import (
    build_counted_pager_context,
    build_page_range,
    build_query_string,
    count_bounded,
    paginate_queryset,
)
from core.replica import allow_replica
from core.search import sort_names_by_match
from permissions.access import OfficeRequest
from permissions.checks import LastAdministrator, Right
from permissions.models import Team
from permissions.shortcuts import render_list, show_errors
from teams import exports
from teams.forms.teams import NewTeamForm, SearchForm, TeamForm
from teams.onboarding import get_onboarding_progress
from teams.queries import CountedTeam, annotate_counts, filter_teams, list_missing_parts
from teams.views.undo import add_undo_message


@page(Right.VIEW_TEAMS, methods=SAFE)
@allow_replica
def list_teams(request: OfficeRequest) -> HttpResponse:
    form = SearchForm(request.GET, hint=_("Name of a team"), only=_("Incomplete teams only"))
    values = form.values()
    found = filter_teams(annotate_counts(Team.objects.visible_to(request.user)), **values)
    page = paginate_queryset(found, cursor=request.GET.get("page", ""), sorts=sort_names_by_match(values["q"]))
    span = build_page_range(page, total=count_bounded(found), at=request.GET.get("at", ""))
    # Query for other users only if there is no team, or only one whose single member is the administrator.
    is_first = not any(values.values()) and [team.member_count for team in page.rows] in ([], [1])
    may_begin = {Right.MANAGE_TEAMS, Right.MANAGE_USERS} <= request.rights
    context = {
        "form": form,
        "rows": [(team, list_missing_parts(team)) for team in page.rows],
        "filtered": any(values.values()),
        "may_manage": Right.MANAGE_TEAMS in request.rights,
        "beginning": get_onboarding_progress(request.user) if is_first and may_begin else None,
        "export_query": build_query_string(**values),
        "best_first": bool(values["q"]),
        "results": "teams/_list_results.html",
        **build_counted_pager_context(page, span, values),
    }
    return render_list(request, "teams/list.html", context, values)


@page(Right.VIEW_TEAMS, methods=SAFE, impersonation=DuringImpersonation.FORBIDDEN)
def export_teams(request: OfficeRequest, form: FileFormat) -> FileResponse:
    """Return the teams that match the filters as a file. The export is recorded, even for a HEAD request."""
    values = SearchForm(request.GET, hint="").values()
    found = filter_teams(Team.objects.visible_to(request.user), **values)
    file = exports.export_teams(request.user.office, found, form=form, filters=values, by=request.actor)
    return send_export(file, "teams", form)


@page(Right.MANAGE_TEAMS)
def create_team(request: OfficeRequest) -> HttpResponse:
    form = NewTeamForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            team = teams.sets.create_team_from_set(
                request.user.office, **form.cleaned_data, by=request.actor
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        except ReauthenticationRequired:
            raise
        except PermissionDenied as error:
            form.add_error("authorization_set", ValidationError(str(error), code="not_held"))
        except EditConflict:
            form.add_error(
                "authorization_set", ValidationError(_("This set no longer exists. Choose another one."), code="gone")
            )
        else:
            text = _("Team %(name)s has been created. Now add members, employers and rights.")
            messages.success(request, text % {"name": team.name})
            return redirect("teams:team_detail", team.pk)
    return render(request, "teams/new.html", {"form": form})


def get_team_or_404(request: OfficeRequest, pk: UUID) -> CountedTeam:
    return get_object_or_404(annotate_counts(Team.objects.visible_to(request.user).select_related("provider")), pk=pk)


def get_team_url(team: Team, tab: str = "") -> str:
    return reverse("teams:team_detail", args=[team.pk]) + (f"?tab={tab}" if tab else "")


def is_own_team(request: OfficeRequest, team: Team) -> bool:
    """Return whether the signed-in user is in the team and so must not change what it gives (rule 5)."""
    return team.members.filter(user=request.user).exists()


@page(Right.MANAGE_TEAMS)
def edit_team(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team = get_team_or_404(request, pk)
    form = TeamForm(request.POST or None, team=team, is_own=is_own_team(request, team))
    if request.method == "POST" and form.is_valid():
        with show_errors(form, saved=team):
            teams.actions.edit_team(team, **form.cleaned_data, by=request.actor)
            add_undo_message(request, _("Team %(name)s has been saved.") % {"name": form.cleaned_data["name"]})
            return redirect("teams:team_detail", team.pk)
    return render(request, "teams/edit.html", {"form": form, "team": team})


@page(Right.MANAGE_TEAMS)
def delete_team(request: OfficeRequest, pk: UUID) -> HttpResponse:
    team = get_team_or_404(request, pk)
    form = VersionedForm(request.POST or None, initial={"version": team.version})
    error = ""
    if request.method == "POST" and form.is_valid():
        try:
            teams.actions.delete_team(team, version=form.cleaned_data["version"], by=request.actor)
        except EditConflict:
            error = _("Another user changed this team in the meantime. Check the details below and decide again.")
            form = VersionedForm(initial={"version": team.version})
        except LastAdministrator as fault:
            error = str(fault)
        else:
            messages.success(request, _("Team %(name)s has been deleted.") % {"name": team.name})
            return redirect("teams:team_list")
    is_own = is_own_team(request, team)
    confirmation = _confirm_deletion(team, error=error, is_possible=not is_own)
    return render_confirmation(request, confirmation, template="teams/delete.html", form=form, team=team, is_own=is_own)


def _confirm_deletion(team: CountedTeam, *, error: str, is_possible: bool) -> Confirmation:
    members, employers = team.member_count, team.employer_count
    return Confirmation(
        _("Delete team"),
        _("Delete team"),
        reverse("teams:team_detail", args=[team.pk]),
        [
            ngettext(
                "%(count)s member loses the rights that only this team grants.",
                "%(count)s members lose the rights that only this team grants.",
                members,
            )
            % {"count": members},
            ngettext(
                "This team no longer gives access to %(count)s employer.",
                "This team no longer gives access to %(count)s employers.",
                employers,
            )
            % {"count": employers},
            _("The users and employers themselves are not deleted."),
            _("A deleted team cannot be restored."),
        ],
        heading=_("Delete team %(name)s?") % {"name": team.name},
        breadcrumb="teams/_breadcrumb.html",
        error=error,
        is_possible=is_possible,
    )
