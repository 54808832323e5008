"""Pages of a job that changes users: review the plan, execute it, see the result, revert it."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.actors import Proof
from bulk import operations
from bulk.models import Operation
from bulk.views import pages
from signin.reauthentication import reauthenticated
from teams.access import OfficeRequest, not_along, requires
from teams.rights import Right


def _one(request: OfficeRequest, id: UUID) -> Operation:
    return pages.one(request, id, about_teams=False)


@requires(Right.MANAGE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthenticated(Proof.HALF_HOUR)
def plan(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Show the plan, or have the worker execute it."""
    return pages.plan(request, _one(request, id))


@requires(Right.MANAGE_USERS)
@require_POST
def plan_again(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Plan again for the current state of the office."""
    return pages.plan_again(request, _one(request, id))


@requires(Right.MANAGE_USERS)
@require_POST
def forget(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Discard a plan."""
    return pages.forget(request, _one(request, id))


@requires(Right.MANAGE_USERS)
@require_POST
def undo(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Plan the revert of a job; nothing is changed yet."""
    return pages.undo(request, _one(request, id))


@requires(Right.MANAGE_USERS)
@not_along
@require_safe
@reauthenticated(Proof.HALF_HOUR)
def result(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Download the result as CSV."""
    return pages.result_of(_one(request, id))


@requires(Right.MANAGE_USERS)
@not_along
@require_safe
@reauthenticated(Proof.HALF_HOUR)
def faulty(request: OfficeRequest, id: UUID) -> HttpResponse:
    """Download the rows with faults as CSV."""
    operation = _one(request, id)
    if operation.is_done or operation.kind != Operation.Kind.USERS:
        raise Http404
    return pages.csv(operations.faulty_rows(operation), _("errors") + ".csv")
