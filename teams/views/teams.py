"""List, create, edit and delete teams."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

import teams.actions
import teams.sets
from accounts.actions import Stale
from accounts.exports import CONTENT_TYPES, Form
from accounts.forms.people import Versioned
from audit.actors import ProofRequired, on_page
from loket.paging import neighbours, page_of, query
from loket.replica import from_replica
from teams import exports
from teams.access import OfficeRequest, not_along, requires
from teams.beginning import beginning
from teams.forms.teams import NewTeamForm, SearchForm, TeamForm
from teams.listing import gaps, teams_found, with_counts
from teams.models import Team
from teams.rights import LastAdministrator, Right


@requires(Right.VIEW_TEAMS)
@from_replica
@require_safe
def list_teams(request: OfficeRequest) -> HttpResponse:
    """List the teams, one page at a time, with the missing parts of each."""
    form = SearchForm(request.GET, hint=_("Name of a team"), only=_("Incomplete teams only"))
    values = form.values()
    found = teams_found(with_counts(Team.objects.visible_to(request.user)), **values)
    page = page_of(found, cursor=request.GET.get("page", ""))
    # Query for other users only if there is no team, or only one whose single member is the administrator.
    is_first = not any(values.values()) and [team.member_count for team in page.rows] in ([], [1])  # type: ignore[attr-defined]
    may_begin = {Right.MANAGE_TEAMS, Right.MANAGE_USERS} <= request.rights
    context = {
        "form": form,
        "rows": [(team, gaps(team)) for team in page.rows],
        "filtered": any(values.values()),
        "may_manage": Right.MANAGE_TEAMS in request.rights,
        "beginning": beginning(request.user) if is_first and may_begin else None,
        "export_query": query(**values),
    } | neighbours(page, **values)
    return render(request, "teams/list.html", context)


@requires(Right.VIEW_TEAMS)
@not_along
@require_safe
def export(request: OfficeRequest, form: Form) -> FileResponse:
    """Return the teams that match the filters as a file. The export is recorded, also for a HEAD request."""
    values = SearchForm(request.GET, hint="").values()
    found = teams_found(Team.objects.visible_to(request.user), **values)
    by = on_page(request, request.user)
    file = exports.export(request.user.provider, found, form=form, filters=values, by=by)
    name = f"teams-{timezone.localdate().isoformat()}.{form}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=CONTENT_TYPES[form])


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
def new_team(request: OfficeRequest) -> HttpResponse:
    """Create a team, empty or with the rights of a set."""
    form = NewTeamForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            team = teams.sets.start_team(
                request.user.provider, **form.cleaned_data, by=on_page(request, request.user)
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        except ProofRequired:
            raise
        except PermissionDenied as error:
            form.add_error("authorization_set", ValidationError(str(error), code="not_held"))
        except Stale:
            form.add_error(
                "authorization_set", ValidationError(_("This set no longer exists. Choose another one."), code="gone")
            )
        else:
            text = _("Team %(name)s has been created. Now add members, employers and rights.")
            messages.success(request, text % {"name": team.name})
            return redirect("teams:team", team.pk)
    return render(request, "teams/new.html", {"form": form})


def one(request: OfficeRequest, id: UUID) -> Team:
    """Return the team with that id in the office of the user, with its counts. Raises Http404."""
    return get_object_or_404(with_counts(Team.objects.visible_to(request.user).select_related("provider")), pk=id)


def is_member(request: OfficeRequest, team: Team) -> bool:
    """Return whether the signed-in user is in the team and so must not change what it gives (rule 5)."""
    return team.members.filter(user=request.user).exists()


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Edit the name of a team, and whether it requires two-factor."""
    team = one(request, id)
    form = TeamForm(request.POST or None, team=team, is_own=is_member(request, team))
    if request.method == "POST" and form.is_valid():
        try:
            teams.actions.edit_team(team, **form.cleaned_data, by=on_page(request, request.user))
        except Stale:
            form.now_based_on(team)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Team %(name)s has been saved.") % {"name": form.cleaned_data["name"]})
            return redirect("teams:team", team.pk)
    return render(request, "teams/edit.html", {"form": form, "team": team})


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Delete a team, after a confirmation that says who loses what."""
    team = one(request, id)
    form = Versioned(request.POST or None, initial={"version": team.version})
    error = ""
    if request.method == "POST" and form.is_valid():
        try:
            teams.actions.delete_team(team, version=form.cleaned_data["version"], by=on_page(request, request.user))
        except Stale:
            error = _("Another user changed this team in the meantime. Check the details below and decide again.")
            form = Versioned(initial={"version": team.version})
        except LastAdministrator as fault:
            error = str(fault)
        else:
            messages.success(request, _("Team %(name)s has been deleted.") % {"name": team.name})
            return redirect("teams:list")
    context = {"form": form, "team": team, "error": error, "is_own": is_member(request, team)}
    return render(request, "teams/delete.html", context)
