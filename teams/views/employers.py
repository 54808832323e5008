"""Pages of employers: the clients of the office, their products and their teams."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

import teams.employers
from core.access import SAFE, page
from core.errors import EditConflict
from core.paging import (
    build_counted_pager_context,
    build_page_range,
    build_pager_context,
    count_bounded,
    paginate_queryset,
)
from core.pickers import get_page_size, render_options, wants_options
from core.replica import allow_replica
from core.search import sort_names_by_match
from permissions.access import OfficeRequest
from permissions.checks import Right
from permissions.models import Employer, Team
from permissions.shortcuts import render_list, show_errors
from teams.forms.employers import EmployerForm, NewEmployerForm
from teams.forms.teams import SearchForm, TeamSelectionForm
from teams.queries import (
    CountedTeam,
    annotate_counts,
    annotate_team_count,
    filter_employers,
    filter_teams,
    sort_employers_by_match,
)  # fmt: skip

MAX_TEAMS_LISTED = 25


@page(Right.MANAGE_EMPLOYERS, methods=SAFE)
@allow_replica
def list_employers(request: OfficeRequest) -> HttpResponse:
    form = SearchForm(request.GET, hint=_("Name or number"), only=_("Only employers without a team"))
    values = form.values()
    found = filter_employers(annotate_team_count(Employer.objects.visible_to(request.user)), **values)
    page = paginate_queryset(found, cursor=request.GET.get("page", ""), sorts=sort_employers_by_match(values["q"]))
    span = build_page_range(page, total=count_bounded(found), at=request.GET.get("at", ""))
    context = {
        "form": form,
        "rows": page.rows,
        "filtered": any(values.values()),
        "may_link": Right.MANAGE_TEAMS in request.rights,
        "may_view_users": Right.VIEW_USERS in request.rights,
        "best_first": bool(values["q"]),
        "results": "teams/_employer_results.html",
        **build_counted_pager_context(page, span, values),
    }
    return render_list(request, "teams/employers.html", context, values)


@page(Right.MANAGE_EMPLOYERS)
def create_employer(request: OfficeRequest) -> HttpResponse:
    form = NewEmployerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with show_errors(form):
            created = teams.employers.create_employer(request.user.office, **form.cleaned_data, by=request.actor)
            messages.success(request, _("Employer %(name)s has been added.") % {"name": created.name})
            if Right.MANAGE_TEAMS in request.rights:
                return redirect("teams:link_teams", created.pk)
            messages.info(
                request, _("Ask a user who manages teams to link it to a team: until then, no user has access to it.")
            )
            return redirect("teams:employer_list")
    return render(request, "teams/new_employer.html", {"form": form, "may_link": Right.MANAGE_TEAMS in request.rights})


def _get_employer_or_404(request: OfficeRequest, pk: UUID) -> Employer:
    return get_object_or_404(annotate_team_count(Employer.objects.visible_to(request.user)), pk=pk)


@page(Right.MANAGE_EMPLOYERS)
def edit_employer(request: OfficeRequest, pk: UUID) -> HttpResponse:
    employer = _get_employer_or_404(request, pk)
    form = EmployerForm(request.POST or None, employer=employer)
    if request.method == "POST" and form.is_valid():
        with show_errors(form, saved=employer):
            teams.employers.update_employer(employer, **form.cleaned_data, by=request.actor)
            messages.success(request, _("Employer %(name)s has been saved.") % {"name": form.cleaned_data["name"]})
            return redirect("teams:employer_list")
    linked = Team.objects.visible_to(request.user).filter(employers__employer=employer)
    context = {
        "employer": employer,
        "form": form,
        "teams": linked.order_by("sort_name", "pk")[:MAX_TEAMS_LISTED],
        "may_link": Right.MANAGE_TEAMS in request.rights,
        "may_view": Right.VIEW_TEAMS in request.rights,
        "may_view_users": Right.VIEW_USERS in request.rights,
    }
    return render(request, "teams/employer.html", context)


@page(Right.MANAGE_TEAMS)
def link_teams(request: OfficeRequest, pk: UUID) -> HttpResponse:
    employer = _get_employer_or_404(request, pk)
    search = SearchForm(request.GET, hint=_("Name of a team"), picks="id_teams")
    q = search.values()["q"]
    # Users never change what their own team gives (rule 5).
    others = Team.objects.visible_to(request.user).exclude(members__user=request.user)
    found = filter_teams(annotate_counts(others), q=q).exclude(employers__employer=employer)
    sorts, size = sort_names_by_match(q), get_page_size(request)
    page = paginate_queryset(found, cursor=request.GET.get("page", ""), sorts=sorts, size=size)
    form = TeamSelectionForm(
        request.POST or None, options=others, shown=[(team.pk, _render_team_label(team)) for team in page.rows]
    )
    if wants_options(request):
        return render_options(form)
    back = "teams:employer_list" if Right.MANAGE_EMPLOYERS in request.rights else "teams:team_list"
    if request.method == "POST" and form.is_valid():
        chosen = list(form.cleaned_data["teams"])
        try:
            teams.employers.link_employer(employer, to=chosen, by=request.actor)
        except EditConflict:
            form.add_error("teams", ValidationError(_("Another user deleted a team in the meantime."), code="stale"))
        else:
            text = ngettext("Linked to %(count)s team.", "Linked to %(count)s teams.", len(chosen))
            messages.success(request, text % {"count": len(chosen)})
            return redirect(back)
    context = {"employer": employer, "form": form, "search": search, "rows": page.rows, "back": back}
    return render(request, "teams/employer_teams.html", context | build_pager_context(page, q=q))


def _render_team_label(team: CountedTeam) -> str:
    count = team.member_count
    members = ngettext("%(count)s member", "%(count)s members", count) % {"count": count}
    return format_html('<span>{}<span class="detail">{}</span></span>', team.name, members)
