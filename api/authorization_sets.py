"""Authorization sets and e-mail templates of the office."""

from email.utils import parseaddr
from typing import Literal
from uuid import UUID, uuid5

from django.conf import settings
from django.http import HttpResponse
from ninja import Query
from typing_extensions import TypedDict

from accounts import email_texts, emails
from accounts.email_kinds import KINDS, PLACEHOLDER_MEANINGS, EmailCategory
from accounts.models import Provider
from api import errors
from api.auth import ApiRequest
from api.authorizations import RightResource, serialize_rights
from api.filters import FieldType, FilterField
from api.listing import ListQuery, render_list, render_rows, render_whole_list
from api.operations import Operations
from api.schemas import ListEnvelope, MetadataField, MetadataOption, MetadataValue, ResourceReference, render_item
from core.keys import compute_name_key
from oauth.scopes import Scope
from outbox.placeholders import EmailText
from permissions.catalog import Right
from permissions.models import AuthorizationSet

operations = Operations("sets and texts", read=Scope.USERS_READ, write=Scope.USERS_WRITE)
FILTER_FIELDS = {"id": FilterField("id", FieldType.ID), "description": FilterField("name", key=compute_name_key)}
TEMPLATE_IDS = {uuid5(UUID(int=0), f"loket.emailtemplate.{kind}"): kind for kind in KINDS}
_ACCESS = "Toegang Loket.nl"
_CATEGORIES = list(EmailCategory)
_ACCESS_MODULE_ID = uuid5(UUID(int=0), "loket.module.access")


class AuthorizationSetResource(TypedDict):
    """A named set of rights."""

    id: UUID
    description: str
    authorizations: list[RightResource]


class EmailTemplateText(TypedDict):
    """The text of a template, and the address that it is sent from."""

    subject: str
    body: str
    senderEmail: str


class EmailTemplateType(TypedDict):
    """The type of a template."""

    id: UUID
    description: str
    sortOrder: int


class EmailTemplateResource(TypedDict):
    """An e-mail template. `definedAtLevel` tells whether it is the office's own or the standard text."""

    id: UUID
    category: MetadataValue
    definedAtLevel: Literal["provider", "loket"]
    dependsOnModule: ResourceReference
    email: EmailTemplateText
    isEmailTemplateEditable: bool
    type: EmailTemplateType
    placeholders: list[MetadataOption]


class EmailTemplateDetail(ListEnvelope):
    """One template, as a list of one, and the same in `content`."""

    _embedded: list[EmailTemplateResource]
    content: EmailTemplateResource


def _serialize_set(found: AuthorizationSet) -> AuthorizationSetResource:
    return AuthorizationSetResource(id=found.pk, description=found.name, authorizations=serialize_rights(found.rights))


@operations.get_list(
    "/providers/{uuid:provider_id}/authorizationsets",
    "GetAuthorizationSetsByProviderId",
    AuthorizationSetResource,
    Right.VIEW_USERS,
    fields=FILTER_FIELDS,
)
def list_authorization_sets(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the authorization sets of the office."""
    rows = AuthorizationSet.objects.visible_to(request.caller.user)
    return render_list(request, rows, query, FILTER_FIELDS, _serialize_set)


@operations.get_item(
    "/providers/authorizationsets/{uuid:set_id}",
    "GetAuthorizationSetsByAuthorizationSetId",
    AuthorizationSetResource,
    Right.VIEW_USERS,
)
def get_authorization_set(request: ApiRequest, set_id: UUID) -> HttpResponse:
    """Return an authorization set."""
    found = errors.get_or_404(AuthorizationSet.objects.visible_to(request.caller.user), set_id)
    return render_item(request, _serialize_set(found), etag=str(found.version))


def _list_placeholders(kind: str) -> list[MetadataOption]:
    return [
        MetadataOption(key=number, value=name, description=str(PLACEHOLDER_MEANINGS[name]))
        for number, name in enumerate(emails.list_placeholders(kind), 1)
    ]


def _list_templates(provider: Provider) -> list[EmailTemplateResource]:
    """Return the templates in the language of the e-mails of the office. One query."""
    language = provider.email_language
    own_texts = {kind: row.text for kind, row in email_texts.list_versions_in_use(provider, language).items()}
    return [
        _serialize_template(template_id, kind, own_texts.get(kind), emails.get_product_text(kind, language))
        for template_id, kind in TEMPLATE_IDS.items()
    ]


def _serialize_template(
    template_id: UUID, kind: str, own_text: EmailText | None, product_text: EmailText
) -> EmailTemplateResource:
    category, text = KINDS[kind].category, own_text or product_text
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return EmailTemplateResource(
        id=template_id,
        category=MetadataValue(key=_CATEGORIES.index(category) + 1, value=str(category.label), code=category.value),
        definedAtLevel="provider" if own_text else "loket",
        dependsOnModule=ResourceReference(id=_ACCESS_MODULE_ID, description=_ACCESS),
        email=EmailTemplateText(subject=text.subject, body=text.body, senderEmail=sender),
        isEmailTemplateEditable=True,
        type=EmailTemplateType(
            id=template_id, description=str(KINDS[kind].title), sortOrder=10 * (list(KINDS).index(kind) + 1)
        ),
        placeholders=_list_placeholders(kind),
    )


@operations.get_whole_list(
    "/providers/{uuid:provider_id}/emailtemplates",
    "GetEmailTemplatesByProviderId",
    EmailTemplateResource,
    Right.VIEW_USERS,
)
def list_email_templates(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """List the e-mail templates that the office can customize, in their current version."""
    return render_whole_list(request, _list_templates(request.caller.user.office))


@operations.get_extended_list(
    "/providers/{uuid:provider_id}/emailtemplates/{uuid:email_template_id}",
    "GetEmailTemplateByProviderIdAndEmailTemplateId",
    EmailTemplateDetail,
    Right.VIEW_USERS,
    is_paged=False,
)
def get_email_template(request: ApiRequest, provider_id: UUID, email_template_id: UUID) -> HttpResponse:
    """Return an e-mail template."""
    kind, office = _get_kind(email_template_id), request.caller.user.office
    own_text = email_texts.find_texts(kind, [office.pk]).get(office.pk)
    product_text = emails.get_product_text(kind, office.email_language)
    template = _serialize_template(email_template_id, kind, own_text, product_text)
    return render_rows(request, [template], 1, ListQuery(), content=template)


@operations.get_whole_list(
    "/providers/{uuid:provider_id}/emailtemplates/{uuid:email_template_id}/metadata",
    "GetEmailTemplateMetadataByProviderIdAndEmailTemplateId",
    MetadataField,
    Right.VIEW_USERS,
)
def get_email_template_metadata(request: ApiRequest, provider_id: UUID, email_template_id: UUID) -> HttpResponse:
    """Return the placeholders that the text of a template can contain."""
    options = _list_placeholders(_get_kind(email_template_id))
    return render_whole_list(request, [MetadataField(field="placeholders", options=options)])


def _get_kind(template_id: UUID) -> str:
    if template_id not in TEMPLATE_IDS:
        raise errors.build_not_found_error()
    return TEMPLATE_IDS[template_id]
