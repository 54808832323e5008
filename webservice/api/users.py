"""Users: list, read, edit, delete, and actions on a user."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router
from typing_extensions import TypedDict

import accounts.actions
import invitations.actions
import signin.factors.actions
from accounts import erasing
from accounts.forms.people import EditForm
from accounts.models import LoginMethod, User
from accounts.status import Status
from audit.actors import Proof
from invitations.actions import NotOpen
from invitations.forms.office import ResendForm
from teams.rights import Right
from webservice.api import etags, people
from webservice.api.door import ApiRequest, needs, require_office
from webservice.api.envelopes import Answer, Listed, Message, Metadata, answer, information
from webservice.api.faults import Fault, checked
from webservice.api.inputs import UserAction, UserChange, of_person
from webservice.api.listing import ListQuery, listed
from webservice.api.people import ACCESS, FIELDS, UserResource, shown
from webservice.api.responses import changes, deletes, reads
from webservice.scopes import Scope

router = Router(tags=["users"])


class UserMetadata(TypedDict):
    """Allowed values of the metadata fields of a user."""

    loginMethod: list[Metadata]
    accessStatus: list[Metadata]


@router.get(
    "/providers/{uuid:provider_id}/users",
    operation_id="GetUsersByProviderId",
    response=reads(Listed[UserResource], 400, 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def list_users(request: ApiRequest, provider_id: UUID, query: Query[ListQuery]) -> HttpResponse:
    """List the users of the office, by name."""
    require_office(request, provider_id)
    rows = people.filterable(people.visible(request), query)
    return listed(request, rows, query, fields=FIELDS, order=("sort_name",), shown=shown)


@router.get(
    "/providers/{uuid:provider_id}/users/metadata",
    operation_id="GetUserMetadata",
    response=reads(Answer[UserMetadata], 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def user_metadata(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the allowed values of the metadata fields of a user."""
    require_office(request, provider_id)
    content = UserMetadata(
        loginMethod=[Metadata(key=method.value, value=str(method.label)) for method in LoginMethod],
        accessStatus=[Metadata(key=ACCESS[status], value=str(status.label)) for status in Status],
    )
    return answer(request, content)


