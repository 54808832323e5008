"""Signed checkpoints of the office's audit log, for storage elsewhere (verified with audit/verify.py)."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Query
from typing_extensions import TypedDict

from api.auth import ApiRequest
from api.filters import FieldType, FilterField
from api.listing import ListQuery, render_list
from api.operations import Operations
from audit.models import Checkpoint
from oauth.scopes import Scope
from permissions.checks import Right

operations = Operations("history", read=Scope.AUDIT_READ, write=Scope.AUDIT_READ)
FILTER_FIELDS = {"id": FilterField("id", FieldType.ID), "sequence": FilterField("sequence", FieldType.NUMBER)}


class CheckpointResource(TypedDict):
    """A signature over the audit log up to an event; `signed` is the checkpoint as `verify.py` reads it."""

    id: UUID
    sequence: int
    signed: dict[str, Any]


def _serialize_checkpoint(checkpoint: Checkpoint) -> CheckpointResource:
    return CheckpointResource(id=checkpoint.pk, sequence=checkpoint.sequence, signed=checkpoint.signed)


@operations.get_list(
    "/providers/{uuid:provider_id}/audit/checkpoints",
    "GetCheckpointsByProviderId",
    CheckpointResource,
    Right.VIEW_AUDIT,
    fields=FILTER_FIELDS,
)
def list_checkpoints(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the signed checkpoints of the office's audit log, at most one per hour, newest first."""
    rows = Checkpoint.objects.filter(provider_id=request.caller.user.provider_id)
    return render_list(request, rows, query, FILTER_FIELDS, _serialize_checkpoint, order="-sequence")
