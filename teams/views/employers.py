"""Pages of employers: the clients of the office, their products and their teams."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

import teams.employers
from accounts.actions import Stale
from audit.actors import on_page
from loket.paging import neighbours, page_of
from loket.replica import from_replica
from teams.access import OfficeRequest, requires
from teams.forms.employers import EmployerForm, NewEmployerForm
from teams.forms.teams import SearchForm, TeamsForm
from teams.listing import employers_found, teams_found, with_counts, with_team_count
from teams.models import Employer, Team
from teams.rights import Right

SHOWN = 25


@requires(Right.MANAGE_EMPLOYERS)
@from_replica
@require_safe
def list_employers(request: OfficeRequest) -> HttpResponse:
    """List the employers, or only those without a team, one page at a time."""
    form = SearchForm(request.GET, hint=_("Name or number"), only=_("Only employers without a team"))
    values = form.values()
    found = employers_found(with_team_count(Employer.objects.visible_to(request.user)), **values)
    page = page_of(found, cursor=request.GET.get("page", ""))
    context = {
        "form": form,
        "rows": page.rows,
        "filtered": any(values.values()),
        "may_link": Right.MANAGE_TEAMS in request.rights,
    } | neighbours(page, **values)
    return render(request, "teams/employers.html", context)


@requires(Right.MANAGE_EMPLOYERS)
@require_http_methods(["GET", "HEAD", "POST"])
def new_employer(request: OfficeRequest) -> HttpResponse:
    """Create an employer, and continue to its teams."""
    form = NewEmployerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = teams.employers.create(
                request.user.provider, **form.cleaned_data, by=on_page(request, request.user)
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Employer %(name)s has been added.") % {"name": made.name})
            if Right.MANAGE_TEAMS in request.rights:
                return redirect("teams:employer_teams", made.pk)
            messages.info(
                request, _("Ask a user who manages teams to link it to a team: until then, no user has access to it.")
            )
            return redirect("teams:employers")
    return render(request, "teams/new_employer.html", {"form": form, "may_link": Right.MANAGE_TEAMS in request.rights})


def _one(request: OfficeRequest, id: UUID) -> Employer:
    """Return the employer with that id in the office of the user. Raises Http404."""
    return get_object_or_404(with_team_count(Employer.objects.visible_to(request.user)), pk=id)


@requires(Right.MANAGE_EMPLOYERS)
@require_http_methods(["GET", "HEAD", "POST"])
def employer(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show and edit one employer."""
    employer = _one(request, id)
    form = EmployerForm(request.POST or None, employer=employer)
    if request.method == "POST" and form.is_valid():
        try:
            teams.employers.change(employer, **form.cleaned_data, by=on_page(request, request.user))
        except Stale:
            form.now_based_on(employer)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Employer %(name)s has been saved.") % {"name": form.cleaned_data["name"]})
            return redirect("teams:employers")
    linked = Team.objects.visible_to(request.user).filter(employers__employer=employer)
    context = {
        "employer": employer,
        "form": form,
        "teams": linked.order_by("sort_name", "pk")[:SHOWN],
        "may_link": Right.MANAGE_TEAMS in request.rights,
        "may_view": Right.VIEW_TEAMS in request.rights,
    }
    return render(request, "teams/employer.html", context)


@requires(Right.MANAGE_TEAMS)
@require_http_methods(["GET", "HEAD", "POST"])
def employer_teams(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Search teams without this employer, and add it to the chosen ones."""
    employer = _one(request, id)
    search = SearchForm(request.GET, hint=_("Name of a team"))
    q = search.values()["q"]
    # Users never change what their own team gives (rule 5).
    others = Team.objects.visible_to(request.user).exclude(members__user=request.user)
    found = teams_found(with_counts(others), q=q).exclude(employers__employer=employer)
    page = page_of(found, cursor=request.GET.get("page", ""))
    form = TeamsForm(request.POST or None, choosable=others, shown=[(team.pk, _team_text(team)) for team in page.rows])
    back = "teams:employers" if Right.MANAGE_EMPLOYERS in request.rights else "teams:list"
    if request.method == "POST" and form.is_valid():
        chosen = list(form.cleaned_data["teams"])
        try:
            teams.employers.link(employer, to=chosen, by=on_page(request, request.user))
        except Stale:
            form.add_error("teams", ValidationError(_("Another user deleted a team in the meantime."), code="stale"))
        else:
            text = ngettext("Linked to %(count)s team.", "Linked to %(count)s teams.", len(chosen))
            messages.success(request, text % {"count": len(chosen)})
            return redirect(back)
    context = {"employer": employer, "form": form, "search": search, "rows": page.rows, "back": back}
    return render(request, "teams/employer_teams.html", context | neighbours(page, q=q))


def _team_text(team: Team) -> str:
    count = team.member_count  # type: ignore[attr-defined]
    members = ngettext("%(count)s member", "%(count)s members", count) % {"count": count}
    return format_html('<span>{}<span class="detail">{}</span></span>', team.name, members)