@router.get(
    "/providers/users/{uuid:user_id}",
    operation_id="GetUserByUserId",
    response=reads(Answer[UserResource], 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def get_user(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Return a user."""
    return of(request, user_id)


def of(request: ApiRequest, user_id: UUID, **options: Any) -> HttpResponse:
    """Return the response for one user, in its present state."""
    person = people.one(request, user_id)
    return answer(request, shown(person), etag=people.etag(person), **options)


def _locked(request: ApiRequest, user_id: UUID) -> AbstractContextManager[User]:
    return etags.locked(request, people.visible(request), user_id, etag=people.etag)


@router.put(
    "/providers/users/{uuid:user_id}",
    operation_id="PutUserByUserId",
    response=changes(Answer[UserResource], 428),
    **needs(Scope.USERS_WRITE, Right.MANAGE_USERS),
)
def put_user(request: ApiRequest, user_id: UUID, body: UserChange) -> HttpResponse:
    """Update the details of a user. A new e-mail address takes effect after it has been confirmed."""
    person = people.one(request, user_id)
    etags.require_match(request, people.etag(person))
    removes_factor = body.hasMultiFactorAuthentication is False and person.second_factor_at is not None
    if removes_factor:
        request.by.require_proof(Proof.FIVE_MINUTES)
        etags.require_given(request)
    form = checked(_edit_form(request, person, body))
    details = form.details
    email = details.pop("email", person.email)
    with _locked(request, user_id) as found:
        accounts.actions.edit(found, details=details, email=email, version=person.version, by=request.by)
        if removes_factor:
            signin.factors.actions.reset(found, reason=_("via the web service"), by=request.by)
    return of(request, user_id, messages=[_asked(email)] if email != person.email else [])


def _edit_form(request: ApiRequest, person: User, body: UserChange) -> EditForm:
    """Return the edit form of the page, bound to the request. Raises Fault for changes that the page does not offer."""
    if person.pk == request.caller.user.pk:
        raise Fault(403, "reach", _("Change your own details with PUT /v2/user."))
    required = body.twoFactorAuthenticationRequired
    sent = of_person(
        body.personalDetails,
        body.contactInformation,
        kept=person,
        has_access_to_test_years=body.hasAccessToPayrollingTestData,
        two_factor_required=person.two_factor_required if required is None else required,
        access_until=body.accessUntil if "accessUntil" in body.model_fields_set else person.access_until,
        version=person.version,
    )
    if person.accepted_at is None and sent["email"] != person.email:
        text = _("The address of an invited user changes when you resend the invitation: action Resend.")
        raise Fault(400, "invited", text, field="contactInformation.emailAddress")
    if required and not person.is_website_user:
        text = _("Two-factor authentication can only be required for users via website and SSO.")
        raise Fault(400, "two_factor_required", text, field="twoFactorAuthenticationRequired")
    if body.hasMultiFactorAuthentication and person.second_factor_at is None:
        text = _("Users set up two-factor themselves; it can only be removed here.")
        raise Fault(400, "two_factor", text, field="hasMultiFactorAuthentication")
    return EditForm(sent, user=person)


def _asked(email: str) -> Message:
    text = _("We sent an e-mail to %(email)s. The new address takes effect once it is confirmed there.")
    return information("email_asked", text % {"email": email}, "contactInformation.emailAddress")


@router.patch(
    "/providers/users/{uuid:user_id}",
    operation_id="PatchUserByUserId",
    response=changes(Answer[UserResource]),
    **needs(Scope.USERS_WRITE, Right.MANAGE_USERS),
)
def patch_user(request: ApiRequest, user_id: UUID, body: UserAction) -> HttpResponse:
    """Resend or revoke the invitation of a user, or block or unblock the user."""
    people.one(request, user_id)  # a user of another office is 404, whatever the body
    if (body.action == "Resend") != (body.resendInformation is not None):
        text = _("Send resendInformation with the action Resend only.")
        raise Fault(400, "resend_information", text, field="resendInformation")
    with _locked(request, user_id) as who:
        _DONE[body.action](request, who, body)
    return of(request, user_id)


@router.delete(
    "/providers/users/{uuid:user_id}",
    operation_id="DeleteUserByUserId",
    response=deletes(),
    **needs(Scope.USERS_WRITE, Right.MANAGE_PROVIDER),
)
def delete_user(request: ApiRequest, user_id: UUID) -> HttpResponse:
    """Permanently erase a user whose access ended at least the retention period of the office ago."""
    with _locked(request, user_id) as who:
        erasing.erase(who, by=request.by)
    return HttpResponse(status=204)


def _resend(request: ApiRequest, person: User, body: UserAction) -> None:
    information = body.resendInformation
    invitation = getattr(person, "invitation", None)
    if information is None or invitation is None:
        raise NotOpen
    email = information.emailAddress or person.email
    sent = {"email": email, "mobile_number": information.destinationForSecret, "sent": invitation.sent_at.isoformat()}
    form = checked(ResendForm(sent, user=person), below="resendInformation.")
    required = information.twoFactorAuthenticationRequired
    if required is not None and required != person.two_factor_required:
        details = accounts.actions.Details(two_factor_required=required)
        accounts.actions.edit(person, details=details, email=person.email, version=person.version, by=request.by)
    values = form.cleaned_data
    invitations.actions.resend(person, mobile_number=values["mobile_number"], email=values["email"], by=request.by)


def _revoke(request: ApiRequest, person: User, body: UserAction) -> None:
    invitations.actions.revoke(person, by=request.by)


def _block(request: ApiRequest, person: User, body: UserAction) -> None:
    accounts.actions.block(person, by=request.by)


def _unblock(request: ApiRequest, person: User, body: UserAction) -> None:
    accounts.actions.unblock(person, by=request.by)


_DONE: dict[str, Callable[[ApiRequest, User, UserAction], None]] = {
    "Resend": _resend,
    "Revoke": _revoke,
    "Block": _block,
    "Unblock": _unblock,
}
