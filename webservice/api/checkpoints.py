"""Signed checkpoints of the office's audit log, for storage elsewhere (verified with audit/verify.py)."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from typing_extensions import TypedDict

from audit.models import Checkpoint
from teams.rights import Right
from webservice.api.door import ApiRequest, needs, require_office
from webservice.api.envelopes import Listed
from webservice.api.filters import Field, Kind
from webservice.api.listing import ListQuery, listed
from webservice.api.responses import reads
from webservice.scopes import Scope

router = Router(tags=["history"])
FIELDS = {"id": Field("id", Kind.ID), "sequence": Field("sequence", Kind.NUMBER)}


class CheckpointResource(TypedDict):
    """A signature over the audit log up to an event; `signed` is the checkpoint as `verify.py` reads it."""

    id: UUID
    sequence: int
    signed: dict[str, Any]


def _shown(checkpoint: Checkpoint) -> CheckpointResource:
    return CheckpointResource(id=checkpoint.pk, sequence=checkpoint.sequence, signed=checkpoint.signed)


@router.get(
    "/providers/{uuid:provider_id}/audit/checkpoints",
    operation_id="GetCheckpointsByProviderId",
    response=reads(Listed[CheckpointResource], 400, 404),
    **needs(Scope.AUDIT_READ, Right.VIEW_AUDIT),
)
def list_checkpoints(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the signed checkpoints of the office's audit log, at most one per hour, newest first."""
    require_office(request, provider_id)
    rows = Checkpoint.objects.filter(provider_id=request.caller.user.provider_id)
    return listed(request, rows, query, fields=FIELDS, order=("-sequence",), shown=_shown)
