"""Signed checkpoints of the office's audit log, for storage elsewhere (verified with audit/verify.py)."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router
from typing_extensions import TypedDict

from api.auth import ApiRequest, build_auth, require_office
from api.filters import FieldType, FilterField
from api.listing import ListQuery, render_list
from api.responses import read_responses
from api.schemas import ListResponse
from audit.models import Checkpoint
from oauth.scopes import Scope
from permissions.checks import Right

router = Router(tags=["history"])
FILTER_FIELDS = {"id": FilterField("id", FieldType.ID), "sequence": FilterField("sequence", FieldType.NUMBER)}


class CheckpointResource(TypedDict):
    """A signature over the audit log up to an event; `signed` is the checkpoint as `verify.py` reads it."""

    id: UUID
    sequence: int
    signed: dict[str, Any]


def _serialize_checkpoint(checkpoint: Checkpoint) -> CheckpointResource:
    return CheckpointResource(id=checkpoint.pk, sequence=checkpoint.sequence, signed=checkpoint.signed)


@router.get(
    "/providers/{uuid:provider_id}/audit/checkpoints",
    operation_id="GetCheckpointsByProviderId",
    response=read_responses(ListResponse[CheckpointResource], 400, 404),
    **build_auth(Scope.AUDIT_READ, Right.VIEW_AUDIT),
)
def list_checkpoints(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the signed checkpoints of the office's audit log, at most one per hour, newest first."""
    require_office(request, provider_id)
    rows = Checkpoint.objects.filter(provider_id=request.caller.user.provider_id)
    return render_list(
        request, rows, query, fields=FILTER_FIELDS, default_order=("-sequence",), serialize=_serialize_checkpoint
    )
