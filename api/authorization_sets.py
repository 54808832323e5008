"""Authorization sets and e-mail templates of the office."""

from uuid import UUID, uuid5

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query
from typing_extensions import TypedDict

from api import errors
from api.auth import ApiRequest
from api.authorizations import RightResource, serialize_rights
from api.filters import FieldType, FilterField
from api.listing import ListQuery, render_list
from api.operations import Operations
from api.schemas import MetadataValue, render_item
from core.keys import compute_name_key
from invitations import email_text
from invitations.actions import get_office_text
from oauth.scopes import Scope
from permissions.catalog import Right
from permissions.models import AuthorizationSet

operations = Operations("sets and texts", read=Scope.USERS_READ, write=Scope.USERS_WRITE)
FILTER_FIELDS = {"id": FilterField("id", FieldType.ID), "description": FilterField("name", key=compute_name_key)}
# The only template that an office can edit.
INVITATION_TEMPLATE_ID = uuid5(UUID(int=0), "loket.emailtemplate.invitation")


class AuthorizationSetResource(TypedDict):
    """A named set of rights."""

    id: UUID
    description: str
    authorizations: list[RightResource]


class EmailTemplateResource(TypedDict):
    """An e-mail template. `definedAtLevel` tells whether it is the office's own or the standard text."""

    id: UUID
    type: MetadataValue
    subject: str
    body: str
    definedAtLevel: MetadataValue
    isEditable: bool
    placeholders: list[MetadataValue]


def _serialize_set(found: AuthorizationSet) -> AuthorizationSetResource:
    return AuthorizationSetResource(id=found.pk, description=found.name, authorizations=serialize_rights(found.rights))


@operations.get_list(
    "/providers/{uuid:provider_id}/authorizationsets",
    "GetAuthorizationSetsByProviderId",
    AuthorizationSetResource,
    Right.VIEW_USERS,
)
def list_authorization_sets(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the authorization sets of the office."""
    rows = AuthorizationSet.objects.visible_to(request.caller.user)
    return render_list(request, rows, query, FILTER_FIELDS, _serialize_set)


@operations.get_item(
    "/providers/authorizationsets/{uuid:set_id}", "GetAuthorizationSetById", AuthorizationSetResource, Right.VIEW_USERS
)
def get_authorization_set(request: ApiRequest, set_id: UUID) -> HttpResponse:
    """Return an authorization set."""
    found = errors.get_or_404(AuthorizationSet.objects.visible_to(request.caller.user), set_id)
    return render_item(request, _serialize_set(found), etag=str(found.version))


class EmailTemplates(TypedDict):
    """The e-mail templates of the office."""

    emailTemplates: list[EmailTemplateResource]


def _serialize_template(request: ApiRequest) -> EmailTemplateResource:
    text = get_office_text(request.caller.user.office)
    is_own = text != email_text.STANDARD_TEXT
    level = MetadataValue(key="provider", value=_("office")) if is_own else MetadataValue(key="loket", value="Loket")
    return EmailTemplateResource(
        id=INVITATION_TEMPLATE_ID,
        type=MetadataValue(key="invitation", value=_("User invitation")),
        subject=text.subject,
        body=text.body,
        definedAtLevel=level,
        isEditable=True,
        placeholders=[MetadataValue(key=name, value=str(meaning)) for name, meaning in email_text.PLACEHOLDERS.items()],
    )


@operations.get_item(
    "/providers/{uuid:provider_id}/emailtemplates", "GetEmailTemplatesByProviderId", EmailTemplates, Right.VIEW_USERS
)
def list_email_templates(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """List the e-mail templates that the office can customize, in their current version."""
    return render_item(request, EmailTemplates(emailTemplates=[_serialize_template(request)]))


@operations.get_item(
    "/providers/{uuid:provider_id}/emailtemplates/{uuid:email_template_id}",
    "GetEmailTemplateById",
    EmailTemplateResource,
    Right.VIEW_USERS,
)
def get_email_template(request: ApiRequest, provider_id: UUID, email_template_id: UUID) -> HttpResponse:
    """Return an e-mail template."""
    if email_template_id != INVITATION_TEMPLATE_ID:
        raise errors.build_not_found_error()
    return render_item(request, _serialize_template(request))
