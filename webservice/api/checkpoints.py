"""Signed checkpoints of the history of the office, for who keeps them elsewhere (audit/verify.py reads them)."""

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
    """What was signed of the history up to an event; `signed` is the checkpoint itself, as `verify.py` wants it."""

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
    """The signed checkpoints of the history of the office, one an hour at most, the newest first."""
    require_office(request, provider_id)
    rows = Checkpoint.objects.filter(provider_id=request.caller.user.provider_id)
    return listed(request, rows, query, fields=FIELDS, order=("-sequence",), shown=_shown)
