"""Authorization sets and e-mail templates of the office."""

from uuid import UUID, uuid5

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router
from typing_extensions import TypedDict

from invitations import texts
from invitations.actions import office_text
from teams.catalogue import Right, ordered
from teams.models import AuthorizationSet
from webservice.api import faults
from webservice.api.authorizations import RightResource, shown
from webservice.api.door import ApiRequest, needs, require_office
from webservice.api.envelopes import Answer, Listed, Metadata, answer
from webservice.api.filters import Field, Kind
from webservice.api.listing import ListQuery, listed
from webservice.api.responses import reads
from webservice.scopes import Scope

router = Router(tags=["sets and texts"])
FIELDS = {"id": Field("id", Kind.ID), "description": Field("name")}
INVITATION = uuid5(UUID(int=0), "loket.emailtemplate.invitation")  # the only template that an office can edit


class SetResource(TypedDict):
    """A named set of rights."""

    id: UUID
    description: str
    authorizations: list[RightResource]


class TemplateResource(TypedDict):
    """An e-mail template. `definedAtLevel` tells whether it is the office's own or the standard text."""

    id: UUID
    type: Metadata
    subject: str
    body: str
    definedAtLevel: Metadata
    isEditable: bool
    placeholders: list[Metadata]


def _shown(found: AuthorizationSet) -> SetResource:
    rights = [shown(right) for right in ordered(found.rights)]
    return SetResource(id=found.pk, description=found.name, authorizations=rights)


@router.get(
    "/providers/{uuid:provider_id}/authorizationsets",
    operation_id="GetAuthorizationSetsByProviderId",
    response=reads(Listed[SetResource], 400, 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def list_sets(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the authorization sets of the office."""
    require_office(request, provider_id)
    rows = AuthorizationSet.objects.visible_to(request.caller.user)
    return listed(request, rows, query, fields=FIELDS, order=("name",), shown=_shown)


@router.get(
    "/providers/authorizationsets/{uuid:set_id}",
    operation_id="GetAuthorizationSetById",
    response=reads(Answer[SetResource], 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def get_set(request: ApiRequest, set_id: UUID) -> HttpResponse:
    """Return an authorization set."""
    found = AuthorizationSet.objects.visible_to(request.caller.user).filter(pk=set_id).first()
    if found is None:
        raise faults.not_found()
    return answer(request, _shown(found), etag=str(found.version))


class Templates(TypedDict):
    """The e-mail templates of the office."""

    emailTemplates: list[TemplateResource]


def _template(request: ApiRequest) -> TemplateResource:
    text = office_text(request.caller.user.provider)
    is_own = text != texts.STANDARD
    level = Metadata(key="provider", value=_("office")) if is_own else Metadata(key="loket", value="Loket")
    return TemplateResource(
        id=INVITATION,
        type=Metadata(key="invitation", value=_("User invitation")),
        subject=text.subject,
        body=text.body,
        definedAtLevel=level,
        isEditable=True,
        placeholders=[Metadata(key=name, value=str(meaning)) for name, meaning in texts.PLACEHOLDERS.items()],
    )


@router.get(
    "/providers/{uuid:provider_id}/emailtemplates",
    operation_id="GetEmailTemplatesByProviderId",
    response=reads(Answer[Templates], 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def list_templates(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """List the e-mail templates that the office can customize, in their present version."""
    require_office(request, provider_id)
    return answer(request, Templates(emailTemplates=[_template(request)]))


@router.get(
    "/providers/{uuid:provider_id}/emailtemplates/{uuid:email_template_id}",
    operation_id="GetEmailTemplateById",
    response=reads(Answer[TemplateResource], 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def get_template(request: ApiRequest, provider_id: UUID, email_template_id: UUID) -> HttpResponse:
    """Return an e-mail template."""
    require_office(request, provider_id)
    if email_template_id != INVITATION:
        raise faults.not_found()
    return answer(request, _template(request))
