"""Compare two users, and copy the access of one to the other."""

from hashlib import sha256
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

import teams.actions
from accounts.actions import Stale
from accounts.models import User
from audit.actors import on_page
from teams import deviations
from teams.access import OfficeRequest, requires
from teams.deviations import Comparison
from teams.forms.questions import ColleagueForm
from teams.rights import LastAdministrator, Right
from teams.views.people import colleague


def _print_of(comparison: Comparison) -> str:
    """Return a fingerprint of the differences in teams and individual rights."""
    parts = [[str(team.pk) for team in side] for side in comparison.teams]
    parts += [[right.value for right in side] for side in comparison.individual]
    shown = "|".join(",".join(sorted(part)) for part in parts)
    return sha256(shown.encode()).hexdigest()


@requires(Right.VIEW_USERS)
@require_safe
def compare(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show how a user differs from a colleague in teams, rights and employers."""
    person = colleague(request, id)
    form = ColleagueForm(request.GET if "colleague" in request.GET else None, person=person)
    context: dict[str, object] = {"person": person, "form": form}
    if form.is_valid():
        other: User = form.cleaned_data["colleague"]
        found = deviations.compare(person, other)
        context |= {
            "other": other,
            "comparison": found,
            "parts": [
                (_("Teams"), [[team.name for team in side] for side in found.teams]),
                (_("Individual rights"), [[right.label for right in side] for side in found.individual]),
                (_("All rights"), [[right.label for right in side] for side in found.held]),
                (_("Employers"), [[str(employer) for employer in side] for side in found.employers]),
            ],
            "shown": _print_of(found),
            "may_change": {Right.MANAGE_TEAMS, Right.GRANT_RIGHTS} <= request.rights and person.pk != request.user.pk,
        }
    return render(request, "teams/compare_users.html", context)


@requires(Right.GRANT_RIGHTS)
@require_POST
def make_like(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Copy the teams and individual rights of a colleague, unless they changed since the page was shown."""
    person = colleague(request, id)
    form = ColleagueForm(request.POST, person=person)
    if not form.is_valid():
        raise Http404
    other: User = form.cleaned_data["colleague"]
    try:
        if _print_of(deviations.compare(person, other)) != request.POST.get("shown"):
            raise Stale
        teams.actions.make_like(person, other, by=on_page(request, request.user))
    except Stale:
        messages.error(
            request, _("Something changed in the meantime, so nothing was done. Review the differences again.")
        )
        return redirect("teams:compare", person.pk)
    except LastAdministrator as error:
        messages.error(request, str(error))
        return redirect("teams:compare", person.pk)
    values = {"name": person.full_name, "other": other.full_name}
    messages.success(request, _("%(name)s now has the same teams and individual rights as %(other)s.") % values)
    return redirect("teams:rights", person.pk)
