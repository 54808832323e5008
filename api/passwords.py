"""Rotation of the password of an SSO/Webservice user, with which the old one can stay valid for a while."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from pydantic import AwareDatetime, Field
from typing_extensions import TypedDict

from api import errors, etags, user_schemas
from api.auth import ApiRequest
from api.inputs import RequestBody
from api.operations import Operations
from api.schemas import render_item
from oauth.scopes import Scope
from permissions.checks import Right
from users import login_methods

operations = Operations("users", read=Scope.USERS_READ, write=Scope.USERS_WRITE)
_FIELDS = {"overlap": "previousPasswordValidUntil", "kind": None}


class PasswordUpdate(RequestBody):
    """A new password. The old one is accepted until `previousPasswordValidUntil`, by default no longer."""

    password: Annotated[str, Field(min_length=8, max_length=255, examples=["Zonnebloem-42-veld"])]
    previousPasswordValidUntil: Annotated[AwareDatetime, Field(strict=False)] | None = None


class PasswordResource(TypedDict):
    """When the password was set, and until when the previous one is accepted too; null if it is not."""

    dateTimePasswordChanged: datetime | None
    previousPasswordValidUntil: datetime | None


@operations.put("/providers/users/{uuid:user_id}/password", "PutPasswordByUserId", PasswordResource, Right.MANAGE_USERS)
def put_password(request: ApiRequest, user_id: UUID, body: PasswordUpdate) -> HttpResponse:
    """Set a new password for an SSO/Webservice user. Its sessions and tokens end, unless the old password stays valid.

    The old password can stay valid for at most 7 days.
    """
    user = user_schemas.get_user_or_404(request, user_id)
    etags.require_etag_match(request, user_schemas.compute_user_etag(user))
    try:
        changed = login_methods.set_password(
            user,
            password=body.password,
            before=login_methods.get_password_set_at(user),
            overlap_until=body.previousPasswordValidUntil,
            by=request.by,
        )
    except ValidationError as error:
        field = _FIELDS.get(error.error_list[0].code or "", "password")
        raise errors.convert_validation_error(error, field) from None
    content = PasswordResource(
        dateTimePasswordChanged=changed.password_changed_at,
        previousPasswordValidUntil=changed.previous_password_until,
    )
    return render_item(
        request, content, etag=user_schemas.compute_user_etag(user_schemas.get_user_or_404(request, user_id))
    )
