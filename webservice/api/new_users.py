"""Creating users: SSO/Webservice and Azure AD users directly, website users by invitation."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _

import accounts.kinds
import invitations.actions
from accounts.forms.people import DetailsForm, WebsiteForm
from accounts.models import ExternalTenant, LoginMethod, User
from invitations.forms.office import namesakes
from invitations.phones import mobile_number
from teams.rights import Right
from webservice.api import faults, users
from webservice.api.door import ApiRequest, needs, require_office
from webservice.api.envelopes import Answer, Message, Metadata, answer, information
from webservice.api.faults import Fault, checked
from webservice.api.idempotency import once
from webservice.api.inputs import AzureAccount, Invite, NewUser, SsoAccount, of_person
from webservice.api.people import UserResource
from webservice.api.responses import makes, reads
from webservice.scopes import Scope

router = users.router  # a path has a single router


@router.get(
    "/providers/{uuid:provider_id}/users/defaults",
    operation_id="GetUserDefaults",
    response=reads(Answer[dict[str, Any]], 404),
    **needs(Scope.USERS_READ, Right.VIEW_USERS),
)
def user_defaults(request: ApiRequest, provider_id: UUID) -> HttpResponse:
    """Return the default values of a new user."""
    require_office(request, provider_id)
    method = LoginMethod.SSO_WEBSERVICE
    content = {
        "loginMethod": Metadata(key=method.value, value=str(method.label)),
        "hasAccessToPayrollingTestData": False,
        "twoFactorAuthenticationRequired": False,
        "accessUntil": None,
    }
    return answer(request, content)


@router.post(
    "/providers/{uuid:provider_id}/users",
    operation_id="PostUserByProviderId",
    response=makes(Answer[UserResource]),
    **needs(Scope.USERS_WRITE, Right.MANAGE_USERS),
)
@once
def post_user(request: ApiRequest, provider_id: UUID, body: NewUser) -> HttpResponse:
    """Create a user without invitation. `sso_webservice` takes `ssoAccount`, `azure_ad` `azureActiveDirectory`."""
    require_office(request, provider_id)
    form = checked(DetailsForm(_sent(body)))
    method, sso, azure = body.loginMethod.key, body.ssoAccount, body.azureActiveDirectory
    if method == LoginMethod.SSO_WEBSERVICE and sso is not None and azure is None:
        return _made(request, _new_webservice(request, form, sso))
    if method == LoginMethod.AZURE_AD and azure is not None and sso is None:
        return _made(request, _new_azure(request, form, azure))
    text = _("Send ssoAccount with the login method sso_webservice, or azureActiveDirectory with azure_ad.")
    raise Fault(400, "login_method", text, field="loginMethod")


def _sent(body: NewUser | Invite) -> dict[str, Any]:
    return of_person(
        body.personalDetails,
        body.contactInformation,
        has_access_to_test_years=body.hasAccessToPayrollingTestData,
        access_until=body.accessUntil,
    )


def _new_webservice(request: ApiRequest, form: DetailsForm, account: SsoAccount) -> User:
    try:
        accounts.kinds.check_username(account.userName)
    except ValidationError as error:
        raise faults.about(error, "ssoAccount.userName") from None
    try:
        return accounts.kinds.create_webservice_user(
            request.caller.user.provider,
            details=form.details,
            username=account.userName,
            password=account.password,
            by=request.by,
        )
    except ValidationError as error:
        taken = [one.code for one in error.error_list] == ["taken"]
        raise faults.about(error, f"ssoAccount.{'userName' if taken else 'password'}") from None


def _new_azure(request: ApiRequest, form: DetailsForm, account: AzureAccount) -> User:
    tenant = ExternalTenant.objects.visible_to(request.caller.user).filter(pk=account.tenant.id).first()
    if tenant is None:
        text = _("This tenant does not exist in your office.")
        raise Fault(400, "tenant", text, field="azureActiveDirectory.tenant.id")
    try:
        return accounts.kinds.create_azure_user(
            request.caller.user.provider,
            details=form.details,
            username=account.userName,
            tenant=tenant,
            external_user_id=account.externalUserId,
            by=request.by,
        )
    except ValidationError as error:
        places = {"tenant": "tenant.id", "account_taken": "externalUserId"}
        place = places.get(error.error_list[0].code or "", "userName")
        raise faults.about(error, f"azureActiveDirectory.{place}") from None


@router.post(
    "/providers/{uuid:provider_id}/users/invite",
    operation_id="PostInviteByProviderId",
    response=makes(Answer[UserResource]),
    **needs(Scope.USERS_WRITE, Right.MANAGE_USERS),
)
@once
def post_invite(request: ApiRequest, provider_id: UUID, body: Invite) -> HttpResponse:
    """Invite a user via website and SSO. The code goes to `destinationForSecret` once the link is opened."""
    require_office(request, provider_id)
    form = checked(WebsiteForm(_sent(body) | {"two_factor_required": body.twoFactorAuthenticationRequired}))
    try:
        number = mobile_number(body.destinationForSecret)
    except ValidationError as error:
        raise faults.about(error, "destinationForSecret") from None
    provider = request.caller.user.provider
    person = invitations.actions.invite(provider, details=form.details, mobile_number=number, by=request.by)
    return _made(request, person)


def _made(request: ApiRequest, person: User) -> HttpResponse:
    location = f"/v2/providers/users/{person.pk}"
    return users.of(request, person.pk, status=201, location=location, messages=_warnings(request, person))


def _warnings(request: ApiRequest, person: User) -> list[Message]:
    """Return warnings that do not prevent creation: other users of the office have the same address."""
    others = [other.full_name for other in namesakes(request.caller.user.provider, person.email) if other != person]
    if not others:
        return []
    text = _("This address is also used by %(names)s.") % {"names": ", ".join(others)}
    return [information("same_email", text, "contactInformation.emailAddress")]
