"""The consent page and the response to the application."""

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from oauth2_provider.exceptions import FatalClientError
from oauthlib.common import add_params_to_uri
from oauthlib.oauth2.rfc6749.errors import (
    AccessDeniedError,
    ConsentRequired,
    CustomOAuth2Error,
    LoginRequired,
    OAuth2Error,
)

from accounts.logos import build_office_context
from accounts.models import User
from audit.actors import build_page_actor
from authentication import ended_sessions, reauthentication, sessions
from authentication.middleware import redirect_to_second_factor
from core.access import POST, SAFE, Access, get_policy, page
from oauth import authentication_context, consents, interactions, office_access, oidc, pushed_requests, redirects
from oauth.authorization_requests import (
    AuthorizationRequest,
    get_prompt,
    parse_authorization_request,
    read_parameters,
    showed_version,
)
from oauth.models import Application
from oauth.pushed_requests import RequestUriError
from oauth.scopes import sort_scopes
from permissions.access import OfficeRequest


class AuthorizationRequestError(Exception):
    """The authorization request is rejected; `response` reports it, to the application if it is known."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


@page(Access.PUBLIC, before_second_factor=True, during_enrollment=True)
@csrf_exempt
def authorize(request: HttpRequest) -> HttpResponse:
    """Ask the user for consent and return to the application with a code.

    A POST with the parameters in its body is a request of the application (OpenID Connect Core 3.1.2.1), any other the
    consent of the user. Existing consent skips the page, unless the application requests prompt=consent.
    """
    is_request = request.method in SAFE or "client_id" in request.POST
    try:
        parameters, must_redirect = _resolve(request, read_parameters(request))
    except RequestUriError:
        return _render_used(request)
    if must_redirect:
        return redirect(f"{reverse('oauth:authorize')}?{parameters.urlencode()}")
    is_silent = "none" in get_prompt(parameters)  # a missing second factor is then an error
    if isinstance(request.user, User) and not is_silent:
        missing = redirect_to_second_factor(request, request.user, get_policy(deny_authorization))
        if missing is not None:
            return missing
    if not is_request:
        return _accept_consent(request, parameters)
    if request.method == "POST" and not isinstance(request.user, User):
        return redirects.redirect_as_get(reverse("oauth:authorize"), parameters)
    return _handle_request(request, parameters)


def _resolve(request: HttpRequest, parameters: QueryDict) -> tuple[QueryDict, bool]:
    """Return the parameters, or those of the pushed request that they name, and whether it has a new address.

    Raises RequestUriError.
    """
    if not pushed_requests.is_pushed(parameters):
        return parameters, False
    return pushed_requests.load(parameters, may_open=request.method != "HEAD")


@csrf_protect
def _accept_consent(request: HttpRequest, parameters: QueryDict) -> HttpResponse:
    return _handle_request(request, parameters, is_consent=True)


def _handle_request(request: HttpRequest, parameters: QueryDict, *, is_consent: bool = False) -> HttpResponse:
    try:
        authorization = _parse(request, parameters)
        if isinstance(request.user, User) and authorization.application.serves_office_of(request.user):
            return _respond(request, request.user, authorization, is_consent=is_consent)
        if "none" in authorization.prompt:
            raise AuthorizationRequestError(_report_error(request, authorization, LoginRequired()))
        if isinstance(request.user, User):
            return _render_error(request, _("This integration is not available for your office."), 404)
        ended_sessions.add_end_message(request)
        return interactions.redirect_to_login(request, authorization.parameters)
    except AuthorizationRequestError as error:
        return error.response


def _respond(
    request: HttpRequest, user: User, authorization: AuthorizationRequest, *, is_consent: bool
) -> HttpResponse:
    """Respond to a request for a user of the right office."""
    is_silent = "none" in authorization.prompt
    if redirect_to_second_factor(request, user, get_policy(deny_authorization)) is not None:
        return _return_error(request, authorization, LoginRequired())
    if not consents.can_consent(request):
        return _return_error(request, authorization, LoginRequired() if is_silent else AccessDeniedError())
    if not authorization.wanted_subjects <= {oidc.compute_subject(user)}:
        return _return_error(request, authorization, LoginRequired(description="Another user is signed in."))
    if office_access.is_closed_to(authorization.application, user):
        return (
            _return_error(request, authorization, AccessDeniedError())
            if is_silent
            else _render_closed(request, user, authorization)
        )
    if (step := interactions.find_next_step(request, user, authorization, is_consent=is_consent)) is not None:
        return _return_error(request, authorization, LoginRequired()) if is_silent else step
    if authentication_context.is_unmet(
        authorization.parameters, with_factor=reauthentication.get_last_reauthentication(request)[1]
    ):
        return _return_error(request, authorization, CustomOAuth2Error(error="unmet_authentication_requirements"))
    is_outdated = is_consent and not showed_version(request, authorization.application)
    if is_consent and not is_outdated:
        by, scopes = build_page_actor(request, user), sort_scopes(authorization.scopes)
        with transaction.atomic():
            consents.grant_consent(user, authorization.application, scopes=scopes, by=by)
            return _return_code(request, authorization)
    skips = "consent" not in authorization.prompt
    skips &= authorization.application.is_reached_at(authorization.details["redirect_uri"])
    if skips and consents.has_consented(user, authorization.application, sort_scopes(authorization.scopes)):
        if request.method == "HEAD":  # issues no code
            return HttpResponse()
        return _return_code(request, authorization)
    if is_silent:
        return _return_error(request, authorization, ConsentRequired())
    return _render_consent_page(request, authorization, is_outdated)


@page(Access.OFFICE_USER)
def select_account(request: OfficeRequest) -> HttpResponse:
    """Ask with which account to go on; another one means logging out here first."""
    if request.method != "POST":
        return render(request, "oauth/select_account.html")
    try:
        parameters, _is_new = _resolve(request, request.GET.copy())
    except RequestUriError:
        return _render_used(request)
    if request.POST.get("account") == str(request.user.pk):
        return interactions.redirect_with_account(request, parameters, request.user)
    sessions.log_out(request, request.user)
    return interactions.redirect_to_login(request, parameters)


@page(Access.OFFICE_USER, methods=POST)
def deny_authorization(request: OfficeRequest) -> HttpResponse:
    """Return to the application with access_denied."""
    try:
        parameters, _is_new = _resolve(request, read_parameters(request))
        authorization = _parse(request, parameters)
        if not authorization.application.serves_office_of(request.user):
            return _render_error(request, _("This integration is not available for your office."), 404)
        return _return_error(request, authorization, AccessDeniedError())
    except RequestUriError:
        return _render_used(request)
    except AuthorizationRequestError as error:
        return error.response


def _parse(request: HttpRequest, parameters: QueryDict) -> AuthorizationRequest:
    """Validate the authorization request. Raises AuthorizationRequestError."""
    if any("\x00" in text for name, values in parameters.lists() for text in (name, *values)):
        raise AuthorizationRequestError(_render_error(request, _("The address contains invalid characters.")))
    try:
        return parse_authorization_request(request, parameters)
    except FatalClientError as error:
        raise AuthorizationRequestError(_render_error(request, str(error.oauthlib_error.description or ""))) from error
    except Application.DoesNotExist as error:
        raise AuthorizationRequestError(_render_unavailable(request)) from error
    except OAuth2Error as error:
        application = Application.objects.filter(client_id=error.client_id or "").first()
        raise AuthorizationRequestError(
            _send_error(request, application, error, is_silent=get_prompt(parameters) == {"none"})
        ) from error


def _report_error(request: HttpRequest, authorization: AuthorizationRequest, error: OAuth2Error) -> HttpResponse:
    """Report `error` to an application that the user may not know."""
    _address_error(error, authorization)
    return _send_error(request, authorization.application, error, is_silent="none" in authorization.prompt)


def _send_error(
    request: HttpRequest, application: Application | None, error: OAuth2Error, *, is_silent: bool
) -> HttpResponse:
    """Send `error` to the application, without showing the target only if `redirects.is_trusted_redirect` allows it."""
    address = _build_error_redirect(error)
    trusted = redirects.is_trusted_redirect(request, application, address, silent=is_silent)
    form_target = error.redirect_uri if error.response_mode == "form_post" else None
    return redirects.redirect_to_application(
        request, address, trusted=trusted, reason=error.error or "error", form_target=form_target
    )


def _address_error(error: OAuth2Error, authorization: AuthorizationRequest) -> None:
    error.state, error.redirect_uri = authorization.parameters.get("state"), authorization.details["redirect_uri"]
    error.response_mode = authorization.parameters.get("response_mode")


def _render_consent_page(request: HttpRequest, authorization: AuthorizationRequest, is_outdated: bool) -> HttpResponse:
    query = authorization.parameters.urlencode()
    context = {
        "is_outdated": is_outdated,
        "application": authorization.application,
        "scopes": sort_scopes(authorization.scopes),
        "allow_url": f"{reverse('oauth:authorize')}?{query}",
        "deny_url": f"{reverse('oauth:deny_authorization')}?{query}",
        "host": redirects.get_target_name(authorization.details["redirect_uri"]),
        **(build_office_context(request.user) if isinstance(request.user, User) else {}),
    }
    return redirects.allow_form_redirect(
        authorization.details["redirect_uri"], request, render(request, "oauth/authorize.html", context)
    )


def _render_closed(request: HttpRequest, user: User, authorization: AuthorizationRequest) -> HttpResponse:
    """Render whom to ask for access to an application that is for other teams."""
    query = authorization.parameters.urlencode()
    context = {
        "application": authorization.application,
        "managers": office_access.list_integration_managers(user.office),
        "account_url": f"{reverse('oauth:select_account')}?{query}",
        "deny_url": f"{reverse('oauth:deny_authorization')}?{query}",
    }
    page = render(request, "oauth/not_assigned.html", context, status=403)
    return redirects.allow_form_redirect(authorization.details["redirect_uri"], request, page)


def _return_error(request: HttpRequest, authorization: AuthorizationRequest, error: OAuth2Error) -> HttpResponse:
    _address_error(error, authorization)
    return _return_to_application(request, authorization, _build_error_redirect(error))


@transaction.atomic
def _return_code(request: HttpRequest, authorization: AuthorizationRequest) -> HttpResponse:
    """Return to the application with a code.

    Raises AuthorizationRequestError if the application was changed, deleted or disabled in the meantime.
    """
    rows = Application.objects.select_for_update(no_key=True)
    application = rows.filter(pk=authorization.application.pk, switched_off_at=None).first()
    if application is None:
        raise AuthorizationRequestError(_render_unavailable(request))
    if application.version != authorization.application.version:
        raise AuthorizationRequestError(redirects.redirect_as_get(reverse("oauth:authorize"), authorization.parameters))
    response = authorization.core.create_authorization_response(
        request, authorization.scopes, authorization.details, allow=True
    )
    return _return_to_application(request, authorization, str(response[0]))


def _return_to_application(request: HttpRequest, authorization: AuthorizationRequest, address: str) -> HttpResponse:
    """Return to the application, in the way that it requested."""
    if authorization.parameters.get("response_mode") == "form_post":
        return redirects.render_form_post(request, address, authorization.details["redirect_uri"])
    if "none" in authorization.prompt:
        return redirects.redirect_to(address)
    return redirects.render_continue(request, authorization.application, address)


def _build_error_redirect(error: OAuth2Error) -> str:
    return str(add_params_to_uri(error.redirect_uri or "", [*error.twotuples, ("iss", settings.LOKET_URL)]))


def _render_used(request: HttpRequest) -> HttpResponse:
    return _render_error(request, _("This request was used before or has expired. Start again at the integration."))


def _render_unavailable(request: HttpRequest) -> HttpResponse:
    return _render_error(request, _("This integration can no longer be used."), 404)


def _render_error(request: HttpRequest, reason: str, status: int = 400) -> HttpResponse:
    """Render the error on this site: the redirect URI is not verified."""
    return render(request, "oauth/authorization_error.html", {"reason": reason}, status=status)
