"""What changed since a program last asked: when a user was modified, and which users and teams are gone."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from ninja import Query
from typing_extensions import TypedDict

from api.auth import ApiRequest
from api.filters import FieldType, FilterField
from api.listing import ListQuery, render_list
from api.operations import Operations
from audit.models import Event, Verb
from oauth.scopes import Scope
from permissions.checks import Right

operations = Operations("users", read=Scope.USERS_READ, write=Scope.USERS_WRITE)
# Events about a user after which the API shows something else of that user.
_MODIFYING_VERBS = (
    Verb.USER_CREATED,
    Verb.USER_CHANGED,
    Verb.USER_BLOCKED,
    Verb.USER_UNBLOCKED,
    Verb.LOGIN_METHOD_CHANGED,
    Verb.EMAIL_CHANGED,
    Verb.INVITATION_SENT,
    Verb.INVITATION_OPENED,
    Verb.INVITATION_REFUSED,
    Verb.INVITATION_LOCKED,
    Verb.INVITATION_ACCEPTED,
    Verb.INVITATION_REVOKED,
    Verb.INVITATION_EXPIRED,
    Verb.RIGHTS_CHANGED,
    Verb.TEAMS_CHANGED,
    Verb.SET_APPLIED,
    Verb.NOTIFICATIONS_CHANGED,
    Verb.NOTIFICATION_SET_APPLIED,
    Verb.FACTOR_ADDED,
    Verb.FACTOR_REMOVED,
    Verb.FACTORS_RESET,
    Verb.CONSENT_ENDED,
)
team_operations = Operations("teams", read=Scope.TEAMS_READ, write=Scope.TEAMS_WRITE)
DELETED_FILTER_FIELDS = {
    "id": FilterField("target_id", FieldType.ID),
    "dateTimeDeleted": FilterField("at", FieldType.DATETIME),
}
ERASED_FILTER_FIELDS = {
    "id": FilterField("target_id", FieldType.ID),
    "dateTimeErased": FilterField("at", FieldType.DATETIME),
}


class ErasedUserResource(TypedDict):
    """A user that no longer exists."""

    id: UUID
    dateTimeErased: datetime


class DeletedTeamResource(TypedDict):
    """A team that no longer exists."""

    id: UUID
    dateTimeDeleted: datetime


def build_modified_at() -> Coalesce:
    """Return the expression for when a user was last modified, or created if the history no longer has it."""
    events: QuerySet[Event] = Event.objects.filter(
        provider_id=OuterRef("provider_id"), target_id=OuterRef("pk"), verb__in=_MODIFYING_VERBS
    )
    return Coalesce(Subquery(events.order_by("-at").values("at")[:1]), "created_at")


@operations.get_list(
    "/providers/{uuid:provider_id}/users/erased",
    "GetErasedUsersByProviderId",
    ErasedUserResource,
    Right.VIEW_USERS,
    fields=ERASED_FILTER_FIELDS,
)
def list_erased_users(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the users that were erased, newest first, as long as the history of the office is kept."""
    return _render_removals(request, provider_id, query, Verb.USER_ERASED, ERASED_FILTER_FIELDS)


@team_operations.get_list(
    "/providers/{uuid:provider_id}/teams/deleted",
    "GetDeletedTeamsByProviderId",
    DeletedTeamResource,
    Right.VIEW_TEAMS,
    fields=DELETED_FILTER_FIELDS,
)
def list_deleted_teams(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the teams that were deleted, newest first, as long as the history of the office is kept."""
    return _render_removals(request, provider_id, query, Verb.TEAM_DELETED, DELETED_FILTER_FIELDS)


def _render_removals(
    request: ApiRequest, provider_id: UUID, query: ListQuery, verb: Verb, fields: Mapping[str, FilterField]
) -> HttpResponse:
    """Render the events with `verb`, newest first; the keys of `fields` are the properties that they have."""
    rows = Event.objects.filter(provider_id=provider_id, verb=verb)

    def serialize(event: Event) -> dict[str, object]:
        return {name: getattr(event, field.column) for name, field in fields.items()}

    return render_list(request, rows, query, fields, serialize, order="-at")
